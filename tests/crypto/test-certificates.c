/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/certificates.c and of home_make(): files of many certificates, good and
 * bad ones beside each other.  All that runs gpg does so without an agent, so every child of this
 * process is one run of gpg and can be counted.
 */
#include <sys/resource.h>

#include "crypto/engine.h"
#include "crypto/packets.h"
#include "peers.h"

#define MANY	300

static struct bench bench;
static struct peers peers;
/* Certificates as gpg exports them.  `alice_first`: before she got her second user id. */
enum name { ALICE, BOB, CAROL, EXPIRED, N_NAMES };
static char *who[N_NAMES];
static GBytes *certificates[N_NAMES], *alice_first, *secret, *many;
static char *reading, *private_home;

static GBytes *
make_many(void)
{
	g_autoptr(GString) text = g_string_new("%no-protection\n");

	for (guint i = 0; i < MANY; i++)
		g_string_append_printf(text, "Key-Type: EDDSA\nKey-Curve: ed25519\n"
			"Key-Usage: sign\nName-Email: n%u@example.org\nExpire-Date: 0\n"
			"Creation-Date: 20250101T000000\n%%commit\n",
			i);
	g_autoptr(GBytes) parameters = g_string_free_to_bytes(g_steal_pointer(&text));
	PEERS_DO(&peers, parameters, "--gen-key");
	return PEERS_MAKE(&peers, NULL, "--export", "@example.org");
}

static void
set_up(void)
{
	bench.folder = g_strdup("/dev/shm/ungcuu-test-XXXXXX");
	g_assert_nonnull(g_mkdtemp_full(bench.folder, 0700));
	peers_open(&peers, bench.folder);
	reading = g_build_filename(bench.folder, "reading", NULL);
	private_home = g_build_filename(bench.folder, "private", NULL);
	who[ALICE] = peers_pair(&peers, "Alice <Alice@Example.vn>", "never", NULL);
	who[BOB] = peers_pair(&peers, "Bob <bob@example.vn>", "20360101T000000", NULL);
	who[CAROL] = peers_key(&peers, "Carol <carol@example.vn>", "rsa1024", "never", NULL);
	who[EXPIRED] = peers_pair(&peers, "Dan <dan@example.vn>", "20250201T000000", NULL);
	alice_first = peers_certificate(&peers, who[ALICE]);
	PEERS_DO(&peers, NULL, "--quick-add-uid", who[ALICE], "Alice <a@example.vn>");
	for (enum name i = 0; i < N_NAMES; i++)
		certificates[i] = peers_certificate(&peers, who[i]);
	secret = PEERS_MAKE(&peers, NULL, "--export-secret-keys", who[BOB]);
	many = make_many();
	g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1), ==, 0);
	peers_close(&peers);
}

static void
tear_down(void)
{
	for (enum name i = 0; i < N_NAMES; i++) {
		g_bytes_unref(certificates[i]);
		g_free(who[i]);
	}
	g_bytes_unref(alice_first);
	g_bytes_unref(secret);
	g_bytes_unref(many);
	home_remove(bench.folder);
	g_free(bench.folder);
	g_free(reading);
	g_free(private_home);
}

static guint
children(void)
{
	guint n = 0;

	while (waitpid(-1, NULL, 0) > 0)
		n++;
	return n;
}

/* How many there were since the last time: nobody else has waited for them.  Less those of the one
 * context: some GPGME ask for gpg's version each time, some once. */
static guint
gpg_runs(void)
{
	guint all = children();
	gpgme_ctx_t context = engine_new(bench.folder, NULL);

	gpgme_release(context);
	guint of_context = children();
	return all > of_context ? all - of_context : 0;
}

/* ---- files out of pieces ----------------------------------------------------------------- */

static GBytes *
changed(GBytes *bytes, gsize at, guint8 octet)
{
	gsize size;
	guint8 *copy = g_memdup2(g_bytes_get_data(bytes, &size), g_bytes_get_size(bytes));

	g_assert_cmpuint(at, <, size);
	copy[at] = octet;
	return g_bytes_new_take(copy, size);
}

static void
append(GByteArray *out, GBytes *bytes)
{
	g_byte_array_append(out, g_bytes_get_data(bytes, NULL), (guint)g_bytes_get_size(bytes));
}

static GBytes *
armored(GBytes *bytes)
{
	gsize size;
	const guint8 *data = g_bytes_get_data(bytes, &size);
	g_autofree char *base64 = g_base64_encode(data, size);
	GString *out = g_string_new("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n");

	for (gsize at = 0; base64[at] != '\0'; at += MIN(64, strlen(base64 + at)))
		g_string_append_printf(out, "%.64s\n", base64 + at);
	g_string_append(out, "-----END PGP PUBLIC KEY BLOCK-----\n");
	return g_string_free_to_bytes(out);
}

/* Its first signature's first number has no digits: GnuPG 2.4 dies of that. */
static GBytes *
deadly(GBytes *certificate)
{
	struct packets packets = packets_of(certificate);
	const guint8 *first = packets.at, *at;
	struct packet packet = { 0 };

	while (packet.tag != PACKET_SIGNATURE)
		g_assert_cmpint(packets_next(&packets, &packet), ==, PACKET_FOUND);
	at = packet.body + 4;
	at += 2 + (at[0] << 8 | at[1]);
	at += 2 + (at[0] << 8 | at[1]) + 2;
	g_autoptr(GBytes) half = changed(certificate, (gsize)(at - first), 0);
	return changed(half, (gsize)(at - first) + 1, 0);
}

/* A letter is a piece; "(" and ")" put what is between into one block of armour. */
static void
append_piece(GByteArray *out, char letter)
{
	static const char begin[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n";
	static const char *const texts[] = { ['t'] = "Some text.\n", ['v'] = begin,
		['u'] = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF!!! not base64\n" };
	/* the packet of a user id without a key, and what cannot be a packet */
	static const guint8 user_id[] = { 0xcd, 1, 'x' }, broken[] = { 0x99, 0xff };
	/* a key whose number is longer than its packet makes gpg end the whole run */
	gsize number = 9 + ((const guint8 *)g_bytes_get_data(certificates[BOB], NULL))[8];
	g_autoptr(GBytes) stops = changed(certificates[BOB], number, 0xff);
	g_autoptr(GBytes) dies = deadly(certificates[BOB]);
	g_autoptr(GBytes) version = changed(certificates[BOB], 2, 6);
	g_autoptr(GBytes) bare = g_bytes_new_from_bytes(certificates[BOB], 0, 53);
	g_autofree char *much = g_strnfill(LIMIT_CERTIFICATE, 'x');
	GBytes *const pieces[] = {
		['A'] = certificates[ALICE], ['a'] = alice_first, ['B'] = certificates[BOB],
		['C'] = certificates[CAROL], ['D'] = certificates[EXPIRED],
		['S'] = secret, ['X'] = stops, ['Z'] = dies, ['6'] = version, ['0'] = bare,
	};

	if (letter == 'i')
		g_byte_array_append(out, user_id, sizeof user_id);
	else if (letter == '!')
		g_byte_array_append(out, broken, sizeof broken);
	else if (letter == 'L') {
		const guint8 head[] = { 0xcd, 0xff, 0, 4, 0, 0 };

		append(out, certificates[BOB]);
		g_byte_array_append(out, head, sizeof head);
		g_byte_array_append(out, (const guint8 *)much, LIMIT_CERTIFICATE);
	} else if (strchr("tuv", letter))
		g_byte_array_append(out, (const guint8 *)texts[(guchar)letter],
			(guint)strlen(texts[(guchar)letter]));
	else
		append(out, pieces[(guchar)letter]);
}

static GBytes *
file_of(const char *letters)
{
	g_autoptr(GByteArray) out = g_byte_array_new(), inside = NULL;

	for (; *letters; letters++)
		if (*letters == '(') {
			inside = g_byte_array_new();
		} else if (*letters == ')') {
			g_autoptr(GBytes) binary = g_byte_array_free_to_bytes(
				g_steal_pointer(&inside));
			g_autoptr(GBytes) block = armored(binary);
			append(out, block);
		} else {
			append_piece(inside ? inside : out, *letters);
		}
	return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

/* ---- certificates_read ------------------------------------------------------------------ */

static void
read_file(GBytes *file, GPtrArray **out, GPtrArray **why)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(certificates_read(file, reading, out, why, &error), ==, DONE);
	g_assert_no_error(error);
	g_assert_false(g_file_test(reading, G_FILE_TEST_EXISTS));
	g_assert_cmpuint((*out)->len + (*why)->len, >, 0);
}

static const struct {
	const char *file;
	const char *names;		/* of who comes out, in order */
	const char *why;		/* what must be in each line, by "|" */
	int runs;			/* of gpg; -1: not the same for every gpg */
} rows[] = {
	/* all is well */
	{ "A", "A", "", 3 },
	{ "CABD", "CABD", "", 3 },
	{ "(A)", "A", "", 3 },
	{ "(DAB)", "DAB", "", 3 },
	{ "(B)(A)", "BA", "", 3 },
	{ "t(B)t(AC)tt", "BAC", "", 3 },
	/* one key in several pieces is one certificate, and what the pieces hold together */
	{ "AA", "A", "", 3 },
	{ "aBA", "AB", "", 3 },
	{ "(A)(Ba)", "AB", "", 3 },
	/* bad pieces first, last and between */
	{ "SA", "A", "certificate 1: holds a secret key", 3 },
	{ "ASB", "AB", "certificate 2: holds a secret key", 3 },
	{ "(A)(S)(B)", "AB", "certificate 2: holds a secret key", 3 },
	{ "AiBi", "AB", "", 3 },		/* a user id more, unsigned */
	{ "iA", "A", "certificate 1: not an OpenPGP certificate", 3 },
	{ "A6B", "AB", "certificate 2: of a version", 3 },
	{ "A0C", "AC", "certificate 2 FPR: gpg does not take it", 3 },
	{ "0A0C", "AC", "certificate 1 FPR: gpg does not take it", 3 },
	{ "ALC", "AC", "certificate 2 FPR: keys: certificate limit", 3 },
	{ "Au(C)", "", "certificate 1 FPR: damaged", 0 },
	{ "(A)u(C)", "AC", "certificate 2: the armour is damaged", 3 },
	{ "(A)v(C)", "AC", "certificate 2: the armour is damaged", 3 },
	{ "u", "", "certificate 1: the armour is damaged", 0 },
	/* nothing can be read behind a broken packet but the next block of armour */
	{ "AB!C", "A", "certificate 2 FPR: damaged", 3 },
	{ "(AB!)(C)", "AC", "certificate 2 FPR: damaged", 3 },
	{ "!", "", "certificate 1: damaged", 0 },
	/* what makes gpg give up is the only one that is lost */
	{ "AXC", "AC", "certificate 2 FPR: gpg does not take it", 7 },
	{ "XAC", "AC", "certificate 1 FPR: gpg does not take it", 5 },
	{ "ACX", "AC", "certificate 3 FPR: gpg does not take it", 6 },
	{ "AXXC0D", "ACD", "certificate 2 FPR: gpg|certificate 5 FPR: gpg", 9 },
	{ "X", "", "certificate 1 FPR: gpg does not take it", 2 },
	{ "AZC", "AC", "certificate 2 FPR: gpg d", -1 },
	{ "ZA", "A", "certificate 1 FPR: gpg d", -1 },
	{ "CAZ", "CA", "certificate 3 FPR: gpg d", -1 },
	{ "XZAX", "A", "certificate 1|certificate 2", -1 },
	{ "ZCB", "BC", "", -1 },	/* the same key whole, further on */
	/* nothing at all */
	{ "", "", "no OpenPGP certificate", 0 },
	{ "t", "", "no OpenPGP certificate", 0 },
	{ "tt", "", "no OpenPGP certificate", 0 },
};

static const char *
name_of(char letter)
{
	return who[letter == 'A' ? ALICE : letter == 'B' ? BOB : letter == 'C' ? CAROL : EXPIRED];
}

static void
check_why(guint row, GPtrArray *why)
{
	g_auto(GStrv) wanted = g_strsplit(rows[row].why, "|", -1);

	if (why->len != g_strv_length(wanted))
		g_error("%s: %u lines: %s", rows[row].file, why->len,
			why->len ? (char *)why->pdata[0] : "-");
	for (guint i = 0; i < why->len; i++) {
		g_auto(GStrv) parts = g_strsplit(wanted[i], "FPR", 2);
		const char *line = why->pdata[i];

		g_assert_true(g_str_is_ascii(line));
		if (!g_str_has_prefix(line, parts[0]) || (parts[1] && !strstr(line, parts[1])))
			g_error("%s: %s", rows[row].file, line);
	}
}

static void
test_rows(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) file = file_of(rows[i].file);
		g_autoptr(GPtrArray) out = NULL, why = NULL;

		read_file(file, &out, &why);
		check_why(i, why);
		if (out->len != strlen(rows[i].names))
			g_error("%s: %u certificates", rows[i].file, out->len);
		for (guint n = 0; n < out->len; n++)
			g_assert_cmpstr(((struct certificate *)out->pdata[n])->fingerprint, ==,
				name_of(rows[i].names[n]));
		int runs = (int)gpg_runs();
		if (rows[i].runs >= 0 && runs != rows[i].runs)
			g_error("%s: gpg ran %d times", rows[i].file, runs);
	}
}

/* In a crowd as alone, to the last octet. */
static void
test_same_as_alone(void)
{
	g_autoptr(GBytes) file = file_of("DaCB");
	static const char names[] = "DACB";
	g_autoptr(GPtrArray) out = NULL, why = NULL;

	read_file(file, &out, &why);
	g_assert_cmpuint(out->len, ==, 4);
	for (guint i = 0; i < 4; i++) {
		const struct certificate *one = out->pdata[i];
		g_autoptr(GBytes) alone = file_of((char[]){ "DaCB"[i], '\0' });
		struct certificate *same;

		g_assert_cmpint(certificate_read(alone, reading, &same, NULL), ==, DONE);
		g_assert_cmpstr(one->fingerprint, ==, name_of(names[i]));
		g_assert_cmpstr(one->fingerprint, ==, same->fingerprint);
		g_assert_cmpstr(one->user_id, ==, same->user_id);
		g_assert_cmpstr(one->algorithm, ==, same->algorithm);
		g_assert_true(g_strv_equal((const char *const *)one->addresses,
			(const char *const *)same->addresses));
		g_assert_true(g_strv_equal((const char *const *)one->key_ids,
			(const char *const *)same->key_ids));
		g_assert_cmpint(one->expires, ==, same->expires);
		g_assert_cmpint(one->encrypt_expires, ==, same->encrypt_expires);
		g_assert_true(one->revoked == same->revoked && one->expired == same->expired &&
			one->can_encrypt == same->can_encrypt);
		g_assert_true(g_bytes_equal(one->minimal, same->minimal));
		certificate_free(same);
	}
	(void)gpg_runs();
}

static void
test_merged(void)
{
	g_autoptr(GBytes) file = file_of("aBA");
	g_autoptr(GPtrArray) out = NULL, why = NULL;

	read_file(file, &out, &why);
	const struct certificate *alice = out->pdata[0];
	g_assert_cmpuint(g_strv_length(alice->addresses), ==, 2);
	g_assert_true(g_strv_contains((const char *const *)alice->addresses, "alice@example.vn"));
	g_assert_true(g_strv_contains((const char *const *)alice->addresses, "a@example.vn"));
	(void)gpg_runs();
}

/* Whoever reads hundreds of files waits for gpg, not for us, and gpg runs no more often. */
static void
test_many(void)
{
	struct rusage before, after;
	g_autoptr(GPtrArray) out = NULL, why = NULL;

	g_assert_cmpint(getrusage(RUSAGE_SELF, &before), ==, 0);
	read_file(many, &out, &why);
	g_assert_cmpint(getrusage(RUSAGE_SELF, &after), ==, 0);
	double cpu = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
		(double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6;
	g_test_message("%.3f s", cpu);
	g_assert_cmpfloat(cpu, <, 0.5);
	g_assert_cmpuint(gpg_runs(), ==, 3);
	g_assert_cmpuint(out->len, ==, MANY);
	g_assert_cmpuint(why->len, ==, 0);
	for (guint i = 0; i < MANY; i++) {
		const struct certificate *one = out->pdata[i];
		g_autofree char *address = g_strdup_printf("n%u@example.org", i);

		g_assert_cmpstr(one->addresses[0], ==, address);
		g_assert_cmpuint(g_bytes_get_size(one->minimal), >, 100);
	}
}

/* More than a pipe holds, and gpg gives up or dies at the first of them. */
static void
test_many_behind(void)
{
	static const char bad[] = "XZ";

	for (guint i = 0; i < 2; i++) {
		g_autoptr(GByteArray) bytes = g_byte_array_new();
		g_autoptr(GPtrArray) out = NULL, why = NULL;

		append_piece(bytes, bad[i]);
		append(bytes, many);
		append(bytes, many);
		g_assert_cmpuint(bytes->len, >, 65536);
		g_autoptr(GBytes) file = g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
		read_file(file, &out, &why);
		g_assert_cmpuint(out->len, ==, MANY);
		g_assert_cmpuint(why->len, ==, 1);
	}
	(void)gpg_runs();
}

/* Small pieces without end stop at a limit that says its name. */
static void
test_limit(void)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	static const guint8 empty[] = { 0x99, 0, 0 };
	g_autoptr(GPtrArray) out = NULL, why = NULL;

	append(bytes, certificates[ALICE]);
	for (guint i = 0; i < 10 * LIMIT_KEYRING; i++)
		g_byte_array_append(bytes, empty, sizeof empty);
	append(bytes, certificates[BOB]);
	g_autoptr(GBytes) file = g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
	read_file(file, &out, &why);
	g_assert_cmpuint(out->len, ==, 1);
	g_assert_cmpuint(why->len, ==, LIMIT_KEYRING);
	g_assert_cmpstr(why->pdata[LIMIT_KEYRING - 1], ==,
		"keys: certificates of a file limit 2000: what follows is not read");
	(void)gpg_runs();
}

/* Files by blanks: each as it is read alone, in three runs for all; or not at all. */
static const struct { const char *files; bool is_sound; } together[] = {
	{ "A", true }, { "A B", true }, { "(A) CD (B)", true }, { "AB CD", true },
	{ "A A", false }, { "AB B", false }, { "A S", false }, { "A t", false }, { "A t B", false },
	{ "", false },
};

static void
test_together(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(together); i++) {
		g_auto(GStrv) names = g_strsplit(together[i].files, " ", -1);
		g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(
			(GDestroyNotify)(void (*)(void))g_bytes_unref);
		g_autoptr(GPtrArray) lists = NULL;

		for (char **name = names; *name; name++)
			g_ptr_array_add(files, file_of(*name));
		(void)gpg_runs();
		enum outcome how = certificates_read_together((GBytes *const *)files->pdata,
			files->len, reading, &lists, NULL);
		g_test_message("%s", together[i].files);
		g_assert_cmpint(how, ==, together[i].is_sound ? DONE : NEVER);
		g_assert_cmpint(lists != NULL, ==, together[i].is_sound);
		if (how == DONE)
			g_assert_cmpint(gpg_runs(), ==, 3);
		g_assert_false(g_file_test(reading, G_FILE_TEST_EXISTS));
		for (guint j = 0; lists && j < files->len; j++) {
			g_autoptr(GPtrArray) alone = NULL, why = NULL;
			const GPtrArray *list = lists->pdata[j];

			read_file(files->pdata[j], &alone, &why);
			g_assert_cmpuint(list->len, ==, alone->len);
			for (guint k = 0; k < list->len; k++) {
				const struct certificate *a = list->pdata[k], *b = alone->pdata[k];

				g_assert_cmpstr(a->fingerprint, ==, b->fingerprint);
				g_assert_true(g_bytes_equal(a->minimal, b->minimal));
			}
		}
	}
	(void)gpg_runs();
}

static void
test_no_place(void)
{
	GPtrArray *out, *why;
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(certificates_read(certificates[ALICE], "/dev/null/none", &out, &why,
				&error), ==, LATER);
	g_assert_null(out);
	g_assert_null(why);
	g_assert_nonnull(error);
}

/* gpg that is killed says nothing of a certificate, and that it was killed is said of it then. */
static void
test_gpg_killed(void)
{
	struct rlimit usual, small;
	g_autoptr(GPtrArray) out = NULL, why = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &usual), ==, 0);
	small = usual;
	small.rlim_cur = 400;		/* room for gpg.conf; the keybox is larger */
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
	enum outcome how = certificates_read(certificates[ALICE], reading, &out, &why, NULL);
	enum outcome of_home = home_make(private_home, "/dev/null/none", certificates, 3, &error);
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &usual), ==, 0);
	g_assert_cmpint(how, ==, DONE);
	g_assert_cmpuint(out->len, ==, 0);
	g_assert_cmpuint(why->len, ==, 1);
	g_assert_true(g_str_has_suffix(why->pdata[0], "gpg dies of it"));
	g_assert_cmpint(of_home, ==, NEVER);
	g_assert_cmpstr(error->message, ==, "certificate 1 of 3: gpg dies of it");
	g_assert_false(g_file_test(reading, G_FILE_TEST_EXISTS));
	g_assert_false(g_file_test(private_home, G_FILE_TEST_EXISTS));
	(void)gpg_runs();
}

/* ---- home_make --------------------------------------------------------------------------- */

static void
test_home(void)
{
	static const struct {
		const char *pieces;
		enum outcome how;
		guint runs, keys;
		const char *why;
	} homes[] = {
		{ "", DONE, 0, 0, NULL },
		{ "A", DONE, 1, 1, NULL },
		{ "ABCD", DONE, 1, 4, NULL },
		{ "AaB", DONE, 1, 2, NULL },	/* what is known of her grew */
		{ "aAB", DONE, 1, 2, NULL },
		{ "AA", DONE, 1, 1, NULL },
		{ "A0C", NEVER, 3, 0, "certificate 2 of 3: gpg does not take it" },
		{ "AX", NEVER, 3, 0, "certificate 2 of 2: gpg does not take it" },
		{ "0", NEVER, 1, 0, "certificate 1 of 1: gpg does not take it" },
		{ "ABX", NEVER, 4, 0, "certificate 3 of 3: gpg does not take it" },
		{ "At", NEVER, 3, 0, "certificate 2 of 2: gpg does not take it" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(homes); i++) {
		guint n = (guint)strlen(homes[i].pieces);
		GBytes *pieces[4];
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) list = NULL;

		for (guint p = 0; p < n; p++)
			pieces[p] = file_of((char[]){ homes[i].pieces[p], '\0' });
		g_assert_cmpint(home_make(private_home, "/dev/null/none", pieces, n, &error), ==,
			homes[i].how);
		g_assert_cmpuint(gpg_runs(), ==, homes[i].runs);
		g_assert_cmpstr(error ? error->message : NULL, ==, homes[i].why);
		g_assert_cmpint(g_file_test(private_home, G_FILE_TEST_EXISTS), ==,
			homes[i].how == DONE);
		if (homes[i].how == DONE) {
			g_assert_cmpint(key_list(private_home, NULL, false, &list, NULL), ==, DONE);
			g_assert_cmpuint(list->len, ==, homes[i].keys);
		}
		(void)gpg_runs();
		for (guint p = 0; p < n; p++)
			g_bytes_unref(pieces[p]);
	}
	home_remove(private_home);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	alarm(300);			/* gpg that is waited for in vain */
	crypto_init();
	set_up();
	(void)gpg_runs();
	g_test_add_func("/certificates/rows", test_rows);
	g_test_add_func("/certificates/same-as-alone", test_same_as_alone);
	g_test_add_func("/certificates/merged", test_merged);
	g_test_add_func("/certificates/many", test_many);
	g_test_add_func("/certificates/many-behind", test_many_behind);
	g_test_add_func("/certificates/limit", test_limit);
	g_test_add_func("/certificates/together", test_together);
	g_test_add_func("/certificates/no-place", test_no_place);
	g_test_add_func("/certificates/gpg-killed", test_gpg_killed);
	g_test_add_func("/certificates/home", test_home);
	int failed = g_test_run();
	tear_down();
	return failed;
}
