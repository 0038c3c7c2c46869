/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/seal.c: what was sealed comes back whole or not at all.
 */
#include "base/base.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEGMENT	65536
#define RECORD	(18 + SEGMENT + 16)

static const guint8 key[32] = "the key of one blob, 32 bytes..";
static const guint8 other_key[32] = "the key of another, 32 bytes...";
static const struct id own = { "own-identity---" }, other = { "other-identity-" };

/* ---- values -------------------------------------------------------------------------- */

static void
test_value(void)
{
	const gsize sizes[] = { 0, 1, 15, 16, 17, 100000 };

	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree guint8 *data = g_malloc(sizes[i] + 1);

		memset(data, 'x', sizes[i]);
		g_autoptr(GBytes) in = g_bytes_new(data, sizes[i]);
		g_autoptr(GBytes) sealed = seal_value(key, "mail.letter", own, data, sizes[i]);
		g_autoptr(GBytes) again = seal_value(key, "mail.letter", own, data, sizes[i]);
		g_assert_cmpuint(g_bytes_get_size(sealed), ==, sizes[i] + 29);
		g_assert_false(g_bytes_equal(sealed, again));
		g_autoptr(GBytes) out = unseal_value(key, "mail.letter", own,
			g_bytes_get_data(sealed, NULL), g_bytes_get_size(sealed), &error);
		g_assert_no_error(error);
		g_assert_true(g_bytes_equal(in, out));
	}
}

static void
refuse_value(const guint8 *with, const char *context, struct id id, const void *data, gsize size)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(unseal_value(with, context, id, data, size, &error));
	g_assert_error(error, UNGCUU_ERROR, NEVER);
}

/* Another key, context or row, each single bit changed, each length cut. */
static void
test_value_refused(void)
{
	g_autoptr(GBytes) sealed = seal_value(key, "mail.letter", own, "hello", 5);
	gsize size;
	const guint8 *data = g_bytes_get_data(sealed, &size);

	refuse_value(other_key, "mail.letter", own, data, size);
	refuse_value(key, "mail.reason", own, data, size);
	refuse_value(key, "mail.lette", own, data, size);
	refuse_value(key, "", own, data, size);
	refuse_value(key, "mail.letter", other, data, size);
	for (gsize bit = 0; bit < 8 * size; bit++) {
		g_autofree guint8 *copy = g_memdup2(data, size);

		copy[bit / 8] ^= (guint8)(1u << bit % 8);
		refuse_value(key, "mail.letter", own, copy, size);
	}
	for (gsize n = 0; n < size; n++)
		refuse_value(key, "mail.letter", own, data, n);
}

/* ---- files --------------------------------------------------------------------------- */

static GBytes *
pattern(gsize size)
{
	guint8 *data = g_malloc(size + 1);

	for (gsize i = 0; i < size; i++)
		data[i] = (guint8)(i ^ i >> 8 ^ i >> 16);
	return g_bytes_new_take(data, size);
}

/* A sealed file of `bytes`, put in pieces; fsync works on a memfd as on a file. */
static int
sealed_file(const guint8 *with, struct id id, GBytes *bytes, gsize piece)
{
	g_autoptr(GError) error = NULL;
	guint8 sha256[DIGEST_SIZE], expected[DIGEST_SIZE];
	guint64 total = 0;
	gsize size;
	const guint8 *data = g_bytes_get_data(bytes, &size);
	int fd = memfd_create("sealed", MFD_CLOEXEC);
	struct sealer *sealer = sealer_new(fd, with, id);

	for (gsize at = 0; at < size; at += piece)
		g_assert_cmpint(
			sealer_put(sealer, data + at, MIN(piece, size - at), &error), ==, DONE);
	g_assert_cmpint(sealer_put(sealer, NULL, 0, &error), ==, DONE);
	g_assert_cmpint(sealer_end(sealer, &total, sha256, &error), ==, DONE);
	sealer_free(sealer);
	g_assert_cmpuint(total, ==, size);
	digest_bytes(data, size, expected);
	g_assert_cmpmem(sha256, sizeof sha256, expected, sizeof expected);
	return fd;
}

static const struct { gsize size, piece, records; } files[] = {
	{ 0, 1, 1 }, { 1, 1, 1 }, { 1000, 7, 1 },
	{ SEGMENT - 1, 1000, 1 }, { SEGMENT, SEGMENT, 1 }, { SEGMENT + 1, SEGMENT + 1, 2 },
	{ 2 * SEGMENT, 4096, 2 }, { 2 * SEGMENT + 5, 100000, 3 }, { 1000003, 333, 16 },
};

static void
test_file(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) in = pattern(files[i].size);
		int fd = sealed_file(key, own, in, files[i].piece);

		g_assert_cmpint(lseek(fd, 0, SEEK_END), ==, files[i].size + files[i].records * 34);
		int plain = unseal_file(fd, key, own, files[i].size, &error);
		g_assert_no_error(error);
		g_autoptr(GBytes) out = memfd_map(plain, files[i].size, &error);	/* frozen */
		g_assert_no_error(error);
		g_assert_true(g_bytes_equal(in, out));
		close(plain);
		close(fd);
	}
}

static char refused[200];		/* why the last one was */

static void
refuse_file(const guint8 *data, gsize size, const guint8 *with, struct id id, guint64 max)
{
	g_autoptr(GError) error = NULL;
	int fd = memfd_create("hostile", MFD_CLOEXEC);

	g_assert_true(write_all(fd, data, size));
	g_assert_cmpint(unseal_file(fd, with, id, max, &error), ==, -1);
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	g_strlcpy(refused, error->message, sizeof refused);
	close(fd);
}

/* Two full segments and a short one, as raw bytes. */
static guint8 *
three_segments(gsize *size)
{
	g_autoptr(GBytes) in = pattern(2 * SEGMENT + 100);
	int fd = sealed_file(key, own, in, 10000);

	*size = 2 * RECORD + 18 + 100 + 16;
	guint8 *data = g_malloc(*size + RECORD);
	g_assert_cmpint(pread(fd, data, *size + RECORD, 0), ==, *size);
	close(fd);
	return data;
}

static void
test_file_other(void)
{
	gsize size;
	g_autofree guint8 *data = three_segments(&size);

	refuse_file(data, size, other_key, own, 1000000);
	g_assert_cmpstr(refused, ==, "seal: another key's");
	refuse_file(data, size, key, other, 1000000);
	refuse_file(data, size, key, own, 2 * SEGMENT + 99);
	refuse_file(data, size, key, own, SEGMENT);
	refuse_file(data, size, key, own, 0);
}

/* One bit in each byte of each header and tag, and in the data of each segment. */
static void
test_file_tampered(void)
{
	gsize size;
	g_autofree guint8 *data = three_segments(&size);

	for (gsize record = 0; record < 3; record++) {
		gsize at = record * RECORD, n = record < 2 ? SEGMENT : 100;

		for (gsize i = 0; i < 18 + n + 16; i++) {
			if (i >= 18 + 3 && i < 18 + n - 3 && i != 18 + n / 2)
				continue;
			for (guint bit = 0; bit < 8; bit += i < 18 ? 1 : 7) {
				data[at + i] ^= (guint8)(1u << bit);
				refuse_file(data, size, key, own, 1000000);
				data[at + i] ^= (guint8)(1u << bit);
			}
		}
	}
}

/* Cut at every border of a segment, inside each header, inside the data, and with something
 * after. */
static void
test_file_cut(void)
{
	gsize size;
	g_autofree guint8 *data = three_segments(&size);

	for (gsize record = 0; record < 3; record++)
		for (gsize n = 0; n <= 20; n++)
			refuse_file(data, record * RECORD + n, key, own, 1000000);
	refuse_file(data, RECORD - 1, key, own, 1000000);
	refuse_file(data, 2 * RECORD - 1, key, own, 1000000);
	refuse_file(data, size - 1, key, own, 1000000);
	data[size] = 0;
	refuse_file(data, size + 1, key, own, 1000000);
	memcpy(data + size, data, RECORD);
	refuse_file(data, size + RECORD, key, own, 1000000);
	/* also where the last segment is a full one */
	g_autoptr(GBytes) in = pattern(SEGMENT);
	int fd = sealed_file(key, own, in, SEGMENT);
	g_assert_cmpint(pread(fd, data, RECORD, 0), ==, RECORD);
	close(fd);
	data[RECORD] = 0;
	refuse_file(data, RECORD + 1, key, own, 1000000);
}

/* Each is a file of good segments in a wrong order. */
static void
test_file_order(void)
{
	static const int orders[][4] = {
		{ 1, 0, 2, -1 },
		{ 0, 2, -1 },
		{ 1, 2, -1 },
		{ 2, -1 },
		{ 0, 0, 1, 2 },
		{ 0, 1, 1, 2 },
		{ 2, 0, 1, -1 },
	};
	gsize size;
	g_autofree guint8 *data = three_segments(&size);

	for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
		g_autoptr(GByteArray) file = g_byte_array_new();

		for (guint n = 0; n < 4 && orders[i][n] >= 0; n++)
			g_byte_array_append(file, data + orders[i][n] * RECORD,
				orders[i][n] < 2 ? RECORD : 18 + 100 + 16);
		refuse_file(file->data, file->len, key, own, 1000000);
	}
}

/* A write that fails is worth another try. */
static void
test_file_errors(void)
{
	g_autoptr(GError) error = NULL;
	guint8 sha256[DIGEST_SIZE];
	guint64 size;
	struct sealer *sealer = sealer_new(-1, key, own);

	g_assert_cmpint(sealer_put(sealer, "abc", 3, &error), ==, DONE);
	g_assert_cmpint(sealer_end(sealer, &size, sha256, &error), ==, LATER);
	g_assert_error(error, UNGCUU_ERROR, LATER);
	sealer_free(sealer);
	g_clear_error(&error);
	g_assert_cmpint(unseal_file(-1, key, own, 10, &error), ==, -1);
	g_assert_error(error, UNGCUU_ERROR, LATER);
	sealer_free(NULL);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/seal/value", test_value);
	g_test_add_func("/seal/value-refused", test_value_refused);
	g_test_add_func("/seal/file", test_file);
	g_test_add_func("/seal/file-other", test_file_other);
	g_test_add_func("/seal/file-tampered", test_file_tampered);
	g_test_add_func("/seal/file-cut", test_file_cut);
	g_test_add_func("/seal/file-order", test_file_order);
	g_test_add_func("/seal/file-errors", test_file_errors);
	return g_test_run();
}
