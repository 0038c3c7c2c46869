/* SPDX-License-Identifier: ISC
 *
 * store: the durable state, as verbs of the domain.  The only user of SQLite.  One writer (the hub),
 * any number of readers (ungcuuctl).  Every content column and every blob is sealed under the store key
 * with the row's identity; what stays in clear are ids, times, states, codes, counters and keyed digests.
 * A failed statement inside a transaction is LATER or NEVER with the reason; the caller rolls back.
 */
#ifndef UNGCUU_STORE_H
#define UNGCUU_STORE_H

#include "base/base.h"
#include "model/model.h"

/* ---- plain rows ----------------------------------------------------------------------- */

struct mail {
	struct id id;
	char *mailbox, *identity, *uid;	/* identity: "maildir", "uidl" or the UIDVALIDITY */
	char *folder;			/* watched folder it came from */
	guint64 size;
	gint64 arrived, received;	/* at the server; at us (stored).  ms */
	enum mail_state state;
	int kind;			/* enum kind, -1 before the decision */
	struct id blob;			/* null id: nothing stored (before-start) */
	char *sha256;			/* hex of the raw bytes; sealed; NULL if nothing stored */
	bool moved;			/* the server copy is in the done folder; POP3: is removed */
	bool in_attempt;		/* counted as under way; cleared by answer or refund */
	guint attempts, deaths, unexplained;
	gint64 next_try;		/* ms; -1 when the state is final */
	char *stage, *reason;		/* when held; reason sealed */
	struct id ticket;		/* null id: none */
	char *relation; bool silent;	/* "first" "reply" "other-sender" "hint" or NULL; silent: not answered */
	char *done;			/* sealed: its copy in the done folder, as mail_set_done() wrote it; or NULL */
};
void mail_free(struct mail *);

struct ticket {
	struct id id;
	char *number;			/* "NBH-2026-000123" */
	enum ticket_state state;
	char *kind;			/* "report", "sealed", "unreadable" */
	char *severity, *category;	/* or NULL */
	char *subject, *reporter, *assignee;	/* sealed; reporter: address */
	char *signature, *encryption;	/* verdict words of the first letter */
	char *profile, *language;
	gint64 created, updated;
	guint reports;
	bool drill;
	char *receipt_code;		/* sealed; looked up by keyed digest */
};
void ticket_free(struct ticket *);

struct outgoing {
	struct id id, ticket, mail;	/* mail: the one it answers; null id: none */
	char *template;			/* "T01" */
	char *language;			/* "vi", "en": which comes first */
	char *recipient;		/* sealed */
	char *values;			/* sealed: what the template gets, as serialized by desk */
	enum out_state state;
	guint attempts, deaths, unexplained;
	gint64 created, next_try, sent;	/* next_try -1: final; sent: accepted, 0 not yet */
	gint64 received;		/* when the mail it answers came, ms; -1 */
	gint64 since;			/* when this period of attempts began, ms: policy.give_up counts from here */
	enum fate delivery;		/* what bounces say became of it behind the server */
	char *delivery_status;		/* "5.1.1"; NULL */
	gint64 delivery_at;		/* when we were told, ms; 0 */
	char *message_id;		/* without < >; sealed, looked up by keyed digest */
	char *in_reply_to;		/* sealed; or NULL */
	gint64 passed, capped;		/* when it was let out under the caps, or was not, ms; 0 */
	bool drill;			/* made as mail of a drill */
	bool is_signed, is_encrypted, in_attempt;
	struct id blob;			/* the protected entity; null id before */
	char *reason;			/* sealed; why held, or last error */
};
void outgoing_free(struct outgoing *);

struct journal_row { gint64 seq, at; struct id ticket, mail; char *event, *why; };	/* why: sealed payload */
void journal_row_free(struct journal_row *);

/* ---- store.c: open, turns ------------------------------------------------------------- */

struct store;
struct store_paths { const char *database, *spool, *key_file; };
/* Writer: makes database, spool and key file (0600) only where no store exists, runs migrations, checks
 * integrity of the key against the store's key check value.  NEVER: key missing beside a store, wrong
 * key, newer schema, unsafe modes (exit 78).  LATER: locked, full, unreadable. */
enum outcome store_open(const struct store_paths *, bool writer, struct store **, GError **error);
void store_close(struct store *);
/* One immediate transaction a turn; for a reader, a snapshot.  commit is the one durable point; its fault
 * points act only in turns that changed something.  A commit that fails has rolled back.  Verbs that change
 * rows panic() outside a turn.  Verbs that read and take no GError fatal() when the store cannot be read or
 * a sealed column is not what was written there. */
enum outcome store_begin(struct store *, GError **error);
enum outcome store_commit(struct store *, GError **error); void store_rollback(struct store *);
/* What the hub has to remember from one start to the next; sealed.  NULL: nothing yet; g_free(). */
enum outcome store_note_put(struct store *, const char *name, const char *text, GError **error);
char *store_note(struct store *, const char *name);
/* waits.c: the clock was set back: each next-try time by so much, too. */
enum outcome store_put_back(struct store *, gint64 ms, GError **error);
guint64 store_room(const struct store *);	/* bytes free for database and spool */
/* Keyed digest for looking things up ("address", "message-id", "thread", "identity", "own"). */
void store_digest(const struct store *, const char *purpose, const void *, gsize,
	guint8 out[DIGEST_SIZE]);

/* ---- blob.c: sealed files under the spool --------------------------------------------- */

struct blob { struct id id; int fd; guint8 key[32]; };	/* fd: O_TMPFILE in the spool */
enum outcome blob_new(struct store *, struct blob *, GError **error);
/* Links the written file under its id and records the wrapped key; call inside the turn, whose commit syncs
 * the directory once, before the COMMIT.  The row is what makes it exist: an unlinked or rowless file is swept.
 * LATER from a spool that is full or read-only: nothing was done, the turn can go on. */
enum outcome blob_link(struct store *, struct blob *, guint64 size, GError **error);
void blob_clear(struct blob *);			/* closes, wipes the key */
enum outcome blob_put(struct store *, GBytes *, struct id *out, GError **error);	/* a new linked blob */
/* Plain bytes in a frozen memfd, or -1. */
int blob_get(struct store *, struct id, guint64 max, GError **error);
bool blob_exists(struct store *, struct id);	/* row, key and file are there */
bool blob_is_erased(struct store *, struct id);	/* on purpose */
/* Drops the key in the turn, the file after its commit; the row stays, so the ledger knows it was erased. */
enum outcome blob_erase(struct store *, struct id, GError **error);
guint blob_sweep(struct store *);	/* removes files without rows; at start only; how many */

/* ---- mails.c -------------------------------------------------------------------------- */

struct mailbox { char *name, *type, *identity; gint64 first_poll, last_poll, last_good, floor; char *cursor, *error; };
void mailbox_free(struct mailbox *);
enum outcome mailbox_put(struct store *, const struct mailbox *, GError **error);	/* insert or update */
struct mailbox *mailbox_get(struct store *, const char *name); GPtrArray *mailbox_list(struct store *);

enum outcome mail_add(struct store *, const struct mail *, GError **error);
/* Updates every mutable column of the row. */
enum outcome mail_put(struct store *, const struct mail *, GError **error);
struct mail *mail_get(struct store *, struct id);	/* NULL: no such row */
bool mail_known(struct store *, const char *mailbox, const char *identity, const char *uid, struct id *out);
/* Non-final rows with next_try <= now, not in_attempt, oldest first.  `one state` or -1 for all. */
GPtrArray *mail_due(struct store *, int state, gint64 now, guint limit);
gint64 mail_next_due(struct store *);			/* earliest next_try of any, ms; -1 */
GPtrArray *mail_in_attempt(struct store *);		/* after a restart */
GPtrArray *mail_sealed(struct store *, guint limit);	/* decided, but encrypted and not opened */
/* A row whose server copy is to stay: not moved; one left in place only if it arrived before that (ms). */
bool mail_rests(struct store *, const char *mailbox, const char *identity, const char *uid, gint64 left_before);
/* Stored whole before that (ms) and done with, server copy still there. */
GPtrArray *mail_outstayed(struct store *, const char *mailbox, gint64 stored_before, guint limit);
GPtrArray *mail_unmoved(struct store *, const char *mailbox, guint limit);	/* stored, server copy still there */
/* Lists go in order of arrival; after: the last id text (ticket number) of the page before, or NULL. */
GPtrArray *mail_list(struct store *, int state, guint limit, const char *after);
GPtrArray *mail_filed(struct store *, enum kind, gint64 since, guint limit);	/* decided, received since then */
GPtrArray *mail_of_ticket(struct store *, struct id ticket);
/* Letter and verdict as opened; identity digests for duplicates and receipts are taken from it. */
enum outcome mail_put_letter(struct store *, struct id, const struct letter *, const struct verdict *,
	GError **error);
struct letter *mail_letter(struct store *, struct id, struct verdict *out, GError **error);	/* NULL: none yet */
/* The original this mail is a copy of (equal Message-ID, Date, From, body): one decided as a person's mail
 * with a ticket, whichever arrived first.  Machine mail, duplicates, undecided and held copies are none. */
bool mail_twin(struct store *, struct id, struct id *out);
/* Another mail with this Message-ID and another body? */
bool mail_same_message_id(struct store *, struct id, struct id *out);
/* Latest mail that came with this Message-ID (without < >) and has a ticket. */
bool mail_by_message_id(struct store *, const char *message_id, struct id *out);
/* Latest mail of this From address that opened a ticket. */
bool mail_first_of(struct store *, const char *address, struct id *out);
bool mail_by_own_digest(struct store *, const guint8 own[DIGEST_SIZE], struct id *out);
/* The copy in the done folder: as that folder lists it (identity, uid); whose it is; of which listing it is. */
void mail_set_done(struct mail *, const char *identity, const char *uid);
bool mail_by_done(struct store *, const char *mailbox, const char *identity, const char *uid, struct id *out);
bool mail_done_is_of(const struct mail *, const char *identity);
/* A mail of this mailbox with these raw bytes (hex); rather one whose copy is not known. */
bool mail_by_content(struct store *, const char *mailbox, const char *sha256, struct id *out);
bool mail_by_sha256(struct store *, const guint8 sha256[DIGEST_SIZE], struct id *out);
/* Ledger: kind[k] per enum kind of final rows (held ones only if oversize), plus held and pending; missing: rows
 * whose blob is gone without having been erased.  mailbox NULL: all.  missing: g_ptr_array_unref(). */
struct ledger { guint64 seen, kind[kind_count], held, pending; GPtrArray *missing; /* id texts */ };
void ledger_of(struct store *, const char *mailbox, struct ledger *);

/* ---- tickets.c ------------------------------------------------------------------------ */

/* Takes the next number of the year (in the site's time zone), fills id, number and receipt_code.  format:
 * %i hotline, %y year, %n or %06n number, %% percent; NEVER without a number.  Without %y (%i) the count does
 * not start anew with the year (hotline). */
enum outcome ticket_add(struct store *, struct ticket *, const char *format, const char *hotline_id,
	int year, GError **error);
enum outcome ticket_put(struct store *, const struct ticket *, GError **error);
struct ticket *ticket_get(struct store *, struct id); struct ticket *ticket_by_receipt_code(struct store *,
	const char *code);
struct ticket *ticket_by_number(struct store *, const char *number);	/* folds case */
GPtrArray *ticket_list(struct store *, int state, bool all, guint limit, const char *after);	/* after: number */
guint64 ticket_open_count(struct store *, bool drill);	/* drills apart from all others */
/* The thread code of (ticket, address), made at first use. g_free(). */
char *thread_code(struct store *, struct id ticket, const char *address, GError **error);
/* Whose thread: ticket and the address the code was made for (g_free()). */
bool thread_find(struct store *, const char *code, struct id *ticket, char **address);
/* Has this address written to the ticket (relation "first" or "reply"), or is it a party of its threads? */
bool thread_has_address(struct store *, struct id ticket, const char *address);

/* ---- outbox.c ------------------------------------------------------------------------- */

enum outcome outgoing_add(struct store *, const struct outgoing *, GError **error);
enum outcome outgoing_put(struct store *, const struct outgoing *, GError **error);
struct outgoing *outgoing_get(struct store *, struct id);
/* Not in_attempt, oldest or newest first; state -1: any. */
GPtrArray *outgoing_due(struct store *, int state, bool newest, gint64 now, guint limit);
gint64 outgoing_next_due(struct store *, int state);
/* Finished, not in_attempt, and waiting since before. */
GPtrArray *outgoing_waiting_since(struct store *, gint64 before, guint limit);
/* Latest reports of this kind, newest first, of tickets that are not closed. */
GPtrArray *outgoing_reported(struct store *, enum fate, gint64 since, guint limit);
GPtrArray *outgoing_in_attempt(struct store *);
GPtrArray *outgoing_list(struct store *, int state, guint limit, const char *after);
GPtrArray *outgoing_of_ticket(struct store *, struct id ticket);
bool outgoing_by_message_id(struct store *, const char *message_id, struct id *out);
/* Latest creation time of this template for this ticket; -1. */
gint64 outgoing_last(struct store *, struct id ticket, const char *template);
/* Mails let out under the caps since then: to this address, to its domain, in all; and those that were not. */
guint64 outgoing_passed_to(struct store *, const char *address, gint64 since);
guint64 outgoing_passed_domain(struct store *, const char *address, gint64 since);
guint64 outgoing_passed(struct store *, gint64 since); guint64 outgoing_capped(struct store *, gint64 since);
/* Mails of these states. */
guint64 outgoing_count(struct store *, enum out_state);
guint64 outgoing_sent_since(struct store *, gint64 from, gint64 now);	/* ms */
gint64 outgoing_oldest(struct store *);			/* created of the oldest not final; -1 */

/* ---- alarms.c: what the administrator must be told beside the mail ---------------------- */

struct alarm {
	struct id id;
	char *cause, *text;		/* unique, "mailbox:main"; text: sealed */
	gint64 since, told, cleared;	/* ms; told: the command ran for it; 0: not yet */
	gint64 next_try;		/* of the command, ms */
	guint attempts;			/* of the command that failed in a row */
};
void alarm_free(struct alarm *);
enum outcome alarm_put(struct store *, const struct alarm *, GError **error);	/* insert or update */
enum outcome alarm_drop(struct store *, const char *cause, GError **error);
struct alarm *alarm_get(struct store *, const char *cause);	/* NULL: none; also one that is cleared, but not told */
GPtrArray *alarm_list(struct store *);				/* those not cleared, oldest first */
struct alarm *alarm_next(struct store *);			/* the one whose command is due first; NULL */

#include "store/backup.h"	/* the rest of what this folder shows */
#include "store/certificates.h"	/* the rest of what this folder shows */
#include "store/journal.h"

#endif
