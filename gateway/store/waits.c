/* SPDX-License-Identifier: ISC
 *
 * waits: all times that something waits for, moved together when the clock is set back: what was
 * a minute away stays a minute away, instead of waiting until the clock is there again.  Times
 * that say when something happened stay as they were.
 */
#include "store/internal.h"

enum outcome
store_put_back(struct store *store, gint64 ms, GError **error)
{
	/* purpose, statement; each adds its own table with a next-try time */
	static const struct { const char *what, *sql; } tables[] = {
		{ "mail_put_back", "UPDATE mail SET next_try = max(next_try - ?, 0)"
			" WHERE next_try >= 0" },
		{ "outgoing_put_back", "UPDATE outgoing SET next_try = max(next_try - ?, 0)"
			" WHERE next_try >= 0" },
		{ "alarm_put_back", "UPDATE alarm SET next_try = max(next_try - ?, 0)"
			" WHERE next_try >= 0" },
	};
	enum outcome how = DONE;

	for (guint i = 0; i < G_N_ELEMENTS(tables) && how == DONE; i++) {
		g_auto(query_auto) q = query_new(store, tables[i].what, tables[i].sql);

		bind_int(&q, ms);
		how = query_run(&q, error);
	}
	return how;
}
