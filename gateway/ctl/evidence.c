/* SPDX-License-Identifier: ISC
 *
 * evidence add: what was handed over by other ways than mail.  The file is only hashed, here and
 * in one pass whatever its size; the daemon writes digest, size, giver and taker into the ticket's
 * journal.
 */
#include "ctl/ctl.h"

#include <string.h>
#include <sysexits.h>

static const struct { const char *key, *title; } texts[] = {
	{ "file", "file name" }, { "from", "--from" }, { "by", "--by" }, { "note", "--note" },
};

struct given { const char *text[G_N_ELEMENTS(texts)]; };	/* as in `texts` */

/* Before a large file is read for nothing.  The daemon looks once more. */
static int
check_texts(struct ctl *ctl, const struct given *given)
{
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		const char *key = texts[i].key, *text = given->text[i];
		bool is_note = strcmp(key, "note") == 0;
		bool may_be_empty = is_note || strcmp(key, "file") == 0;
		const char *why = *text == '\0' && may_be_empty ? NULL :
			given_fault(text, is_note ? EVIDENCE_NOTE_MOST : EVIDENCE_NAME_MOST);

		if (why != NULL)
			return ctl_fail(ctl, EX_DATAERR, texts[i].title, "%s", why);
	}
	return EX_OK;
}

static int
record(struct ctl *ctl, const struct given *given, const struct input *input, json_t *out)
{
	g_autofree char *sha256 = digest_hex(input->sha256);
	g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, input->size);
	const char *const words[EVIDENCE_WORDS + 1] = { "evidence", "add", ctl->words[0], sha256,
		size, given->text[0], given->text[1], given->text[2], given->text[3], NULL };
	int status = daemon_ask(ctl, words, out);

	if (status != EX_OK)
		return status;
	put_text(out, "sha256", sha256);
	put_int(out, "size", (gint64)input->size);
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		put_text(out, texts[i].key, *given->text[i] != '\0' ? given->text[i] : NULL);
	return EX_OK;
}

int
run_evidence_add(struct ctl *ctl, json_t *out)
{
	const char *file = ctl->words[1];
	g_autofree char *name = strcmp(file, "-") == 0 ? g_strdup("") :
		g_path_get_basename(file);
	const char *by = ctl->by != NULL ? ctl->by : g_get_user_name();
	const struct given given = { { name, ctl->from, by,
		ctl->note != NULL ? ctl->note : "" } };
	g_auto(input_auto) input = { 0 };
	g_autoptr(GError) error = NULL;

	if (ctl->from == NULL)
		return ctl_fail(ctl, EX_USAGE, "evidence add", "--from GIVER is needed");
	if (!g_utf8_validate(ctl->words[0], -1, NULL))
		return ctl_fail(ctl, EX_DATAERR, "evidence add", "no such ticket");

	int status = check_texts(ctl, &given);

	if (status != EX_OK)
		return status;
	if (input_read(file, 0, &input, &error) != DONE)
		return ctl_fail(ctl, EX_DATAERR, file, "%s", error->message);
	return record(ctl, &given, &input, out);
}

void
print_evidence_add(const json_t *out)
{
	static const struct column fields[] = {
		{ "ticket", "Ticket" }, { "at", "At" }, { "file", "File" }, { "size", "Size" },
		{ "sha256", "SHA-256" }, { "from", "From" }, { "by", "To" }, { "note", "Note" },
	};

	print_fields(out, fields, G_N_ELEMENTS(fields));
}
