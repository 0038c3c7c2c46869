/* SPDX-License-Identifier: ISC
 *
 * mailbox adopt: mail that the first poll left in place is taken in after all, from a time on.  The
 * daemon does it; this file only reads the time as people write it.
 */
#include "ctl/ctl.h"

#include <string.h>
#include <sysexits.h>

/* RFC 3339, or a day in our time zone; -1: neither. */
static gint64
time_of(const char *text)
{
	gint64 ms = clock_parse_rfc3339(text);
	g_autofree char *day = NULL;
	g_autoptr(GDateTime) midnight = NULL;

	if (ms >= 0 || strlen(text) != strlen("2026-11-22"))
		return ms;
	day = g_strconcat(text, "T00:00:00+07:00", NULL);
	midnight = g_date_time_new_from_iso8601(day, NULL);
	return midnight != NULL ? g_date_time_to_unix(midnight) * 1000 : -1;
}

int
run_mailbox_adopt(struct ctl *ctl, json_t *out)
{
	gint64 since = ctl->since ? time_of(ctl->since) : -1;
	g_autofree char *ms = g_strdup_printf("%" G_GINT64_FORMAT, since);
	const char *words[] = { "mailbox", "adopt", ctl->words[0], ms,
		ctl->silent ? "silent" : "answered", NULL };

	if (!ctl->since)
		return ctl_fail(ctl, EX_USAGE, "mailbox adopt", "--since TIME is needed");
	if (since < 0)
		return ctl_fail(ctl, EX_USAGE, ctl->since,
			"no time: write 2026-11-01 or 2026-11-01T08:00:00Z");

	int status = daemon_ask(ctl, words, out);

	if (status == EX_OK) {
		put_text(out, "mailbox", ctl->words[0]);
		put_time(out, "since", since);
		put_bool(out, "silent", ctl->silent);
	}
	return status;
}

void
print_mailbox_adopt(const json_t *out)
{
	static const struct column fields[] = { { "mailbox", "Mailbox" }, { "since", "Since" },
		{ "silent", "Without answers" } };

	print_fields(out, fields, G_N_ELEMENTS(fields));
	print_line("The next poll, which begins now, takes it in.");
}
