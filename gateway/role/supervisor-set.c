/* SPDX-License-Identifier: ISC
 *
 * supervisor-set: the processes together: which there are, in which order they start (the hub
 * last), what the hub is told and may ask, what a reload does.  Relies on supervisor-slot.c for
 * each one.  The hub's death ends all; a worker's death ends nothing else.
 */
#include "role/supervisor.h"

#include <errno.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define KEYS_MOST	4	/* workers when the configuration leaves it to us */
#define ONCE_DEATHS	20	/* of the hub in one --once run: it will not get through */
#define RELOAD_GRACE	10000	/* ms for the request a worker is at */
#define ZYGOTE_GRACE	2000
#define AGENT_GRACE	2000	/* ms for a keys worker to find out that its agent is gone */
#define FINISH_MS	10000	/* between FINISHED and the hub's exit */

/* ---- which there are -------------------------------------------------------------------- */

static guint
count_of(const struct options *options, enum role role)
{
	if (role == ROLE_FETCH)
		return options_count(options, "mailboxes");
	if (role != ROLE_KEYS)
		return 1;
	gint64 workers = options_int(options, "keys.workers");
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return workers > 0 ? (guint)workers : (guint)CLAMP(cores, 1, KEYS_MOST);
}

/* Anew, when none of them runs. */
void
set_make(struct supervisor *sup)
{
	static const enum role workers[] = { ROLE_KEYS, ROLE_MIME, ROLE_SUBMIT, ROLE_FETCH };

	g_ptr_array_set_size(sup->slots, 0);
	for (guint i = 0; i < G_N_ELEMENTS(workers); i++)
		for (guint index = 0; index < count_of(sup->options, workers[i]); index++)
			g_ptr_array_add(sup->slots, slot_new(workers[i], index));
	if (!sup->hub)
		sup->hub = slot_new(ROLE_HUB, 0);
}

static struct slot *
find(struct supervisor *sup, guint role, guint index, guint generation)
{
	for (guint i = 0; i < sup->slots->len; i++) {
		struct slot *slot = sup->slots->pdata[i];

		if ((guint)slot->role == role && slot->index == index &&
		    slot->generation == generation)
			return slot;
	}
	return NULL;
}

void
set_hub_values(const struct supervisor *sup, struct options *slice)
{
	g_autofree char *began = g_strdup_printf("%" G_GINT64_FORMAT, sup->began);

	options_set(slice, "run.once", sup->once ? "true" : "false");
	options_set(slice, "run.began", began);
}

/* ---- what the hub is told --------------------------------------------------------------- */

/* A hub that does not read is as good as dead; mostly it is dead, and its end says of what. */
static void
tell_hub(struct supervisor *sup, int verb, GVariant *body, const int *fd)
{
	g_autoptr(GError) error = NULL;

	if (peer_send(sup->hub->peer, verb, body, fd, fd ? 1 : 0, &error) != DONE) {
		log_event(LOG_WARNING, "hub-unreachable", "verb=%s why=\"%s\"",
			verbs_table[verb].name, error->message);
		slot_hung_up(sup->hub);
	}
}

void
set_announce(struct supervisor *sup, struct slot *slot)
{
	if (sup->hub->state != SLOT_UP || slot->state != SLOT_UP || !slot->peer)
		return;
	int fd = peer_fd(slot->peer);

	tell_hub(sup, VERB_WORKER,
		g_variant_new("(uuu)", (guint32)slot->role, slot->index, slot->generation), &fd);
	slot->announced = true;
	g_clear_pointer(&slot->peer, peer_free);
}

void
set_gone(struct supervisor *sup, struct slot *slot, enum death death, const char *cause)
{
	if (slot->announced && sup->hub->state == SLOT_UP && !sup->finished)
		tell_hub(sup, VERB_GONE, g_variant_new("(uuuus)", (guint32)slot->role, slot->index,
			slot->generation, (guint32)death, cause), NULL);
	slot->announced = false;
}

void
set_kill(struct supervisor *sup)
{
	slot_kill(sup->hub);
	for (guint i = 0; i < sup->slots->len; i++)
		slot_kill(sup->slots->pdata[i]);
}

void
set_hub_died(struct supervisor *sup)
{
	set_kill(sup);
	if (sup->finished) {
		supervisor_end(sup, sup->finished_code);
	} else if (sup->stopping || sup->gave_up) {
		supervisor_end(sup, sup->last_death == DEATH_ORDERLY || sup->gave_up ?
			supervisor_default_code(sup) : EX_SOFTWARE);
	} else if (sup->once && ++sup->hub_deaths >= ONCE_DEATHS) {
		log_event(LOG_ERR, "hub-gives-up", "deaths=%u", sup->hub_deaths);
		supervisor_end(sup, EX_SOFTWARE);
	}
	for (guint i = 0; i < sup->slots->len; i++) {
		struct slot *slot = sup->slots->pdata[i];

		slot->due = sup->hub->due;
		slot->tried = slot->announced = false;
	}
}

/* ---- what the hub may ask --------------------------------------------------------------- */

static void
hub_ready(struct supervisor *sup, struct frame *frame)
{
	(void)frame;
	if (sup->hub->state != SLOT_STARTING)
		return;		/* the answer to a reload's slice */
	sup->hub->state = SLOT_UP;
	sup->hub->due = -1;
	sup->hub_was_up = true;
	log_event(LOG_NOTICE, "ready", "workers=%u generation=%u", sup->slots->len,
		sup->hub->generation);
	for (guint i = 0; i < sup->slots->len; i++)
		set_announce(sup, sup->slots->pdata[i]);
}

static void
hub_renews(struct supervisor *sup, struct frame *frame)
{
	guint32 role, index, generation;

	g_variant_get(frame->body, "(uuu)", &role, &index, &generation);
	struct slot *slot = find(sup, role, index, generation);
	if (!slot || slot->pid <= 0)
		return;		/* it died meanwhile; its GONE is on the way */
	slot->at_once = true;
	slot_end(slot, DEATH_ORDERLY, "renewed", role == ROLE_MIME ? ZYGOTE_GRACE : 0);
}

static void
hub_finished(struct supervisor *sup, struct frame *frame)
{
	guint32 code;

	g_variant_get(frame->body, "(u)", &code);
	sup->finished = true;
	if (sup->gave_up)
		sup->finished_code = supervisor_default_code(sup);
	else
		sup->finished_code = sup->once ? (int)code : EX_OK;
	sup->stop_due = program_clock() + FINISH_MS;
}

static void
hub_needs_helper(struct supervisor *sup, struct frame *frame)
{
	guint32 id;
	const char *name;
	g_autofree const char **arguments = NULL;

	g_variant_get(frame->body, "(u&s^a&s)", &id, &name, &arguments);
	helper_start(sup, id, name, arguments);
}

static const struct {
	int verb;
	void (*handle)(struct supervisor *, struct frame *);
} hub_frames[] = {
	{ VERB_READY,    hub_ready },
	{ VERB_RENEW,    hub_renews },
	{ VERB_FINISHED, hub_finished },
	{ VERB_HELPER,   hub_needs_helper },
};

/* A worker's one frame to us: READY.  From then on it is the hub's. */
static void
worker_ready(struct supervisor *sup, struct slot *slot)
{
	slot->state = SLOT_UP;
	slot->due = -1;
	slot->tried = slot->ready = true;
	set_announce(sup, slot);
}

static void
handle_hub(struct supervisor *sup, struct frame *frame)
{
	for (guint i = 0; i < G_N_ELEMENTS(hub_frames); i++)
		if (hub_frames[i].verb == frame->verb)
			hub_frames[i].handle(sup, frame);
}

void
set_receive(struct supervisor *sup, struct slot *slot)
{
	enum receipt receipt = RECEIVED;

	while (receipt == RECEIVED && slot->peer) {
		g_auto(frame_auto) frame = { 0 };
		g_autoptr(GError) error = NULL;
		g_autofree char *name = slot_name(slot);

		receipt = peer_receive(slot->peer, &frame, 0, &error);
		if (receipt == PEER_VIOLATION) {
			log_event(LOG_ERR, "frame-refused", "role=%s why=\"%s\"", name,
				error ? error->message : "");
			slot_end(slot, DEATH_COUNTED, "frame refused", 0);
		} else if (receipt == PEER_GONE) {
			slot_hung_up(slot);
		} else if (receipt == RECEIVED && slot->role == ROLE_HUB) {
			handle_hub(sup, &frame);
		} else if (receipt == RECEIVED && slot->state == SLOT_STARTING) {
			worker_ready(sup, slot);
		}
	}
}

/* ---- by the clock ----------------------------------------------------------------------- */

/* Last, when each worker is up or has failed once: a mailbox out of reach stops nobody else. */
static bool
hub_may_start(const struct supervisor *sup)
{
	for (guint i = 0; i < sup->slots->len; i++)
		if (!((const struct slot *)sup->slots->pdata[i])->tried)
			return false;
	return true;
}

static bool
may_start(const struct supervisor *sup, const struct slot *slot)
{
	if (sup->stopping || sup->finished)
		return false;
	return slot->role == ROLE_HUB ? hub_may_start(sup) : sup->reload == NULL;
}

static void
slot_due(struct supervisor *sup, struct slot *slot, gint64 now)
{
	if (slot->due < 0 || slot->due > now)
		return;
	if (slot->state == SLOT_DOWN && may_start(sup, slot))
		slot_start(sup, slot);
	else if (slot->state == SLOT_STARTING)
		slot_end(slot, DEATH_COUNTED, "not ready in time", 0);
	else if (slot->state == SLOT_ENDING)
		slot_end(slot, DEATH_COUNTED, "did not end", 0);
}

/* Every old worker has ended and the hub was told so before it gets its new slice: no mail can be
 * entered under the number another mailbox had before. */
static void
take_reload(struct supervisor *sup)
{
	g_autoptr(GError) error = NULL;

	if (sup->hub->state == SLOT_STARTING)
		return;		/* with its old slice: it gets the new one as soon as it listens */
	for (guint i = 0; i < sup->slots->len; i++)
		if (((struct slot *)sup->slots->pdata[i])->pid > 0)
			return;
	options_free(sup->options);
	sup->options = g_steal_pointer(&sup->reload);
	sup->settings.options = sup->options;
	set_make(sup);
	if (sup->hub->state == SLOT_UP) {
		struct options *slice = options_slice(sup->options, ROLE_HUB);

		set_hub_values(sup, slice);
		if (!role_send_slice(sup->hub->peer, slice, &error))
			slot_hung_up(sup->hub);
		options_free(slice);
	}
	log_event(LOG_NOTICE, "reload", "workers=%u", sup->slots->len);
}

void
set_start_due(struct supervisor *sup)
{
	gint64 now = program_clock();

	/* Not in the middle of its start: it stops in order, or is found dead. */
	if (sup->gave_up && !sup->stopping && !sup->finished &&
	    (sup->hub->state == SLOT_UP || sup->hub->state == SLOT_DOWN)) {
		supervisor_stop(sup);
		return;
	}
	if (sup->reload)
		take_reload(sup);
	for (guint i = 0; i < sup->slots->len; i++)
		slot_due(sup, sup->slots->pdata[i], now);
	slot_due(sup, sup->hub, now);
}

static void
earlier(gint64 *next, gint64 due)
{
	if (due >= 0 && (*next < 0 || due < *next))
		*next = due;
}

gint64
set_next_due(struct supervisor *sup)
{
	gint64 next = -1;

	for (guint i = 0; i <= sup->slots->len; i++) {
		struct slot *slot = i < sup->slots->len ? sup->slots->pdata[i] : sup->hub;

		if (slot->state != SLOT_DOWN || may_start(sup, slot))
			earlier(&next, slot->due);
	}
	return next;
}

/* ---- agents and reload ------------------------------------------------------------------ */

void
set_agent_gone(struct slot *slot)
{
	char rest[64];
	ssize_t n = recv(slot->agent.watch_fd, rest, sizeof rest, MSG_DONTWAIT);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (slot->state != SLOT_ENDING)
		log_event(LOG_ERR, "agent-gone", "keys=%u generation=%u", slot->index,
			slot->generation);
	agent_stop(&slot->agent);	/* the worker's request ends as an agent fault */
	slot_end(slot, DEATH_ORDERLY, "agent gone", AGENT_GRACE);
}

static void
refuse_reload(char **faults)
{
	for (char **fault = faults; *fault; fault++)
		log_event(LOG_ERR, "reload-refused", "why=\"%s\"", *fault);
	g_strfreev(faults);
}

void
set_reload(struct supervisor *sup)
{
	struct options *fresh = NULL;

	if (sup->stopping || sup->finished)
		return;
	char **faults = configuration_read(sup->file, &fresh);
	if (!faults)
		faults = configuration_check(fresh, true);
	if (!faults)
		faults = configuration_restart_needed(sup->options, fresh);
	if (faults) {
		refuse_reload(faults);
		options_free(fresh);
		return;
	}
	if (sup->reload)
		options_free(sup->reload);	/* asked again before it was taken */
	sup->reload = fresh;
	for (guint i = 0; i < sup->slots->len; i++)
		slot_end(sup->slots->pdata[i], DEATH_ORDERLY, "reload", RELOAD_GRACE);
}

void
set_report(struct supervisor *sup)
{
	static const char *const words[] = { "down", "starting", "up", "ending" };
	GString *line = g_string_new(NULL);

	for (guint i = 0; i < sup->slots->len; i++) {
		struct slot *slot = sup->slots->pdata[i];
		g_autofree char *name = slot_name(slot);

		g_string_append_printf(line, " %s=%s", name, words[slot->state]);
	}
	log_event(LOG_NOTICE, "status", "hub=%s%s", words[sup->hub->state], line->str);
	g_string_free(line, TRUE);
}
