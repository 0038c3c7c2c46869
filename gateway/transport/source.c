/* SPDX-License-Identifier: ISC
 *
 * A mailbox as the fetch role sees it: list, take, settle, whatever kind it is of.  The kinds do
 * the work; what they have in common is here.  Never looks into a mail.
 */
#include "transport/source.h"
#include "model/model.h"

#include <string.h>

struct source {
	const struct source_kind *kind;
	void *box;
};

static const struct source_kind *const kinds[] = { &source_maildir, &source_imap,
	&source_pop3 };

/* ---- what the kinds use -------------------------------------------------------------------- */

void
found_free(struct found *found)
{
	if (!found)
		return;
	g_free(found->uid);
	g_free(found);
}

static void
free_found(gpointer found)
{
	found_free(found);
}

struct found *
found_new(const char *uid, gint64 arrived, guint64 size)
{
	struct found *found = g_new(struct found, 1);

	*found = (struct found) { g_strdup(uid), arrived, size };
	return found;
}

void
settled_free(struct settled *settled)
{
	if (!settled)
		return;
	g_free(settled->why);
	g_free(settled->identity);
	g_free(settled->uid);
	g_free(settled);
}

static void
free_settled(gpointer settled)
{
	settled_free(settled);
}

struct settled *
settled_new(enum outcome how, const char *why, char *identity, char *uid)
{
	struct settled *settled = g_new(struct settled, 1);

	*settled = (struct settled) { how, g_strdup(why), identity, uid };
	return settled;
}

/* How much of it belongs to the header: up to the first empty line. */
static gsize
header_part(struct sink *sink, const char *bytes, gsize size)
{
	gsize i = 0;

	while (i < size && !sink->at_end) {
		char c = bytes[i++];

		sink->at_end = c == '\n' && sink->line == 0;
		if (c != '\r')
			sink->line = c == '\n' ? 0 : 1;
	}
	return i;
}

enum outcome
sink_put(struct sink *sink, const void *bytes, gsize size, GError **error)
{
	if (sink->header_only)
		size = header_part(sink, bytes, size);
	if (size > sink->max - sink->total)
		return limit_reached(error, "fetch", "mail size", sink->max);
	sink->total += size;
	return sink->put(sink->data, bytes, size, error);
}

enum outcome
only_later(GError **error)
{
	if (error && *error)
		(*error)->code = LATER;
	return LATER;
}

void
line_add(GPtrArray *lines, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_ptr_array_add(lines, g_strdup_vprintf(format, arguments));
	va_end(arguments);
}

/* ---- the verbs ----------------------------------------------------------------------------- */

static const struct source_kind *
kind_of(const struct source_settings *settings)
{
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_strcmp0(settings->type, kinds[i]->type) == 0)
			return kinds[i];
	return NULL;
}

enum outcome
source_open(const struct source_settings *settings, struct source **out, GError **error)
{
	const struct source_kind *kind = kind_of(settings);
	void *box;
	enum outcome how;

	*out = NULL;
	if (!kind)
		return fail(error, NEVER, "mailbox type %s is not built in",
			settings->type ? settings->type : "(none)");
	how = kind->open(settings, &box, error);
	if (how != DONE)
		return how;
	*out = g_new(struct source, 1);
	**out = (struct source) { kind, box };
	return DONE;
}

void
source_close(struct source *source)
{
	if (!source)
		return;
	source->kind->close(source->box);
	g_free(source);
}

void
listing_clear(struct listing *listing)
{
	g_clear_pointer(&listing->found, g_ptr_array_unref);
	g_clear_pointer(&listing->identity, g_free);
}

enum outcome
source_list(struct source *source, const char *folder, const char *after, guint max,
	struct listing *out, GError **error)
{
	*out = (struct listing) { .found = g_ptr_array_new_with_free_func(free_found) };
	return source->kind->list(source->box, folder, after, max, out, error);
}

void
source_expect(struct source *source, const char *folder, const char *const *uids)
{
	if (source->kind->expect)
		source->kind->expect(source->box, folder, uids);
}

enum outcome
source_date(struct source *source, const char *uid, gint64 *arrived, GError **error)
{
	*arrived = -1;
	if (!source->kind->date)
		return fail(error, NEVER, "a mailbox of type %s tells it in its list",
			source->kind->type);
	return source->kind->date(source->box, uid, arrived, error);
}

enum outcome
source_take(struct source *source, const char *folder, const char *uid, guint64 max,
	source_put *put, void *data, GError **error)
{
	struct sink sink = { .max = max, .put = put, .data = data };

	return source->kind->take(source->box, folder, uid, &sink, error);
}

enum outcome
source_take_header(struct source *source, const char *folder, const char *uid, source_put *put,
	void *data, GError **error)
{
	struct sink sink = { .max = LIMIT_HEADER_SIZE, .put = put, .data = data,
		.header_only = true };

	return source->kind->take(source->box, folder, uid, &sink, error);
}

enum outcome
source_wait(struct source *source, const char *folder, guint seconds, int fd, bool *news,
	GError **error)
{
	*news = false;
	if (!source->kind->wait)
		return fail(error, NEVER, "this type of mailbox does not tell of new mail");
	return source->kind->wait(source->box, folder, seconds, fd, news, error);
}

enum outcome
source_room(struct source *source, struct room *out, GError **error)
{
	*out = (struct room) { 0, 0 };
	if (!source->kind->room)
		return fail(error, NEVER, "this type of mailbox does not tell how full it is");
	return source->kind->room(source->box, out, error);
}

enum outcome
source_settle_many(struct source *source, const char *folder, enum target target,
	const char *const *uids, GPtrArray **out, GError **error)
{
	*out = g_ptr_array_new_with_free_func(free_settled);
	return source->kind->settle(source->box, folder, target, uids, *out, error);
}

enum outcome
source_remove_many(struct source *source, const char *folder, const char *const *uids,
	GPtrArray **out, GError **error)
{
	*out = g_ptr_array_new_with_free_func(free_settled);
	if (!source->kind->remove)
		return fail(error, NEVER, "this type of mailbox has no done folder");
	return source->kind->remove(source->box, folder, uids, *out, error);
}

enum outcome
source_settle(struct source *source, const char *folder, const char *uid, GError **error)
{
	const char *const uids[] = { uid, NULL };
	g_autoptr(GPtrArray) out = NULL;
	enum outcome how = source_settle_many(source, folder, TO_DONE, uids, &out, error);
	const struct settled *settled;

	if (how != DONE)
		return how;
	if (out->len != 1)
		panic("settling one mail gave %u answers", out->len);
	settled = out->pdata[0];
	if (settled->how != DONE)
		return fail(error, settled->how, "%s", settled->why);
	return DONE;
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

char **
source_folders(struct source *source)
{
	GPtrArray *names = g_ptr_array_new();

	source->kind->folders(source->box, names);
	g_ptr_array_sort(names, by_text);
	g_ptr_array_insert(names, 0, g_strdup("INBOX"));
	g_ptr_array_add(names, NULL);
	return (char **) g_ptr_array_free(names, FALSE);
}

char **
source_check(const struct source_settings *settings)
{
	const struct source_kind *kind = kind_of(settings);
	GPtrArray *lines = g_ptr_array_new();

	if (kind)
		kind->check(settings, lines);
	else
		line_add(lines, "fail: mailbox type %s is not built in: correct mailboxes[].type",
			settings->type ? settings->type : "(none)");
	g_ptr_array_add(lines, NULL);
	return (char **) g_ptr_array_free(lines, FALSE);
}
