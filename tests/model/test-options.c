/* SPDX-License-Identifier: ISC
 *
 * The table of settings is sound; defaults, lists and counts; no role but its own gets a secret;
 * a fetch knows nothing of the other mailboxes; a slice survives its frame and a hostile one is
 * refused.
 */
#include "model/model.h"

#include <string.h>

#define ALL_ROLES (SLICE_SUPERVISOR | SLICE_HUB | SLICE_FETCH | SLICE_MIME | SLICE_LETTER | \
	SLICE_KEYS | SLICE_SUBMIT)

typedef struct options options_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(options_auto, options_free)

/* ---- the table ------------------------------------------------------------------------ */

static void
test_table(void)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

	for (const struct option *row = options_table; row->name != NULL; row++) {
		g_test_message("%s", row->name);
		g_assert_true(g_hash_table_add(names, (gpointer)row->name));
		g_assert_cmpuint(row->roles, !=, 0);
		g_assert_cmpuint(row->roles & ~(unsigned)ALL_ROLES, ==, 0);
		g_assert_nonnull(row->help);
		g_assert_true(*row->help != '\0');
		if (row->standard == NULL || strcmp(row->standard, "!") == 0 ||
		    row->type == OPTION_TEXTS)
			continue;
		g_autoptr(GError) error = NULL;
		g_autofree char *value = option_accept(row, row->standard, &error);

		g_assert_no_error(error);
		g_assert_nonnull(value);
	}
}

/* concrete path, name of its row or NULL */
static const struct { const char *path, *name; } finds[] = {
	{ "hotline.id",			"hotline.id" },
	{ "hotline",			"hotline" },
	{ "hotline.name.vi",		"hotline.name" },
	{ "hotline.name.fr",		NULL },
	{ "hotline.aliases.0",		"hotline.aliases" },
	{ "hotline.aliases.x",		NULL },
	{ "hotline.id.0",		NULL },
	{ "mailboxes.0.host",		"mailboxes[].host" },
	{ "mailboxes.17.folders.2",	"mailboxes[].folders" },
	{ "mailboxes.host",		NULL },
	{ "mailboxes..host",		NULL },
	{ "mailboxes.0.hosts",		NULL },
	{ "mailboxes.0.hos",		NULL },
	{ "mailboxes.#",		NULL },
	{ "template.vi.T01",		"template[][]" },
	{ "template.vi",		NULL },
	{ "at.mailboxes/0/path",	"at[]" },
	{ "",				NULL },
	{ "nothing",			NULL },
};

static void
test_find(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(finds); i++) {
		const struct option *row = option_find(finds[i].path);

		g_assert_cmpstr(row == NULL ? NULL : row->name, ==, finds[i].name);
	}
}

/* wrong path, nearest name or NULL */
static const struct { const char *path, *nearest; } nearests[] = {
	{ "hotlin",			"hotline" },
	{ "hotline.adress",		"hotline.address" },
	{ "hotline.alaises",		"hotline.aliases" },
	{ "mailboxes.3.hst",		"mailboxes[].host" },
	{ "mailboxes.0.pasword_file",	"mailboxes[].password_file" },
	{ "mailbox",			"mailboxes" },
	{ "store.keyfile",		"store.key_file" },
	{ "max_size",			"policy.max_size" },
	{ "directory.agencies.0.adresses", "directory.agencies[].addresses" },
	{ "run.onse",			NULL },
	{ "mailboxes.0.password",	"mailboxes[].password_file" },
	{ "completely_different",	NULL },
	{ "q",				NULL },
};

static void
test_nearest(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(nearests); i++)
		g_assert_cmpstr(option_nearest(nearests[i].path), ==, nearests[i].nearest);
}

/* ---- values --------------------------------------------------------------------------- */

static void
test_values(void)
{
	g_autoptr(options_auto) o = options_new();

	g_assert_cmpstr(options_text(o, "store.path"), ==, "ungcuu.db");
	g_assert_cmpint(options_int(o, "policy.late_after"), ==, 3600000);
	g_assert_cmpint(options_int(o, "policy.max_size"), ==, LIMIT_MAIL_SIZE);
	g_assert_true(options_bool(o, "submission.null_sender"));
	g_assert_false(options_bool(o, "run.once"));
	g_assert_cmpuint(options_count(o, "hotline.languages"), ==, 2);
	g_assert_cmpstr(options_text(o, "hotline.languages.1"), ==, "en");
	g_assert_cmpuint(options_count(o, "mailboxes"), ==, 0);
	g_assert_null(options_text(o, "hotline.id"));
	g_assert_cmpint(options_int(o, "mailboxes.0.port"), ==, 0);

	options_set(o, "mailboxes.1.name", "second");
	g_assert_cmpuint(options_count(o, "mailboxes"), ==, 2);
	g_assert_cmpint(options_int(o, "mailboxes.%u.poll", 0), ==, 30000);
	g_assert_cmpint(options_int(o, "mailboxes.%u.done_keep", 1), ==, -1);
	g_assert_cmpstr(options_text(o, "mailboxes.1.folders.0"), ==, "INBOX");
	options_set(o, "mailboxes.#", "1");
	g_assert_cmpuint(options_count(o, "mailboxes"), ==, 1);
	g_assert_null(options_text(o, "mailboxes.1.name"));
	g_assert_nonnull(options_text(o, "mailboxes.0.done_folder"));
	options_set(o, "hotline.languages.#", "0");
	g_assert_cmpuint(options_count(o, "hotline.languages"), ==, 0);
	g_assert_null(options_text(o, "hotline.languages.0"));
}

/* ---- slices --------------------------------------------------------------------------- */

/* What must not go everywhere, and all roles that may have it. */
static const struct {
	const char *path;
	unsigned roles;
} guarded[] = {
	{ "mailboxes.0.password",		SLICE_FETCH },
	{ "mailboxes.1.password",		SLICE_FETCH },
	{ "mailboxes.0.user",			SLICE_FETCH },
	{ "mailboxes.0.host",			SLICE_FETCH },
	{ "mailboxes.0.password_file",		SLICE_SUPERVISOR },
	{ "submission.password",		SLICE_SUBMIT },
	{ "submission.user",			SLICE_SUBMIT },
	{ "submission.password_file",		SLICE_SUPERVISOR },
	{ "mailboxes.0.token_command.0",	SLICE_SUPERVISOR },
	{ "store.key_file",			SLICE_SUPERVISOR | SLICE_HUB },
	{ "store.path",				SLICE_SUPERVISOR | SLICE_HUB },
	{ "keys.home",				SLICE_SUPERVISOR },
	{ "run.home",				SLICE_KEYS },
	{ "run.agent",				SLICE_KEYS },
	{ "run.store",				SLICE_HUB },
	{ "run.once",				SLICE_HUB },
	{ "hotline.certificate",		SLICE_KEYS },
	{ "hotline.autocrypt",			SLICE_HUB },
	{ "hotline.key",			SLICE_SUPERVISOR | SLICE_HUB | SLICE_KEYS },
	{ "responders.0.address",		SLICE_HUB },
	{ "directory.isps.0.addresses.0",	SLICE_HUB },
	{ "template.vi.T01",			SLICE_HUB },
	{ "hotline.address",			SLICE_HUB | SLICE_MIME | SLICE_LETTER },
	{ "policy.fallback_charsets.0",		SLICE_MIME | SLICE_LETTER },
	{ "policy.mode",			SLICE_HUB },
	{ "control.socket",			SLICE_SUPERVISOR | SLICE_HUB },
	{ "alarm.command.0",			SLICE_SUPERVISOR },
	{ "process.users.mime",			SLICE_SUPERVISOR },
	{ "at.hotline/id",			SLICE_SUPERVISOR },
	{ "submission.path",			SLICE_SUPERVISOR | SLICE_SUBMIT },
	{ "mailboxes.0.path",			SLICE_SUPERVISOR | SLICE_FETCH },
	{ "mailboxes.0.name",			SLICE_SUPERVISOR | SLICE_HUB | SLICE_FETCH },
};

static struct options *
complete(void)
{
	struct options *o = options_new();

	for (guint i = 0; i < G_N_ELEMENTS(guarded); i++)
		options_set(o, guarded[i].path, guarded[i].path);
	return o;
}

static void
test_slices(void)
{
	g_autoptr(options_auto) o = complete();

	for (unsigned role = 1; role <= SLICE_SUBMIT; role <<= 1) {
		g_autoptr(options_auto) slice = options_slice(o, role);

		for (guint i = 0; i < G_N_ELEMENTS(guarded); i++) {
			const char *text = options_text(slice, "%s", guarded[i].path);
			const char *expected = (guarded[i].roles & role) != 0 ?
			    guarded[i].path : NULL;

			g_test_message("role %u: %s", role, guarded[i].path);
			g_assert_cmpstr(text, ==, expected);
		}
	}
}

/* Whatever rows join the table: a secret is one role's alone, and hub and supervisor have none. */
static void
test_secret_rows(void)
{
	guint n = 0;

	for (const struct option *row = options_table; row->name != NULL; row++) {
		if (row->type == OPTION_SECRET_FILE) {
			n++;
			g_assert_cmpuint(row->roles, ==, SLICE_SUPERVISOR);
			g_autofree char *name = g_strndup(row->name, strlen(row->name) - 5);
			g_autoptr(GString) path = g_string_new(name);

			g_string_replace(path, "[]", ".0", 0);
			const struct option *secret = option_find(path->str);

			g_assert_nonnull(secret);
			g_assert_cmpuint(secret->roles & (SLICE_SUPERVISOR | SLICE_HUB), ==, 0);
			g_assert_true((secret->roles & (secret->roles - 1)) == 0);
			g_assert_cmpstr(secret->range, ==, "internal");
		}
	}
	g_assert_cmpuint(n, ==, 2);
}

static void
test_slice_counts(void)
{
	g_autoptr(options_auto) o = complete();
	g_autoptr(options_auto) hub = options_slice(o, SLICE_HUB);
	g_autoptr(options_auto) mime = options_slice(o, SLICE_MIME);

	g_assert_cmpuint(options_count(hub, "mailboxes"), ==, 2);
	g_assert_cmpuint(options_count(hub, "responders"), ==, 1);
	g_assert_cmpuint(options_count(hub, "mailboxes.0.token_command"), ==, 0);
	g_assert_cmpuint(options_count(mime, "mailboxes"), ==, 0);
	g_assert_cmpuint(options_count(mime, "responders"), ==, 0);
	g_assert_cmpuint(options_count(mime, "policy.fallback_charsets"), ==, 4);
}

static void
test_for_mailbox(void)
{
	g_autoptr(options_auto) o = complete();
	g_autoptr(options_auto) second = options_for_mailbox(o, SLICE_FETCH, 1);
	g_autoptr(options_auto) none = options_for_mailbox(o, SLICE_FETCH, 2);

	g_assert_cmpuint(options_count(second, "mailboxes"), ==, 1);
	g_assert_cmpstr(options_text(second, "mailboxes.0.password"), ==, "mailboxes.1.password");
	g_assert_null(options_text(second, "mailboxes.0.host"));
	g_assert_null(options_text(second, "mailboxes.1.password"));
	g_assert_cmpuint(options_count(second, "mailboxes.0.folders"), ==, 1);
	g_assert_cmpint(options_int(second, "policy.max_size"), ==, LIMIT_MAIL_SIZE);
	g_assert_null(options_text(second, "submission.password"));
	g_assert_cmpuint(options_count(none, "mailboxes"), ==, 0);
	g_assert_null(options_text(none, "mailboxes.0.password"));
}

/* ---- through a frame ------------------------------------------------------------------ */

static void
test_round_trip(void)
{
	g_autoptr(options_auto) o = complete();
	g_autoptr(GVariant) variant = g_variant_ref_sink(options_to_variant(o));
	g_autoptr(options_auto) after = options_from_variant(variant);

	g_assert_nonnull(after);
	g_autoptr(GVariant) again = g_variant_ref_sink(options_to_variant(after));

	g_assert_true(g_variant_equal(variant, again));
	g_assert_cmpuint(options_count(after, "mailboxes"), ==, 2);
}

/* type and text form of slices that are refused */
static const struct { const char *type, *text; } hostile[] = {
	{ "a(ss)",	"[('no.such.setting', 'x')]" },
	{ "a(ss)",	"[('hotline.id', 'A'), ('hotline.id', 'B')]" },
	{ "a(ss)",	"[('policy.max_size', 'much')]" },
	{ "a(ss)",	"[('policy.max_size', '99999999999999999999')]" },
	{ "a(ss)",	"[('mailboxes.#', '-1')]" },
	{ "a(ss)",	"[('mailboxes.#', '4294967297')]" },
	{ "a(ss)",	"[('mailboxes', '')]" },
	{ "a{ss}",	"{'hotline.id': 'A'}" },
	{ "as",		"['hotline.id']" },
	{ "(ss)",	"('hotline.id', 'A')" },
};

static void
test_hostile(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(hostile); i++) {
		g_autoptr(GVariant) variant = g_variant_parse(G_VARIANT_TYPE(hostile[i].type),
		    hostile[i].text, NULL, NULL, NULL);

		g_test_message("%s", hostile[i].text);
		g_assert_nonnull(variant);
		g_assert_null(options_from_variant(variant));
	}
	g_autoptr(GBytes) torn = g_bytes_new_static("hotline.id\0A", 12);
	g_autoptr(GVariant) variant = g_variant_ref_sink(
	    g_variant_new_from_bytes(G_VARIANT_TYPE("a(ss)"), torn, FALSE));

	g_assert_null(options_from_variant(variant));
}

static void
test_too_many(void)
{
	GVariantBuilder b = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(ss)"));

	for (guint i = 0; i <= 100000; i++) {
		g_autofree char *path = g_strdup_printf("template.vi.%u", i);

		g_variant_builder_add(&b, "(ss)", path, "");
	}
	g_autoptr(GVariant) variant = g_variant_ref_sink(g_variant_builder_end(&b));

	g_assert_null(options_from_variant(variant));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/options/table", test_table);
	g_test_add_func("/model/options/find", test_find);
	g_test_add_func("/model/options/nearest", test_nearest);
	g_test_add_func("/model/options/values", test_values);
	g_test_add_func("/model/options/slices", test_slices);
	g_test_add_func("/model/options/secret-rows", test_secret_rows);
	g_test_add_func("/model/options/slice-counts", test_slice_counts);
	g_test_add_func("/model/options/for-mailbox", test_for_mailbox);
	g_test_add_func("/model/options/round-trip", test_round_trip);
	g_test_add_func("/model/options/hostile", test_hostile);
	g_test_add_func("/model/options/too-many", test_too_many);
	return g_test_run();
}
