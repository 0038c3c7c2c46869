/* SPDX-License-Identifier: ISC
 *
 * link: the hub's sockets, and requests to them.  A request leaves after the commit that made it
 * durable, with descriptors of its own.  Relies on base for frames and on the supervisor for the
 * ends of workers; decides nothing.
 */
#include "role/hub.h"

#include <syslog.h>
#include <unistd.h>

#define KEYS_GRACE 10000		/* ms beyond the alarm of keys itself */

struct request {
	struct link *link;
	int verb;
	GVariant *body;
	int fds[FRAME_FDS_MAX];
	guint n_fds;
	gint64 deadline;
};

/* ---- requests ------------------------------------------------------------ */

static void
request_send(struct hub *hub, void *data)
{
	struct request *request = data;
	g_autoptr(GError) error = NULL;

	if (!request->link->closed && !request->link->dropped &&
	    peer_send(request->link->peer, request->verb, request->body, request->fds,
		request->n_fds, &error) != DONE) {
		log_event(LOG_WARNING, "send-failed", "role=%s index=%u why=%s",
			role_row(request->link->role)->name, request->link->index,
			error->message);
		/* Nobody will answer: its end is to come, or, past what a frame can hold, made to
		 * come in the next turn. */
		request->link->unsent = error->code == NEVER;
		request->link->closed = !request->link->unsent;
		hub->again = true;
	}
	/* Of helpers the supervisor itself keeps the time. */
	if (request->link->role != ROLE_SUPERVISOR)
		request->link->deadline = hub->ticks +
			(request->link->unsent ? 0 : request->deadline);
	request->link->patience = request->deadline;
	g_variant_unref(request->body);
	for (guint i = 0; i < request->n_fds; i++)
		close(request->fds[i]);
	g_free(request);
}

void
hub_request(struct hub *hub, struct link *link, int verb, GVariant *body, const int *fds,
	guint n_fds, gint64 deadline_ms)
{
	struct request *request = g_new0(struct request, 1);

	request->link = link;
	request->verb = verb;
	request->body = g_variant_ref_sink(body);
	request->n_fds = n_fds;
	request->deadline = deadline_ms;
	for (guint i = 0; i < n_fds; i++)
		request->fds[i] = memfd_dup(fds[i]);
	hub_after_commit(hub, request_send, request);
}

void
hub_renew(struct hub *hub, struct link *link)
{
	link->closed = link->renewed = true;
	hub_request(hub, hub->supervisor, VERB_RENEW, g_variant_new("(uuu)", (guint32)link->role,
		link->index, link->generation), NULL, 0, 0);
}

/* ---- links --------------------------------------------------------------- */

struct link *
hub_link_new(struct hub *hub, enum role role, guint index, guint generation, int fd)
{
	struct link *link = g_new0(struct link, 1);

	link->role = role;
	link->index = index;
	link->generation = generation;
	link->deadline = -1;
	link->ingest = -1;
	link->peer = role_peer(fd, ROLE_HUB, role, role_row(role)->name);
	g_ptr_array_add(hub->links, link);
	return link;
}

void
hub_link_drop(struct link *link)
{
	link->dropped = true;
}

static void
link_free(void *data)
{
	struct link *link = data;

	if (link->ingest >= 0)
		close(link->ingest);
	peer_free(link->peer);
	g_free(link);
}

struct link *
hub_worker(struct hub *hub, enum role role, guint index, guint depth)
{
	for (guint i = 0; i < hub->links->len; i++) {
		struct link *link = hub->links->pdata[i];

		if (link->role == role && link->index == index && !link->closed &&
		    !link->dropped && peer_pending(link->peer) < depth)
			return link;
	}
	return NULL;
}

struct link *
hub_idle_keys(struct hub *hub)
{
	for (guint i = 0; i < hub->links->len; i++) {
		struct link *link = hub->links->pdata[i];

		if (link->role == ROLE_KEYS && !link->closed && !link->dropped &&
		    link->deadline < 0)
			return link;
	}
	return NULL;
}

bool
hub_has_keys(const struct hub *hub)
{
	for (guint i = 0; i < hub->links->len; i++) {
		const struct link *link = hub->links->pdata[i];

		if (link->role == ROLE_KEYS && !link->closed && !link->dropped)
			return true;
	}
	return false;
}

void
hub_ask_keys(struct hub *hub, struct link *keys, struct question *question)
{
	gint64 patience = LIMIT_KEYS_WALL * 1000 + KEYS_GRACE;

	hub_request(hub, keys, question->verb, question->body, question->fds, question->n_fds,
		patience);
	keys->deadline = hub->ticks + patience;	/* busy now, though it is sent after the commit */
	question_clear(question);
}

GPtrArray *
link_list_new(void)
{
	return g_ptr_array_new_with_free_func(link_free);
}
