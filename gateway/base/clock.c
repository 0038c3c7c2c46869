/* SPDX-License-Identifier: ISC
 *
 * clock: the time of day as milliseconds since 1970 in UTC, and as RFC 3339 text; and ticks, which
 * never jump, for how long something takes.  Only hub, supervisor and ungcuuctl ask for the time;
 * all others get `now` in a request.  Refuses times before
 * 1970 and local time.
 */
#include "base/base.h"

#include <string.h>

gint64
clock_now(void)
{
	gint64 now = g_get_real_time() / 1000;

#ifdef UNGCUU_TEST_HOOKS
	now += hook_clock_offset();
#endif
	return now;
}

gint64
clock_ticks(void)
{
	return g_get_monotonic_time() / 1000;
}

char *
clock_rfc3339(gint64 ms)
{
	gint64 last = G_GINT64_CONSTANT(253402300799);	/* of the years four digits can write */
	g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(CLAMP(ms / 1000, 0, last));

	return g_date_time_format(at, "%Y-%m-%dT%H:%M:%SZ");
}

/* The letters of RFC 3339 §5.6 at their places: `0` stands for a digit. */
static bool
has_shape(const char *text, const char *shape)
{
	for (; *shape; text++, shape++)
		if (*shape == '0' ? !g_ascii_isdigit(*text) : g_ascii_toupper(*text) != *shape)
			return false;
	return true;
}

gint64
clock_parse_rfc3339(const char *text)
{
	const char *end;

	if (!text || !has_shape(text, "0000-00-00T00:00:00"))
		return -1;
	end = text + strlen("0000-00-00T00:00:00");
	if (*end == '.') {
		if (!g_ascii_isdigit(*++end))
			return -1;
		end += strspn(end, "0123456789");
	}
	if (!(has_shape(end, "Z") && !end[1]) && !(has_shape(end, "+00:00") && !end[6]) &&
	    !(has_shape(end, "-00:00") && !end[6]))
		return -1;
	/* GLib reads "t" and "z" in capitals only. */
	g_autofree char *upper = g_ascii_strup(text, -1);
	g_autoptr(GDateTime) at = g_date_time_new_from_iso8601(upper, NULL);
	if (!at || g_date_time_to_unix(at) < 0)
		return -1;
	return g_date_time_to_unix(at) * 1000 + g_date_time_get_microsecond(at) / 1000;
}
