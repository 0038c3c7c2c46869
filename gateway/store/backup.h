/* SPDX-License-Identifier: ISC
 *
 * backup: the whole store as one file, and a store from one; and what leaves the store for good.  Everything in it
 * stays sealed as it is; the store key is not in it.  What was damaged, cut or altered is refused before anything is
 * written.
 */
#ifndef UNGCUU_STORE_BACKUP_H
#define UNGCUU_STORE_BACKUP_H

#include "store/store.h"

/* ---- backup.c ------------------------------------------------------------------------------- */

struct backup {
	gint64 created;			/* ms: every row committed by then is in it */
	gint64 schema;
	guint64 size, blobs;		/* bytes of the file; sealed mails in it */
	guint64 erased;			/* blobs that were erased while it was made: named, without content */
	guint64 missing;		/* blobs whose files the store itself has lost */
};
/* From a reader, online.  Written beside `path`, synced, read back, then named; 0600.  NEVER: it is there and
 * `replaces` is false, or the store is not sound; LATER: disk, another backup to this file. */
enum outcome backup_write(struct store *, const char *path, bool replaces, gint64 now, struct backup *,
	GError **error);
/* Reads it whole against the key.  NEVER: no backup, of a newer ungcuu, damaged, cut, altered, or the key is
 * another store's. */
enum outcome backup_verify(const struct store_paths *, const char *path, struct backup *, GError **error);

/* ---- restore.c ------------------------------------------------------------------------------- */

struct restoration {
	const char *hotline;		/* id, as in ticket numbers */
	int year;			/* now, in the site's time zone */
	gint64 now, uid, gid;		/* ms; whose the files shall be, -1: the caller's */
	guint64 held, silenced, next;	/* out: outgoing mails held; mails not answered any more; next number */
};
/* Where there is no store yet; its lock is the caller's to hold.  Verifies first.  The database gets its name last:
 * what was cut short is begun anew by another call.  In the restored store outgoing mail that had not left is
 * held, mail not yet decided is not answered, ticket numbers have leapt ahead, and the note "restored" (ms) says
 * that the done folders hold mail unknown to it. */
enum outcome backup_restore(const struct store_paths *, const char *path, struct restoration *, struct backup *,
	GError **error);

/* ---- retention.c: content that was kept long enough --------------------------------------------- */

/* Empties one closed ticket, last changed before `before`, with its mails and reasons.  *ticket: which; null id: none
 * is left.  One with mail that is held or has not left waits. */
enum outcome retention_ticket(struct store *, gint64 before, gint64 now, struct id *ticket, guint *mails,
	GError **error);
/* Decided mail, and mail sent, that belongs to no ticket.  *n: how many; 0: none is left. */
enum outcome retention_loose(struct store *, gint64 before, gint64 now, guint limit, guint *n, GError **error);
/* Reasons in the journal. */
enum outcome retention_journal(struct store *, gint64 before, guint limit, guint *n, GError **error);

#endif
