/* SPDX-License-Identifier: ISC
 *
 * test-certificates: the index of the configured certificates: what is put is found by every
 * name it has, a rebuild is whole or not there, whatever is wrong with the file costs its writer
 * at most one restart, and fifty thousand rows cost a lookup nothing.
 */
#include "scratch.h"

#include <fcntl.h>
#include <sys/wait.h>

#define FPR_A "AAAA000000000000000000000000000000000001"
#define FPR_B "BBBB000000000000000000000000000000000002"
#define FPR_X "CCCC000000000000000000000000000000000000000000000000000000000003"
#define KEY_A "0000000000000001"
#define KEY_B "0000000000000002"
#define SHARED "00000000000000FF"

/* The index lies where the scratch's store would. */
struct index {
	struct scratch s;
	const char *path;
	struct certificates *certificates;
};

static void
index_init(struct index *x)
{
	scratch_init_shared(&x->s);
	x->path = x->s.database;
	x->certificates = NULL;
}

static void
index_open(struct index *x, bool writer)
{
	assert_done(certificates_open(x->path, writer, &x->certificates, &error_));
}

static void
index_close(struct index *x)
{
	certificates_close(x->certificates);
	x->certificates = NULL;
}

static void
index_clear(struct index *x)
{
	index_close(x);
	scratch_clear(&x->s);
}

/* ---- rows ----------------------------------------------------------------------------- */

static const struct sample {
	const char *fingerprint, *source;
	const char *key_ids[3], *addresses[3];
	gint64 expires, encrypt_expires;
	bool revoked, can_encrypt;
} samples[] = {
	{ FPR_A, "a.asc", { KEY_A, SHARED }, { "lan@example.vn", "soc@example.vn" }, -1, 5000,
		false, true },
	{ FPR_B, "b.gpg", { KEY_B, SHARED }, { "soc@example.vn" }, 7000, -1, true, false },
	{ FPR_X, "c.pem", { NULL }, { NULL }, 9000, 9000, false, true },
};

static struct certificate_row
sample_row(const struct sample *sample)
{
	return (struct certificate_row){ .fingerprint = (char *)sample->fingerprint,
		.source = (char *)sample->source, .key_ids = (char **)sample->key_ids,
		.addresses = (char **)sample->addresses, .expires = sample->expires,
		.encrypt_expires = sample->encrypt_expires, .revoked = sample->revoked,
		.can_encrypt = sample->can_encrypt, .bytes = g_bytes_new_static("\x99\0\1z", 4) };
}

static enum outcome
sample_put(struct index *x, const struct sample *sample, GError **error)
{
	struct certificate_row row = sample_row(sample);
	enum outcome how = certificates_put(x->certificates, &row, error);

	g_bytes_unref(row.bytes);
	return how;
}

static enum outcome
samples_try(struct index *x, GError **error)
{
	enum outcome how = certificates_begin(x->certificates, error);

	for (guint i = 0; how == DONE && i < G_N_ELEMENTS(samples); i++)
		if ((how = sample_put(x, &samples[i], error)) == DONE)
			how = certificates_source_put(x->certificates, samples[i].source, 100 + i,
				1000 + i, NULL, error);
	return how == DONE ? certificates_commit(x->certificates, error) : how;
}

static void
samples_put(struct index *x)
{
	assert_done(samples_try(x, &error_));
}

static void
one_put(struct index *x, const struct sample *sample)
{
	assert_done(certificates_begin(x->certificates, &error_));
	assert_done(sample_put(x, sample, &error_));
	assert_done(certificates_commit(x->certificates, &error_));
}

/* "AAAA:a.asc BBBB:b.gpg ", and frees. */
static char *
names_of(GPtrArray *rows)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < rows->len; i++) {
		const struct certificate_row *row = g_ptr_array_index(rows, i);

		g_string_append_printf(text, "%.4s:%s ", row->fingerprint, row->source);
	}
	g_ptr_array_unref(rows);
	return g_strdup(text->str);
}

#define assert_names(rows, expected) do {						\
	g_autofree char *names_ = names_of(rows);					\
	g_assert_cmpstr(names_, ==, expected);						\
} while (0)

static void
assert_strings(char **have, const char *const *expected)
{
	guint i;

	for (i = 0; expected[i] != NULL; i++)
		g_assert_cmpstr(have[i], ==, expected[i]);
	g_assert_null(have[i]);
}

static void
test_round_trip(void)
{
	struct index x;

	index_init(&x);
	index_open(&x, true);
	samples_put(&x);
	index_close(&x);
	index_open(&x, false);
	for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
		g_autoptr(GPtrArray) rows =
			certificates_find(x.certificates, samples[i].fingerprint);
		const struct certificate_row *row;

		g_assert_cmpuint(rows->len, ==, 1);
		row = g_ptr_array_index(rows, 0);
		g_assert_cmpstr(row->fingerprint, ==, samples[i].fingerprint);
		g_assert_cmpstr(row->source, ==, samples[i].source);
		assert_strings(row->key_ids, samples[i].key_ids);
		assert_strings(row->addresses, samples[i].addresses);
		g_assert_cmpint(row->expires, ==, samples[i].expires);
		g_assert_cmpint(row->encrypt_expires, ==, samples[i].encrypt_expires);
		g_assert_cmpint(row->revoked, ==, samples[i].revoked);
		g_assert_cmpint(row->can_encrypt, ==, samples[i].can_encrypt);
		g_assert_cmpmem(g_bytes_get_data(row->bytes, NULL), g_bytes_get_size(row->bytes),
			"\x99\0\1z", 4);
	}
	index_clear(&x);
}

/* ---- looking up ----------------------------------------------------------------------- */

static const struct { const char *key, *names; } finds[] = {
	{ FPR_A, "AAAA:a.asc " },
	{ "aaaa000000000000000000000000000000000001", "AAAA:a.asc " },
	{ FPR_X, "CCCC:c.pem " },
	{ KEY_B, "BBBB:b.gpg " },
	{ SHARED, "AAAA:a.asc BBBB:b.gpg " },
	{ "00000000000000ff", "AAAA:a.asc BBBB:b.gpg " },
	{ "0000000000000003", "" },
	{ "DDDD000000000000000000000000000000000004", "" },
	/* No names of a certificate: short key ids, signs, blanks, nothing. */
	{ "000000FF", "" }, { "0x000000000000FF", "" }, { "00000000000000G1", "" }, { "", "" },
	{ "AAAA 00000000000000000000000000000000001", "" }, { "%", "" },
};
static const struct { const char *address, *names; } addresses[] = {
	{ "lan@example.vn", "AAAA:a.asc " },
	{ "SOC@Example.VN", "AAAA:a.asc BBBB:b.gpg " },
	{ "nobody@example.vn", "" }, { "example.vn", "" }, { "", "" }, { "%", "" },
};

static void
test_find(void)
{
	struct index x;

	index_init(&x);
	index_open(&x, true);
	samples_put(&x);
	g_assert_cmpuint(certificates_count(x.certificates), ==, 3);
	for (guint i = 0; i < G_N_ELEMENTS(finds); i++)
		assert_names(certificates_find(x.certificates, finds[i].key), finds[i].names);
	for (guint i = 0; i < G_N_ELEMENTS(addresses); i++)
		assert_names(certificates_by_address(x.certificates, addresses[i].address),
			addresses[i].names);
	index_clear(&x);
}

/* A row put again is the new one alone: none of its old names is left. */
static void
test_replace(void)
{
	static const struct sample again = { FPR_A, "a.asc", { KEY_A, "00000000000000EE" },
		{ "Moi@Example.VN" }, 1, 2, true, false };
	struct index x;

	index_init(&x);
	index_open(&x, true);
	samples_put(&x);
	one_put(&x, &again);
	g_assert_cmpuint(certificates_count(x.certificates), ==, 3);
	assert_names(certificates_find(x.certificates, SHARED), "BBBB:b.gpg ");
	assert_names(certificates_find(x.certificates, "00000000000000EE"), "AAAA:a.asc ");
	assert_names(certificates_by_address(x.certificates, "lan@example.vn"), "");
	assert_names(certificates_by_address(x.certificates, "moi@example.vn"), "AAAA:a.asc ");
	index_clear(&x);
}

/* One certificate in two files: which copy counts, and that removing one file leaves the other. */
static const struct {
	gint64 expires;
	bool revoked;
	const char *names, *names_after;	/* after z.asc was dropped again */
} copies[] = {
	/* expires revoked  which         after */
	{ 9000,    false,   "AAAA:a.asc ", "AAAA:a.asc " },	/* the first never expires */
	{ -1,      false,   "AAAA:a.asc ", "AAAA:a.asc " },
	{ -1,      true,    "AAAA:z.asc ", "AAAA:a.asc " },
	{ 1,       true,    "AAAA:z.asc ", "AAAA:a.asc " },
};

static void
test_copies(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(copies); i++) {
		const struct sample other = { FPR_A, "z.asc", { KEY_A }, { "lan@example.vn" },
			copies[i].expires, -1, copies[i].revoked, true };
		struct index x;

		index_init(&x);
		index_open(&x, true);
		samples_put(&x);
		one_put(&x, &other);
		g_assert_cmpuint(certificates_count(x.certificates), ==, 3);
		assert_names(certificates_find(x.certificates, FPR_A), copies[i].names);
		assert_names(certificates_find(x.certificates, KEY_A), copies[i].names);
		assert_names(certificates_by_address(x.certificates, "lan@example.vn"),
			copies[i].names);
		assert_done(certificates_begin(x.certificates, &error_));
		assert_done(certificates_drop_source(x.certificates, "z.asc", &error_));
		assert_done(certificates_commit(x.certificates, &error_));
		assert_names(certificates_find(x.certificates, FPR_A), copies[i].names_after);
		index_clear(&x);
	}
}

/* ---- sources -------------------------------------------------------------------------- */

static void
test_sources(void)
{
	static const char hash[] =
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	struct index x;
	g_autofree char *sha256 = NULL;
	g_auto(GStrv) names = NULL;

	index_init(&x);
	index_open(&x, true);
	samples_put(&x);
	assert_done(certificates_begin(x.certificates, &error_));
	assert_done(certificates_source_put(x.certificates, "khoá của \"ta\"\xff.asc", 7,
		G_MAXINT64, hash, &error_));
	assert_done(certificates_drop_source(x.certificates, "a.asc", &error_));
	assert_done(certificates_drop_source(x.certificates, "never seen", &error_));
	assert_done(certificates_source_put(x.certificates, "b.gpg", 101, -5, NULL, &error_));
	assert_done(certificates_commit(x.certificates, &error_));
	names = certificates_sources(x.certificates);
	assert_strings(names, (const char *const[]){ "b.gpg", "c.pem",
		"khoá của \"ta\"\xff.asc", NULL });
	g_assert_false(certificates_source_same(x.certificates, "a.asc", 100, 1000));
	g_assert_true(certificates_source_same(x.certificates, "b.gpg", 101, -5));
	g_assert_false(certificates_source_same(x.certificates, "b.gpg", 101, 1001));
	g_assert_false(certificates_source_same(x.certificates, "c.pem", 103, 1002));
	g_assert_false(certificates_source_same(x.certificates, "c.pem", 101, 1002));
	g_assert_false(certificates_source_same(x.certificates, "c.pem", 102, 1001));
	g_assert_true(certificates_source_same(x.certificates, "c.pem", 102, 1002));
	sha256 = certificates_source_sha256(x.certificates,
		"khoá của \"ta\"\xff.asc");
	g_assert_cmpstr(sha256, ==, hash);
	g_assert_null(certificates_source_sha256(x.certificates, "c.pem"));
	g_assert_null(certificates_source_sha256(x.certificates, "a.asc"));
	/* Its certificates went with it, and all their names. */
	assert_names(certificates_find(x.certificates, FPR_A), "");
	assert_names(certificates_find(x.certificates, SHARED), "BBBB:b.gpg ");
	assert_names(certificates_by_address(x.certificates, "soc@example.vn"), "BBBB:b.gpg ");
	index_clear(&x);
}

/* ---- refusals ------------------------------------------------------------------------- */

static const struct sample refused[] = {
	{ NULL, "a", { NULL }, { NULL }, 0, 0, false, false },
	{ "", "a", { NULL }, { NULL }, 0, 0, false, false },
	{ "AAAA00000000000000000000000000000000001", "a", { NULL }, { NULL }, 0, 0, false, false },
	{ "AAAA00000000000000000000000000000000000G", "a", { NULL }, { NULL }, 0, 0, false, false },
	{ FPR_A, "a", { "000000FF" }, { NULL }, 0, 0, false, false },
	{ FPR_A, "a", { KEY_A, "000000000000000-" }, { NULL }, 0, 0, false, false },
	{ FPR_A, NULL, { KEY_A }, { NULL }, 0, 0, false, false },
};

static void
test_refused(void)
{
	struct index x;

	index_init(&x);
	index_open(&x, true);
	samples_put(&x);
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;

		assert_done(certificates_begin(x.certificates, &error_));
		assert_done(certificates_drop_source(x.certificates, "b.gpg", &error_));
		g_assert_cmpint(sample_put(&x, &refused[i], &error), ==, NEVER);
		g_assert_nonnull(strstr(error->message, x.path));
		/* Nothing of a turn in which a row failed can be committed. */
		g_assert_cmpint(certificates_commit(x.certificates, NULL), ==, LATER);
		assert_names(certificates_find(x.certificates, KEY_B), "BBBB:b.gpg ");
	}
	g_assert_true(g_file_test(x.path, G_FILE_TEST_EXISTS));
	index_clear(&x);
}

static void
test_limit(void)
{
	struct index x;
	g_autoptr(GError) error = NULL;
	const struct sample plain = { FPR_A, "a", { NULL }, { NULL }, 0, 0, false, false };
	struct certificate_row row = sample_row(&plain);
	char **many = g_new0(char *, FRAME_ARRAY_MAX + 2);

	for (guint i = 0; i <= FRAME_ARRAY_MAX; i++)
		many[i] = g_strdup_printf("a%u@example.vn", i);
	row.addresses = many;
	index_init(&x);
	index_open(&x, true);
	assert_done(certificates_begin(x.certificates, &error_));
	g_assert_cmpint(certificates_put(x.certificates, &row, &error), ==, NEVER);
	g_assert_nonnull(strstr(error->message, "addresses limit 1000"));
	certificates_rollback(x.certificates);
	g_clear_pointer(&many[FRAME_ARRAY_MAX], g_free);
	assert_done(certificates_begin(x.certificates, &error_));
	assert_done(certificates_put(x.certificates, &row, &error_));
	assert_done(certificates_commit(x.certificates, &error_));
	g_strfreev(many);
	g_bytes_unref(row.bytes);
	index_clear(&x);
}

static void
test_outside_turn(void)
{
	struct index x;

	index_init(&x);
	if (g_test_subprocess()) {
		index_open(&x, true);
		sample_put(&x, &samples[0], NULL);
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_failed();
	g_test_trap_assert_stderr("*outside a turn*");
	index_clear(&x);
}

/* ---- crashes -------------------------------------------------------------------------- */

static void
crash_in_rebuild(struct index *x)
{
	assert_done(certificates_begin(x->certificates, &error_));
	for (guint i = 0; i < G_N_ELEMENTS(samples); i++)
		assert_done(certificates_drop_source(x->certificates, samples[i].source, &error_));
	/* Enough to spill into the log before the end. */
	for (guint i = 0; i < 3000; i++) {
		g_autofree char *fingerprint = g_strdup_printf("%040X", 0xD0000000 + i);
		const struct sample sample = { fingerprint, "new", { KEY_A }, { NULL }, 1, 1, false,
			false };

		assert_done(sample_put(x, &sample, &error_));
	}
}

static void
crash_after_commit(struct index *x)
{
	crash_in_rebuild(x);
	assert_done(certificates_commit(x->certificates, &error_));
}

static const struct {
	void (*act)(struct index *);
	guint64 count;
	const char *names;
} crashes[] = {
	{ crash_in_rebuild, 3, "AAAA:a.asc BBBB:b.gpg " },
	{ crash_after_commit, 3000, "" },
};

static void
test_crash(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(crashes); i++) {
		struct index x;
		int status;
		pid_t pid;

		index_init(&x);
		index_open(&x, true);
		samples_put(&x);
		index_close(&x);
		pid = fork();
		g_assert_cmpint(pid, >=, 0);
		if (pid == 0) {
			index_open(&x, true);
			crashes[i].act(&x);
			_exit(17);
		}
		g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
		g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 17);
		for (int writer = 0; writer < 2; writer++) {
			index_open(&x, writer != 0);
			g_assert_cmpuint(certificates_count(x.certificates), ==,
				crashes[i].count);
			assert_names(certificates_find(x.certificates, SHARED), crashes[i].names);
			index_close(&x);
		}
		index_clear(&x);
	}
}

static void
test_reader_beside_writer(void)
{
	struct index x;
	struct certificates *reader = NULL;
	struct stat st = { .st_size = -1 };
	g_autofree char *wal = NULL;

	index_init(&x);
	index_open(&x, true);
	samples_put(&x);
	/* The log is emptied at once: the database alone has it all. */
	wal = g_strconcat(x.path, "-wal", NULL);
	g_assert_cmpint(stat(wal, &st), ==, 0);
	g_assert_cmpint(st.st_size, ==, 0);
	assert_done(certificates_open(x.path, false, &reader, &error_));
	crash_in_rebuild(&x);
	assert_names(certificates_find(reader, KEY_B), "BBBB:b.gpg ");
	assert_done(certificates_commit(x.certificates, &error_));
	assert_names(certificates_find(reader, KEY_B), "");
	g_assert_cmpuint(certificates_count(reader), ==, 3000);
	certificates_close(reader);
	index_clear(&x);
}

/* ---- what is wrong with a file -------------------------------------------------------- */

static void
do_remove(const char *path)
{
	g_assert_cmpint(g_unlink(path), ==, 0);
}

static void
do_empty(const char *path)
{
	g_assert_cmpint(truncate(path, 0), ==, 0);
}

static void
do_cut_header(const char *path)
{
	g_assert_cmpint(truncate(path, 60), ==, 0);
}

static void
do_garbage(const char *path)
{
	g_autofree char *text = g_strnfill(8192, 'x');

	g_assert_true(g_file_set_contents(path, text, 8192, NULL));
	g_assert_cmpint(chmod(path, 0600), ==, 0);
}

static void
do_writable(const char *path)
{
	g_assert_cmpint(chmod(path, 0620), ==, 0);
}

static void
do_symlink(const char *path)
{
	do_remove(path);
	g_assert_cmpint(symlink("/dev/null", path), ==, 0);
}

/* A log whose database is gone must not be applied to a new one. */
static void
do_log_left(const char *path)
{
	g_autofree char *wal = g_strconcat(path, "-wal", NULL);

	do_remove(path);
	do_garbage(wal);
}

static const struct {
	void (*act)(const char *path);
	const char *sql;
	const char *says;	/* to a reader; NULL: nothing is wrong */
} wrongs[] = {
	{ NULL,          "PRAGMA user_version",        NULL },
	{ NULL,          "PRAGMA user_version = 2",    "another ungcuu's" },
	{ NULL,          "PRAGMA application_id = 7",  "no index of certificates" },
	{ do_remove,     NULL,                         "ungcuud makes it" },
	{ do_empty,      NULL,                         "no index of certificates" },
	{ do_cut_header, NULL,                         "damaged" },
	{ do_garbage,    NULL,                         "not an SQLite database" },
	{ do_writable,   NULL,                         "lets others write" },
	{ do_symlink,    NULL,                         "not a regular file" },
	{ do_log_left,   NULL,                         "ungcuud makes it" },
};

/* And touches nothing. */
static void
reader_refuses(struct index *x, const char *says)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *before = NULL, *after = NULL;
	gsize size = 0, size_after = 0;

	g_file_get_contents(x->path, &before, &size, NULL);
	g_assert_cmpint(certificates_open(x->path, false, &x->certificates, &error), ==, NEVER);
	g_assert_null(x->certificates);
	g_assert_nonnull(strstr(error->message, x->path));
	if (strstr(error->message, says) == NULL)
		g_error("\"%s\" does not say \"%s\"", error->message, says);
	g_file_get_contents(x->path, &after, &size_after, NULL);
	g_assert_cmpmem(before, size, after, size_after);
}

static void
test_wrong(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(wrongs); i++) {
		struct index x;
		struct stat st;

		index_init(&x);
		index_open(&x, true);
		samples_put(&x);
		index_close(&x);
		if (wrongs[i].sql != NULL)
			tamper(&x.s, wrongs[i].sql);
		else
			wrongs[i].act(x.path);
		if (wrongs[i].says != NULL)
			reader_refuses(&x, wrongs[i].says);
		index_open(&x, true);
		g_assert_cmpuint(certificates_count(x.certificates), ==,
			wrongs[i].says == NULL ? 3 : 0);
		samples_put(&x);
		index_close(&x);
		index_open(&x, false);
		assert_names(certificates_find(x.certificates, KEY_B), "BBBB:b.gpg ");
		g_assert_cmpint(lstat(x.path, &st), ==, 0);
		g_assert_cmpint(st.st_mode & 07777, ==, 0600);
		index_clear(&x);
	}
}

/* A folder in its place is not ours to remove. */
static void
test_folder(void)
{
	struct index x;
	g_autoptr(GError) error = NULL;

	index_init(&x);
	g_assert_cmpint(mkdir(x.path, 0700), ==, 0);
	g_assert_cmpint(certificates_open(x.path, true, &x.certificates, &error), ==, LATER);
	g_assert_nonnull(strstr(error->message, "cannot be removed"));
	g_assert_cmpint(g_rmdir(x.path), ==, 0);
	index_clear(&x);
}

/* ---- damage found by use -------------------------------------------------------------- */

static void
overwrite(const char *path, off_t at, gsize size, char with)
{
	g_autofree char *text = g_strnfill(size, with);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(pwrite(fd, text, size, at), ==, size);
	close(fd);
}

static void
test_damage(void)
{
	struct index x;

	index_init(&x);
	if (g_test_subprocess()) {
		index_open(&x, g_strcmp0(g_getenv("UNGCUU_WRITER"), "1") == 0);
		assert_names(certificates_find(x.certificates, KEY_A), "");
		return;
	}
	index_open(&x, true);
	crash_in_rebuild(&x);
	assert_done(certificates_commit(x.certificates, &error_));
	index_close(&x);
	/* All but the page with the header and the list of tables. */
	overwrite(x.path, 4096, 200 * 4096, '\xa5');
	for (int writer = 0; writer < 2; writer++) {
		g_setenv("UNGCUU_WRITER", writer != 0 ? "1" : "0", TRUE);
		g_test_trap_subprocess(NULL, 0, 0);
		g_test_trap_assert_failed();
		g_test_trap_assert_stderr("*damaged*");
		g_assert_cmpint(g_file_test(x.path, G_FILE_TEST_EXISTS), ==, writer == 0);
	}
	index_open(&x, true);
	g_assert_cmpuint(certificates_count(x.certificates), ==, 0);
	samples_put(&x);
	index_clear(&x);
}

/* One start of a writer that looks at everything and puts one more; false: it ended on the way. */
static bool
child_starts(struct index *x)
{
	int status;
	pid_t pid = fork();

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDERR_FILENO);
		if (certificates_open(x->path, true, &x->certificates, NULL) != DONE)
			_exit(3);
		certificates_count(x->certificates);
		g_strfreev(certificates_sources(x->certificates));
		g_ptr_array_unref(certificates_find(x->certificates, SHARED));
		_exit(samples_try(x, NULL) == DONE ? 17 : 1);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), !=, 3);
	return WEXITSTATUS(status) == 17;
}

/* Whatever byte of the header is wrong: at most one restart. */
static void
test_header(void)
{
	struct index x;
	g_autofree char *good = NULL;
	gsize size;

	index_init(&x);
	index_open(&x, true);
	samples_put(&x);
	index_close(&x);
	g_assert_true(g_file_get_contents(x.path, &good, &size, NULL));
	for (guint at = 0; at < 108; at++) {
		g_assert_true(g_file_set_contents(x.path, good, (gssize)size, NULL));
		g_assert_cmpint(chmod(x.path, 0600), ==, 0);
		overwrite(x.path, at, 1, (char)~good[at]);
		if (!child_starts(&x))
			g_assert_true(child_starts(&x));
		index_open(&x, false);
		assert_names(certificates_find(x.certificates, KEY_B), "BBBB:b.gpg ");
		index_close(&x);
	}
	index_clear(&x);
}

/* ---- without a file, and many --------------------------------------------------------- */

static void
test_memory(void)
{
	struct index x = { .path = NULL };
	struct certificates *reader = NULL;

	assert_done(certificates_open(":memory:", true, &x.certificates, &error_));
	samples_put(&x);
	assert_names(certificates_find(x.certificates, SHARED), "AAAA:a.asc BBBB:b.gpg ");
	g_assert_cmpint(certificates_open(":memory:", false, &reader, NULL), ==, NEVER);
	g_assert_false(g_file_test(":memory:", G_FILE_TEST_EXISTS));
	index_close(&x);
}

#define MANY 50000

static void
add_many(struct index *x)
{
	assert_done(certificates_begin(x->certificates, &error_));
	for (guint i = 0; i < MANY; i++) {
		g_autofree char *fingerprint = g_strdup_printf("%040X", i);
		g_autofree char *key_id = g_strdup_printf("%016X", i);
		g_autofree char *subkey = g_strdup_printf("%016X", i + 0xE0000000);
		g_autofree char *address = g_strdup_printf("a%u@example.vn", i);
		g_autofree char *source = g_strdup_printf("%u.asc", i);
		const struct sample sample = { fingerprint, source, { key_id, subkey },
			{ address }, -1, -1, false, true };

		assert_done(sample_put(x, &sample, &error_));
		assert_done(certificates_source_put(x->certificates, source, i, i, NULL, &error_));
	}
	assert_done(certificates_commit(x->certificates, &error_));
}

static void
test_many(void)
{
	struct index x = { .path = NULL };
	GHashTableIter iter;
	void *sql, *statement;

	assert_done(certificates_open(":memory:", true, &x.certificates, &error_));
	add_many(&x);
	g_assert_cmpuint(certificates_count(x.certificates), ==, MANY);
	steps_of(x.certificates->base, "");
	assert_names(certificates_find(x.certificates, "000000000000000000000000000000000000C34F"),
		"0000:49999.asc ");
	assert_names(certificates_find(x.certificates, "00000000E0000007"), "0000:7.asc ");
	assert_names(certificates_find(x.certificates, "00000000F0000000"), "");
	assert_names(certificates_by_address(x.certificates, "a25000@example.vn"),
		"0000:25000.asc ");
	g_assert_true(certificates_source_same(x.certificates, "31.asc", 31, 31));
	/* Some dozens of steps each, not thousands. */
	g_assert_cmpint(steps_of(x.certificates->base, ""), <, 500);
	/* Nor is dropping one of them a walk. */
	assert_done(certificates_begin(x.certificates, &error_));
	assert_done(certificates_drop_source(x.certificates, "31.asc", &error_));
	assert_done(certificates_commit(x.certificates, &error_));
	g_assert_cmpint(steps_of(x.certificates->base, "DELETE"), <, 500);
	g_hash_table_iter_init(&iter, x.certificates->base->statements);
	while (g_hash_table_iter_next(&iter, &sql, &statement))
		if (!g_str_has_prefix(sql, "PRAGMA") && strstr(sql, "count(") == NULL)
			assert_no_walk(x.certificates->base, sql);
	index_close(&x);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/certificates/round-trip", test_round_trip);
	g_test_add_func("/certificates/find", test_find);
	g_test_add_func("/certificates/replace", test_replace);
	g_test_add_func("/certificates/copies", test_copies);
	g_test_add_func("/certificates/sources", test_sources);
	g_test_add_func("/certificates/refused", test_refused);
	g_test_add_func("/certificates/limit", test_limit);
	g_test_add_func("/certificates/outside-turn", test_outside_turn);
	g_test_add_func("/certificates/crash", test_crash);
	g_test_add_func("/certificates/reader-beside-writer", test_reader_beside_writer);
	g_test_add_func("/certificates/wrong", test_wrong);
	g_test_add_func("/certificates/folder", test_folder);
	g_test_add_func("/certificates/damage", test_damage);
	g_test_add_func("/certificates/header", test_header);
	g_test_add_func("/certificates/memory", test_memory);
	g_test_add_func("/certificates/many", test_many);
	return g_test_run();
}
