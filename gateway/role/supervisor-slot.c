/* SPDX-License-Identifier: ISC
 *
 * supervisor-slot: one process after the other in one place: agent, program, slice, READY; its end,
 * and when the next one may come.  Nothing here waits: deadlines stand in the slot and the loop
 * looks at them (an agent's greeting excepted, which takes milliseconds).
 */
#include "role/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <syslog.h>

#define READY_MS	10000
#define HUB_READY_MS	60000	/* opening the store after a crash takes its time */
#define BACK_OFF_FIRST	100
#define BACK_OFF_LAST	30000
#define BACK_OFF_ONCE	1000	/* --once retries at once what a death left */
#define HUNG_UP_MS	2000
#define LIFE_MS		60000	/* who lived this long has earned a fresh start */
#define ONCE_UNREADY	8	/* starts in a row without READY: this --once run ends */

struct slot *
slot_new(enum role role, guint index)
{
	struct slot *slot = g_new0(struct slot, 1);

	slot->role = role;
	slot->index = index;
	slot->agent = (struct agent){ .pid = -1, .watch_fd = -1 };
	return slot;
}

void
slot_free(void *data)
{
	struct slot *slot = data;

	slot_kill(slot);
	g_free(slot);
}

char *
slot_name(const struct slot *slot)
{
	const char *name = role_row(slot->role)->name;

	return slot->role == ROLE_FETCH || slot->role == ROLE_KEYS ?
		g_strdup_printf("%s%u", name, slot->index) : g_strdup(name);
}

/* ---- starting --------------------------------------------------------------------------- */

static struct options *
slice_for(struct supervisor *sup, const struct slot *slot)
{
	if (slot->role == ROLE_FETCH)
		return options_for_mailbox(sup->options, ROLE_FETCH, slot->index);
	struct options *slice = options_slice(sup->options, slot->role);
	if (slot->role == ROLE_HUB) {
		set_hub_values(sup, slice);
		options_set(slice, "run.death", death_word(sup->last_death));
	} else if (slot->role == ROLE_KEYS) {
		g_autofree char *home = g_strdup_printf("%s/k%u/home", sup->runtime, slot->index);

		options_set(slice, "run.home", home);
		options_set(slice, "run.agent", slot->agent.socket);
	}
	return slice;
}

/* The agent is the home's user's; its socket the worker's. */
static enum outcome
start_agent(struct supervisor *sup, struct slot *slot, GError **error)
{
	gint64 uid, gid, worker_uid, worker_gid;

	if (role_user(sup->options, ROLE_SUPERVISOR, &uid, &gid, error) != DONE ||
	    role_user(sup->options, ROLE_KEYS, &worker_uid, &worker_gid, error) != DONE)
		return NEVER;
	return agent_start(options_text(sup->options, "keys.home"), sup->runtime, slot->index, uid,
		gid, worker_uid, &slot->agent, error);
}

static enum outcome
start_program(struct supervisor *sup, struct slot *slot, GError **error)
{
	const int lock[] = { sup->lock_fd, -1 };
	struct spawned spawned = { 0 };
	bool is_hub = slot->role == ROLE_HUB;
	enum outcome how = slot->role == ROLE_KEYS ? start_agent(sup, slot, error) : DONE;

	if (how == DONE)
		how = spawn_role(&sup->settings, slot->role, slot->index, is_hub ? lock : NULL,
			&spawned, error);
	if (how != DONE)
		return how;
	slot->pid = spawned.pid;
	/* A worker's peer is the hub from its first frame on; we hold that end for a while. */
	slot->peer = role_peer(spawned.fd, is_hub ? ROLE_SUPERVISOR : ROLE_HUB, slot->role,
		role_row(slot->role)->name);
	struct options *slice = slice_for(sup, slot);
	bool sent = role_send_slice(slot->peer, slice, error);
	options_free(slice);
	return sent ? DONE : LATER;
}

/* A daemon tries for ever; a --once run would never end.  The hub has a bound of its own. */
static void
count_unready(struct supervisor *sup, struct slot *slot)
{
	g_autofree char *name = slot_name(slot);

	if (slot->ready)
		slot->unready = 0;
	else if (!slot->at_once && !sup->reload && !sup->stopping)
		slot->unready++;
	if (!sup->once || slot->role == ROLE_HUB || sup->gave_up || slot->unready < ONCE_UNREADY)
		return;
	log_event(LOG_ERR, "worker-gives-up", "role=%s starts=%u", name, slot->unready);
	sup->gave_up = true;
}

void
slot_start(struct supervisor *sup, struct slot *slot)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = slot_name(slot);

	slot->generation = ++sup->generations;
	slot->ended_by_us = NULL;
	slot->at_once = slot->announced = slot->ready = false;
	slot->since = program_clock();
	slot->state = SLOT_STARTING;
	slot->due = slot->since + (slot->role == ROLE_HUB ? HUB_READY_MS : READY_MS);
	if (start_program(sup, slot, &error) == DONE) {
		log_event(LOG_INFO, "role-start", "role=%s generation=%u pid=%d", name,
			slot->generation, (int)slot->pid);
		return;
	}
	log_event(LOG_ERR, "role-start-failed", "role=%s why=\"%s\"", name, error->message);
	slot_kill(slot);
	slot->tried = true;
	slot_back_off(sup, slot);
	count_unready(sup, slot);
}

/* ---- ending ----------------------------------------------------------------------------- */

void
slot_end(struct slot *slot, enum death death, const char *why, gint64 grace_ms)
{
	if (slot->pid <= 0)
		return;
	if (!slot->ended_by_us) {
		slot->ended_by_us = why;
		slot->ended_as = death;
	}
	if (slot->state == SLOT_ENDING && grace_ms > 0)
		return;
	slot->state = SLOT_ENDING;
	slot->due = grace_ms > 0 ? program_clock() + grace_ms : -1;
	kill(grace_ms > 0 ? slot->pid : -slot->pid, grace_ms > 0 ? SIGTERM : SIGKILL);
}

void
slot_hung_up(struct slot *slot)
{
	if (slot->state == SLOT_ENDING)
		return;
	slot->state = SLOT_ENDING;
	slot->due = program_clock() + HUNG_UP_MS;
}

static void
slot_clear(struct slot *slot)
{
	g_clear_pointer(&slot->peer, peer_free);
	agent_stop(&slot->agent);
	slot->pid = 0;
	slot->state = SLOT_DOWN;
}

void
slot_kill(struct slot *slot)
{
	if (slot->pid > 0) {
		kill(-slot->pid, SIGKILL);
		while (waitpid(slot->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	slot_clear(slot);
}

void
slot_back_off(struct supervisor *sup, struct slot *slot)
{
	gint64 last = sup->once ? BACK_OFF_ONCE : BACK_OFF_LAST, now = program_clock();

	if (slot->at_once || now - slot->since >= LIFE_MS)
		slot->failures = 0;
	slot->due = now;
	if (slot->at_once)
		return;
	guint doublings = MIN(slot->failures, 12);	/* a macro: nothing with ++ in it */
	slot->due += MIN((gint64)BACK_OFF_FIRST << doublings, last);
	slot->failures++;
}

/* Neither a wrong slice nor a damaged database gets better by starting anew. */
static void
hub_reaped(struct supervisor *sup, int code)
{
	if (code == EX_IOERR)
		log_event(LOG_ERR, "store-damaged", "database=\"%s\" "
			"why=\"the hub cannot read it; not started again\"",
			options_text(sup->options, "store.path"));
	if (code == EX_CONFIG || code == EX_IOERR)
		supervisor_end(sup, code);
	else
		set_hub_died(sup);
}

void
slot_reaped(struct supervisor *sup, struct slot *slot, int wait_status)
{
	g_autofree char *cause = NULL;
	g_autofree char *name = slot_name(slot);
	enum death death = death_of(wait_status, &cause);
	int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;

	/* A crash of its own stays one, even if we were about to end it. */
	if (slot->ended_by_us && death == DEATH_UNEXPLAINED) {
		death = slot->ended_as;
		g_free(cause);
		cause = g_strdup(slot->ended_by_us);
	}
	if (slot->role == ROLE_HUB && code == EX_TEMPFAIL)
		death = DEATH_STARVED;
	log_event(death == DEATH_ORDERLY ? LOG_INFO : LOG_WARNING, "role-end",
		"role=%s generation=%u pid=%d death=%s cause=\"%s\"", name, slot->generation,
		(int)slot->pid, death_word(death), cause);
	slot_clear(slot);
	slot->tried = true;
	if (slot->role == ROLE_HUB) {
		sup->last_death = death;
		slot_back_off(sup, slot);
		hub_reaped(sup, code);
		return;
	}
	set_gone(sup, slot, death, cause);
	slot_back_off(sup, slot);
	count_unready(sup, slot);
	/* It will not work with the same slice again; but a set that has run stays up. */
	if (code == EX_CONFIG && !sup->hub_was_up)
		supervisor_end(sup, EX_CONFIG);
}
