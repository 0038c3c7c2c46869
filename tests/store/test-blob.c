/* SPDX-License-Identifier: ISC
 *
 * test-blob: sealed files: written by another descriptor, linked, read back, erased, swept, and
 * what becomes of them when the turn is not committed.
 */
#include "scratch.h"

#include <fcntl.h>
#include <sys/mman.h>

static struct id
blob_made(struct scratch *s, const char *text)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
	struct id id = NO_ID;

	assert_done(blob_put(s->store, bytes, &id, &error_));
	return id;
}

static char *
blob_text(struct scratch *s, struct id id)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = NULL;
	int fd = blob_get(s->store, id, 1 << 20, &error);

	g_assert_no_error(error);
	bytes = memfd_map(fd, 1 << 20, &error);
	g_assert_no_error(error);
	close(fd);
	return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static void
assert_refused(struct scratch *s, struct id id, guint64 max, const char *says)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(blob_get(s->store, id, max, &error), ==, -1);
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	g_assert_nonnull(strstr(error->message, says));
}

static char *
blob_path(struct scratch *s, struct id id)
{
	g_autofree char *name = id_text(id);

	return g_build_filename(s->spool, name, NULL);
}

/* As hub and fetch do it: the hub makes descriptor and key, the other one seals through a copy of
 * both. */
static void
test_linked(void)
{
	struct scratch s;
	struct blob blob;
	struct sealer *sealer;
	guint8 sha256[DIGEST_SIZE];
	guint64 size;
	g_autofree char *text = NULL, *path = NULL;
	struct stat st;

	scratch_init(&s);
	scratch_open(&s, true);
	assert_done(blob_new(s.store, &blob, &error_));
	g_assert_cmpuint(files_in(s.spool), ==, 0);
	sealer = sealer_new(blob.fd, blob.key, blob.id);
	assert_done(sealer_put(sealer, "thư", strlen("thư"), &error_));
	assert_done(sealer_end(sealer, &size, sha256, &error_));
	sealer_free(sealer);
	begin(&s);
	assert_done(blob_link(s.store, &blob, size, &error_));
	commit(&s);
	path = blob_path(&s, blob.id);
	g_assert_cmpint(lstat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 0777, ==, 0600);
	text = blob_text(&s, blob.id);
	g_assert_cmpstr(text, ==, "thư");
	g_assert_true(blob_exists(s.store, blob.id));
	blob_clear(&blob);
	g_assert_cmpint(blob.fd, ==, -1);
	g_assert_cmpuint(blob_sweep(s.store), ==, 0);
	scratch_clear(&s);
}

static void
test_refused(void)
{
	struct scratch s;
	struct id id, other;
	g_autofree char *path = NULL, *other_path = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	id = blob_made(&s, "first text");
	other = blob_made(&s, "other text");
	commit(&s);
	assert_refused(&s, id, 4, "");
	assert_refused(&s, id_new(), 100, "no such blob");
	/* The file of another blob under this name; then none. */
	path = blob_path(&s, id);
	other_path = blob_path(&s, other);
	g_assert_cmpint(g_rename(other_path, path), ==, 0);
	assert_refused(&s, id, 100, "");
	g_assert_cmpint(g_unlink(path), ==, 0);
	assert_refused(&s, id, 100, "No such file");
	g_assert_false(blob_exists(s.store, id));
	scratch_clear(&s);
}

/* A wrapped key moved to another row does not unwrap. */
static void
test_moved_key(void)
{
	struct scratch s;
	struct id a, b;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	a = blob_made(&s, "a");
	b = blob_made(&s, "b");
	commit(&s);
	scratch_close(&s);
	tamper(&s,
		"UPDATE blob SET wrapped = (SELECT wrapped FROM blob WHERE seq = 2) WHERE seq = 1");
	scratch_open(&s, true);
	assert_refused(&s, a, 100, "");
	g_free(blob_text(&s, b));
	scratch_clear(&s);
}

static void
test_erased(void)
{
	struct scratch s;
	struct id id;
	g_autofree char *path = NULL, *wal = NULL;
	struct stat st;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	id = blob_made(&s, "text");
	commit(&s);
	path = blob_path(&s, id);
	/* A rolled-back erasure takes nothing away. */
	begin(&s);
	assert_done(blob_erase(s.store, id, &error_));
	store_rollback(s.store);
	g_assert_cmpint(g_access(path, F_OK), ==, 0);
	g_assert_true(blob_exists(s.store, id));
	begin(&s);
	assert_done(blob_erase(s.store, id, &error_));
	g_assert_cmpint(g_access(path, F_OK), ==, 0);
	commit(&s);
	g_assert_cmpint(g_access(path, F_OK), !=, 0);
	g_assert_false(blob_exists(s.store, id));
	assert_refused(&s, id, 100, "erased");
	/* No older page of the WAL keeps the key. */
	wal = g_strconcat(s.database, "-wal", NULL);
	g_assert_cmpint(lstat(wal, &st), ==, 0);
	g_assert_cmpint(st.st_size, ==, 0);
	scratch_clear(&s);
}

static void
test_swept(void)
{
	struct scratch s;
	struct id kept, dropped, erased;
	g_autofree char *erased_path = NULL, *text = NULL, *stranger = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	kept = blob_made(&s, "kept");
	erased = blob_made(&s, "erased");
	commit(&s);
	begin(&s);
	dropped = blob_made(&s, "dropped");
	store_rollback(s.store);
	g_assert_false(blob_exists(s.store, dropped));
	g_assert_cmpuint(files_in(s.spool), ==, 3);
	/* An erasure that was killed between commit and unlink leaves the file. */
	begin(&s);
	assert_done(blob_erase(s.store, erased, &error_));
	commit(&s);
	erased_path = blob_path(&s, erased);
	g_assert_true(g_file_set_contents(erased_path, "x", 1, NULL));
	stranger = g_build_filename(s.spool, "README", NULL);
	g_assert_true(g_file_set_contents(stranger, "x", 1, NULL));
	scratch_reopen(&s, true);
	g_assert_cmpuint(blob_sweep(s.store), ==, 2);
	g_assert_cmpuint(blob_sweep(s.store), ==, 0);
	g_assert_cmpint(g_access(stranger, F_OK), ==, 0);
	text = blob_text(&s, kept);
	g_assert_cmpstr(text, ==, "kept");
	scratch_clear(&s);
}

static void
test_empty(void)
{
	struct scratch s;
	struct id id;
	g_autofree char *text = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	id = blob_made(&s, "");
	commit(&s);
	text = blob_text(&s, id);
	g_assert_cmpstr(text, ==, "");
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/blob/linked", test_linked);
	g_test_add_func("/blob/refused", test_refused);
	g_test_add_func("/blob/moved-key", test_moved_key);
	g_test_add_func("/blob/erased", test_erased);
	g_test_add_func("/blob/swept", test_swept);
	g_test_add_func("/blob/empty", test_empty);
	return g_test_run();
}
