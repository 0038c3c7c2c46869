/* SPDX-License-Identifier: ISC
 *
 * test-canary: plants strings in every content field the store has and searches all its files,
 * while it is open and after it was closed, for them in plain, in hex and in the three
 * alignments of base64.  What must be found (a state word, the ticket number) is searched the
 * same way, so that a search that finds nothing at all fails too.
 */
#include "scratch.h"

#define CANARY_FINGERPRINT "CA7A27CA7A27CA7A27CA7A27CA7A27CA7A270815"

static const char *const canaries[] = {
	"canary-subject-7Q", "canary-address@example.vn", "canary-text-9Z", "canary-name.docx",
	"canary-id@example.org", "canary-uid-4711", "canary-folder", "canary-reason",
	"canary-values", "canary-why", "canary-cursor", "canary-error", "canary-assignee",
	"canary-party", "canary-reply-to@example.org", "canary-outgoing@example.vn",
	"canary-raw-body", "canary-recipient@example.vn", "canary-pin@example.vn",
	"canary-certificate", CANARY_FINGERPRINT, "canary-alarm",
};

static void
plant_letter(struct scratch *s, struct id mail)
{
	g_autoptr(letter_auto) letter = letter_new();
	struct verdict verdict = verdict_worst(LAYER_PLAIN);
	struct part *part = g_new0(struct part, 1);

	g_free(letter->subject);
	letter->subject = g_strdup("canary-subject-7Q");
	letter->from.address = g_strdup("canary-address@example.vn");
	g_free(letter->text);
	letter->text = g_strdup("canary-text-9Z");
	letter->message_id = g_strdup("canary-id@example.org");
	part->number = g_strdup("2");
	part->name = g_strdup("canary-name.docx");
	part->type = g_strdup("text/plain");
	part->sha256 = g_strdup("00");
	g_ptr_array_add(letter->parts, part);
	verdict.party = g_strdup("canary-party");
	assert_done(mail_put_letter(s->store, mail, letter, &verdict, &error_));
	verdict_clear(&verdict);
}

static char *receipt_code, *thread, *number;

static struct ticket *
plant_ticket(struct scratch *s)
{
	struct ticket *ticket = ticket_added(s, 2026);

	g_free(ticket->subject);
	g_free(ticket->reporter);
	ticket->subject = g_strdup("canary-subject-7Q");
	ticket->reporter = g_strdup("canary-address@example.vn");
	ticket->assignee = g_strdup("canary-assignee");
	assert_done(ticket_put(s->store, ticket, &error_));
	receipt_code = g_strdup(ticket->receipt_code);
	number = g_strdup(ticket->number);
	thread = thread_code(s->store, ticket->id, "canary-address@example.vn", NULL);
	return ticket;
}

static void
plant_outgoing(struct scratch *s, struct id ticket)
{
	struct outgoing out = { .id = id_new(), .ticket = ticket, .template = (char *)"T01",
		.language = (char *)"vi", .recipient = (char *)"canary-recipient@example.vn",
		.values = (char *)"canary-values",
		.message_id = (char *)"canary-outgoing@example.vn",
		.in_reply_to = (char *)"canary-reply-to@example.org",
		.reason = (char *)"canary-reason" };

	assert_done(outgoing_add(s->store, &out, &error_));
}

static void
plant_pin(struct scratch *s)
{
	g_autoptr(GBytes) certificate = g_bytes_new_static("canary-certificate", 18);
	struct pin pin = { .address = (char *)"canary-pin@example.vn",
		.fingerprint = (char *)CANARY_FINGERPRINT, .source = (char *)"autocrypt",
		.last_seen = 3, .certificate = certificate };
	bool changed;

	assert_done(pin_put(s->store, &pin, &changed, &error_));
}

static void
plant(struct scratch *s)
{
	struct mailbox mailbox = { .name = (char *)"main", .cursor = (char *)"canary-cursor",
		.error = (char *)"canary-error" };
	struct alarm alarm = { .id = id_new(), .cause = (char *)"disk",
		.text = (char *)"canary-alarm" };
	struct mail *mail = mail_sample("canary-uid-4711", 10);
	g_autoptr(GBytes) raw = g_bytes_new_static("canary-raw-body", 15);
	struct ticket *ticket;

	begin(s);
	assert_done(mailbox_put(s->store, &mailbox, &error_));
	g_free(mail->folder);
	mail->folder = g_strdup("canary-folder");
	mail->reason = g_strdup("canary-reason");
	assert_done(blob_put(s->store, raw, &mail->blob, &error_));
	assert_done(mail_add(s->store, mail, &error_));
	plant_letter(s, mail->id);
	ticket = plant_ticket(s);
	plant_outgoing(s, ticket->id);
	plant_pin(s);
	assert_done(alarm_put(s->store, &alarm, &error_));
	assert_done(journal_add(s->store, 1, ticket->id, mail->id, "open", "canary-why", &error_));
	commit(s);
	mail_free(mail);
	ticket_free(ticket);
}

/* ---- searching ------------------------------------------------------------------------ */

static bool
bytes_have(const char *data, gsize size, const char *text)
{
	return memmem(data, size, text, strlen(text)) != NULL;
}

/* The middle of a base64 text that holds `text` at this offset modulo 3, without the letters its
 * neighbours would change. */
static char *
base64_at(const char *text, guint shift)
{
	g_autofree char *shifted = g_strdup_printf("%.*s%s", (int)shift, "xx", text);
	g_autofree char *code = g_base64_encode((const guchar *)shifted, strlen(shifted));
	gsize skip = shift == 0 ? 0 : shift + 1, whole = strlen(shifted) / 3 * 4;

	return g_strndup(code + skip, whole - skip);
}

static bool
found_in(const char *data, gsize size, const char *text)
{
	g_autoptr(GString) hex = g_string_new(NULL);
	bool found = bytes_have(data, size, text);

	for (const char *p = text; *p != '\0'; p++)
		g_string_append_printf(hex, "%02x", (unsigned char)*p);
	found |= bytes_have(data, size, hex->str);
	g_string_ascii_up(hex);
	found |= bytes_have(data, size, hex->str);
	for (guint shift = 0; shift < 3; shift++) {
		g_autofree char *code = base64_at(text, shift);
		found |= bytes_have(data, size, code);
	}
	return found;
}

/* Every regular file below `path`. */
static guint
count_below(const char *path, const char *text)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	guint n = 0;

	if (dir == NULL) {
		g_autofree char *data = NULL;
		gsize size = 0;

		g_assert_true(g_file_get_contents(path, &data, &size, NULL));
		return found_in(data, size, text) ? 1 : 0;
	}
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		n += count_below(child, text);
	}
	return n;
}

static void
search(struct scratch *s)
{
	for (guint i = 0; i < G_N_ELEMENTS(canaries); i++)
		if (count_below(s->dir, canaries[i]) != 0)
			g_error("%s lies in clear", canaries[i]);
	g_assert_cmpuint(count_below(s->dir, receipt_code), ==, 0);
	g_assert_cmpuint(count_below(s->dir, thread), ==, 0);
	g_assert_cmpuint(count_below(s->dir, number), >, 0);
	g_assert_cmpuint(count_below(s->dir, "received"), >, 0);
	g_assert_cmpuint(count_below(s->dir, "autocrypt"), >, 0);
}

static void
test_search_itself(void)
{
	static const char *const hits[] = { "..canary-why..", "63616e6172792d776879",
		"63616E6172792D776879" };

	for (guint i = 0; i < G_N_ELEMENTS(hits); i++)
		g_assert_true(found_in(hits[i], strlen(hits[i]), "canary-why"));
	for (guint shift = 0; shift < 3; shift++) {
		g_autofree char *text = g_strdup_printf("%.*scanary-why and more", (int)shift,
			"ab");
		g_autofree char *code = g_base64_encode((const guchar *)text, strlen(text));

		g_assert_true(found_in(code, strlen(code), "canary-why"));
	}
	g_assert_false(found_in("canary-wh", 9, "canary-why"));
}

static void
test_canaries(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	plant(&s);
	search(&s);			/* database and WAL: nothing is written after this */
	scratch_close(&s);
	search(&s);			/* after the checkpoint of the close */
	g_free(receipt_code);
	g_free(thread);
	g_free(number);
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/canary/search-itself", test_search_itself);
	g_test_add_func("/canary/store", test_canaries);
	return g_test_run();
}
