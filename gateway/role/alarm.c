/* SPDX-License-Identifier: ISC
 *
 * alarm: tells the administrator by alarm.command, because mail itself may be what broke.  A cause
 * is raised once, told again every day while it lasts, and its end is told, too; all of it is rows,
 * so that a restart loses nothing.  One command at a time; one that fails is tried again with
 * growing pauses.  Whether a command is configured the supervisor knows: without one the line in
 * the log is the alarm.
 */
#include "role/hub.h"

#include <string.h>
#include <syslog.h>

#define REPEAT		(24 * 3600 * G_GINT64_CONSTANT(1000))
#define BACKOFF_MS	G_GINT64_CONSTANT(15000)
#define BACKOFF_MAX	(3600 * G_GINT64_CONSTANT(1000))
#define TEXT_MAX	400		/* bytes */
#define NOT_CONFIGURED	127		/* supervisor-helper.c */

/* One line without addresses, though a server may have chosen the words. */
static char *
one_line(const char *format, va_list arguments)
{
	g_autofree char *whole = g_strdup_vprintf(format, arguments);
	g_autofree char *cut = g_strndup(whole, TEXT_MAX);
	g_autofree char *valid = g_utf8_make_valid(cut, -1);

	for (char *p = valid; *p != '\0'; p++)
		if (g_ascii_iscntrl(*p))
			*p = ' ';
	g_auto(GStrv) words = g_strsplit(valid, " ", -1);
	for (char **word = words; *word != NULL; word++)
		if (strchr(*word, '@') != NULL) {
			g_free(*word);
			*word = g_strdup("(address)");
		}
	return g_strjoinv(" ", words);
}

static void
row_put(struct hub *hub, const struct alarm *row)
{
	g_autoptr(GError) error = NULL;

	hub_must(alarm_put(hub->store, row, &error), &error, "alarm");
}

static void
row_drop(struct hub *hub, const char *cause)
{
	g_autoptr(GError) error = NULL;

	hub_must(alarm_drop(hub->store, cause, &error), &error, "alarm");
}

static bool
is_being_told(const struct hub *hub, const char *cause)
{
	return g_strcmp0(hub->telling, cause) == 0;
}

/* ---- raised, cleared ----------------------------------------------------- */

static void
raise_new(struct hub *hub, const char *cause, const char *text)
{
	const struct alarm row = { .id = id_new(), .cause = (char *)cause, .text = (char *)text,
		.since = hub->now, .next_try = hub->now };

	row_put(hub, &row);
	hub_journal(hub, (struct id){ { 0 } }, (struct id){ { 0 } }, "alarm", text);
}

/* It ended and came back before anybody was told of the end: to them it never ended. */
static void
raise_again(struct hub *hub, struct alarm *row)
{
	row->cleared = 0;
	row->attempts = 0;
	row->next_try = row->told + REPEAT;
	row_put(hub, row);
}

void
alarm_raise(struct hub *hub, const char *cause, const char *format, ...)
{
	struct alarm *row = alarm_get(hub->store, cause);
	va_list arguments;

	va_start(arguments, format);

	g_autofree char *text = one_line(format, arguments);

	va_end(arguments);
	if (row == NULL) {
		raise_new(hub, cause, text);
	} else if (row->cleared > 0) {
		raise_again(hub, row);
	} else if (strcmp(row->text, text) != 0) {
		g_free(row->text);
		row->text = g_steal_pointer(&text);
		row_put(hub, row);
	}
	alarm_free(row);
}

void
alarm_clear(struct hub *hub, const char *cause)
{
	struct alarm *row = alarm_get(hub->store, cause);

	if (row == NULL || row->cleared > 0) {
		alarm_free(row);
		return;
	}
	log_event(LOG_NOTICE, "alarm-clear", "cause=%s", cause);
	hub_journal(hub, (struct id){ { 0 } }, (struct id){ { 0 } }, "alarm-cleared", row->text);
	if (row->told == 0 && !is_being_told(hub, cause)) {
		row_drop(hub, cause);	/* nobody was told that it began */
	} else {
		row->cleared = hub->now;
		row->next_try = hub->now;
		row->attempts = 0;
		row_put(hub, row);
	}
	alarm_free(row);
}

/* ---- told ---------------------------------------------------------------- */

static void
told(struct hub *hub, struct alarm *row, bool was_end)
{
	row->attempts = 0;
	if (was_end && row->cleared > 0) {
		row_drop(hub, row->cause);
		return;
	}
	row->told = was_end ? 0 : hub->now;
	/* What changed while the command ran is told next. */
	row->next_try = was_end || row->cleared > 0 ? hub->now : hub->now + REPEAT;
	row_put(hub, row);
}

static void
not_told(struct hub *hub, struct alarm *row, guint status)
{
	gint64 wait = MIN(BACKOFF_MS << MIN(row->attempts, 12), BACKOFF_MAX);

	row->attempts++;
	row->next_try = hub->now + wait;
	row_put(hub, row);
	log_event(LOG_ERR, "alarm-untold", "cause=%s status=%u attempts=%u", row->cause, status,
		row->attempts);
}

static void
tell_ended(struct hub *hub, void *data, guint status, const char *output)
{
	g_autofree char *cause = g_steal_pointer(&hub->telling);
	struct alarm *row = alarm_get(hub->store, cause);

	(void)output;
	if (row == NULL)
		return;
	if (status == 0 || status == NOT_CONFIGURED)
		told(hub, row, data != NULL);
	else
		not_told(hub, row, status);
	alarm_free(row);
}

static void
tell(struct hub *hub, const struct alarm *row)
{
	bool is_end = row->cleared > 0;
	g_autofree char *text = g_strconcat(is_end ? "cleared: " : "", row->text, NULL);
	g_autofree char *quoted = log_quote(row->text);
	const char *const arguments[] = { row->cause, text, NULL };

	if (!is_end)
		log_event(LOG_CRIT, "alarm", "cause=%s why=%s", row->cause, quoted);
	hub->telling = g_strdup(row->cause);
	hub_helper(hub, "alarm", arguments, tell_ended, is_end ? hub : NULL);
}

/* Due after a day's repeat at the latest: a clock set back does not silence it. */
static bool
is_due(const struct hub *hub, const struct alarm *row)
{
	return row->next_try <= hub->now || row->next_try > hub->now + REPEAT;
}

void
alarm_work(struct hub *hub)
{
	struct alarm *row;

	if (hub->telling != NULL || hub->stopping)
		return;
	row = alarm_next(hub->store);
	if (row != NULL && is_due(hub, row))
		tell(hub, row);
	alarm_free(row);
}

gint64
alarm_due(struct hub *hub)
{
	struct alarm *row = hub->telling != NULL ? NULL : alarm_next(hub->store);
	gint64 due = row == NULL ? -1 : row->next_try;

	alarm_free(row);
	return due;
}
