/* SPDX-License-Identifier: ISC
 *
 * intake.h: private to intake.c, settle.c, adopt.c, drop.c: one mailbox's state machine.
 */
#ifndef UNGCUU_ROLE_INTAKE_H
#define UNGCUU_ROLE_INTAKE_H

#include "role/hub.h"

#define ANSWER_MS 300000		/* a fetch that is silent this long is ended */
/* Before the count of a name used again, as in the done folder. */
#define SECOND ",ungcuu-"

enum phase { PHASE_IDLE, PHASE_LISTING, PHASE_TAKING, PHASE_SETTLING };

struct wanted {
	char *uid;
	struct id known;		/* the moved or left mail that had this name; null: none */
	bool adopts;			/* it is the left one, and is taken in now */
	bool swept;			/* it lies in the done folder */
	const char *folder;		/* of box->folders */
	bool header_only;		/* larger than policy.max_size */
	guint64 size;			/* as listed */
	gint64 arrived;			/* -1: not asked yet */
	struct blob blob;
};

void wanted_free(void *wanted);

struct intake {
	char *name, *type;
	guint index;
	enum phase phase;
	gint64 next_poll, interval, adopt_since, backoff;
	gint64 failed_at;		/* when a poll failed last, of this hub */
	gint64 failing_since;		/* the first of those since a good one; 0: none */
	gint64 unserved;		/* it has no process since; 0: it has */
	guint64 max_size;
	GPtrArray *folders;
	GPtrArray *cursors;		/* char * of each: IMAP: nothing up to this uid is wanted */
	guint folder;
	gint64 adopt_from;		/* left mail that came since then is taken in; -1: none */
	bool adopt_silent;
	char *after, *identity;
	bool more, failed;
	bool has_holes;			/* the server did not tell of all mails of this folder */
	bool refused;			/* what a person must mend: login, certificate, settings */
	bool cut;			/* a stop ended this poll early: it proves nothing */
	GQueue wanted;			/* struct wanted: to be taken */
	GQueue taking;			/* struct wanted: asked for, in order */
	GArray *settling;		/* struct id: rows of the SETTLE under way, in its order */
	bool waiting, hinted;		/* WAIT is under way; the next poll is due to its answer */
	guint hints;			/* since the last regular poll; at its most: no WAIT */
	gint64 next_room;		/* when it is asked how full it is */
	guint room_told;		/* per cent of the last mark that was told of */
	guint moved;			/* of this poll's last SETTLE */
	bool is_drop;			/* POP3: mail stays there until done_keep is over */
	gint64 keep;			/* done_keep, ms; -1: for ever */
	GPtrArray *outworn;		/* keep.c: copies that may go; `removing`: asked for */
	guint removing;
	bool may_remove;
	guint polls;
	struct mailbox *row;

	/* balance.c */
	char *done_folder;
	gint64 balance_due;
	bool sweeps;			/* this poll lists the done folder, too */
	bool restores;			/* after a restore: what is unknown there is taken in */
	gint64 restored_at;		/* POP3: what came before it may be answered; ms, -1 */
	GHashTable *compared;		/* char *: copies whose bytes were looked at; stray? */
	guint64 strays;			/* of this sweep */
};

/* The folder being read: a watched one, or after those the done folder. */
const char *intake_folder(const struct intake *);
guint intake_folders(const struct intake *);	/* of this poll */
/* This poll is over; it was good unless a mail could not be taken. */
void intake_through(struct hub *, struct intake *);
/* A row for what stays where it is and is never answered. */
void intake_leave(struct hub *, struct intake *, const char *uid, gint64 arrived, guint64 size);
/* This poll is over and proves nothing; the next comes after a back-off. */
void intake_failed(struct hub *, struct intake *, const char *why);
/* What `mailbox adopt` said of it last. */
void intake_adopt_read(struct hub *, struct intake *);
/* Left mail that was taken after all; its row is there already. */
void intake_adopted(struct hub *, const struct intake *, struct wanted *, guint64 size,
	const char *sha256);
/* The next poll lists everything. */
void intake_cursors_forget(struct intake *);
/* oversize.c: it is asked for once more, its header alone. */
void oversize_header_next(struct intake *, struct wanted *);
/* Not even that can be stored: a row all the same, held, and a ticket for a person. */
void oversize_refused(struct hub *, struct intake *, struct wanted *, const char *why);
/* idle.c: asks the server to tell of new mail, where it can and nobody waits for it yet. */
void idle_ask(struct hub *, struct intake *, struct link *);
void idle_regular_poll(struct intake *);
/* room.c: asks how full it is, once an hour. */
void room_ask(struct hub *, struct intake *, struct link *);
/* Asks for the oldest unmoved mails of one folder; false when there are none. */
bool settle_ask(struct hub *, struct intake *, struct link *);
char *settle_name(const char *uid);	/* at the server; g_free() */

/* drop.c: a POP3 maildrop */

void drop_read(struct intake *);	/* its settings */
/* Has this mail, or one taken in later under the same uid, its row, and lies where it is to lie? */
bool drop_rests(struct hub *, const struct intake *, const char *uid);
/* The first page of a list, before anything is done with it; body: of LISTED. */
void drop_first_page(struct hub *, struct intake *, GVariant *body);
/* Asks when it arrived, before it is taken. */
void drop_ask_date(struct hub *, struct intake *, struct link *, struct wanted *);
/* The end of each poll: removes what was kept long enough, ends the session. */
void drop_end(struct hub *, struct intake *, struct link *);
void drop_ended(struct hub *, struct intake *, struct frame *);

/* ---- keep.c: done_keep -------------------------------------------------------- */

void keep_read(struct hub *, struct intake *);
bool keep_is_over(struct hub *, const struct intake *, const struct mail *);
/* A copy of this mail lies in the done folder. */
void keep_listed(struct hub *, struct intake *, struct id, const char *uid);
void keep_balanced(struct intake *, bool is_balanced);
void keep_ask(struct hub *, struct intake *, struct link *);
bool keep_is_busy(const struct intake *);
void keep_stop(struct intake *);

/* ---- again.c: names in use before -------------------------------------------- */

bool intake_put_back(struct hub *, const struct intake *, struct wanted *, const char *hex);

/* ---- balance.c: the done folder ---------------------------------------------- */

void balance_read(struct hub *, struct intake *);	/* after a restore? */
void balance_clear(struct intake *);
void balance_begin(struct hub *, struct intake *);	/* with a poll: is it time? */
/* One mail of the done folder's list: is it to be taken and looked at?  Then *wanted says how. */
bool balance_listed(struct hub *, struct intake *, const char *uid, gint64 arrived,
	struct wanted *);
/* It was: true when it has to be stored. */
bool balance_taken(struct hub *, struct intake *, const struct wanted *, const char *sha256);
void balance_refused(struct intake *, const struct wanted *);
void balance_end(struct hub *, struct intake *);	/* with a poll that went well */

#endif
