/* SPDX-License-Identifier: ISC
 *
 * fair: in which order answers that are due get their turn: the oldest and the newest by turns.  In
 * order of age alone, a flood of ten thousand mails would keep every later answer waiting for
 * hours, and none would leave before the last one was made, for a finished one is the newest;
 * newest first, the oldest might never leave.  By turns an answer waits at most twice as long as in
 * order of age, and one that is planned when the flood is over is next.  Mails themselves are
 * opened and decided in order of arrival: a reply has to find the ticket of what it replies to.
 */
#include "role/hub.h"

static bool
is_among(const GPtrArray *rows, const struct outgoing *row)
{
	for (guint i = 0; i < rows->len; i++)
		if (id_equal(((const struct outgoing *)rows->pdata[i])->id, row->id))
			return true;
	return false;
}

static void
take_one(GPtrArray *to, GPtrArray *from, guint at)
{
	if (at < from->len && !is_among(to, from->pdata[at]))
		g_ptr_array_add(to, g_steal_pointer(&from->pdata[at]));
}

static void
row_free(void *row)
{
	outgoing_free(row);
}

GPtrArray *
fair_due(struct hub *hub, int state)
{
	GPtrArray *both = g_ptr_array_new_with_free_func(row_free);
	g_autoptr(GPtrArray) oldest = outgoing_due(hub->store, state, false, hub->now,
		LIMIT_TURN / 2);
	g_autoptr(GPtrArray) newest = outgoing_due(hub->store, state, true, hub->now,
		LIMIT_TURN / 2);

	for (guint i = 0; i < LIMIT_TURN / 2; i++) {
		take_one(both, hub->newest_out ? newest : oldest, i);
		take_one(both, hub->newest_out ? oldest : newest, i);
	}
	return both;
}
