/* SPDX-License-Identifier: ISC
 *
 * journal: what happened, one row after the other, and that none of it was changed since.  A part of store.h, which
 * includes it.
 */
#ifndef UNGCUU_STORE_JOURNAL_H
#define UNGCUU_STORE_JOURNAL_H

#include "store/store.h"

/* ---- journal.c: rows chained by HMAC over digests of payloads kept apart -------------- */

/* why: one line a person reads, or NULL; sealed. */
enum outcome journal_add(struct store *, gint64 at, struct id ticket, struct id mail, const char *event,
	const char *why, GError **error);
/* Of a ticket and its mails, or of one mail, in order. */
GPtrArray *journal_of(struct store *, struct id ticket_or_mail);
struct journal_check { gint64 rows; char *head; bool ok; gint64 first_bad; char *what; };
gint64 journal_latest(struct store *);		/* time of the last row, ms; 0: there is none */
char *journal_head(struct store *, gint64 *rows);	/* mac of the last row, hex; g_free() */
void journal_verify(struct store *, struct journal_check *);	/* g_free(head), g_free(what) */
enum outcome journal_erase_payload(struct store *, gint64 seq, GError **error);

#endif
