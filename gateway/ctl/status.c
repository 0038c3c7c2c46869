/* SPDX-License-Identifier: ISC
 *
 * status: is all well?  One look at the store, the keys and the daemon's socket.  Whatever needs
 * a person is a line under "attention", and then the exit status is 1.
 */
#include "crypto/crypto.h"
#include "ctl/ctl.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define DAY_MS		G_GINT64_CONSTANT(86400000)
#define KEY_DAYS_LEAST	14
#define POLLS_MISSED	3
#define ATTEMPTS_QUIET	2	/* of an outgoing mail, before somebody is told */
#define REFUSED		500	/* reply codes from here on need a person at once */
#define FAILURES_SHOWN	5
#define FAILURES_AGE	(7 * DAY_MS)	/* how long a mail that came back is called to mind */

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

struct look { struct ctl *ctl; json_t *out, *attention; };

gint64
days_until(gint64 expires, gint64 now)
{
	if (expires < 0)
		return -1;
	return (expires - now) / DAY_MS - (expires < now ? 1 : 0);
}

static void
attend(struct look *look, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
attend(struct look *look, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);

	g_autofree char *text = g_strdup_vprintf(format, arguments);

	va_end(arguments);
	add_text(look->attention, text);
}

/* ---- mailboxes and mails -------------------------------------------------------------- */

#define ROOM_WARN	70	/* per cent */

/* "USED LIMIT AT", as the hub noted it. */
static void
put_room(struct look *look, json_t *object, const char *mailbox)
{
	g_autofree char *name = g_strconcat("room ", mailbox, NULL);
	g_autofree char *text = store_note(look->ctl->store, name);
	g_auto(GStrv) words = g_strsplit(text ? text : "", " ", 3);
	json_t *room = g_strv_length(words) == 3 ? put_object(object, "room") : NULL;
	guint64 used, limit;

	if (!room)
		return;
	used = g_ascii_strtoull(words[0], NULL, 10);
	limit = g_ascii_strtoull(words[1], NULL, 10);
	put_int(room, "used", (gint64) used);
	if (limit == 0) {
		put_text(room, "limit", NULL);
		put_text(room, "percent", NULL);
	} else {
		gint64 percent = (gint64) ((double) used / (double) limit * 100);

		put_int(room, "limit", (gint64) limit);
		put_int(room, "percent", percent);
		if (percent >= ROOM_WARN)
			attend(look, "mailbox %s is %" G_GINT64_FORMAT "%% full: when it is, mail "
				"to it is refused", mailbox, percent);
	}
	put_time(room, "at", g_ascii_strtoll(words[2], NULL, 10));
}

static void
put_poll(struct look *look, json_t *object, guint index)
{
	const struct ctl *ctl = look->ctl;
	const char *name = options_text(ctl->options, "mailboxes.%u.name", index);
	gint64 interval = options_int(ctl->options, "mailboxes.%u.poll", index);
	struct mailbox *row = mailbox_get(ctl->store, name);
	gint64 last_good = row ? row->last_good : -1, lag = ctl->now - last_good;

	put_text(object, "mailbox", name);
	put_time(object, "last_poll", row ? row->last_poll : -1);
	put_time(object, "last_good", last_good);
	if (last_good < 0)
		put_text(object, "lag_seconds", NULL);
	else
		put_int(object, "lag_seconds", lag / 1000);
	put_text(object, "error", row ? row->error : NULL);
	put_room(look, object, name);
	if (last_good < 0 && row && row->error)
		attend(look, "mailbox %s could never be read: %s", name, row->error);
	else if (last_good < 0)
		attend(look, "mailbox %s was never polled", name);
	else if (lag > POLLS_MISSED * interval && row->error)
		attend(look, "mailbox %s: last good poll %" G_GINT64_FORMAT " s ago: %s", name,
			lag / 1000, row->error);
	else if (lag > POLLS_MISSED * interval)
		attend(look, "mailbox %s: last good poll %" G_GINT64_FORMAT " s ago", name,
			lag / 1000);
	mailbox_free(row);
}

/* What an MTA hands over is not polled: the last one is the last good time, and none is no lag. */
static bool
put_ingested(struct look *look, json_t *array)
{
	struct mailbox *row = mailbox_get(look->ctl->store, INGEST_MAILBOX);
	bool was_used = row != NULL;

	if (was_used) {
		json_t *object = add_object(array);

		put_text(object, "mailbox", row->name);
		put_text(object, "last_poll", NULL);
		put_time(object, "last_good", row->last_good);
		put_text(object, "lag_seconds", NULL);
		put_text(object, "error", NULL);
	}
	mailbox_free(row);
	return was_used;
}

static void
add_mails(struct look *look, const char *mailbox, struct ledger *sum)
{
	struct ledger ledger = { 0 };

	ledger_of(look->ctl->store, mailbox, &ledger);
	sum->held += ledger.held;
	sum->pending += ledger.pending;
	sum->seen += ledger.seen;
	if (ledger.missing->len > 0)
		attend(look, "%u mails have lost their raw bytes: see ledger", ledger.missing->len);
	g_ptr_array_unref(ledger.missing);
}

static void
put_mailboxes(struct look *look)
{
	struct ctl *ctl = look->ctl;
	struct ledger sum = { 0 };
	json_t *array = put_array(look->out, "mailboxes");

	for (guint i = 0; i < options_count(ctl->options, "mailboxes"); i++) {
		put_poll(look, add_object(array), i);
		add_mails(look, options_text(ctl->options, "mailboxes.%u.name", i), &sum);
	}
	if (put_ingested(look, array))
		add_mails(look, INGEST_MAILBOX, &sum);

	json_t *mails = put_object(look->out, "mails");

	put_int(mails, "seen", (gint64) sum.seen);
	put_int(mails, "pending", (gint64) sum.pending);
	put_int(mails, "held", (gint64) sum.held);
	if (sum.held > 0)
		attend(look, "%" G_GUINT64_FORMAT " mails are held: see hold list", sum.held);
}

/* ---- outbox --------------------------------------------------------------------------- */

/* The pause of the whole queue: "SINCE TRIES CODE WHY", written by the hub. */
static bool
put_shut(struct look *look, json_t *outbox)
{
	g_autofree char *note = store_note(look->ctl->store, "submission-shut");
	g_auto(GStrv) words = g_strsplit(note ? note : "", " ", 4);
	bool is_shut = g_strv_length(words) == 4;
	gint64 since = is_shut ? g_ascii_strtoll(words[0], NULL, 10) : -1;
	gint64 tries = is_shut ? g_ascii_strtoll(words[1], NULL, 10) : 0;
	gint64 code = is_shut ? g_ascii_strtoll(words[2], NULL, 10) : 0;
	g_autofree char *when = is_shut ? clock_rfc3339(since) : NULL;

	put_time(outbox, "shut_since", since);
	put_text(outbox, "shut", is_shut ? words[3] : NULL);
	if (is_shut && (code >= REFUSED || tries >= ATTEMPTS_QUIET))
		attend(look, "no mail leaves since %s: %s", when, words[3]);
	return is_shut;
}

/* What the way out said last of the mail that has waited longest. */
static void
put_refusal(struct look *look, json_t *outbox, bool is_shut)
{
	g_autoptr(GPtrArray) rows = outgoing_list(look->ctl->store, OUT_PROTECTED, 1, NULL);
	const struct outgoing *row = rows->len > 0 ? rows->pdata[0] : NULL;
	bool waits = !is_shut && row && row->reason && row->attempts >= ATTEMPTS_QUIET;

	put_text(outbox, "refusal", row ? row->reason : NULL);
	if (waits)
		attend(look, "outgoing mail waits after %u attempts: %s", row->attempts,
			row->reason);
}

/* Somebody waits for an answer that did not arrive. */
static void
put_failures(struct look *look, json_t *outbox)
{
	struct ctl *ctl = look->ctl;
	g_autoptr(GPtrArray) rows = outgoing_reported(ctl->store, FATE_FAILED,
		ctl->now - FAILURES_AGE, FAILURES_SHOWN + 1);

	put_int(outbox, "undelivered", rows->len);
	for (guint i = 0; i < rows->len && i < FAILURES_SHOWN; i++) {
		const struct outgoing *row = rows->pdata[i];
		g_autofree char *number = number_of(ctl, row->ticket), *id = id_text(row->id);

		attend(look, "%s of ticket %s did not arrive%s%s: see queue show %s",
			row->template, number ? number : "-", row->delivery_status ? ", " : "",
			row->delivery_status ? row->delivery_status : "", id);
	}
	if (rows->len > FAILURES_SHOWN)
		attend(look, "and further mails did not arrive: see queue list --state sent");
}

static void
put_outbox(struct look *look)
{
	struct store *store = look->ctl->store;
	json_t *outbox = put_object(look->out, "outbox");
	gint64 oldest = outgoing_oldest(store);

	for (guint i = 0; i < out_state_count; i++)
		put_int(outbox, out_state_word((enum out_state) i),
			(gint64) outgoing_count(store, (enum out_state) i));
	put_time(outbox, "oldest", oldest);
	if (oldest < 0)
		put_text(outbox, "age_seconds", NULL);
	else
		put_int(outbox, "age_seconds", (look->ctl->now - oldest) / 1000);

	put_refusal(look, outbox, put_shut(look, outbox));
	put_failures(look, outbox);

	guint64 capped = outgoing_capped(store, look->ctl->now - DAY_MS);

	put_int(outbox, "capped_last_day", (gint64) capped);
	if (capped > 0)
		attend(look, "%" G_GUINT64_FORMAT " mails were not sent within a day because a cap "
			"is reached (policy.cap_*): see queue list", capped);

	guint64 held = outgoing_count(store, OUT_HELD);

	if (held > 0)
		attend(look, "%" G_GUINT64_FORMAT " outgoing mails are held: see "
			"queue list --state held", held);
}

/* ---- alarms --------------------------------------------------------------------------- */

static void
put_alarms(struct look *look)
{
	g_autoptr(GPtrArray) rows = alarm_list(look->ctl->store);
	json_t *array = put_array(look->out, "alarms");

	for (guint i = 0; i < rows->len; i++) {
		const struct alarm *row = rows->pdata[i];
		json_t *object = add_object(array);

		put_text(object, "cause", row->cause);
		put_text(object, "text", row->text);
		put_time(object, "since", row->since);
		put_time(object, "told", row->told > 0 ? row->told : -1);
		attend(look, "alarm %s: %s", row->cause, row->text);
	}
}

/* ---- keys ----------------------------------------------------------------------------- */

static void
attend_key(struct look *look, const struct key_info *info)
{
	gint64 days = days_until(info->expires, look->ctl->now);

	if (info->revoked)
		attend(look, "the hotline's key is revoked");
	else if (info->expired || (info->expires >= 0 && days < 0))
		attend(look, "the hotline's key has expired");
	else if (info->expires >= 0 && days < KEY_DAYS_LEAST)
		attend(look, "the hotline's key expires in %" G_GINT64_FORMAT " days", days);
}

static void
put_key(struct look *look, json_t *object, const struct key_info *info)
{
	put_text(object, "use", "hotline");
	put_text(object, "fingerprint", info->fingerprint);
	put_time(object, "expires", info->expires);
	if (info->expires < 0)
		put_text(object, "days_left", NULL);
	else
		put_int(object, "days_left", days_until(info->expires, look->ctl->now));
	attend_key(look, info);
}

static void
put_keys(struct look *look)
{
	const char *own = options_text(look->ctl->options, "hotline.key");
	const char *home = options_text(look->ctl->options, "keys.home");
	g_autoptr(GPtrArray) keys = NULL;
	g_autoptr(GError) error = NULL;
	json_t *array = put_array(look->out, "keys");

	if (!own || !*own) {
		attend(look, "hotline.key is not set");
		return;
	}
	crypto_init();
	if (key_list(home, own, false, &keys, &error) != DONE)
		attend(look, "the hotline's key cannot be read: %s", error->message);
	else if (keys->len == 0)
		attend(look, "the hotline's key is not in keys.home");
	for (guint i = 0; keys && i < keys->len; i++)
		put_key(look, add_object(array), keys->pdata[i]);
}

/* ---- daemon, versions ----------------------------------------------------------------- */

static void
put_daemon(struct look *look)
{
	int fd = daemon_connect(look->ctl);

	put_text(look->out, "daemon", fd >= 0 ? "running" : "stopped");
	if (fd >= 0)
		close(fd);
	put_array(look->out, "workers");	/* the hub does not tell of them yet */
}

/* What is linked, asked of itself: the libraries' headers have homes elsewhere. */
static const struct { const char *name, *function; } libraries[] = {
	{ "sqlite", "sqlite3_libversion" },
	{ "gnutls", "gnutls_check_version" },
	{ "gpgme",  "gpgme_check_version" },
	{ "jansson", "jansson_version_str" },
};

static void
put_versions(struct look *look)
{
	json_t *versions = put_object(look->out, "versions");

	put_text(versions, "ungcuu", PACKAGE_VERSION);
	for (gsize i = 0; i < G_N_ELEMENTS(libraries); i++) {
		void *symbol = dlsym(RTLD_DEFAULT, libraries[i].function);
		const char *(*version)(const char *);

		if (!symbol)
			continue;
		memcpy(&version, &symbol, sizeof version);
		put_text(versions, libraries[i].name, version(NULL));
	}
}

int
run_status(struct ctl *ctl, json_t *out)
{
	struct look look = { ctl, out, json_array() };

	put_daemon(&look);
	put_mailboxes(&look);
	put_open(ctl, out);
	put_outbox(&look);
	put_alarms(&look);
	put_int(put_object(out, "clocks"), "open", 0);
	put_keys(&look);
	put_versions(&look);
	json_object_set_new(out, "attention", look.attention);
	return json_array_size(look.attention) > 0 ? 1 : EX_OK;
}

void
print_status(const json_t *out)
{
	static const struct column mailbox[] = {
		{ "mailbox", "MAILBOX" }, { "last_good", "LAST GOOD POLL" },
		{ "lag_seconds", "LAG S" }, { "error", "ERROR" },
	};
	static const struct column alarm[] = {
		{ "cause", "ALARM" }, { "since", "SINCE" }, { "told", "TOLD" }, { "text", "WHY" },
	};
	static const struct column fields[] = {
		{ "daemon", "Daemon" }, { "mails", "Mails" }, { "open", "Open" },
		{ "outbox", "Outbox" },
		{ "keys", "Keys" }, { "versions", "Versions" },
	};
	const json_t *line;
	gsize i;

	print_table(json_object_get(out, "mailboxes"), mailbox, G_N_ELEMENTS(mailbox));
	if (json_array_size(json_object_get(out, "alarms")) > 0)
		print_table(json_object_get(out, "alarms"), alarm, G_N_ELEMENTS(alarm));
	print_fields(out, fields, G_N_ELEMENTS(fields));
	json_array_foreach(json_object_get(out, "attention"), i, line) {
		g_autofree char *text = print_value(line);

		print_line("ATTENTION: %s", text);
	}
}
