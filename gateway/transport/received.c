/* SPDX-License-Identifier: ISC
 *
 * received: the date our own mail server put into a mail it took in: that of the topmost Received
 * field (RFC 5321 §4.4, RFC 5322 §3.3).  The fields below were written by others, Date by the
 * sender: neither is ever looked at.
 */
#include "transport/pop3.h"

#include <string.h>

#define FIELD		"received:"
#define FIELD_MAX	4096	/* bytes of it that are looked at */
#define DEPTH_MAX	100	/* comments within comments */

/* The text of the topmost one with what is folded, without comments; g_free(), or NULL. */
static char *
topmost(const char *header, gsize size)
{
	const char *at = header, *end = header + size;
	GString *text = NULL;

	while (at < end && *at != '\r' && *at != '\n') {
		const char *line_end = memchr(at, '\n', (gsize) (end - at));
		const char *next = line_end ? line_end + 1 : end;
		bool goes_on = *at == ' ' || *at == '\t';

		if (text && !goes_on)
			break;
		if (!text && (gsize) (next - at) > strlen(FIELD) &&
		    g_ascii_strncasecmp(at, FIELD, strlen(FIELD)) == 0)
			text = g_string_new(NULL);
		if (text && text->len < FIELD_MAX)
			g_string_append_len(text, at, MIN(next - at, FIELD_MAX));
		at = next;
	}
	return text ? g_string_free(text, FALSE) : NULL;
}

static void
blank_comments(char *text)
{
	guint depth = 0;

	for (char *p = text; *p; p++) {
		bool opens = *p == '(' && depth < DEPTH_MAX, closes = *p == ')' && depth > 0;

		depth += opens;
		if (depth > 0 && *p == '\\' && p[1])
			*p++ = ' ';
		if (depth > 0 || g_ascii_isspace(*p))
			*p = ' ';
		depth -= closes;
	}
}

/* "Nov" as 11; 0: none. */
static int
month_of(const char *word)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int i = 0; strlen(word) == 3 && i < 12; i++)
		if (g_ascii_strncasecmp(word, names + 3 * i, 3) == 0)
			return i + 1;
	return 0;
}

/* At most four digits and nothing else; -1. */
static int
number_of(const char *word)
{
	guint64 n;

	if (strlen(word) > 4 || !g_ascii_string_to_unsigned(word, 10, 0, 9999, &n, NULL))
		return -1;
	return (int) n;
}

/* Seconds east of Greenwich.  Names of zones have no one meaning: 0. */
static int
zone_of(const char *word)
{
	int n;

	if (!word || (*word != '+' && *word != '-') || strlen(word) != 5)
		return 0;
	n = number_of(word + 1);
	if (n < 0 || n % 100 > 59 || n > 1400)
		return 0;
	n = n / 100 * 3600 + n % 100 * 60;
	return *word == '-' ? -n : n;
}

/* "hh:mm[:ss]" */
static bool
read_time(const char *word, int out[3])
{
	g_auto(GStrv) parts = g_strsplit(word, ":", 4);
	guint n = g_strv_length(parts);

	if (n < 2 || n > 3)
		return false;
	out[2] = 0;
	for (guint i = 0; i < n; i++)
		out[i] = number_of(parts[i]);
	return out[0] >= 0 && out[1] >= 0 && out[2] >= 0;
}

/* "[Mon,] 23 Nov 2026 10:00:00 +0700" */
static gint64
read_date(char *text)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	g_auto(GStrv) all = g_strsplit_set(text, " ,", -1);
	g_autoptr(GDateTime) date = NULL;
	int time[3], day, month, year;

	for (char **word = all; *word; word++)
		if (**word)
			g_ptr_array_add(words, *word);
	if (words->len > 0 && g_ascii_isalpha(*(char *) words->pdata[0]))
		g_ptr_array_remove_index(words, 0);
	if (words->len < 4)
		return -1;
	day = number_of(words->pdata[0]);
	month = month_of(words->pdata[1]);
	year = number_of(words->pdata[2]);
	if (day < 1 || month < 1 || year < 1970 || !read_time(words->pdata[3], time))
		return -1;
	date = g_date_time_new_utc(year, month, day, time[0], time[1], MIN(time[2], 59));
	if (!date)
		return -1;
	return MAX(0, (g_date_time_to_unix(date) -
		zone_of(words->len > 4 ? words->pdata[4] : NULL)) * 1000);
}

gint64
received_date(const char *header, gsize size)
{
	g_autofree char *text = topmost(header, size);
	char *date;

	if (!text)
		return -1;
	blank_comments(text);
	date = strrchr(text, ';');
	return date ? read_date(date + 1) : -1;
}
