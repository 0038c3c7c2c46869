/* SPDX-License-Identifier: ISC
 *
 * Where finished mail goes: a submission server (smtp.c), or a Maildir: LF line ends, one file a
 * mail named after the outgoing row, so that sending again after a crash replaces instead of
 * doubling.  Never changes what a mail says.
 */
#include "transport/transport.h"
#include "transport/maildir.h"
#include "transport/smtp.h"

#include <string.h>
#include <unistd.h>

#define NAME_LONGEST	128
#define PATIENCE	200	/* s; the hub waits longer */

struct delivery {
	struct folder *folder;		/* one of the two */
	struct smtp *smtp;
};

static bool
is_smtp(const struct delivery_settings *settings)
{
	return g_strcmp0(settings->type, "smtp") == 0;
}

enum outcome
delivery_open(const struct delivery_settings *settings, struct delivery **out, GError **error)
{
	*out = NULL;
	if (is_smtp(settings)) {
		*out = g_new0(struct delivery, 1);
		(*out)->smtp = smtp_new(&settings->server, PATIENCE);
		return DONE;
	}
	if (g_strcmp0(settings->type, "maildir") != 0)
		return fail(error, NEVER, "submission type %s is not built in",
			settings->type ? settings->type : "(none)");
	if (!settings->path)
		return fail(error, NEVER, "a Maildir needs submission.path");

	enum outcome how = maildir_make(settings->path, false, error);

	if (how != DONE)
		return how;
	*out = g_new0(struct delivery, 1);
	(*out)->folder = folder_new("INBOX", settings->path);
	return DONE;
}

void
delivery_close(struct delivery *delivery)
{
	if (!delivery)
		return;
	folder_free(delivery->folder);
	smtp_free(delivery->smtp);
	g_free(delivery);
}

static GByteArray *
with_lf(const char *data, gsize size)
{
	GByteArray *out = g_byte_array_sized_new((guint) size);
	gsize begin = 0;

	for (gsize i = 0; i + 1 < size; i++) {
		if (data[i] != '\r' || data[i + 1] != '\n')
			continue;
		g_byte_array_append(out, (const guint8 *) data + begin, (guint) (i - begin));
		begin = i + 1;
	}
	if (begin < size)
		g_byte_array_append(out, (const guint8 *) data + begin, (guint) (size - begin));
	return out;
}

static bool
is_file_name(const char *name)
{
	if (*name == '\0' || *name == '.' || strlen(name) > NAME_LONGEST)
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!g_ascii_isalnum(*p) && !strchr("._-", *p))
			return false;
	return true;
}

static enum outcome
store(struct folder *folder, const char *name, const char *data, gsize size, GError **error)
{
	enum outcome how = folder_enter(folder, error);

	if (how != DONE)
		return how;

	g_autofree char *file = g_strconcat(name, ".ungcuu", NULL);
	g_autoptr(GByteArray) text = with_lf(data, size);

	return folder_deliver(folder, file, text->data, text->len, error);
}

enum outcome
delivery_send(struct delivery *delivery, const char *name, const char *from, const char *to,
	GBytes *mail, guint *code, GError **error)
{
	const struct parcel parcel = { name, from, to };
	gsize size;
	const char *data = g_bytes_get_data(mail, &size);

	*code = 0;
	if (!is_file_name(name))
		return fail(error, NEVER, "no name for a delivery");
	if (size == 0 || size > G_MAXUINT)
		return fail(error, NEVER, "no mail of %" G_GSIZE_FORMAT " bytes can be sent", size);
	if (delivery->smtp)
		return smtp_send(delivery->smtp, &parcel, mail, code, error);
	return store(delivery->folder, name, data, size, error);	/* it has no envelope */
}

enum scope
delivery_scope(const struct delivery *delivery)
{
	return delivery->smtp ? smtp_scope(delivery->smtp) : SCOPE_UNTRIED;	/* no space */
}

static void
check_folder(const struct delivery_settings *settings, GPtrArray *lines)
{
	struct delivery *delivery;
	g_autoptr(GError) error = NULL;

	if (delivery_open(settings, &delivery, &error) != DONE) {
		g_ptr_array_add(lines, g_strdup_printf("fail: submission: %s: make that "
			"folder, or correct submission.path, its owner or mode", error->message));
		return;
	}

	g_autofree char *fresh = g_build_filename(settings->path, "new", NULL);

	g_ptr_array_add(lines, g_strdup(access(fresh, W_OK | X_OK) == 0 ?
		"ok: submission.path can be written" :
		"fail: submission.path is not ours to write: correct its owner and mode"));
	delivery_close(delivery);
}

char **
delivery_check(const struct delivery_settings *settings)
{
	GPtrArray *lines = g_ptr_array_new();

	if (is_smtp(settings))
		smtp_check(&settings->server, PATIENCE, lines);
	else
		check_folder(settings, lines);
	g_ptr_array_add(lines, NULL);
	return (char **) g_ptr_array_free(lines, FALSE);
}
