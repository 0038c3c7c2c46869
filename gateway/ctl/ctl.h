/* SPDX-License-Identifier: ISC
 *
 * ctl: private to ungcuuctl.  One table of verbs (main.c) drives parsing, usage and help.  A
 * verb fills one JSON object; what a person reads is printed from that same object, so the two
 * cannot disagree.
 */
#ifndef UNGCUU_CTL_H
#define UNGCUU_CTL_H

#include "role/role.h"
#include "store/store.h"

#include <jansson.h>

/* ---- main.c: a call ------------------------------------------------------------------ */

struct ctl {
	const char *file;		/* -f */
	bool json, verbose, all, silent, replace, verify, dry_run;
	const char *after, *mailbox, *state, *to, *name, *address, *since, *from, *by, *note;
	gint64 limit, expire;		/* rows; days */
	char *const *words;		/* after noun and verb */
	int n_words;

	gint64 now;			/* of this call, ms */
	struct options *options;	/* NULL: the verb needs none */
	struct store *store;		/* read-only; NULL: the verb needs none */
	char *error_what, *error_why;	/* set by ctl_fail() */
};

/* Fills `out`; returns the exit status, sysexits.  An error is `return ctl_fail(...)`. */
typedef int ctl_run(struct ctl *, json_t *out);
/* Prints the same for a person. */
typedef void ctl_print(const json_t *out);

int ctl_fail(struct ctl *, int status, const char *what, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
/* From an error of the layers below: LATER is 75, NEVER is 65.  Frees and clears *error. */
int ctl_fail_error(struct ctl *, const char *what, GError **error);
/* The word of `words` a wrong one probably meant, or NULL. */
const char *ctl_nearest(const char *wrong, const char *const *words, guint n);
/* Index of --state among the words; -1 if it was not given, or is none of them (then an error is
 * set). */
int ctl_state(struct ctl *, const char *const *words, guint n);

/* ---- json.c: values; texts are made valid UTF-8 ----------------------------------------- */

void put_text(json_t *object, const char *key, const char *text);	/* NULL: null */
void put_time(json_t *object, const char *key, gint64 ms);		/* < 0: null */
void put_int(json_t *object, const char *key, gint64);
void put_bool(json_t *object, const char *key, bool);
void put_id(json_t *object, const char *key, struct id);		/* null id: null */
json_t *put_array(json_t *object, const char *key);			/* borrowed, empty */
json_t *put_object(json_t *object, const char *key);			/* borrowed, empty */
json_t *add_object(json_t *array);					/* borrowed, empty */
void add_text(json_t *array, const char *text);

/* ---- print.c --------------------------------------------------------------------------------- */

struct column { const char *key, *title; };
/* One line a row; rows of objects.  Says "none" without rows. */
void print_table(const json_t *rows, const struct column *, guint n);
/* The rows under `key`, and how to ask for those after them. */
void print_page(const json_t *out, const char *key, const struct column *, guint n);
/* "Title: value", aligned; absent and null values are left out; texts of several lines are
 * indented. */
void print_fields(const json_t *object, const struct column *, guint n);
void print_line(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The value as a person reads it, without control characters; g_free(). */
char *print_value(const json_t *);

/* ---- worker.c: jailed roles started for one call -------------------------------------- */

struct helper {
	const struct ctl *ctl; enum role role; guint index;
	pid_t pid; struct peer *peer; struct agent agent; char *runtime;
};
/* Started, in its jail, with its slice of the configuration; keys with an agent of its own. */
enum outcome helper_start(const struct ctl *, enum role, guint index, struct helper *,
	GError **error);
/* One request, one answer; the body is sunk, the descriptors stay the caller's. */
enum outcome helper_ask(struct helper *, const struct question *, struct frame *answer,
	GError **error);
/* Ends it and what it started. */
void helper_stop(struct helper *);
/* LATER with how it ended. */
enum outcome helper_ended(struct helper *, GError **error);

/* ---- letter.c: one raw mail through a jailed mime ------------------------------------- */

struct opened_mail {
	bool is_held;
	char *reason;			/* why held */
	struct letter *letter;		/* NULL when held */
	struct verdict verdict;
};
void opened_mail_clear(struct opened_mail *);
typedef struct opened_mail opened_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(opened_auto, opened_mail_clear)
/* DONE also for a mail that is held; else the gateway's own parts did not work. */
enum outcome opened_read(const struct ctl *, GBytes *raw, struct opened_mail *, GError **error);

/* A file or "-" whole.  Over max: *bytes NULL, and size and digest still those of all of it. */
struct input { GBytes *bytes; guint64 size; guint8 sha256[DIGEST_SIZE]; };
void input_clear(struct input *);
typedef struct input input_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(input_auto, input_clear)
enum outcome input_read(const char *name, guint64 max, struct input *, GError **error);

/* How a letter reads in JSON; shared by inspect and ticket show. */
void put_from(json_t *object, const struct letter *);			/* may be NULL */
void put_attachments(json_t *object, const struct letter *);
void put_indicators(json_t *object, const struct letter *);

/* ---- the verbs ------------------------------------------------------------------------ */

ctl_run run_ticket_drill, run_ingest, run_evidence_add, run_mailbox_adopt, run_inspect, run_ticket_list,
	run_ticket_show,
	run_ticket_export, run_queue_list, run_queue_show, run_queue_retry, run_queue_cancel, run_hold_list,
	run_hold_show, run_hold_retry, run_ledger, run_status, run_check, run_explain, run_journal_verify,
	run_receipt_verify, run_key_generate, run_key_list, run_key_show, run_key_check, run_key_import,
	run_key_enrol, run_key_retire, run_key_forget, run_key_accept, run_backup, run_restore, run_replay;
ctl_print print_ticket_drill, print_ingest, print_evidence_add, print_mailbox_adopt, print_inspect, print_ticket_list,
	print_ticket_show, print_ticket_export, print_queue_list, print_queue_show, print_queue_change,
	print_hold_list, print_hold_show, print_hold_retry, print_ledger, print_status, print_check,
	print_explain, print_journal_verify, print_receipt_verify, print_key_generate, print_key_list,
	print_key_show, print_key_import, print_key_enrol, print_key_retire, print_key_forget,
	print_key_accept, print_backup, print_restore, print_replay;

/* tickets.c, for export.c and explain.c */
struct ticket *ticket_named(struct ctl *, const char *name);		/* number or id; NULL */
void put_ticket(json_t *object, const struct ticket *);
void put_ticket_whole(struct ctl *, json_t *object, const struct ticket *);
void put_events(struct ctl *, json_t *object, struct id);
void put_open(struct ctl *, json_t *object);		/* open tickets, drills apart */
char *number_of(struct ctl *, struct id ticket);			/* or NULL; g_free() */
/* queue.c, for queue-one.c and tickets.c; is_id: false sets the error */
void put_outgoing(struct ctl *, json_t *object, const struct outgoing *);
bool is_id(struct ctl *, const char *text);
/* queue.c, for status.c: a connection to the hub's control socket, or -1 with errno */
int daemon_connect(const struct ctl *);
/* queue.c, for key-change.c: asks the daemon; its answer, error and exit status become ours */
int daemon_ask(struct ctl *, const char *const *words, json_t *out);
/* queue.c, for ingest.c: its own answer (us) becomes ours */
int daemon_take(struct ctl *, json_t *out, struct frame *);
/* ingest.c, for main.c: from here on whatever ends the process is 75 to the MTA; its exit status */
void ingest_guard(void);
int ingest_status(int status);
/* status.c, for check.c: days until a key expires, -1 never */
gint64 days_until(gint64 expires, gint64 now);

#endif
