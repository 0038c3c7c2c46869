/* SPDX-License-Identifier: ISC
 *
 * child: one letter process for one request.  The zygote forks it on request; it has its own
 * socket, answers once and ends.  Relies on the zygote to reap it and tell the cause of its end;
 * refuses to trust anything it writes before the memfds are frozen.  The zygote is renewed after
 * a crash and every few hundred letters, because all its children share one address layout.
 */
#include "role/hub.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define LETTERS_PER_ZYGOTE 300
#define CHILDREN_MAX 4
#define GRACE 10000		/* ms beyond the child's own alarm */

struct child {
	guint job;
	struct child_request request;
	struct link *link;		/* NULL before the release */
	char *failed;			/* could not be started: told in the next turn */
};

static void
child_free(void *data)
{
	struct child *child = data;

	for (guint i = 0; i < child->request.n_fds; i++)
		if (child->request.fds[i] >= 0)
			close(child->request.fds[i]);
	if (child->request.body != NULL)
		g_variant_unref(child->request.body);
	g_free(child->failed);
	g_free(child);
}

/* Takes the child out of the books and tells its owner, who may read the results and start
 * another. */
static void
child_finish(struct hub *hub, struct child *child, enum child_end end, enum outcome outcome,
	const char *why)
{
	guint at;

	if (child->link != NULL) {
		child->link->child = NULL;
		hub_link_drop(child->link);
	}
	if (!g_ptr_array_find(hub->children, child, &at))
		panic("a letter process finished twice");
	g_ptr_array_steal_index(hub->children, at);
	child->request.done(hub, child->request.data, end, outcome, why);
	child_free(child);
}

/* Those that could not be started after the last commit. */
void
child_work(struct hub *hub)
{
	for (guint i = hub->children->len; i > 0; i--) {
		struct child *child = hub->children->pdata[i - 1];

		if (child->failed != NULL)
			child_finish(hub, child, CHILD_UNAVAILABLE, LATER, child->failed);
	}
}

bool
child_possible(struct hub *hub)
{
	struct link *zygote = hub_worker(hub, ROLE_MIME, 0, CHILDREN_MAX);

	if (zygote != NULL && hub->letters >= LETTERS_PER_ZYGOTE) {
		if (hub->children->len == 0)
			hub_renew(hub, zygote);
		return false;
	}
	return zygote != NULL && hub->children->len < CHILDREN_MAX;
}

static void
child_fail(struct hub *hub, struct child *child, const char *why)
{
	child->failed = g_strdup(why);
	hub->again = true;
}

static void
child_release(struct hub *hub, void *data)
{
	struct child *child = data;
	struct link *zygote = hub_worker(hub, ROLE_MIME, 0, G_MAXUINT);
	g_autoptr(GError) error = NULL;
	int pair[2];

	if (zygote == NULL) {
		child_fail(hub, child, "no mime process");
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		fatal(EX_OSERR, "socketpair: %s", g_strerror(errno));
	child->link = hub_link_new(hub, ROLE_LETTER, child->job, 0, pair[0]);
	child->link->child = child;
	child->link->deadline = hub->ticks + LIMIT_LETTER_WALL * 1000 + GRACE;
	if (peer_send(zygote->peer, VERB_SPAWN, g_variant_new("(u)", child->job), &pair[1], 1,
		&error) != DONE ||
	    peer_send(child->link->peer, child->request.verb, child->request.body,
		child->request.fds, child->request.n_fds, &error) != DONE)
		child_fail(hub, child, error->message);
	close(pair[1]);
	hub->letters++;
}

void
child_start(struct hub *hub, struct child_request *request)
{
	struct child *child = g_new0(struct child, 1);

	child->request = *request;
	g_variant_ref_sink(child->request.body);
	child->job = ++hub->next_job;
	g_ptr_array_add(hub->children, child);
	hub_after_commit(hub, child_release, child);
}

static struct child *
child_by_job(struct hub *hub, guint job)
{
	for (guint i = 0; i < hub->children->len; i++) {
		struct child *child = hub->children->pdata[i];

		if (child->job == job)
			return child;
	}
	return NULL;
}

/* The answer frame is one of PARSED, EXTRACTED, COMPOSED: all (outcome, why). */
void
child_answered(struct hub *hub, struct link *link, struct frame *frame)
{
	struct child *child = link->child;
	g_autoptr(GError) error = NULL;
	const char *why;
	guint32 outcome;

	if (child == NULL)
		return;
	g_variant_get(frame->body, "(u&s)", &outcome, &why);
	for (guint i = 0; outcome == DONE && i < G_N_ELEMENTS(child->request.results); i++) {
		int fd = child->request.results[i];

		if (fd >= 0 && memfd_freeze(fd, &error) != DONE) {
			child_broken(hub, child, error->message);
			return;
		}
	}
	if (outcome > NEVER) {
		child_broken(hub, child, "unknown outcome");
		return;
	}
	child_finish(hub, child, CHILD_ANSWERED, (enum outcome)outcome, why);
}

void
child_spawned(struct hub *hub, struct link *zygote, struct frame *frame)
{
	guint32 job, pid;
	struct child *child;

	(void)zygote;
	g_variant_get(frame->body, "(uu)", &job, &pid);
	child = child_by_job(hub, job);
	if (pid == 0 && child != NULL)
		child_finish(hub, child, CHILD_UNAVAILABLE, LATER, "the zygote could not fork");
}

/* Its answer may still lie in its socket: that is read first. */
void
child_ended(struct hub *hub, struct link *zygote, struct frame *frame)
{
	guint32 job, death;
	const char *cause;
	struct child *child;

	(void)zygote;
	g_variant_get(frame->body, "(uu&s)", &job, &death, &cause);
	child = child_by_job(hub, job);
	if (child != NULL && child->link != NULL)
		hub_link_read(hub, child->link);
	child = child_by_job(hub, job);
	if (child != NULL)
		child_finish(hub, child, death == DEATH_COUNTED ? CHILD_DIED : CHILD_ENDED, LATER,
			cause);
	if (death == DEATH_COUNTED)
		hub->letters = LETTERS_PER_ZYGOTE;
}

/* A child that breaks the frame rules may be in the hands of its letter: the whole zygote goes. */
void
child_broken(struct hub *hub, struct child *child, const char *why)
{
	struct link *zygote = hub_worker(hub, ROLE_MIME, 0, G_MAXUINT);

	if (child == NULL)
		return;
	child_finish(hub, child, CHILD_DIED, LATER, why);
	if (zygote != NULL)
		hub_renew(hub, zygote);
}

/* ours: we asked for it, so the letters under way are not to blame. */
void
child_zygote_gone(struct hub *hub, bool ours)
{
	while (hub->children->len > 0)
		child_finish(hub, hub->children->pdata[0], ours ? CHILD_UNAVAILABLE : CHILD_ENDED,
			LATER, "the mime process ended");
}

GPtrArray *
child_list_new(void)
{
	return g_ptr_array_new_with_free_func(child_free);
}
