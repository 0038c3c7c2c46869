/* SPDX-License-Identifier: ISC
 *
 * hub: the one process that decides.  It works in turns: take the frames that are ready, decide,
 * commit one transaction, then release the frames and effects that the commit made durable.  It
 * relies on store, desk and its peers; it refuses to parse mail, to touch private keys and to
 * open a network socket.  When a turn cannot be committed the hub ends: the supervisor starts the
 * whole set anew from what was last committed.
 */
#include "role/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define STOP_PATIENCE 20000		/* ms for mails under way at an orderly stop */
#define WAIT_MAX 60000			/* ms the loop sleeps at most */
#define CLOCK_BACK 5000			/* ms that are more than a clock kept by NTP steps */

struct action {
	hub_action *run;
	void *data;
};

void
hub_after_commit(struct hub *hub, hub_action *run, void *data)
{
	struct action action = { run, data };

	g_array_append_val(hub->actions, action);
}

void
hub_must(enum outcome outcome, GError **error, const char *what)
{
	if (outcome != DONE)
		fatal(outcome == LATER ? EX_TEMPFAIL : EX_SOFTWARE, "%s: %s", what,
			error != NULL && *error != NULL ? (*error)->message : "no reason given");
}

void
hub_journal(struct hub *hub, struct id ticket, struct id mail, const char *event, const char *why)
{
	g_autoptr(GError) error = NULL;

	hub_must(journal_add(hub->store, hub->now, ticket, mail, event, why, &error), &error,
		"journal");
}

/* ---- frames from the supervisor ------------------------------------------ */

static void
worker_came(struct hub *hub, struct link *supervisor, struct frame *frame)
{
	guint32 role, index, generation;

	(void)supervisor;
	g_variant_get(frame->body, "(uuu)", &role, &index, &generation);
	for (guint i = 0; i < hub->links->len; i++) {
		struct link *link = hub->links->pdata[i];

		if (link->role == (enum role)role && link->index == index)
			hub_link_drop(link);
	}
	if (role == ROLE_MIME)
		hub->letters = 0;
	hub_link_new(hub, (enum role)role, index, generation, frame->fds[0]);
	frame->fds[0] = -1;
}

static void
worker_gone(struct hub *hub, struct link *supervisor, struct frame *frame)
{
	guint32 role, index, generation, death;
	const char *cause;
	bool ours = false;

	(void)supervisor;
	g_variant_get(frame->body, "(uuuu&s)", &role, &index, &generation, &death, &cause);
	for (guint i = 0; i < hub->links->len; i++) {
		struct link *link = hub->links->pdata[i];

		if (link->role != (enum role)role || link->index != index ||
		    link->generation != generation)
			continue;
		if (link->overdue)
			death = DEATH_COUNTED;
		ours = link->renewed;
		hub_link_drop(link);
	}
	if (role == ROLE_MIME)
		child_zygote_gone(hub, ours);
	else if (role == ROLE_FETCH)
		intake_gone(hub, index, cause);
	else
		outbox_gone(hub, (enum role)role, index, (enum death)death, cause);
	if (role == ROLE_KEYS) {
		job_gone(hub, index, (enum death)death, cause);
		directory_gone(hub, index, cause);
	}
}

static void
stop_asked(struct hub *hub, struct link *supervisor, struct frame *frame)
{
	(void)supervisor;
	(void)frame;
	hub->stopping = true;
	hub->stop_deadline = hub->ticks + STOP_PATIENCE;
	intake_stop(hub);
}

static void
slice_came(struct hub *hub, struct link *supervisor, struct frame *frame)
{
	g_autoptr(GError) error = NULL;
	struct options *options = role_read_slice(frame, &error);

	if (options == NULL)
		fatal(EX_CONFIG, "slice: %s", error->message);
	site_free(hub->site);
	options_free(hub->options);
	hub->options = options;
	hub->site = site_new(options);
	waiting_anew(hub);
	intake_start(hub);
	watch_start(hub);
	token_forget(hub);
	directory_start(hub);
	job_keys_changed(hub);
	hub_request(hub, supervisor, VERB_READY, g_variant_new("()"), NULL, 0, 0);
	log_event(LOG_NOTICE, "reload", "result=taken");
}

static void
folders_ignored(struct hub *hub, struct link *link, struct frame *frame)
{
	(void)hub;
	(void)frame;
	log_event(LOG_DEBUG, "frame-unused", "role=%s verb=%s", role_row(link->role)->name,
		verbs_table[frame->verb].name);
}

/* What each frame the hub may receive does; every verb towards the hub has a row. */
static const struct {
	enum verb_index verb;
	void (*handle)(struct hub *, struct link *, struct frame *);
} handlers[] = {
	{ VERB_SLICE,      slice_came },
	{ VERB_WORKER,     worker_came },
	{ VERB_GONE,       worker_gone },
	{ VERB_STOP,       stop_asked },
	{ VERB_HELPED,     helper_answered },
	{ VERB_LISTED,     intake_listed },
	{ VERB_DATED,      intake_dated },
	{ VERB_TAKEN,      intake_taken },
	{ VERB_SETTLED,    intake_settled },
	{ VERB_FOLDERED,   folders_ignored },
	{ VERB_SPAWNED,    child_spawned },
	{ VERB_ENDED,      child_ended },
	{ VERB_PARSED,     child_answered },
	{ VERB_EXTRACTED,  child_answered },
	{ VERB_COMPOSED,   child_answered },
	{ VERB_PROTECTED,  outbox_protected },
	{ VERB_OPENED,     job_opened },
	{ VERB_READINGS,   directory_read },
	{ VERB_WAITED,     intake_waited },
	{ VERB_ROOMED,     intake_roomed },
	{ VERB_REMOVED,    intake_removed },
	{ VERB_SENT,       outbox_sent },
	{ VERB_WANT,       token_wanted },
	{ VERB_CHECKED,    folders_ignored },
	{ VERB_CONTROL,    control_request },
	{ VERB_INGEST,     ingest_asked },
};

static void
frame_handle(struct hub *hub, struct link *link, struct frame *frame)
{
	/* Each of several requests on their way has its own time, which begins with the answer to
	 * the one before. */
	if (peer_pending(link->peer) == 0)
		link->deadline = -1;
	else if (link->patience > 0)
		link->deadline = hub->ticks + link->patience;
	for (guint i = 0; i < G_N_ELEMENTS(handlers); i++)
		if ((int)handlers[i].verb == frame->verb) {
			handlers[i].handle(hub, link, frame);
			return;
		}
	panic("no handler for verb %s", verbs_table[frame->verb].name);
}

/* ---- a link that hangs up or breaks the rules ---------------------------- */

static void
link_broken(struct hub *hub, struct link *link, const char *why)
{
	log_event(LOG_ERR, "peer-violation", "role=%s index=%u why=%s",
		role_row(link->role)->name, link->index, why);
	if (link->role == ROLE_SUPERVISOR)
		fatal(EX_SOFTWARE, "the supervisor broke the frame rules: %s", why);
	if (link->role == ROLE_LETTER) {
		child_broken(hub, link->child, why);
	} else if (link->role == ROLE_CONTROL) {
		hub_link_drop(link);
	} else {
		link->overdue = true;
		hub_renew(hub, link);
	}
}

static void
link_hung_up(struct link *link)
{
	if (link->role == ROLE_SUPERVISOR)
		fatal(EX_UNAVAILABLE, "the supervisor is gone");
	if (link->role == ROLE_CONTROL)
		hub_link_drop(link);
	link->closed = true;		/* its ENDED or GONE tells the cause */
}

/* At most LIMIT_TURN frames of one link; a worker that floods waits for the next turn. */
void
hub_link_read(struct hub *hub, struct link *link)
{
	for (guint i = 0; i < LIMIT_TURN && !link->closed && !link->dropped; i++) {
		g_autoptr(GError) error = NULL;
		g_auto(frame_auto) frame = { 0 };

		switch (peer_receive(link->peer, &frame, 0, &error)) {
		case RECEIVED:
			frame_handle(hub, link, &frame);
			break;
		case NOTHING_YET:
			return;
		case PEER_GONE:
			link_hung_up(link);
			return;
		case PEER_VIOLATION:
			link_broken(hub, link, error->message);
			return;
		}
	}
	hub->again = true;
}

static void
links_overdue(struct hub *hub)
{
	for (guint i = 0; i < hub->links->len; i++) {
		struct link *link = hub->links->pdata[i];

		if (link->deadline < 0 || link->deadline > hub->ticks || link->closed ||
		    link->dropped)
			continue;
		if (link->role == ROLE_CONTROL)		/* asks nothing, or does not hang up */
			hub_link_drop(link);
		if (peer_pending(link->peer) == 0 && !link->unsent)
			continue;
		log_event(LOG_ERR, "overdue", "role=%s index=%u", role_row(link->role)->name,
			link->index);
		link->overdue = true;
		if (link->role == ROLE_LETTER)
			child_broken(hub, link->child, link->unsent ? "cannot be asked" :
				"past its deadline");
		else
			hub_renew(hub, link);
	}
}

/* ---- turns --------------------------------------------------------------- */

/* A clock set back leaves what waits as far away as it was: by the times in the rows, a mail would
 * wait until the clock is there again.  Set forward, all of it is due, which does no harm. */
static void
hub_look_at_clock(struct hub *hub)
{
	gint64 now = clock_now(), back = hub->now - now;
	g_autofree char *why = NULL;
	g_autoptr(GError) error = NULL;

	hub->now = now;
	if (back < CLOCK_BACK)
		return;
	hub_must(store_put_back(hub->store, back, &error), &error, "clock");
	hub->appointed = MAX(0, hub->appointed - back);
	why = g_strdup_printf("the clock was set back by %" G_GINT64_FORMAT " s", back / 1000);
	hub_journal(hub, (struct id){ { 0 } }, (struct id){ { 0 } }, "clock-back", why);
	log_event(LOG_WARNING, "clock-back", "seconds=%" G_GINT64_FORMAT, back / 1000);
	watch_clock_back(hub, back);
}

/* Due now and not waiting for its time; what only waits for a worker is due all the same. */
static bool
work_is_due(struct hub *hub)
{
	gint64 mail = mail_next_due(hub->store), out = waiting_next(hub);
	gint64 alarm = alarm_due(hub);

	/* An appointed answer is waited for: it is not late, it is on time. */
	return (mail >= 0 && mail <= hub->now) ||
		(alarm >= 0 && alarm <= hub->now) ||
		(out >= 0 && out <= MAX(hub->now, hub->appointed));
}

static bool
work_is_under_way(struct hub *hub)
{
	return hub->again || intake_busy(hub) || hub->children->len > 0 || hub->out_jobs->len > 0 ||
		hub->mail_jobs->len > 0 || helper_busy(hub);
}

/* --once ends when nothing is due; an orderly stop when nothing is under way, or too long is. */
static void
turn_finish(struct hub *hub)
{
	bool out_of_patience = hub->stopping && hub->ticks >= hub->stop_deadline;
	guint32 code = 0;

	if (hub->finished || !(hub->once || hub->stopping))
		return;
	if ((work_is_under_way(hub) && !out_of_patience) || (!hub->stopping && work_is_due(hub)))
		return;
	job_refund(hub);
	outbox_refund(hub);
	if (hub->once && (hub->trouble || intake_was_cut(hub) || mail_next_due(hub->store) >= 0 ||
	    outgoing_next_due(hub->store, -1) >= 0))
		code = 1;
	hub->finished = true;
	hub_request(hub, hub->supervisor, VERB_FINISHED, g_variant_new("(u)", code), NULL, 0, 0);
}

static void
turn_release(struct hub *hub)
{
	for (guint i = 0; i < hub->actions->len; i++) {
		struct action action = g_array_index(hub->actions, struct action, i);

		action.run(hub, action.data);
	}
	g_array_set_size(hub->actions, 0);
	for (guint i = hub->links->len; i > 0; i--) {
		struct link *link = hub->links->pdata[i - 1];

		if (link->dropped)
			g_ptr_array_remove_index(hub->links, i - 1);
	}
}

/* One turn: everything ready, everything due, one commit, everything released. */
static void
turn(struct hub *hub, const struct pollfd *ready, guint n_ready)
{
	g_autoptr(GError) error = NULL;

	hub->ticks = clock_ticks();
	hub->again = false;
	FAULT("hub.turn.before");
	hub_must(store_begin(hub->store, &error), &error, "begin");
	hub_look_at_clock(hub);
	for (guint i = 0; i < n_ready; i++)
		if (ready[i].revents != 0)
			for (guint j = 0; j < hub->links->len; j++) {
				struct link *link = hub->links->pdata[j];

				if (peer_fd(link->peer) == ready[i].fd && !link->closed)
					hub_link_read(hub, link);
			}
	links_overdue(hub);
	child_work(hub);
	ingest_work(hub);
	intake_work(hub);
	job_work(hub);
	digest_work(hub);
	retention_work(hub);
	outbox_work(hub);
	directory_work(hub);		/* last: answers wait for keys, too */
	watch_work(hub);
	alarm_work(hub);
	turn_finish(hub);
	hub_must(store_commit(hub->store, &error), &error, "commit");
	FAULT("hub.turn.after");
	turn_release(hub);
}

static int
turn_wait(struct hub *hub)
{
	/* What is due and waits for a worker is woken by that worker's frame, not by the time. */
	gint64 ticks = clock_ticks(), to_ticks = ticks - clock_now(), next = ticks + WAIT_MAX;
	const gint64 times[] = {
		hub->mail_blocked ? -1 : mail_next_due(hub->store),
		hub->out_blocked ? -1 : waiting_next(hub),
		hub->stopping ? -1 : digest_next(hub),
		hub->stopping ? -1 : retention_next(hub),
		hub->stopping ? -1 : alarm_due(hub),
	};
	gint64 poll = intake_next(hub);

	if (hub->again)
		return 0;
	for (guint i = 0; i < G_N_ELEMENTS(times); i++)
		if (times[i] >= 0 && times[i] + to_ticks < next)
			next = times[i] + to_ticks;
	if (poll >= 0 && poll < next)
		next = poll;
	if (hub->stopping && hub->stop_deadline < next)
		next = hub->stop_deadline;
	for (guint i = 0; i < hub->links->len; i++) {
		const struct link *link = hub->links->pdata[i];

		if (!link->closed && link->deadline >= 0 && link->deadline < next &&
		    (peer_pending(link->peer) > 0 || link->role == ROLE_CONTROL))
			next = link->deadline;
	}
	return next <= ticks ? 0 : (int)(next - ticks);
}

static void
loop(struct hub *hub)
{
	GArray *fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));

	while (!hub->finished) {
		int wait;

		g_array_set_size(fds, 0);
		for (guint i = 0; i < hub->links->len; i++) {
			const struct link *link = hub->links->pdata[i];
			struct pollfd one = { peer_fd(link->peer), POLLIN, 0 };

			if (!link->closed)
				g_array_append_val(fds, one);
		}
		if (hub->control_fd >= 0) {
			struct pollfd one = { hub->control_fd, POLLIN, 0 };

			g_array_append_val(fds, one);
		}
		wait = turn_wait(hub);
		if (poll((struct pollfd *)(void *)fds->data, fds->len, wait) < 0 && errno != EINTR)
			fatal(EX_OSERR, "poll: %s", g_strerror(errno));
		if (hub->control_fd >= 0 &&
		    g_array_index(fds, struct pollfd, fds->len - 1).revents != 0)
			control_accept(hub);
		turn(hub, (const struct pollfd *)(const void *)fds->data, fds->len);
	}
	g_array_free(fds, TRUE);
}

/* ---- start --------------------------------------------------------------- */

static enum death
last_death(const struct hub *hub)
{
	const char *text = options_text(hub->options, "run.death");
	int death = text != NULL ? death_from_word(text) : -1;

	return death < 0 ? DEATH_UNEXPLAINED : (enum death)death;
}

static void
store_start(struct hub *hub)
{
	struct store_paths paths = {
		.database = options_text(hub->options, "store.path"),
		.spool = options_text(hub->options, "store.spool"),
		.key_file = options_text(hub->options, "store.key_file"),
	};
	g_autoptr(GError) error = NULL;
	enum outcome outcome = store_open(&paths, true, &hub->store, &error);

	if (outcome != DONE)
		fatal(outcome == LATER ? EX_TEMPFAIL : EX_CONFIG, "store: %s", error->message);
	hub->ticks = clock_ticks();
	hub->now = journal_latest(hub->store);
	hub_must(store_begin(hub->store, &error), &error, "begin");
	hub_look_at_clock(hub);
	blob_sweep(hub->store);
	directory_open(hub);
	job_recover(hub, last_death(hub));
	outbox_recover(hub, last_death(hub));
	waiting_recover(hub);
	job_keys_changed(hub);
	backup_start(hub);
	hub->trouble = hub->trouble || (hub->began > 0 && hub->once &&
		job_held_since(hub, hub->began));
	hub_must(store_commit(hub->store, &error), &error, "commit");
}

static void
hub_start(struct hub *hub)
{
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;

	if (peer_receive(hub->supervisor->peer, &frame, -1, &error) != RECEIVED ||
	    frame.verb != VERB_SLICE)
		fatal(EX_UNAVAILABLE, "no slice came: %s", error != NULL ? error->message : "gone");
	hub->options = role_read_slice(&frame, &error);
	if (hub->options == NULL)
		fatal(EX_CONFIG, "slice: %s", error->message);
	hub->site = site_new(hub->options);
	hub->once = options_bool(hub->options, "run.once");
	hub->began = options_int(hub->options, "run.began");
	store_start(hub);
	directory_start(hub);
	intake_start(hub);
	watch_start(hub);
	control_open(hub);
	if (peer_send(hub->supervisor->peer, VERB_READY, g_variant_new("()"), NULL, 0, &error) !=
	    DONE)
		fatal(EX_UNAVAILABLE, "the supervisor is gone");
}

int
main(int argc, char **argv)
{
	struct hub hub = { .control_fd = -1 };
	struct link *supervisor = g_new0(struct link, 1);

	supervisor->role = ROLE_SUPERVISOR;
	supervisor->deadline = supervisor->ingest = -1;
	supervisor->peer = role_start(ROLE_HUB, 0, NULL, argc, argv);
	signal(SIGTERM, SIG_IGN);	/* an orderly stop comes as a frame */
	signal(SIGINT, SIG_IGN);
	hub.links = link_list_new();
	g_ptr_array_add(hub.links, supervisor);
	hub.supervisor = supervisor;
	hub.actions = g_array_new(FALSE, FALSE, sizeof(struct action));
	hub.children = child_list_new();
	hub.mail_jobs = g_ptr_array_new();
	hub.out_jobs = g_ptr_array_new();
	hub_start(&hub);
	loop(&hub);
	certificates_close(hub.certificates);
	store_close(hub.store);
	return EXIT_SUCCESS;
}
