/* SPDX-License-Identifier: ISC
 *
 * alarms: what the administrator is told of beside the mail, because mail itself is what broke.
 * One row a cause, from the first sign until its end was told, so that a restart neither forgets
 * an alarm nor raises it twice.
 */
#include "store/internal.h"

#include <stddef.h>

#define ALARM_COLUMNS(X) \
	X("cause",    text,   cause,    NULL) \
	X("text",     sealed, text,     "alarm.text") \
	X("since",    int,    since,    NULL) \
	X("told",     int,    told,     NULL) \
	X("next_try", int,    next_try, NULL) \
	X("cleared",  int,    cleared,  NULL) \
	X("attempts", uint,   attempts, NULL)

#define ROW alarm
static const struct column alarm_columns[] = { ALARM_COLUMNS(COLUMN_ROW) COLUMN_END };

#define SELECT "SELECT id, " ALARM_COLUMNS(COLUMN_NAME) "1 FROM alarm "

void
alarm_free(struct alarm *alarm)
{
	if (alarm == NULL)
		return;
	g_free(alarm->cause);
	g_free(alarm->text);
	g_free(alarm);
}

static struct alarm *
alarm_load(struct query *query)
{
	struct alarm *alarm = g_new0(struct alarm, 1);

	alarm->id = column_id(query, 0);
	row_load(query, alarm_columns, 1, alarm, alarm->id);
	return alarm;
}

enum outcome
alarm_put(struct store *store, const struct alarm *alarm, GError **error)
{
	g_auto(query_auto) q = query_new(store, "alarm_put", "INSERT OR REPLACE INTO alarm ("
		ALARM_COLUMNS(COLUMN_NAME) "id) VALUES (" ALARM_COLUMNS(COLUMN_MARK) "?)");

	row_bind(&q, alarm_columns, alarm, alarm->id);
	bind_id(&q, alarm->id);
	return query_run(&q, error);
}

enum outcome
alarm_drop(struct store *store, const char *cause, GError **error)
{
	g_auto(query_auto) q = query_new(store, "alarm_drop", "DELETE FROM alarm WHERE cause = ?");

	bind_text(&q, cause);
	return query_run(&q, error);
}

struct alarm *
alarm_get(struct store *store, const char *cause)
{
	g_auto(query_auto) q = query_new(store, "alarm_get", SELECT "WHERE cause = ?");

	bind_text(&q, cause);
	return query_row(&q) ? alarm_load(&q) : NULL;
}

GPtrArray *
alarm_list(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "alarm_list",
		SELECT "WHERE cleared = 0 ORDER BY since, cause");
	GPtrArray *list =
		g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))alarm_free);

	while (query_row(&q))
		g_ptr_array_add(list, alarm_load(&q));
	return list;
}

struct alarm *
alarm_next(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "alarm_next",
		SELECT "ORDER BY next_try, cause LIMIT 1");

	return query_row(&q) ? alarm_load(&q) : NULL;
}
