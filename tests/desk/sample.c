/* SPDX-License-Identifier: ISC
 *
 * sample: see sample.h.  All parties are invented.
 */
#include "sample.h"

#include <string.h>

static const char *const settings[] = {
	"hotline.id", "NBH",
	"hotline.name.vi", "Đội Ứng cứu sự cố tỉnh Mẫu",
	"hotline.name.en", "Sample Province Incident Response Team",
	"hotline.address", "ungcuu@example.vn",
	"hotline.aliases.0", "report@example.vn",
	"hotline.aliases.1", "ungcuu@cu.example.vn",
	"hotline.reply_address", "ungcuu+%t@example.vn",
	"hotline.languages.0", "vi",
	"hotline.languages.1", "en",
	"hotline.phone", "+84 000 000 113",
	"hotline.portal", "https://ungcuu.example.vn/",
	"hotline.key", "0123456789ABCDEF0123456789ABCDEF01234567",
	"hotline.ticket_format", "%i-%y-%06n",
	"policy.mode", "answer",
	"policy.receipt_interval", "3600000",
	"policy.late_after", "3600000",
	"policy.forwarders.0", "cong@tinh.example.vn",
	"authserv_ids.0", "mx.example.vn",
	"authserv_ids.1", "mx2.example.vn",
	"responders.0.id", "truc.mot",
	"responders.0.address", "truc.mot@example.vn",
	"responders.0.language", "vi",
	"directory.agencies.0.id", "so-mau",
	"directory.agencies.0.addresses.0", "vanthu@somau.example.vn",
	"directory.agencies.0.addresses.1", "cntt@somau.example.vn",
	"directory.agencies.0.language", "vi",
	"directory.isps.0.id", "mang-mau",
	"directory.isps.0.addresses.0", "abuse@isp.example.org",
	"directory.isps.0.language", "en",
	"directory.authorities.0.id", "dieu-phoi",
	"directory.authorities.0.addresses.0", "ir@dieuphoi.example.vn",
	NULL,
};

static const char *const templates[] = { "vi/T01", "vi/T02", "vi/T03", "vi/T04", "vi/T32", "vi/T33",
	"vi/T35", "vi/T38", "vi/T39", "en/T01", "en/T02", "en/T03", "en/T32", "en/T33", "en/T35",
	"en/T38", "en/T39" };

static const char *
top(const char *variable)
{
	const char *path = g_getenv(variable);

	return path ? path : ".";
}

char *
sample_file(const char *path)
{
	g_autofree char *full = g_build_filename(top("TOP_SRCDIR"), path, NULL);
	g_autoptr(GError) error = NULL;
	char *text = NULL;

	g_file_get_contents(full, &text, NULL, &error);
	g_assert_no_error(error);
	return text;
}

static void
set_all(struct options *o, const char *const *pairs)
{
	for (; pairs != NULL && *pairs != NULL; pairs += 2)
		options_set(o, pairs[0], pairs[1]);
}

struct site *
sample_site(const char *const *changes)
{
	struct options *o = options_new();

	set_all(o, settings);
	set_all(o, changes);
	struct site *site = site_new(o);

	options_free(o);
	for (guint i = 0; i < G_N_ELEMENTS(templates); i++) {
		g_autofree char *path = g_strdup_printf("templates/%s.txt", templates[i]);

		g_hash_table_insert(site->templates, g_strdup(templates[i]), sample_file(path));
	}
	return site;
}

struct letter *
sample_letter(const char *from, const char *subject, const char *text, const char *fields)
{
	struct letter *l = letter_new();
	g_auto(GStrv) lines = g_strsplit(fields ? fields : "", "\n", -1);

	l->from.address = g_strdup(from);
	l->n_from = from != NULL;
	g_free(l->subject);
	l->subject = g_strdup(subject);
	g_free(l->text);
	l->text = g_strdup(text);
	l->message_id = g_strdup("mail-1@example.org");
	for (char **line = lines; *line != NULL; line++) {
		const char *colon = strchr(*line, ':');

		if (colon == NULL)
			continue;
		struct field *f = g_new0(struct field, 1);

		f->name = g_strndup(*line, (gsize)(colon - *line));
		f->value = g_strstrip(g_strdup(colon + 1));
		g_ptr_array_add(l->fields, f);
	}
	memset(l->own_sha256, 0xab, DIGEST_SIZE);
	return l;
}

void
sample_reference(struct letter *l, const char *message_id)
{
	g_ptr_array_add(l->references, g_strdup(message_id));
}

void
sample_part(struct letter *l, const char *name, const char *type, guint64 size)
{
	struct part *p = g_new0(struct part, 1);

	p->number = g_strdup("2");
	p->name = g_strdup(name);
	p->type = g_strdup(type);
	p->size = size;
	p->sha256 = g_strnfill(64, '0');
	g_ptr_array_add(l->parts, p);
}

struct verdict
sample_verdict(enum signature signature, enum encryption encryption, const char *party)
{
	struct verdict v = verdict_worst(LAYER_PLAIN);

	v.signature = signature;
	v.encryption = encryption;
	v.party = g_strdup(party);
	return v;
}

/* The first line that differs, for the log of a failed test. */
static void
difference_print(const char *expected, const char *found)
{
	g_auto(GStrv) a = g_strsplit(expected, "\n", -1), b = g_strsplit(found, "\n", -1);
	guint i = 0;

	while (a[i] != NULL && b[i] != NULL && strcmp(a[i], b[i]) == 0)
		i++;
	g_test_message("line %u\n  expected: %s\n  found:    %s", i + 1, a[i] ? a[i] : "(end)",
		b[i] ? b[i] : "(end)");
}

void
sample_golden(const char *name, const char *text)
{
	g_autofree char *path = g_strdup_printf("tests/desk/golden/%s", name);

	if (g_strcmp0(g_getenv("UNGCUU_GOLDEN"), "write") == 0) {
		g_autofree char *full = g_build_filename(top("TOP_SRCDIR"), path, NULL);
		g_autoptr(GError) error = NULL;

		g_file_set_contents(full, text, -1, &error);
		g_assert_no_error(error);
		g_test_message("wrote %s", path);
		return;
	}
	g_autofree char *expected = sample_file(path);

	if (strcmp(expected, text) != 0) {
		difference_print(expected, text);
		g_test_message("%s: run with UNGCUU_GOLDEN=write and review the difference", path);
		g_test_fail();
	}
}
