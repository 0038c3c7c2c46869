/* SPDX-License-Identifier: ISC
 *
 * internal: private to store.  A query is one bound statement; a column table maps a plain
 * struct to the columns of its row, so that sealing, keyed digests and words are done in one
 * place (column.c) and cannot be forgotten by a verb.  No other folder includes this file.
 */
#ifndef UNGCUU_STORE_INTERNAL_H
#define UNGCUU_STORE_INTERNAL_H

#include "store/store.h"

#include <sqlite3.h>

#define KEY_SIZE 32

struct head { gint64 seq; guint8 mac[DIGEST_SIZE]; };	/* of the journal */

struct store {
	sqlite3 *db;
	GHashTable *statements;		/* SQL literal → sqlite3_stmt; by address */
	char *database, *spool, *key_file;
	int spool_fd;			/* the directory */
	bool writer;
	bool in_turn;
	bool broken;			/* a statement of this turn failed: no commit */
	char *broken_why;		/* the first one */
	bool head_moved;		/* the journal grew in this turn */
	bool spool_moved;		/* a blob was linked and its directory is not synced yet */
	bool scrub;			/* a key was dropped: take it out of the WAL too */
	GArray *unlink;			/* struct id: files to remove after the commit */
	int changes;			/* sqlite3_total_changes() when the turn began */
	struct head head;
	guint8 columns_key[KEY_SIZE], lookup_key[KEY_SIZE], journal_key[KEY_SIZE],
		wrap_key[KEY_SIZE], backup_key[KEY_SIZE];
};

/* ---- query.c -------------------------------------------------------------------------- */

struct query {
	struct store *store;
	sqlite3_stmt *statement;
	const char *what;		/* for messages: the purpose, never content */
	int bound;			/* parameters bound so far */
	int code;			/* first failure, or SQLITE_OK */
};
/* `sql` must be a literal: its address is the cache's key. */
struct query query_new(struct store *, const char *what, const char *sql);
void query_clear(struct query *);
typedef struct query query_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(query_auto, query_clear)
/* Binds the next parameter. */
void bind_int(struct query *, gint64);
void bind_text(struct query *, const char *);			/* NULL: null */
void bind_bytes(struct query *, const void *, gsize);
void bind_id(struct query *, struct id);			/* null id: null */
void bind_sealed(struct query *, const char *context, struct id row, const void *, gsize);
void bind_sealed_text(struct query *, const char *context, struct id row, const char *);
/* Runs a statement that changes rows; panic() outside a turn.  A failure breaks the turn. */
enum outcome query_run(struct query *, GError **error);
/* Same, and NEVER if it changed no row. */
enum outcome query_change(struct query *, GError **error);
/* Next row of a SELECT; fatal() when the database cannot be read. */
bool query_row(struct query *);
/* The id in the first row's first column; false: no row.  out may be NULL. */
bool query_id(struct query *, struct id *out);
gint64 column_int(struct query *, int);
char *column_text(struct query *, int);				/* NULL; g_free() */
struct id column_id(struct query *, int);
/* False unless it holds exactly `size` bytes. */
bool column_bytes(struct query *, int, void *, gsize size);
/* NULL with *error: does not belong here; NULL without: null. */
GBytes *column_unseal(struct query *, int, const char *context, struct id row, GError **error);
/* fatal() if it is not sound. */
char *column_unseal_text(struct query *, int, const char *context, struct id row);
/* The outcome an SQLite code means, with a message that names file and purpose. */
enum outcome store_failed(struct store *, int code, const char *what, GError **error);
G_NORETURN void store_damaged(struct store *, const char *what, struct id row);
/* panic() unless a turn of the writer is open. */
void turn_required(const struct store *, const char *verb);

/* ---- column.c ------------------------------------------------------------------------- */

struct column;
struct column_type {
	void (*bind)(struct query *, const struct column *, const void *field, struct id row);
	void (*load)(struct query *, const struct column *, int at, void *field, struct id row);
};
extern const struct column_type column_is_text, column_is_sealed, column_is_digest,
	column_is_address, column_is_domain, column_is_id, column_is_int, column_is_size,
	column_is_uint, column_is_bool, column_is_word;
struct words { const char *(*word)(int); int (*from_word)(const char *); };
struct column {
	const char *name;
	const struct column_type *type;
	gsize offset;
	const void *aux;		/* sealed: context; digest: purpose; word:
					 * struct words; others: nothing */
};
/* Columns end with name NULL. */
void row_bind(struct query *, const struct column *, const void *row, struct id id);
/* Loads columns from result column `at` on; returns the next one. */
int row_load(struct query *, const struct column *, int at, void *row, struct id id);

/* From a list X(name, type, field, aux) to its table and to its SQL. */
#define COLUMN_NAME(name, type, field, aux)	name ", "
#define COLUMN_MARK(name, type, field, aux)	"?, "
#define COLUMN_SET(name, type, field, aux)	name " = ?, "
#define COLUMN_ROW(name, type, field, aux) \
	{ name, &column_is_##type, offsetof(struct ROW, field), aux },
#define COLUMN_END				{ NULL, NULL, 0, NULL }

/* The words of one enum as a column. */
#define WORDS_COLUMN(NAME)								\
	static const char *NAME##_text(int value) { return NAME##_word((enum NAME)value); }	\
	static const struct words NAME##_words = { NAME##_text, NAME##_from_word };

/* ---- others --------------------------------------------------------------------------- */

/* key.c: reads or makes the key file and derives the four keys. */
enum outcome key_load(struct store *, bool may_create, GError **error);
/* The sealed constant that tells the right key from any other. */
enum outcome key_check_put(struct store *, GError **error);
enum outcome key_check(struct store *, GError **error);
/* schema.c: brings the database to this program's version, or says why not. */
enum outcome schema_bring(struct store *, GError **error);
int schema_newest(void);
/* One number from a PRAGMA or a count, where an unreadable database is an answer. */
enum outcome number_read(struct store *, const char *sql, gint64 *out, GError **error);
/* store.c: the only COMMIT. */
enum outcome turn_end(struct store *, GError **error);
/* Empties the WAL into the database if store->scrub is set and no reader is in the way. */
void store_scrub(struct store *);
/* A handle with nothing open yet.  Key and spool may be NULL where only the database is used. */
struct store *store_new(const struct store_paths *, bool writer);
enum outcome database_create(struct store *, GError **error);	/* the file, 0600 */
enum outcome database_open(struct store *, GError **error);	/* connects, hardens, sets */
void database_close(struct store *);
/* Sealed under a name; get: NULL with *error, or without (no such row). */
enum outcome meta_put(struct store *, const char *name, const void *, gsize, GError **error);
GBytes *meta_get(struct store *, const char *name, GError **error);
/* Keyed digest of an address, case folded. */
void address_digest(const struct store *, const char *address, guint8 out[DIGEST_SIZE]);
/* Keyed digest of what is behind its '@', or of nothing, case folded. */
void domain_digest(const struct store *, const char *address, guint8 out[DIGEST_SIZE]);
void text_digest(const struct store *, const char *purpose, const char *text,
	guint8 out[DIGEST_SIZE]);
/* blob.c */
enum outcome spool_open(struct store *, bool fresh, GError **error);
/* Syncs a written nameless file and names it, in place of what has this name. */
enum outcome spool_link(struct store *, int fd, struct id, GError **error);
enum outcome spool_settle(struct store *, GError **error);	/* before the commit */
void spool_unlink(struct store *);				/* after it */
/* journal.c */
enum outcome head_load(struct store *, GError **error);
enum outcome head_store(struct store *, GError **error);
/* certificates.c: bound statements on a database of its own, so it borrows a store's handle. */
struct certificates { struct store *base; bool is_memory; };
/* Upper-case hex of a fingerprint of 40 or 64 digits, NULL if it is none.  g_free(). */
char *fingerprint_fold(const char *);

#endif
