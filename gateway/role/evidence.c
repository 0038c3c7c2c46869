/* SPDX-License-Identifier: ISC
 *
 * evidence: what was handed over by other ways than mail, as a row of its ticket's journal: digest
 * and size of the file, who gave it and who took it.  The file itself stays where it is.  The same
 * file twice is twice a row: each handing over is one.  Texts come from a person and are sealed
 * like every reason in the journal; the log has none of them.
 */
#include "role/hub.h"

#include <string.h>
#include <sysexits.h>
#include <syslog.h>

enum { EVIDENCE = 0, ADD, TICKET, SHA256, SIZE, NAME, FROM, BY, NOTE, N_WORDS };
G_STATIC_ASSERT(N_WORDS == EVIDENCE_WORDS);

static const struct {
	guint word;
	const char *key;
	gsize most;
	bool may_be_empty;
} texts[] = {
	/* word, key in the journal's line, bytes at most, may be empty */
	{ NAME, "file", EVIDENCE_NAME_MOST, true },	/* of standard input */
	{ FROM, "from", EVIDENCE_NAME_MOST, false },
	{ BY, "by", EVIDENCE_NAME_MOST, false },
	{ NOTE, "note", EVIDENCE_NOTE_MOST, true },
};

static bool
is_given(const char *const *words, guint i)
{
	return *words[texts[i].word] != '\0' || !texts[i].may_be_empty;
}

static char *
evidence_fault(const char *const *words)
{
	guint8 sha256[DIGEST_SIZE];

	if (!digest_parse(words[SHA256], sha256))
		return g_strdup("no SHA-256");
	if (!g_ascii_string_to_unsigned(words[SIZE], 10, 0, G_MAXINT64, NULL, NULL))
		return g_strdup("no size");
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		const char *why = !is_given(words, i) ? NULL :
			given_fault(words[texts[i].word], texts[i].most);

		if (why != NULL)
			return g_strdup_printf("%s: %s", texts[i].key, why);
	}
	return NULL;
}

/* key="text", so that no text can look like another field. */
static void
put_quoted(GString *line, const char *key, const char *text)
{
	g_string_append_printf(line, " %s=\"", key);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			g_string_append_c(line, '\\');
		g_string_append_c(line, *text);
	}
	g_string_append_c(line, '"');
}

static char *
evidence_line(const char *const *words)
{
	GString *line = g_string_new(NULL);

	g_string_printf(line, "sha256=%s size=%s", words[SHA256], words[SIZE]);
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		if (is_given(words, i))
			put_quoted(line, texts[i].key, words[texts[i].word]);
	return g_string_free(line, FALSE);
}

static struct ticket *
ticket_of(struct hub *hub, const char *name)
{
	struct id id;
	struct ticket *ticket = ticket_by_number(hub->store, name);

	return ticket == NULL && id_parse(name, &id) ? ticket_get(hub->store, id) : ticket;
}

/* A ticket's number is made of the hotline's id, digits and what the format allows: no quote. */
static char *
evidence_record(struct hub *hub, struct ticket *ticket, const char *const *words)
{
	g_autofree char *line = evidence_line(words), *at = clock_rfc3339(hub->now);
	g_autoptr(GError) error = NULL;

	hub_journal(hub, ticket->id, (struct id){ { 0 } }, "evidence", line);
	ticket->updated = hub->now;
	hub_must(ticket_put(hub->store, ticket, &error), &error, "ticket");
	log_event(LOG_NOTICE, "evidence", "ticket=%s size=%s sha=%.16s", ticket->number,
		words[SIZE], words[SHA256]);
	return g_strdup_printf("{\"version\":1,\"ticket\":\"%s\",\"at\":\"%s\"}", ticket->number,
		at);
}

/* evidence add TICKET SHA256 SIZE FILE FROM BY NOTE */
char *
evidence_add(struct hub *hub, const char *const *words, int *exit_code)
{
	g_autofree char *fault = evidence_fault(words), *json = NULL;
	struct ticket *ticket = fault == NULL ? ticket_of(hub, words[TICKET]) : NULL;

	if (ticket == NULL) {
		*exit_code = EX_DATAERR;
		return control_refusal("evidence add", fault != NULL ? fault : "no such ticket");
	}
	json = evidence_record(hub, ticket, words);
	ticket_free(ticket);
	return g_steal_pointer(&json);
}
