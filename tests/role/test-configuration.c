/* SPDX-License-Identifier: ISC
 *
 * The configuration: every kind of fault with its exact line and words, all of them at once;
 * secrets; slices of what was read; what needs more than the file; the sample; and that
 * ungcuu.conf(5) tells of every setting.  gpg is not run: agent_certificate() is a stand-in
 * below.
 */
#include "role/role.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct options options_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(options_auto, options_free)

#define KEY "0123456789ABCDEF0123456789ABCDEF01234567"
#define NO_SECRET "00000000000000000000000000000000000000AA"

/* Knows KEY with its secret part, NO_SECRET without, and nothing else. */
enum outcome
agent_certificate(const char *keys_home, const char *fingerprint, struct own_key *out,
	GError **error)
{
	*out = (struct own_key){ 0 };
	if (strcmp(fingerprint, KEY) != 0 && strcmp(fingerprint, NO_SECRET) != 0)
		return fail(error, NEVER, "%s: no such key in %s", fingerprint, keys_home);
	out->certificate = g_bytes_new_static("certificate", 11);
	out->minimal = g_bytes_new_static("short", 5);
	out->signs = out->decrypts = strcmp(fingerprint, KEY) == 0;
	return DONE;
}

void
own_key_clear(struct own_key *key)
{
	g_clear_pointer(&key->certificate, g_bytes_unref);
	g_clear_pointer(&key->minimal, g_bytes_unref);
}

/* ---- a folder to work in; file names in faults are as given, so all are short --------- */

static char *folder;

static char *
source_file(const char *name)
{
	return g_build_filename(g_getenv("TOP_SRCDIR"), name, NULL);
}

static const char frame[] =
	"hotline = {\n"							/* 1 */
	"  id = \"NBH\"; name = { vi = \"Đội\"; en = \"Team\"; };\n"
	"  address = \"ungcuu@example.vn\"; aliases = [ \"report@example.vn\" ];\n"
	"  %s\n"							/* 4: hotline */
	"};\n"
	"mailboxes = ( {\n"
	"  name = \"main\"; type = \"maildir\"; path = \"Maildir\";\n"
	"  %s\n"							/* 8: mailbox */
	"} );\n"
	"submission = { type = \"maildir\"; path = \"sent\";\n"
	"  %s\n"							/* 11: submission */
	"};\n"
	"%s\n";								/* 13: the rest */

struct pieces { const char *hotline, *mailbox, *submission, *rest; };

static char **
read_text(const char *text, struct options **out)
{
	g_assert_true(g_file_set_contents("x.conf", text, -1, NULL));
	return configuration_read("x.conf", out);
}

static char **
read_pieces(const struct pieces *p, struct options **out)
{
	const char *const all[] = { p->hotline, p->mailbox, p->submission, p->rest };
	g_auto(GStrv) parts = g_strsplit(frame, "%s", -1);
	g_autoptr(GString) text = g_string_new(parts[0]);

	for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
		g_string_append(text, all[i] == NULL ? "" : all[i]);
		g_string_append(text, parts[i + 1]);
	}
	return read_text(text->str, out);
}

static void
assert_faults(char **faults, const char *expected)
{
	g_autofree char *all = faults == NULL ? NULL : g_strjoinv("\n", faults);

	g_assert_cmpstr(all, ==, expected);
}

/* ---- faults of the file --------------------------------------------------------------- */

static const struct {
	struct pieces pieces;
	const char *faults;
} in_file[] = {
	{ { 0 }, NULL },
	/* unknown names */
	{ { .hotline = "adress = \"x\";" },
	    "x.conf:4: hotline.adress: unknown setting, did you mean address?" },
	{ { .mailbox = "pol = \"30s\";" },
	    "x.conf:8: mailboxes.0.pol: unknown setting, did you mean poll?" },
	{ { .mailbox = "max_size = \"1MB\";" },
	    "x.conf:8: mailboxes.0.max_size: unknown setting, did you mean policy.max_size?" },
	{ { .rest = "responder = ( );" },
	    "x.conf:13: responder: unknown setting, did you mean responders?" },
	{ { .rest = "nothing_like_it = 1;" }, "x.conf:13: nothing_like_it: unknown setting" },
	{ { .rest = "hotlines = { bad = { worse = 1; }; };" },
	    "x.conf:13: hotlines: unknown setting, did you mean hotline?" },
	/* what only supervisor and check may set */
	{ { .hotline = "certificate = \"AAAA\";" },
	    "x.conf:4: hotline.certificate: unknown setting" },
	{ { .mailbox = "password = \"secret\";" },
	    "x.conf:8: mailboxes.0.password: unknown setting, did you mean password_file?" },
	{ { .rest = "run = { once = true; };" }, "x.conf:13: run: unknown setting" },
	{ { .rest = "template = { vi = { T01 = \"\"; }; };" },
	    "x.conf:13: template: unknown setting, did you mean templates?" },
	{ { .rest = "at = \"x\";" }, "x.conf:13: at: unknown setting" },
	/* wrong types */
	{ { .hotline = "phone = 113;" }, "x.conf:4: hotline.phone: a text in quotes belongs here" },
	{ { .hotline = "old_keys = \"" KEY "\";" },
	    "x.conf:4: hotline.old_keys: a list of texts [ \"\", \"\" ] belongs here" },
	{ { .hotline = "old_keys = [ 1, 2 ];" },
	    "x.conf:4: hotline.old_keys: a list of texts [ \"\", \"\" ] belongs here" },
	{ { .hotline = "advice = [ \"x\" ];" },
	    "x.conf:4: hotline.advice: { vi = \"\"; en = \"\"; } or one text belongs here" },
	{ { .hotline = "advice = { vi = 1; };" },
	    "x.conf:4: hotline.advice.vi: a text in quotes belongs here" },
	{ { .hotline = "advice = { fr = \"x\"; };" },
	    "x.conf:4: hotline.advice.fr: unknown language, use vi or en" },
	{ { .mailbox = "port = \"993\";" },
	    "x.conf:8: mailboxes.0.port: a whole number belongs here" },
	{ { .mailbox = "port = 99.3;" },
	    "x.conf:8: mailboxes.0.port: a whole number belongs here" },
	{ { .mailbox = "poll = 30;" },
	    "x.conf:8: mailboxes.0.poll: a time in quotes, like \"30s\" belongs here" },
	{ { .mailbox = "idle = 1;" }, "x.conf:8: mailboxes.0.idle: true or false belongs here" },
	{ { .mailbox = "tls = true;" },
	    "x.conf:8: mailboxes.0.tls: a word in quotes belongs here" },
	{ { .mailbox = "ca_file = 1;" },
	    "x.conf:8: mailboxes.0.ca_file: a path in quotes belongs here" },
	{ { .mailbox = "password_file = 1;" },
	    "x.conf:8: mailboxes.0.password_file: a path in quotes belongs here" },
	{ { .rest = "policy = { max_size = 40; };" },
	    "x.conf:13: policy.max_size: a size in quotes, like \"40MB\" belongs here" },
	{ { .rest = "store = \"x\";" }, "x.conf:13: store: a group { } belongs here" },
	{ { .rest = "responders = { id = \"x\"; };" },
	    "x.conf:13: responders: a list of groups ( { }, { } ) belongs here" },
	{ { .rest = "responders = ( \"x\" );" },
	    "x.conf:13: responders: a list of groups ( { }, { } ) belongs here" },
	{ { .rest = "templates = { vi = \"x\"; };" },
	    "x.conf:13: templates: a path in quotes belongs here" },
	/* out of range */
	{ { .mailbox = "port = 65536;" },
	    "x.conf:8: mailboxes.0.port: 65536 is not within 1..65535" },
	{ { .mailbox = "tls = \"maybe\";" }, "x.conf:8: mailboxes.0.tls: "
	    "\"maybe\" is none of implicit|starttls|none-loopback-only" },
	{ { .hotline = "languages = [ \"vi\", \"de\" ];" },
	    "x.conf:4: hotline.languages.1: \"de\" is none of vi|en" },
	/* integers that libconfig 1.5 cuts to 32 bits without a word */
	{ { .mailbox = "port = 4294967296;" },
	    "x.conf:8: mailboxes.0.port: 4294967296 is too large a number" },
	{ { .mailbox = "port = 4294968289;" },
	    "x.conf:8: mailboxes.0.port: 4294968289 is too large a number" },
	{ { .mailbox = "port = 0x1000003e1;" },
	    "x.conf:8: mailboxes.0.port: 0x1000003e1 is too large a number" },
	{ { .mailbox = "port = 4294968289L;" },
	    "x.conf:8: mailboxes.0.port: 4294968289 is not within 1..65535" },
	{ { .mailbox = "port = 993; # 4294967296\n/* 4294967296\n4294967296 */ "
	    "user = \"4294967296\";" },
	    NULL },
	{ { .mailbox = "user = \"a \\\" /* # 4294967296\";\n port = 4294967297;" },
	    "x.conf:9: mailboxes.0.port: 4294967297 is too large a number" },
	/* missing */
	{ { .hotline = "languages = [ ];" }, "x.conf:4: hotline.languages: must not be empty" },
	{ { .hotline = "old_keys = [ ]; aliases2 = [ ];" },
	    "x.conf:4: hotline.aliases2: unknown setting, did you mean aliases?" },
	{ { .rest = "responders = ( ); forms = [ ];" }, NULL },
	{ { .rest = "responders = ( { id = \"a\"; } );" },
	    "x.conf:13: responders.0.address: is missing\n"
	    "x.conf:13: responders.0.name: is missing" },
	{ { .rest = "directory = { isps = ( { id = \"a\"; name = \"A\";\n"
	    " addresses = [ ]; } ); };" },
	    "x.conf:14: directory.isps.0.addresses: must not be empty" },
	/* twice */
	{ { .mailbox = "port = 1;\n  port = 2;" }, "x.conf:9: syntax: duplicate setting name" },
	{ { .rest = "policy = {\n  mode = };" }, "x.conf:14: syntax: syntax error" },
	{ { .rest = "\n@include \"missing.conf\"\n" },
	    "x.conf:14: syntax: cannot open include file" },
};

static void
test_in_file(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(in_file); i++) {
		g_autoptr(options_auto) o = NULL;
		g_auto(GStrv) faults = read_pieces(&in_file[i].pieces, &o);

		assert_faults(faults, in_file[i].faults);
		g_assert_true((o == NULL) == (faults != NULL));
	}
}

/* whole files, faults */
static const struct { const char *text, *faults; } whole[] = {
	{ "", "x.conf:1: hotline: is missing\nx.conf:1: mailboxes: is missing\n"
	    "x.conf:1: submission: is missing" },
	{ "hotline = { };\nmailboxes = ( );\nsubmission = { };\n",
	    "x.conf:1: hotline.address: is missing\nx.conf:1: hotline.id: is missing\n"
	    "x.conf:1: hotline.name: is missing\nx.conf:2: mailboxes: must not be empty\n"
	    "x.conf:3: submission.type: is missing" },
	{ "hotline = { id = \"A\"; address = \"a@example.vn\";\n name = { vi = \"Đội\"; }; };\n"
	    "mailboxes = ( { name = \"a\"; type = \"maildir\"; },\n { name = \"b\"; } );\n"
	    "submission = { type = \"maildir\"; };\n",
	    "x.conf:2: hotline.name.en: is missing, hotline.languages names it\n"
	    "x.conf:4: mailboxes.1.type: is missing" },
};

static void
test_whole(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(whole); i++) {
		struct options *o;
		g_auto(GStrv) faults = read_text(whole[i].text, &o);

		assert_faults(faults, whole[i].faults);
		g_assert_null(o);
	}
}

static void
test_unreadable(void)
{
	struct options *o;
	g_auto(GStrv) none = configuration_read("no-such.conf", &o);
	g_auto(GStrv) directory = configuration_read(".", &o);

	assert_faults(none, "no-such.conf:0: file: cannot be read: No such file or directory");
	assert_faults(directory, ".:0: file: is no ordinary file");
}

/* All faults of one file and of one it includes. */
static void
test_many(void)
{
	g_autofree char *data = source_file("tests/role/conf");
	g_autofree char *golden = g_build_filename(data, "many.faults", NULL);
	g_autofree char *expected = NULL;
	struct options *o;

	g_assert_cmpint(g_chdir(data), ==, 0);
	g_auto(GStrv) faults = configuration_read("many.conf", &o);
	g_autofree char *joined = g_strjoinv("\n", faults);
	g_autofree char *all = g_strconcat(joined, "\n", NULL);

	g_assert_cmpint(g_chdir(folder), ==, 0);
	g_assert_null(o);
	if (g_strcmp0(g_getenv("UNGCUU_GOLDEN"), "write") == 0)
		g_assert_true(g_file_set_contents(golden, all, -1, NULL));
	g_assert_true(g_file_get_contents(golden, &expected, NULL, NULL));
	g_assert_cmpstr(all, ==, expected);
}

/* ---- values --------------------------------------------------------------------------- */

static void
test_values(void)
{
	struct pieces p = { .hotline = "advice = \"both\"; key = \"" KEY "\";",
		.mailbox = "poll = \"5m\"; folders = [ \"INBOX\", \"Junk\" ]; port = 993;",
		.rest = "policy = { max_size = \"1MB\"; fallback_charsets = [ \"viscii\" ]; };\n"
		    "templates = \"/somewhere/else\";\n" };
	g_autoptr(options_auto) o = NULL;
	g_auto(GStrv) faults = read_pieces(&p, &o);
	g_autofree char *maildir = g_build_filename(folder, "Maildir", NULL);
	g_autofree char *store = g_build_filename(folder, "ungcuu.db", NULL);

	assert_faults(faults, NULL);
	g_assert_cmpstr(options_text(o, "hotline.advice.vi"), ==, "both");
	g_assert_cmpstr(options_text(o, "hotline.advice.en"), ==, "both");
	g_assert_cmpstr(options_text(o, "mailboxes.0.path"), ==, maildir);
	g_assert_cmpstr(options_text(o, "store.path"), ==, store);
	g_assert_cmpstr(options_text(o, "templates"), ==, "/somewhere/else");
	g_assert_cmpint(options_int(o, "mailboxes.0.poll"), ==, 300000);
	g_assert_cmpint(options_int(o, "mailboxes.0.port"), ==, 993);
	g_assert_cmpint(options_int(o, "policy.max_size"), ==, 1048576);
	g_assert_cmpuint(options_count(o, "mailboxes.0.folders"), ==, 2);
	g_assert_cmpuint(options_count(o, "policy.fallback_charsets"), ==, 1);
	g_assert_cmpuint(options_count(o, "mailboxes"), ==, 1);
	g_assert_cmpstr(options_text(o, "mailboxes.0.done_folder"), ==, "Done");
}

/* The same file named with a directory: paths and includes are relative to it. */
static void
test_directory(void)
{
	static const char text[] = "@include \"rest.conf\"\nmailboxes = ( { name = \"main\"; "
		"type = \"maildir\"; path = \"M\"; } );\nsubmission = { type = \"maildir\"; };\n";
	g_autofree char *maildir = g_build_filename(folder, "sub", "M", NULL);

	g_assert_cmpint(g_mkdir_with_parents("sub", 0700), ==, 0);
	g_assert_true(g_file_set_contents("sub/y.conf", text, -1, NULL));
	g_assert_true(g_file_set_contents("sub/rest.conf", "hotline = { id = \"A\"; name = \"x\";\n"
	    " address = \"a@example.vn\"; };\n", -1, NULL));
	g_autoptr(options_auto) o = NULL;
	g_auto(GStrv) faults = configuration_read("sub/y.conf", &o);

	assert_faults(faults, NULL);
	g_assert_cmpstr(options_text(o, "mailboxes.0.path"), ==, maildir);
	g_assert_true(g_file_set_contents("sub/rest.conf", "\nhotline = { port = 4294967296; };\n",
	    -1, NULL));
	struct options *none;
	g_auto(GStrv) bad = configuration_read("sub/y.conf", &none);

	assert_faults(bad, "sub/rest.conf:2: hotline.address: is missing\n"
	    "sub/rest.conf:2: hotline.id: is missing\nsub/rest.conf:2: hotline.name: is missing\n"
	    "sub/rest.conf:2: hotline.port: unknown setting, did you mean mailboxes[].port?");
}

/* ---- secrets -------------------------------------------------------------------------- */

/* content, its size (-1: text), mode, what is kept, what is said */
static const struct {
	const char *content;
	gssize size;
	int mode;
	const char *secret, *fault;
} secrets[] = {
	{ "hunter2\n",	-1, 0600, "hunter2", NULL },
	{ "hunter2",	-1, 0400, "hunter2", NULL },
	{ " blanks \n",	-1, 0600, " blanks ", NULL },
	{ "mật khẩu",	-1, 0600, "mật khẩu", NULL },
	{ "hunter2\n",	-1, 0640, NULL, "is open to others (mode 0640); chmod 600 it" },
	{ "hunter2\n",	-1, 0604, NULL, "is open to others (mode 0604); chmod 600 it" },
	{ "hunter2\n",	-1, 0620, NULL, "is open to others (mode 0620); chmod 600 it" },
	{ "",		-1, 0600, NULL, "is empty" },
	{ "\n",		-1, 0600, NULL, "is empty" },
	{ "a\r\n",	-1, 0600, NULL, "holds more than one line of UTF-8 text" },
	{ "a\nb\n",	-1, 0600, NULL, "holds more than one line of UTF-8 text" },
	{ "a\n\n",	-1, 0600, NULL, "holds more than one line of UTF-8 text" },
	{ "a\0b",	 3, 0600, NULL, "holds more than one line of UTF-8 text" },
	{ "\xff",	-1, 0600, NULL, "holds more than one line of UTF-8 text" },
};

static void
assert_secret_fault(char **faults, const char *what)
{
	g_autofree char *expected = what == NULL ? NULL :
	    g_strdup_printf("x.conf:8: mailboxes.0.password_file: \"secret\" %s", what);

	assert_faults(faults, expected);
}

static void
test_secrets(void)
{
	struct pieces p = { .mailbox = "password_file = \"secret\";" };

	for (guint i = 0; i < G_N_ELEMENTS(secrets); i++) {
		g_autoptr(options_auto) o = NULL;

		(void)g_unlink("secret");
		g_assert_true(g_file_set_contents("secret", secrets[i].content, secrets[i].size,
		    NULL));
		g_assert_cmpint(g_chmod("secret", secrets[i].mode), ==, 0);
		g_auto(GStrv) faults = read_pieces(&p, &o);

		assert_secret_fault(faults, secrets[i].fault);
		if (o != NULL)
			g_assert_cmpstr(options_text(o, "mailboxes.0.password"), ==,
			    secrets[i].secret);
	}
}

static void
test_secret_files(void)
{
	struct pieces p = { .mailbox = "password_file = \"secret\";" };
	g_autofree char *large = g_strnfill(4097, 'x'), *most = g_strnfill(4096, 'x');
	struct options *o;

	(void)g_unlink("secret");
	g_auto(GStrv) missing = read_pieces(&p, &o);

	assert_secret_fault(missing, "cannot be read: No such file or directory");
	g_assert_cmpint(g_mkdir("secret", 0700), ==, 0);
	g_auto(GStrv) directory = read_pieces(&p, &o);

	assert_secret_fault(directory, "is no ordinary file");
	g_assert_cmpint(g_rmdir("secret"), ==, 0);
	g_assert_true(g_file_set_contents("secret", large, -1, NULL));
	g_assert_cmpint(g_chmod("secret", 0600), ==, 0);
	g_auto(GStrv) too_large = read_pieces(&p, &o);

	assert_secret_fault(too_large, "is larger than 4096 bytes");
	g_assert_true(g_file_set_contents("secret", most, -1, NULL));
	g_assert_cmpint(g_chmod("secret", 0600), ==, 0);
	g_auto(GStrv) fits = read_pieces(&p, &o);

	assert_secret_fault(fits, NULL);
	g_assert_cmpstr(options_text(o, "mailboxes.0.password"), ==, most);
	options_free(o);
}

/* A password read from a file reaches fetch or submit, and no one else by any setting. */
static void
test_secret_slices(void)
{
	struct pieces p = { .mailbox = "password_file = \"secret\";",
		.submission = "password_file = \"other\";" };
	static const struct { const char *secret; unsigned role; } owners[] = {
		{ "hunter2", SLICE_FETCH }, { "hunter3", SLICE_SUBMIT },
	};
	g_autoptr(options_auto) o = NULL;

	g_assert_true(g_file_set_contents("secret", "hunter2\n", -1, NULL));
	g_assert_true(g_file_set_contents("other", "hunter3\n", -1, NULL));
	g_assert_cmpint(g_chmod("secret", 0600), ==, 0);
	g_assert_cmpint(g_chmod("other", 0600), ==, 0);
	g_auto(GStrv) faults = read_pieces(&p, &o);

	assert_faults(faults, NULL);
	for (unsigned role = 1; role <= SLICE_SUBMIT; role <<= 1) {
		g_autoptr(options_auto) slice = options_slice(o, role);
		g_autoptr(GVariant) variant = g_variant_ref_sink(options_to_variant(slice));
		g_autofree char *printed = g_variant_print(variant, FALSE);

		for (guint i = 0; i < G_N_ELEMENTS(owners); i++)
			g_assert_cmpint(strstr(printed, owners[i].secret) != NULL, ==,
			    owners[i].role == role);
	}
}

/* ---- what needs more than the file ---------------------------------------------------- */

#define PARTY(id, address, key)							\
	"{ id = \"" id "\"; name = \"N\"; address = \"" address "\"; "		\
	"keys = [ \"" key "\" ]; }"
#define ISP(id, address)							\
	"directory = { isps = ( { id = \"" id "\"; name = \"N\"; "			\
	"addresses = [ \"" address "\" ]; } ); };"
#define FPR1 "0000000000000000000000000000000000000001"
#define FPR2 "0000000000000000000000000000000000000002"
#define LATER "not yet in this version"

static const struct {
	struct pieces pieces;
	const char *faults;
} in_check[] = {
	{ { 0 }, NULL },
	/* not yet */
	{ { .hotline = "smime_key = \"\";" }, NULL },
	{ { .hotline = "smime_key = \"" FPR1 "000000000000000000000000\";" },
	    "x.conf:4: hotline.smime_key: " LATER },
	{ { .mailbox = "done_keep = \"30d\";" }, NULL },
	{ { .submission = "per_minute = 5; per_day = 100;" }, NULL },
	{ { .rest = "alarm = { command = [ \"/bin/true\" ]; };" }, NULL },
	{ { .rest = "page = { command = [ \"/bin/true\" ]; };" },
	    "x.conf:13: page.command: " LATER },
	/* folders */
	{ { .mailbox = "done_folder = \"INBOX\";" }, "x.conf:8: mailboxes.0.done_folder: "
	    "is one of folders, mail would go in circles" },
	{ { .mailbox = "folders = [ \"A\",\n \"Held\" ];" }, "x.conf:6: mailboxes.0.held_folder: "
	    "is one of folders, mail would go in circles" },
	{ { .mailbox = "held_folder = \"Done\";" },
	    "x.conf:8: mailboxes.0.held_folder: is the same folder as done_folder" },
	{ { .mailbox = "done_folder = \"../x\";" },
	    "x.conf:8: mailboxes.0.done_folder: \"../x\" cannot be a folder of a Maildir" },
	{ { .mailbox = "token_command = [ \"x\" ];" }, NULL },
	/* parties */
	{ { .rest = "responders = ( " PARTY("a", "ungcuu@example.vn", FPR1) " );" },
	    "x.conf:13: responders.0.address: \"ungcuu@example.vn\" is the hotline itself, "
	    "mail would go in circles" },
	{ { .rest = ISP("a", "REPORT@example.vn") }, "x.conf:13: directory.isps.0.addresses.0: "
	    "\"REPORT@example.vn\" is the hotline itself, mail would go in circles" },
	{ { .hotline = "reply_address = \"u+%t@example.vn\";", .rest = ISP("a", "u+x@example.vn") },
	    "x.conf:13: directory.isps.0.addresses.0: \"u+x@example.vn\" is the hotline itself, "
	    "mail would go in circles" },
	{ { .rest = "responders = ( " PARTY("a", "a@example.vn", FPR1) ",\n"
	    PARTY("b", "b@example.vn", FPR2) " );" }, NULL },
	{ { .rest = "responders = ( " PARTY("a", "a@example.vn", FPR1) ",\n"
	    PARTY("a", "A@example.vn", FPR1) " );" },
	    "x.conf:14: responders.1.address: \"A@example.vn\" is that of responders.0 already\n"
	    "x.conf:14: responders.1.id: \"a\" is that of responders.0 already\n"
	    "x.conf:14: responders.1.keys.0: \"" FPR1 "\" is that of responders.0 already" },
	{ { .rest = "responders = ( " PARTY("a", "a@example.vn", FPR1) " );\n"
	    ISP("b", "a@example.vn") }, "x.conf:14: directory.isps.0.addresses.0: "
	    "\"a@example.vn\" is that of responders.0 already" },
	{ { .hotline = "key = \"" FPR1 "\"; old_keys = [ \"" FPR1 "\" ];",
	    .rest = "responders = ( " PARTY("a", "a@example.vn", FPR1) " );" },
	    "x.conf:4: hotline.old_keys.0: is hotline.key itself\n"
	    "x.conf:13: responders.0.keys.0: is the key of the hotline itself" },
	/* paths */
	{ { .rest = "store = { spool = \"ungcuu.db\"; };" },
	    "x.conf:13: store.spool: \"FOLDER/ungcuu.db\" is that of store.path already" },
	{ { .rest = "control = { socket = \"/123456789/123456789/123456789/123456789/123456789"
	    "/123456789/123456789/123456789/123456789/123456789/\"; };" },
	    "x.conf:13: control.socket: /123456789/123456789/123456789/123456789/123456789"
	    "/123456789/123456789/123456789/123456789/123456789/ is longer than 100 bytes" },
};

/* Templates that hold, whatever the sample ones are: the real ones. */
static void
use_templates(struct options *o)
{
	g_autofree char *path = source_file("templates");

	if (options_text(o, "templates") == NULL)
		options_set(o, "templates", path);
}

static void
test_in_check(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(in_check); i++) {
		g_autoptr(options_auto) o = NULL;
		g_auto(GStrv) none = read_pieces(&in_check[i].pieces, &o);
		g_autoptr(GString) expected = g_string_new(in_check[i].faults);

		assert_faults(none, NULL);
		use_templates(o);
		g_string_replace(expected, "FOLDER", folder, 0);
		g_auto(GStrv) faults = configuration_check(o, false);

		assert_faults(faults, in_check[i].faults == NULL ? NULL : expected->str);
	}
}

/* whole files with other types of server, faults */
static const struct { const char *mailbox, *submission, *faults; } types[] = {
	{ "type = \"imap\"; host = \"h\"; user = \"u\";", "type = \"maildir\"; path = \"s\";",
	    "x.conf:2: mailboxes.0.password_file: is missing, user needs it, or token_command" },
	{ "type = \"imap\"; host = \"h\"; user = \"u\"; token_command = [ \"t\" ];",
	    "type = \"smtp\"; host = \"h\"; user = \"u\"; token_command = [ \"t\", \"a\" ];",
	    NULL },
	{ "type = \"imap\"; host = \"h\"; token_command = [ \"t\" ];",
	    "type = \"maildir\"; path = \"s\";",
	    "x.conf:2: mailboxes.0.user: is missing, token_command needs it\n"
	    "x.conf:2: mailboxes.0.user: is missing, type \"imap\" needs it" },
	{ "type = \"pop3\";", "type = \"maildir\"; path = \"s\";",
	    "x.conf:2: mailboxes.0.host: is missing, type \"pop3\" needs it\n"
	    "x.conf:2: mailboxes.0.user: is missing, type \"pop3\" needs it" },
	{ "type = \"pop3\"; host = \"h\"; user = \"u\"; folders = [ \"inbox\", \"Junk\" ]; "
	  "done_keep = \"30d\";", "type = \"maildir\"; path = \"s\";",
	    "x.conf:2: mailboxes.0.folders.1: \"Junk\": type \"pop3\" has no folder but INBOX\n"
	    "x.conf:2: mailboxes.0.password_file: is missing, user needs it, or token_command" },
	{ "type = \"maildir\";", "type = \"smtp\"; host = \"h\"; token_command = [ \"t\" ];",
	    "x.conf:2: mailboxes.0.path: is missing, type \"maildir\" needs it\n"
	    "x.conf:3: submission.user: is missing, token_command needs it" },
	{ "type = \"maildir\"; path = \"M\"; }, { name = \"m\"; type = \"maildir\"; path = \"M\";",
	    "type = \"maildir\"; path = \"M\";",
	    "x.conf:2: mailboxes.1.name: \"m\" is that of mailboxes.0.name already\n"
	    "x.conf:2: mailboxes.1.path: \"FOLDER/M\" is that of mailboxes.0.path already\n"
	    "x.conf:3: submission.path: \"FOLDER/M\" is that of mailboxes.0.path already" },
};

static void
test_types(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
		g_autofree char *text = g_strdup_printf("hotline = { id = \"A\"; name = \"x\"; "
		    "address = \"a@example.vn\"; };\nmailboxes = ( { name = \"m\"; %s } );\n"
		    "submission = { %s };\n", types[i].mailbox, types[i].submission);
		g_autoptr(options_auto) o = NULL;
		g_auto(GStrv) none = read_text(text, &o);
		g_autoptr(GString) expected = g_string_new(types[i].faults);

		assert_faults(none, NULL);
		use_templates(o);
		g_string_replace(expected, "FOLDER", folder, 0);
		g_auto(GStrv) faults = configuration_check(o, false);

		assert_faults(faults, types[i].faults == NULL ? NULL : expected->str);
	}
}

/* What has to be there before a daemon can run, and what is then handed on. */
static void
test_daemon(void)
{
	struct pieces p = { .hotline = "key = \"\";",
		.rest = "process = { user = \"no-such-user\"; };\n"
		    "store = { path = \"new/deep/x.db\"; spool = \"file/spool\";\n"
		    " key_file = \"no/store.key\"; };" };
	g_autoptr(options_auto) o = NULL, good = NULL;
	g_auto(GStrv) none = read_pieces(&p, &o);
	g_autofree char *expected = g_strdup_printf(
	    "x.conf:4: hotline.key: is empty; `ungcuuctl key generate` makes one\n"
	    "x.conf:7: mailboxes.0.path: there is no directory %s/Maildir\n"
	    "x.conf:13: process.user: there is no user \"no-such-user\"\n"
	    "x.conf:14: store.spool: there is no directory %s/file\n"
	    "x.conf:15: store.key_file: there is no directory %s/no", folder, folder, folder);

	g_assert_true(g_file_set_contents("file", "", 0, NULL));
	assert_faults(none, NULL);
	use_templates(o);
	g_auto(GStrv) faults = configuration_check(o, true);

	assert_faults(faults, expected);
	g_assert_cmpint(g_mkdir("Maildir", 0700), ==, 0);
	p = (struct pieces){ .hotline = "key = \"0123456789abcdef0123456789abcdef01234567\";" };
	g_auto(GStrv) none_again = read_pieces(&p, &good);

	assert_faults(none_again, NULL);
	use_templates(good);
	g_auto(GStrv) no_faults = configuration_check(good, true);

	assert_faults(no_faults, NULL);
	g_assert_cmpstr(options_text(good, "hotline.certificate"), ==, "Y2VydGlmaWNhdGU=");
	g_assert_nonnull(options_text(good, "template.vi.T01"));
	g_assert_nonnull(options_text(good, "template.en.T33"));
}

/* key, what is said of it */
static const struct { const char *key, *fault; } keys[] = {
	{ FPR1, "x.conf:4: hotline.key: " FPR1 ": no such key in FOLDER/gnupg" },
	{ NO_SECRET, "x.conf:4: hotline.key: its secret key is not in FOLDER/gnupg" },
};

static void
test_keys(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *hotline = g_strdup_printf("key = \"%s\";", keys[i].key);
		struct pieces p = { .hotline = hotline };
		g_autoptr(options_auto) o = NULL;
		g_auto(GStrv) none = read_pieces(&p, &o);
		g_autoptr(GString) expected = g_string_new(keys[i].fault);

		assert_faults(none, NULL);
		use_templates(o);
		g_string_replace(expected, "FOLDER", folder, 0);
		g_auto(GStrv) faults = configuration_check(o, true);

		assert_faults(faults, expected->str);
	}
}

/* A site's folder overrides single templates; what is wrong in one is told. */
static void
test_templates(void)
{
	struct pieces p = { .rest = "templates = \"own\";" };
	g_autoptr(options_auto) o = NULL, bad = NULL;
	g_auto(GStrv) none = read_pieces(&p, &o), none_again = read_pieces(&p, &bad);
	g_auto(GStrv) missing = configuration_check(o, false);
	g_autofree char *expected = g_strdup_printf(
	    "x.conf:13: templates: %s/own is no directory", folder);

	g_assert_nonnull(missing);
	g_assert_cmpstr(missing[0], ==, expected);
	g_assert_cmpint(g_mkdir_with_parents("own/vi", 0700), ==, 0);
	g_assert_true(g_file_set_contents("own/vi/T01.txt", "Subject: {{nmae}}\n\nx\n", -1, NULL));
	g_auto(GStrv) faults = configuration_check(bad, false);
	bool is_told = false;

	for (char **line = faults; line != NULL && *line != NULL; line++) {
		g_assert_true(g_str_has_prefix(*line, "x.conf:13: templates: "));
		is_told |= strstr(*line, "T01:1:") != NULL && strstr(*line, "nmae") != NULL;
	}
	g_assert_true(is_told);
	g_assert_cmpstr(options_text(bad, "template.vi.T01"), ==, "Subject: {{nmae}}\n\nx\n");
	assert_faults(none, NULL);
	assert_faults(none_again, NULL);
}

/* ---- reload --------------------------------------------------------------------------- */

static void
test_restart(void)
{
	g_autoptr(options_auto) old = options_new(), now = options_new();
	g_auto(GStrv) none = configuration_restart_needed(old, now);

	assert_faults(none, NULL);
	options_set(now, "policy.mode", "observe");
	options_set(now, "hotline.phone", "1");
	g_auto(GStrv) still_none = configuration_restart_needed(old, now);

	assert_faults(still_none, NULL);
	options_set(now, "store.path", "/elsewhere");
	options_set(now, "control.socket", "/elsewhere");
	options_set(now, "hotline.id", "X");
	g_auto(GStrv) lines = configuration_restart_needed(old, now);

	assert_faults(lines, "control.socket: needs restart\nhotline.id: needs restart\n"
	    "store.path: needs restart");
}

/* ---- sample and manual ---------------------------------------------------------------- */

static void
test_sample(void)
{
	g_autofree char *sample = source_file("conf/ungcuu.conf");
	g_autoptr(options_auto) o = NULL;
	g_auto(GStrv) none = configuration_read(sample, &o);

	assert_faults(none, NULL);
	use_templates(o);
	g_auto(GStrv) faults = configuration_check(o, false);

	assert_faults(faults, NULL);
}

/* The text of one setting's item in the manual: from its .It to the next. */
static char *
manual_item(const char *manual, const char *name)
{
	g_autofree char *head = g_strdup_printf("\n.It Ic %s\n", name);
	const char *start = strstr(manual, head);

	if (start == NULL)
		return NULL;
	start += strlen(head);
	const char *end = strstr(start, "\n.It ");

	return end == NULL ? g_strdup(start) : g_strndup(start, (gsize)(end - start));
}

static void
test_manual(void)
{
	g_autofree char *page = source_file("man/ungcuu.conf.5");
	g_autofree char *manual = NULL;

	g_assert_true(g_file_get_contents(page, &manual, NULL, NULL));
	for (const struct option *row = options_table; row->name != NULL; row++) {
		bool is_internal = g_strcmp0(row->range, "internal") == 0;
		g_autofree char *item = manual_item(manual, row->name);

		g_test_message("%s", row->name);
		g_assert_true((item == NULL) == is_internal);
		if (item == NULL)
			continue;
		g_auto(GStrv) defaults = g_strsplit(row->standard == NULL ? "" :
		    strcmp(row->standard, "!") == 0 ? "required" : row->standard, " ", -1);

		for (char **word = defaults; *word != NULL; word++)
			g_assert_nonnull(strstr(item, *word));
	}
}

static void
remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *inner = g_build_filename(path, name, NULL);

		remove_tree(inner);
	}
	(void)g_remove(path);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("configuration-XXXXXX", NULL);
	g_assert_nonnull(folder);
	g_assert_cmpint(g_chdir(folder), ==, 0);
	g_test_add_func("/role/configuration/in-file", test_in_file);
	g_test_add_func("/role/configuration/whole", test_whole);
	g_test_add_func("/role/configuration/unreadable", test_unreadable);
	g_test_add_func("/role/configuration/many", test_many);
	g_test_add_func("/role/configuration/values", test_values);
	g_test_add_func("/role/configuration/directory", test_directory);
	g_test_add_func("/role/configuration/secrets", test_secrets);
	g_test_add_func("/role/configuration/secret-files", test_secret_files);
	g_test_add_func("/role/configuration/secret-slices", test_secret_slices);
	g_test_add_func("/role/configuration/in-check", test_in_check);
	g_test_add_func("/role/configuration/types", test_types);
	g_test_add_func("/role/configuration/daemon", test_daemon);
	g_test_add_func("/role/configuration/keys", test_keys);
	g_test_add_func("/role/configuration/templates", test_templates);
	g_test_add_func("/role/configuration/restart", test_restart);
	g_test_add_func("/role/configuration/sample", test_sample);
	g_test_add_func("/role/configuration/manual", test_manual);
	int status = g_test_run();

	remove_tree(folder);
	g_free(folder);
	return status;
}
