/* SPDX-License-Identifier: ISC
 *
 * hub.h: private to the hub program.  One event loop, one writer of the store, the only clock.
 * The files: hub.c (loop, turns, links), intake.c (mailboxes), job.c (life of a mail), decide.c
 * (facts, plans applied), outbox.c (outgoing mail), waiting.c (its pauses), returned.c (bounces),
 * child.c (letter processes), control.c (ungcuuctl), moves.c (tables).
 */
#ifndef UNGCUU_ROLE_HUB_H
#define UNGCUU_ROLE_HUB_H

#include "role/opening.h"
#include "role/role.h"
#include "store/store.h"

/* ---- moves.c: every (state, event) pair of a mail's life; no row means "refuse and log"  */

#define MAIL_EVENT_LIST(X) \
	X(START,      "start")		/* an attempt begins, counted before it does */ \
	X(OPENED,     "opened")		/* letter and verdict are there */ \
	X(DECIDED,    "decided")	/* the plan was applied */ \
	X(REFUSED,    "refused")	/* a named limit, or the stored bytes are not sound */ \
	X(LATER,      "later")		/* not now: no worker, no disk */ \
	X(DEATH,      "death")		/* a counted death, one more allowed */ \
	X(LAST_DEATH, "last-death")	/* a counted death too many, or an end while alone */ \
	X(END,        "end")		/* an unexplained end */ \
	X(REFUND,     "refund")		/* an orderly stop took the attempt back */ \
	X(RETRY,      "retry")		/* a person says: again */ \
	X(KEY,        "key")		/* sealed, and a key of ours arrived: read once more */ \
	X(ADOPT,      "adopt")		/* left in place before, and taken in now */
#define WORDS_ENUM_MAIL_EVENT(n, w) MAIL_EVENT_##n,
WORDS(mail_event, MAIL_EVENT, MAIL_EVENT_LIST)

#define OUT_EVENT_LIST(X) \
	X(START,      "start") \
	X(PROTECTED,  "protected")	/* the finished bytes are stored */ \
	X(ACCEPTED,   "accepted")	/* by the server, durably */ \
	X(REFUSED,    "refused")	/* 5xx, or it cannot be made */ \
	X(LATER,      "later") \
	X(DEATH,      "death") \
	X(LAST_DEATH, "last-death") \
	X(END,        "end") \
	X(REFUND,     "refund") \
	X(LATE,       "late")		/* it must say that it leaves late: made anew */ \
	X(REDIRECT,   "redirect")	/* its ticket is a drill's: made anew, for another */ \
	X(RETRY,      "retry") \
	X(GIVE_UP,    "give-up")	/* not now, and policy.give_up is over */ \
	X(CANCEL,     "cancel")		/* it must not leave, or a person says: never */
#define WORDS_ENUM_OUT_EVENT(n, w) OUT_EVENT_##n,
WORDS(out_event, OUT_EVENT, OUT_EVENT_LIST)

/* The next state, or -1: refused. */
int mail_move(enum mail_state, enum mail_event);
int out_move(enum out_state, enum out_event);
/* Both whole matrices, for `make tables` and the golden file; g_free(). */
char *moves_print(void);

/* ---- hub.c --------------------------------------------------------------- */

struct child;
struct intake;
struct mail_job;
struct out_job;

/* One socket of the loop. */
struct link {
	enum role role;			/* of the other side */
	guint index, generation;
	struct peer *peer;
	gint64 deadline;		/* of what it was asked, ticks; -1: nothing asked */
	gint64 patience;		/* with each answer of the last request's kind, ms */
	bool closed;			/* hung up; its GONE is still to come */
	bool dropped;			/* to be freed after this turn */
	bool unsent;			/* no frame can hold what it is to be asked */
	bool overdue;			/* past its deadline or broke the rules: its end counts */
	bool renewed;			/* we asked for its end */
	struct child *child;		/* ROLE_LETTER */
	int ingest;			/* ROLE_CONTROL: memfd of the mail it handed over; -1 */
};

/* watch.c's; ms */
struct watch {
	gint64 began;			/* of this ungcuud, or of the time a clock went back */
	gint64 back;			/* when the clock last went back; 0: never */
	gint64 unserved;		/* mail waits and nobody hands it on since; 0: somebody */
	bool full;			/* the last mail found no room */
	bool started;
};

struct hub;
typedef void hub_action(struct hub *, void *data);

struct hub {
	struct options *options;
	struct site *site;
	struct store *store;
	struct certificates *certificates;
	struct compile *compile;	/* of certificates; NULL: the index is current */
	guint compiler;			/* index of the keys worker asked, + 1; 0: none */
	int compiled;			/* memfd of its answer */
	GPtrArray *links;		/* struct link */
	struct link *supervisor;
	int control_fd;
	GArray *actions;		/* what the turn's commit releases */
	gint64 now;			/* of this turn, ms: for rows and people; it may be set */
	gint64 ticks;			/* of this turn, ms, never set: for deadlines and polls */
	guint next_job;
	guint letters;			/* of this zygote */
	GPtrArray *children;		/* struct child under way */
	GPtrArray *boxes;		/* struct intake */
	GPtrArray *mail_jobs;		/* struct mail_job: letters being opened */
	GPtrArray *out_jobs;		/* struct out_job */
	bool once, stopping, finished, again;
	gint64 stop_deadline;		/* ticks */
	gint64 began;			/* of this ungcuud, ms; an earlier hub may have been */
	bool trouble;			/* held or failed in this run: exit 1 */
	bool solo;			/* a mail is being retried alone */
	bool mail_blocked, out_blocked;	/* something is due but its worker is busy or away */
	gint64 rest_until, rest_since;	/* nothing is handed on before; shut since, 0: open.  ms */
	guint rest_tries;		/* in a row that found the way out shut */
	char *rest_why;
	bool held_changed;		/* an outgoing mail was held, or is no more */
	bool newest_out;		/* whose turn it is of what leaves */
	gint64 digest_due, retention_due;	/* ms; 0: not looked up yet */
	struct watch watch;
	GArray *helpers;		/* struct helping: requests on their way; NULL: none yet */
	guint next_helper;
	GPtrArray *tokens;		/* struct token; NULL: none yet */
	char *telling;			/* cause of the alarm whose command runs; or NULL */
	gint64 appointed;		/* latest time an answer of this run is planned for, ms */
};

/* Runs `run(hub, data)` after the turn's commit, in order. */
void hub_after_commit(struct hub *, hub_action *run, void *data);
/* The link of a worker that is there and whose request queue is shorter than `depth`; or NULL. */
struct link *hub_worker(struct hub *, enum role, guint index, guint depth);
struct link *hub_idle_keys(struct hub *);
bool hub_has_keys(const struct hub *);		/* busy ones, too */
/* One request to an idle keys worker, which is busy from now on.  Closes the question's
 * descriptors. */
void hub_ask_keys(struct hub *, struct link *, struct question *);
struct link *hub_link_new(struct hub *, enum role, guint index, guint generation, int fd);
void hub_link_drop(struct link *);
void hub_link_read(struct hub *, struct link *);	/* what lies there now */
/* Sends after the commit; the body is sunk, the fds are duplicated.  deadline_ms from now. */
void hub_request(struct hub *, struct link *, int verb, GVariant *body, const int *fds, guint n_fds,
	gint64 deadline_ms);
/* Asks the supervisor to end and restart a worker. */
void hub_renew(struct hub *, struct link *);
/* In a turn, a store verb that fails ends the hub: the set starts anew with what was last
 * committed. */
void hub_must(enum outcome, GError **error, const char *what);
void hub_journal(struct hub *, struct id ticket, struct id mail, const char *event,
	const char *why);

/* ---- link.c -------------------------------------------------------------- */

GPtrArray *link_list_new(void);

/* ---- child.c: one letter process ----------------------------------------- */

enum child_end { CHILD_ANSWERED, CHILD_DIED, CHILD_ENDED, CHILD_UNAVAILABLE };
typedef void child_done(struct hub *, void *data, enum child_end, enum outcome, const char *why);
struct child_request {
	int verb;
	GVariant *body;			/* floating */
	int fds[FRAME_FDS_MAX];		/* owned by the request; closed when it is sent */
	guint n_fds;
	int results[2];			/* of those, memfds to freeze before `done`; -1 */
	child_done *done;
	void *data;
};
bool child_possible(struct hub *);
void child_work(struct hub *);
void child_start(struct hub *, struct child_request *);
void child_answered(struct hub *, struct link *, struct frame *);
void child_spawned(struct hub *, struct link *zygote, struct frame *);
void child_ended(struct hub *, struct link *zygote, struct frame *);
void child_broken(struct hub *, struct child *, const char *why);	/* broke the frame rules */
void child_zygote_gone(struct hub *, bool ours);
GPtrArray *child_list_new(void);

/* ---- fair.c -------------------------------------------------------------- */

/* What is due of the outgoing mails of this state (-1: any): the oldest and the newest by turns. */
GPtrArray *fair_due(struct hub *, int state);

/* ---- intake.c ------------------------------------------------------------ */

void intake_start(struct hub *);
void intake_stop(struct hub *);
void intake_work(struct hub *);
gint64 intake_next(struct hub *);
/* A poll is under way, or --once has not polled yet. */
bool intake_busy(struct hub *);
bool intake_was_cut(struct hub *);		/* a stop ended a poll early */
void intake_listed(struct hub *, struct link *, struct frame *);
void intake_dated(struct hub *, struct link *, struct frame *);
void intake_taken(struct hub *, struct link *, struct frame *);
void intake_roomed(struct hub *, struct link *, struct frame *);
void intake_removed(struct hub *, struct link *, struct frame *);
void intake_waited(struct hub *, struct link *, struct frame *);
void intake_settled(struct hub *, struct link *, struct frame *);
void intake_gone(struct hub *, guint index, const char *cause);
char *intake_adopt(struct hub *, const char *mailbox, gint64 since, bool silent, int *exit_code);

/* ---- job.c, decide.c ----------------------------------------------------- */

/* After a start: attempts that were under way when the last hub ended. */
void job_recover(struct hub *, enum death);
void job_work(struct hub *);
void job_refund(struct hub *);
/* Was a mail held, in or out, since this ungcuud began? */
bool job_held_since(struct hub *, gint64 began);
/* Moves the row, counts, writes the journal; `why` for held and later. */
void job_event(struct hub *, struct mail *, enum mail_event, const char *stage, const char *why);
char *job_retry(struct hub *, const char *id_text, int *exit_code);	/* JSON for ungcuuctl */
void job_opened(struct hub *, struct link *, struct frame *);
void job_gone(struct hub *, guint keys, enum death, const char *cause);
/* Sealed mails are read once more when other keys are ours than at the last start or reload. */
void job_keys_changed(struct hub *);
gint64 mail_came(const struct mail *);		/* ms */
void decide_mail(struct hub *, struct mail *);
void decide_held(struct hub *, struct mail *);

/* ---- directory.c: certificates, and whom they belong to ------------------ */

void directory_open(struct hub *);		/* the index; at the start */
void directory_start(struct hub *);		/* after each slice: what changed in the folder? */
void directory_work(struct hub *);
void directory_read(struct hub *, struct link *, struct frame *);
void directory_gone(struct hub *, guint keys, const char *cause);
/* Pins what came with the mail, for its From address. */
void directory_pin(struct hub *, const struct mail *, const struct opening *);
/* What to encrypt to for this address: of a party with keys one of those; else one that names the
 * address, else the pinned one.  NULL: none that can be used now. */
struct recipient { char *fingerprint; GBytes *certificate; };
struct recipient *directory_recipient(struct hub *, const char *address);
void recipient_free(struct recipient *);

/* ---- outbox.c ------------------------------------------------------------ */

void outbox_recover(struct hub *, enum death);
void outbox_work(struct hub *);
void outbox_refund(struct hub *);
void outbox_protected(struct hub *, struct link *, struct frame *);
void outbox_sent(struct hub *, struct link *, struct frame *);
void outbox_gone(struct hub *, enum role, guint index, enum death, const char *cause);
/* One outgoing mail of a plan. */
void outbox_plan(struct hub *, const struct effect *, const struct mail *, struct id ticket);
char *outbox_retry(struct hub *, const char *id_text, int *exit_code);

/* ---- waiting.c: the way out is shut, or was --------------------------------- */

void waiting_recover(struct hub *);
/* All mails wait, longer each time. */
void waiting_shut(struct hub *, guint code, const char *why);
void waiting_open(struct hub *);
void waiting_anew(struct hub *);		/* a reload, a person: the next one tries at once */
bool waiting_rests(const struct hub *);
bool waiting_probes(const struct hub *);
void waiting_work(struct hub *);		/* holds what waited too long */
void waiting_held(struct hub *);		/* tells of held mail, once a turn */
/* policy.give_up */
bool waiting_is_over(const struct hub *, const struct outgoing *);
GPtrArray *waiting_due(struct hub *);		/* what may be tried now */
gint64 waiting_next(const struct hub *);	/* when something may be tried next, ms; -1 */
gint64 waiting_jitter(gint64 wait);		/* within a tenth of it */

/* ---- returned.c: bounces ---------------------------------------------------- */

/* True: the letter is a bounce of a mail we sent, and the facts say which. */
bool returned_facts(struct hub *, const struct letter *, struct facts *);
void returned_apply(struct hub *, const struct effect *, const struct mail *);

/* ---- queue.c --------------------------------------------------------------- */

/* queue retry|cancel ID: JSON for ungcuuctl. */
char *queue_request(struct hub *, const char *const *words, int *exit_code);

/* ---- helper.c: programs of the site, run by the supervisor --------------- */

/* status: 0; of a failed run another one, 127 if none of this name is configured.  output: at most
 * 16 KB, wiped afterwards. */
typedef void helper_done(struct hub *, void *data, guint status, const char *output);
void hub_helper(struct hub *, const char *name, const char *const *arguments, helper_done *,
	void *data);
bool helper_busy(const struct hub *);
void helper_answered(struct hub *, struct link *, struct frame *);

/* ---- alarm.c: alarm.command, and what `status` calls alarms -------------- */

/* cause: a short word, with an id where there are several ("mailbox:main"); raised once until it
 * is cleared, told again every day.  The text: one line without content or addresses. */
void alarm_raise(struct hub *, const char *cause, const char *format, ...) G_GNUC_PRINTF(3, 4);
void alarm_clear(struct hub *, const char *cause);	/* nothing, if it is not raised */
void alarm_work(struct hub *);
gint64 alarm_due(struct hub *);				/* -1: nothing to tell */

/* drill.c: "ticket drill ID yes|no" */
char *drill_set(struct hub *, const char *const *words, int *exit_code);
/* ---- digest.c: once a week, to the administrators --------------------------- */

void digest_work(struct hub *);
gint64 digest_next(const struct hub *);		/* ms */

/* ---- retention.c --------------------------------------------------------- */

void retention_work(struct hub *);
gint64 retention_next(const struct hub *);	/* ms */

/* ---- covered.c: what the last backup holds ---------------------------------- */

void backup_start(struct hub *);		/* takes over the note beside the store */
char *backup_made(struct hub *, const char *const *words, int *exit_code);
/* Is the whole of this mail in a backup that was read back? */
bool backup_covers(struct hub *, const struct mail *);

/* ---- token.c: access tokens of fetch and submit -------------------------- */

void token_wanted(struct hub *, struct link *, struct frame *);
void token_forget(struct hub *);
char *token_cause(const char *mailbox);		/* of its alarm; NULL: submission.  g_free() */

/* ---- watch.c: what the hub notices by itself, as alarms ------------------ */

void watch_start(struct hub *);
void watch_work(struct hub *);
void watch_clock_back(struct hub *, gint64 by);	/* ms; hub->now is the new time */
/* What became of one mail taken in. */
void watch_taken(struct hub *, enum outcome, const char *why);

/* ---- control.c ----------------------------------------------------------- */

void control_open(struct hub *);
void control_accept(struct hub *);
void control_request(struct hub *, struct link *, struct frame *);
char *control_refusal(const char *what, const char *why);	/* JSON; g_free() */
char *control_retried(const char *id);

/* ---- ingest.c, evidence.c: what ungcuuctl hands over ----------------------- */

void ingest_asked(struct hub *, struct link *, struct frame *);
void ingest_work(struct hub *);
char *evidence_add(struct hub *, const char *const *words, int *exit_code);	/* JSON; g_free() */

#endif
