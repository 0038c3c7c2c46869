/* SPDX-License-Identifier: ISC
 *
 * covered: when the store was last backed up, and so which mails would survive the loss of this
 * machine.  What ungcuuctl says of it is kept in the store; made while no hub ran, it lies in a
 * note beside the store until the next one starts.  A time that cannot be true is not believed: it
 * would let server copies be deleted.
 */
#include "role/hub.h"

#include <string.h>
#include <sysexits.h>
#include <syslog.h>

#define NOTE "backup"
#define COMMIT_MS 600000		/* a row has the time of its turn, and is committed later */
#define TEXT_MAX 32

static gint64
backup_time(struct hub *hub)
{
	g_autofree char *text = store_note(hub->store, NOTE);
	gint64 ms = -1;

	return text != NULL && g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &ms, NULL) ? ms :
		-1;
}

static bool
backup_note(struct hub *hub, const char *text)
{
	struct id nothing = { { 0 } };
	g_autoptr(GError) error = NULL;
	g_autofree char *when = NULL;
	gint64 ms;

	if (!g_ascii_string_to_signed(text, 10, 1, G_MAXINT64, &ms, NULL) || ms > hub->now)
		return false;
	if (ms <= backup_time(hub))
		return true;
	when = clock_rfc3339(ms);
	hub_must(store_note_put(hub->store, NOTE, text, &error), &error, "note");
	hub_journal(hub, nothing, nothing, "backup", when);
	log_event(LOG_NOTICE, "backup", "as_of=%s", when);
	return true;
}

void
backup_start(struct hub *hub)
{
	g_autofree char *path = g_strconcat(options_text(hub->options, "store.path"), ".backup",
		NULL);
	g_autofree char *text = NULL;
	gsize size;

	if (g_file_get_contents(path, &text, &size, NULL) && size < TEXT_MAX)
		(void)backup_note(hub, text);
}

/* backup made MS */
char *
backup_made(struct hub *hub, const char *const *words, int *exit_code)
{
	if (backup_note(hub, words[2]))
		return g_strdup("{\"version\":1,\"noted\":true}");
	*exit_code = EX_DATAERR;
	return control_refusal("backup made", "no time that can be true");
}

bool
backup_covers(struct hub *hub, const struct mail *mail)
{
	return !id_is_null(mail->blob) && mail->received + COMMIT_MS <= backup_time(hub);
}
