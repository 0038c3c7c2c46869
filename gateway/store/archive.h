/* SPDX-License-Identifier: ISC
 *
 * archive: private to store: the container of a backup.
 *
 *	"ungcuu backup 1\n"
 *	sections: tag (4) | id (16) | size (8, big-endian) | data | SHA-256 of these
 *	the last one: "SEAL", whose data is HMAC(backup key, SHA-256 of the whole file before it)
 *
 * The sections are HEAD, BASE (the database), BLOB for each sealed mail, GONE for one that was
 * erased meanwhile and LOST for one whose file the store itself has lost, in this order.
 */
#ifndef UNGCUU_STORE_ARCHIVE_H
#define UNGCUU_STORE_ARCHIVE_H

#include "store/internal.h"

#define TAG_SIZE 4
#define TAG_HEAD "HEAD"
#define TAG_BASE "BASE"
#define TAG_BLOB "BLOB"
#define TAG_GONE "GONE"
#define TAG_LOST "LOST"
#define TAG_SEAL "SEAL"

struct section { char tag[TAG_SIZE + 1]; struct id id; guint64 size; };
struct archive {
	int fd;
	const char *path;		/* for messages */
	guint64 at;			/* bytes so far */
	struct digest *whole, *part;
	guint8 sum[DIGEST_SIZE];	/* reading: of all before the seal */
	struct section section;		/* reading: the one begun */
	guint64 left;			/* of its data */
	guint8 *buffer;
};
/* The fd stays the caller's. */
void archive_begin(struct archive *, int fd, const char *path);
void archive_end(struct archive *);		/* frees what it holds */

/* Writing: LATER when the disk does not take it. */
enum outcome archive_magic(struct archive *, GError **error);
enum outcome archive_section(struct archive *, const struct section *, GError **error);
enum outcome archive_put(struct archive *, const void *, gsize size, GError **error);
enum outcome archive_section_end(struct archive *, GError **error);
/* A whole section from a file: exactly `size` bytes of it.  NEVER: it is shorter. */
enum outcome archive_put_file(struct archive *, const struct section *, int fd, GError **error);
enum outcome archive_seal(struct archive *, const guint8 key[KEY_SIZE], GError **error);

/* Reading: NEVER with where it is not sound. */
enum outcome archive_check_magic(struct archive *, GError **error);
enum outcome archive_next(struct archive *, GError **error);	/* into ->section */
/* The next piece of the data, borrowed; size 0: the section is over and its digest right. */
enum outcome archive_get(struct archive *, const guint8 **, gsize *size, GError **error);
enum outcome archive_skip(struct archive *, GError **error);	/* the rest of it, checked */
/* After the section SEAL has begun: DONE if it is right and nothing follows. */
enum outcome archive_check_seal(struct archive *, const guint8 key[KEY_SIZE], GError **error);

/* ---- backup.c, for restore.c ---------------------------------------------------------- */

/* Takes the data of a section, all of it. */
struct backup_taker {
	enum outcome (*take)(struct archive *, void *data, GError **error);
	void *data;
};
/* A handle with the key alone. */
enum outcome backup_key_open(const struct store_paths *, struct store **, GError **error);
/* The file from its start to its end; what was taken is sound only when this is DONE. */
enum outcome backup_walk(const struct store *, int fd, const char *path, struct backup *,
	const struct backup_taker *, GError **error);

#endif
