/* SPDX-License-Identifier: ISC
 *
 * archive: reads and writes the container of a backup (archive.h) in pieces, so that its size costs
 * no memory. Each section carries its own digest, which tells where a file is damaged; the seal at
 * the end tells that it is ours and whole.  Believes no length: what is read is bounded by the
 * file.
 */
#include "store/archive.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "ungcuu backup "
#define VERSION "1\n"
#define PIECE 65536
#define HEADER_SIZE (TAG_SIZE + 16 + 8)

void
archive_begin(struct archive *archive, int fd, const char *path)
{
	*archive = (struct archive){ .fd = fd, .path = path, .whole = digest_new(),
		.buffer = g_malloc(PIECE) };
}

void
archive_end(struct archive *archive)
{
	guint8 nobody[DIGEST_SIZE];

	if (archive->whole != NULL)
		digest_end(archive->whole, nobody);
	if (archive->part != NULL)
		digest_end(archive->part, nobody);
	g_free(archive->buffer);
	memset(archive, 0, sizeof *archive);
}

/* ---- writing -------------------------------------------------------------------------- */

static enum outcome
bytes_put(struct archive *archive, const void *data, gsize size, GError **error)
{
	if (FAULT_NOSPACE("backup.write.space"))
		return fail(error, LATER, "%s: disk full", archive->path);
	if (!write_all(archive->fd, data, size))
		return fail(error, LATER, "%s: %s", archive->path, g_strerror(errno));
	digest_put(archive->whole, data, size);
	if (archive->part != NULL)
		digest_put(archive->part, data, size);
	archive->at += size;
	return DONE;
}

enum outcome
archive_magic(struct archive *archive, GError **error)
{
	return bytes_put(archive, MAGIC VERSION, strlen(MAGIC VERSION), error);
}

enum outcome
archive_section(struct archive *archive, const struct section *section, GError **error)
{
	guint8 header[HEADER_SIZE];
	guint64 size = GUINT64_TO_BE(section->size);

	memcpy(header, section->tag, TAG_SIZE);
	memcpy(header + TAG_SIZE, section->id.b, 16);
	memcpy(header + TAG_SIZE + 16, &size, sizeof size);
	archive->part = digest_new();
	return bytes_put(archive, header, sizeof header, error);
}

enum outcome
archive_put(struct archive *archive, const void *data, gsize size, GError **error)
{
	return bytes_put(archive, data, size, error);
}

enum outcome
archive_section_end(struct archive *archive, GError **error)
{
	guint8 digest[DIGEST_SIZE];

	digest_end(g_steal_pointer(&archive->part), digest);
	return bytes_put(archive, digest, sizeof digest, error);
}

enum outcome
archive_put_file(struct archive *archive, const struct section *section, int fd, GError **error)
{
	enum outcome how = archive_section(archive, section, error);
	guint64 left = section->size;

	while (how == DONE && left > 0) {
		ssize_t n = read(fd, archive->buffer, (gsize)MIN(left, PIECE));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(error, LATER, "backup: cannot read the store: %s",
				g_strerror(errno));
		if (n == 0)
			return fail(error, NEVER, "backup: a file of the store became shorter");
		how = bytes_put(archive, archive->buffer, (gsize)n, error);
		left -= (guint64)n;
	}
	return how == DONE ? archive_section_end(archive, error) : how;
}

/* What the seal is over ends where its section begins. */
static void
sum_take(struct archive *archive)
{
	digest_end(archive->whole, archive->sum);
	archive->whole = digest_new();
}

static void
seal_make(const struct archive *archive, const guint8 key[KEY_SIZE], guint8 out[DIGEST_SIZE])
{
	struct hmac_part part = { archive->sum, DIGEST_SIZE };

	digest_keyed(key, "backup", &part, 1, out);
}

enum outcome
archive_seal(struct archive *archive, const guint8 key[KEY_SIZE], GError **error)
{
	const struct section section = { .tag = TAG_SEAL, .size = DIGEST_SIZE };
	guint8 seal[DIGEST_SIZE];
	enum outcome how;

	sum_take(archive);
	seal_make(archive, key, seal);
	how = archive_section(archive, &section, error);
	if (how == DONE)
		how = archive_put(archive, seal, sizeof seal, error);
	return how == DONE ? archive_section_end(archive, error) : how;
}

/* ---- reading -------------------------------------------------------------------------- */

static enum outcome
damaged(const struct archive *archive, const char *what, GError **error)
{
	return fail(error, NEVER, "%s: not a sound backup: %s, at byte %" G_GUINT64_FORMAT
		"; nothing of it is used", archive->path, what, archive->at);
}

/* Exactly `size` bytes. */
static enum outcome
bytes_read(struct archive *archive, void *out, gsize size, GError **error)
{
	for (gsize n = 0; n < size; ) {
		ssize_t got = read(archive->fd, (guint8 *)out + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(error, LATER, "%s: %s", archive->path, g_strerror(errno));
		if (got == 0)
			return damaged(archive, "it is cut off", error);
		n += (gsize)got;
	}
	archive->at += size;
	return DONE;
}

static enum outcome
bytes_get(struct archive *archive, void *out, gsize size, GError **error)
{
	enum outcome how = bytes_read(archive, out, size, error);

	if (how == DONE)
		digest_put(archive->whole, out, size);
	return how;
}

enum outcome
archive_check_magic(struct archive *archive, GError **error)
{
	char magic[sizeof MAGIC VERSION];
	gsize size = strlen(MAGIC VERSION);
	enum outcome how = bytes_get(archive, magic, size, error);

	if (how != DONE)
		return how;
	if (memcmp(magic, MAGIC VERSION, size) == 0)
		return DONE;
	if (memcmp(magic, MAGIC, strlen(MAGIC)) == 0)
		return fail(error, NEVER, "%s: a backup in the format of another ungcuu: use that "
			"one", archive->path);
	return fail(error, NEVER, "%s: no backup of ungcuu", archive->path);
}

static bool
is_tag(const char *tag)
{
	static const char *const tags[] = { TAG_HEAD, TAG_BASE, TAG_BLOB, TAG_GONE, TAG_LOST,
		TAG_SEAL };

	for (guint i = 0; i < G_N_ELEMENTS(tags); i++)
		if (memcmp(tag, tags[i], TAG_SIZE) == 0)
			return true;
	return false;
}

enum outcome
archive_next(struct archive *archive, GError **error)
{
	guint8 header[HEADER_SIZE];
	struct section *section = &archive->section;
	bool seals;
	guint64 size;
	enum outcome how = bytes_read(archive, header, sizeof header, error);

	if (how != DONE)
		return how;
	seals = memcmp(header, TAG_SEAL, TAG_SIZE) == 0;
	if (seals)
		sum_take(archive);
	digest_put(archive->whole, header, sizeof header);
	memset(section, 0, sizeof *section);
	memcpy(section->tag, header, TAG_SIZE);
	memcpy(section->id.b, header + TAG_SIZE, 16);
	memcpy(&size, header + TAG_SIZE + 16, sizeof size);
	section->size = archive->left = GUINT64_FROM_BE(size);
	if (!is_tag(section->tag) || (seals && section->size != DIGEST_SIZE))
		return damaged(archive, "no section begins here", error);
	archive->part = digest_new();
	digest_put(archive->part, header, sizeof header);
	return DONE;
}

static enum outcome
digest_check(struct archive *archive, GError **error)
{
	guint8 digest[DIGEST_SIZE], found[DIGEST_SIZE];
	enum outcome how = bytes_get(archive, found, sizeof found, error);

	digest_end(g_steal_pointer(&archive->part), digest);
	if (how == DONE && memcmp(digest, found, sizeof digest) != 0)
		return damaged(archive, "a section is not what was written", error);
	return how;
}

enum outcome
archive_get(struct archive *archive, const guint8 **out, gsize *size, GError **error)
{
	gsize n = (gsize)MIN(archive->left, PIECE);
	enum outcome how;

	*out = archive->buffer;
	*size = 0;
	if (archive->part == NULL)
		return DONE;
	if (n == 0)
		return digest_check(archive, error);
	how = bytes_get(archive, archive->buffer, n, error);
	if (how != DONE)
		return how;
	digest_put(archive->part, archive->buffer, n);
	archive->left -= n;
	*size = n;
	return DONE;
}

enum outcome
archive_skip(struct archive *archive, GError **error)
{
	const guint8 *data;
	gsize size = 1;
	enum outcome how = DONE;

	while (how == DONE && size > 0)
		how = archive_get(archive, &data, &size, error);
	return how;
}

enum outcome
archive_check_seal(struct archive *archive, const guint8 key[KEY_SIZE], GError **error)
{
	const guint8 *data;
	guint8 seal[DIGEST_SIZE];
	gsize size;
	enum outcome how = archive_get(archive, &data, &size, error);

	if (how != DONE)
		return how;
	seal_make(archive, key, seal);
	if (size != DIGEST_SIZE || !equal_constant_time(seal, data, DIGEST_SIZE))
		return damaged(archive, "its seal is not ours: it was altered", error);
	how = archive_skip(archive, error);
	if (how == DONE && read(archive->fd, archive->buffer, 1) != 0)
		return damaged(archive, "something follows its end", error);
	return how;
}
