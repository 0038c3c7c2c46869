/* SPDX-License-Identifier: ISC
 *
 * readings: certificates on their way from keys to the index.  A file goes out as bytes, and comes
 * back as rows and as reasons why pieces of it were refused.  What comes back is checked for type,
 * form and number; what it says is keys' word.
 */
#include "role/opening.h"

#include <string.h>
#include <unistd.h>

#define ANSWER_MAX	(4 * READ_BYTES_MAX)
#define KEY_ID		16			/* hex digits */

void
question_clear(struct question *question)
{
	for (guint i = 0; i < question->n_fds; i++)
		if (question->fds[i] >= 0)
			close(question->fds[i]);
	question->n_fds = 0;
}

void
readings_question(GBytes *const *files, guint n, struct question *question)
{
	g_autoptr(GByteArray) all = g_byte_array_new();
	GVariantBuilder sizes;

	g_variant_builder_init(&sizes, G_VARIANT_TYPE("at"));
	for (guint i = 0; i < n; i++) {
		gsize size;
		const void *data = g_bytes_get_data(files[i], &size);

		g_variant_builder_add(&sizes, "t", (guint64)size);
		g_byte_array_append(all, data, (guint)size);
	}
	g_autoptr(GBytes) bytes = g_bytes_new(all->data, all->len);
	*question = (struct question){ .verb = VERB_READ, .n_fds = 2,
		.body = g_variant_new("(at)", &sizes),
		.fds = { memfd_from_bytes(bytes), memfd_new("readings") } };
	question->result = question->fds[1];
}

static void
reading_free(void *data)
{
	struct reading *reading = data;

	g_ptr_array_unref(reading->rows);
	g_strfreev(reading->refused);
	g_free(reading);
}

static bool
is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

/* What the index and the pins take: they end the hub over anything else. */
static bool
row_is_sound(const struct certificate_row *row)
{
	gsize size = strlen(row->fingerprint);

	for (char **id = row->key_ids; *id != NULL; id++)
		if (strlen(*id) != KEY_ID || !is_hex(*id))
			return false;
	return (size == 40 || size == 64) && is_hex(row->fingerprint) &&
		g_strv_length(row->key_ids) <= FRAME_ARRAY_MAX &&
		g_strv_length(row->addresses) <= FRAME_ARRAY_MAX;
}

static struct certificate_row *
row_take(GVariant *variant)
{
	struct certificate_row *row = g_new0(struct certificate_row, 1);
	g_autoptr(GVariant) bytes = NULL;
	gboolean revoked, can_encrypt;

	g_variant_get(variant, "(s^as^asxxbb@ay)", &row->fingerprint, &row->key_ids,
		&row->addresses, &row->expires, &row->encrypt_expires, &revoked, &can_encrypt,
		&bytes);
	row->revoked = revoked;
	row->can_encrypt = can_encrypt;
	row->bytes = g_variant_get_data_as_bytes(bytes);
	return row;
}

/* False: one of its rows is none. */
static bool
reading_take(GVariant *variant, GPtrArray *out)
{
	struct reading *reading = g_new0(struct reading, 1);
	g_autoptr(GVariant) rows = NULL;

	reading->rows = g_ptr_array_new_with_free_func(
		(GDestroyNotify)(void (*)(void))certificate_row_free);
	g_variant_get(variant, "(@a(sasasxxbbay)^as)", &rows, &reading->refused);
	g_ptr_array_add(out, reading);
	for (gsize i = 0; i < g_variant_n_children(rows); i++) {
		g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

		if (i == LIMIT_KEYRING)
			return false;
		g_ptr_array_add(reading->rows, row_take(row));
		if (!row_is_sound(reading->rows->pdata[i]))
			return false;
	}
	return true;
}

GPtrArray *
readings_take(int fd, guint n, GError **error)
{
	g_autoptr(GBytes) bytes = memfd_map(fd, ANSWER_MAX, error);
	g_autoptr(GVariant) all = NULL;
	g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(reading_free);
	bool is_sound;

	if (bytes == NULL)
		return NULL;
	all = g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(READINGS_TYPE), bytes,
		FALSE));
	is_sound = g_variant_is_normal_form(all) && g_variant_n_children(all) == n;
	for (guint i = 0; is_sound && i < n; i++) {
		g_autoptr(GVariant) one = g_variant_get_child_value(all, i);

		is_sound = reading_take(one, out);
	}
	if (!is_sound)
		fail(error, NEVER, "keys: what it read is not in the form agreed");
	return is_sound ? g_steal_pointer(&out) : NULL;
}
