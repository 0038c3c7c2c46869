/* SPDX-License-Identifier: ISC
 *
 * What keys say of the certificates in a file: as many as a file may hold come through, and a row
 * that the index or the pins would not take is a lie of keys, not the end of the hub.
 */
#include "role/opening.h"

#include <unistd.h>

#define FINGERPRINT "0123456789ABCDEF0123456789ABCDEF01234567"

/* One file with n such rows, through a memfd as the hub gets it. */
static GPtrArray *
taken(guint n, const char *fingerprint, const char *key_id, GError **error)
{
	const char *const key_ids[] = { key_id, NULL }, *const none[] = { NULL };
	g_autoptr(GVariant) all = NULL;
	g_autoptr(GBytes) bytes = NULL;
	GVariantBuilder rows, files;
	GPtrArray *readings;
	int fd;

	g_variant_builder_init(&rows, G_VARIANT_TYPE("a(sasasxxbbay)"));
	for (guint i = 0; i < n; i++)
		g_variant_builder_add(&rows, "(s^as^asxxbb@ay)", fingerprint, key_ids, none,
			G_GINT64_CONSTANT(-1), G_GINT64_CONSTANT(-1), FALSE, TRUE,
			g_variant_new_bytestring("x"));
	g_variant_builder_init(&files, G_VARIANT_TYPE(READINGS_TYPE));
	g_variant_builder_add(&files, "(a(sasasxxbbay)^as)", &rows, none);
	all = g_variant_ref_sink(g_variant_builder_end(&files));
	bytes = g_variant_get_data_as_bytes(all);
	fd = memfd_from_bytes(bytes);
	readings = readings_take(fd, 1, error);
	close(fd);
	return readings;
}

static void
test_all_of_a_file(void)
{
	const guint numbers[] = { 0, 1, FRAME_ARRAY_MAX + 1, LIMIT_KEYRING };

	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) readings = taken(numbers[i], FINGERPRINT, "0123456789ABCDEF",
			&error);

		g_assert_no_error(error);
		g_assert_cmpuint(((struct reading *)readings->pdata[0])->rows->len, ==,
			numbers[i]);
	}
}

static void
test_lies(void)
{
	static const struct { guint n; const char *fingerprint, *key_id; } lies[] = {
		{ LIMIT_KEYRING + 1, FINGERPRINT, "0123456789ABCDEF" },
		{ 1, "", "0123456789ABCDEF" },
		{ 1, "0123456789ABCDEF", "0123456789ABCDEF" },
		{ 1, "0123456789ABCDEF0123456789ABCDEF0123456G", "0123456789ABCDEF" },
		{ 1, FINGERPRINT, "" },
		{ 1, FINGERPRINT, "0123456789ABCDEG" },
		{ 2, FINGERPRINT, FINGERPRINT },
	};

	for (guint i = 0; i < G_N_ELEMENTS(lies); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(taken(lies[i].n, lies[i].fingerprint, lies[i].key_id, &error));
		g_assert_error(error, error->domain, NEVER);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/readings/all-of-a-file", test_all_of_a_file);
	g_test_add_func("/readings/lies", test_lies);
	return g_test_run();
}
