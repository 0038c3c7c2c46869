/* SPDX-License-Identifier: ISC
 *
 * helper: the hub's side of programs of the site (alarm, page, token).  The supervisor knows their
 * words and runs them; here a request only has a name, arguments and somebody who waits for its
 * end.  Relies on the supervisor to answer each within its deadline; a hub that died asks anew.
 */
#include "role/hub.h"

struct helping {
	guint id;
	helper_done *done;
	void *data;
};

void
hub_helper(struct hub *hub, const char *name, const char *const *arguments, helper_done *done,
	void *data)
{
	struct helping helping = { ++hub->next_helper, done, data };

	if (hub->helpers == NULL)
		hub->helpers = g_array_new(FALSE, FALSE, sizeof helping);
	g_array_append_val(hub->helpers, helping);
	hub_request(hub, hub->supervisor, VERB_HELPER, g_variant_new("(us^as)", helping.id, name,
		arguments), NULL, 0, 0);
}

bool
helper_busy(const struct hub *hub)
{
	return hub->helpers != NULL && hub->helpers->len > 0;
}

void
helper_answered(struct hub *hub, struct link *supervisor, struct frame *frame)
{
	guint32 id, status;
	const char *output;

	(void)supervisor;
	g_variant_get(frame->body, "(uu&s)", &id, &status, &output);
	for (guint i = 0; helper_busy(hub) && i < hub->helpers->len; i++) {
		struct helping helping = g_array_index(hub->helpers, struct helping, i);

		if (helping.id != id)
			continue;
		g_array_remove_index(hub->helpers, i);
		helping.done(hub, helping.data, status, output);
		break;
	}
	/* The frame's body is ours alone: what a helper printed may be a secret. */
	wipe((void *)g_variant_get_data(frame->body), g_variant_get_size(frame->body));
}
