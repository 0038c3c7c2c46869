/* SPDX-License-Identifier: ISC
 *
 * Where finished mail goes.  So far a Maildir: LF line ends, one file a mail named after the
 * outgoing row, so that sending again after a crash replaces instead of doubling.  Never looks
 * into a mail.
 */
#include "transport/transport.h"
#include "transport/maildir.h"

#include <string.h>
#include <unistd.h>

#define NAME_LONGEST	128

struct delivery {
	struct folder *folder;
};

enum outcome
delivery_open(const struct delivery_settings *settings, struct delivery **out, GError **error)
{
	*out = NULL;
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

enum outcome
delivery_send(struct delivery *delivery, const char *name, const char *from, const char *to,
	GBytes *mail, guint *code, GError **error)
{
	gsize size;
	const char *data = g_bytes_get_data(mail, &size);

	(void) from;	/* a Maildir has no envelope */
	(void) to;
	*code = 0;
	if (!is_file_name(name))
		return fail(error, NEVER, "no name for a delivery");
	if (size == 0 || size > G_MAXUINT)
		return fail(error, NEVER, "no mail of %" G_GSIZE_FORMAT " bytes can be sent", size);

	enum outcome how = folder_enter(delivery->folder, error);

	if (how != DONE)
		return how;

	g_autofree char *file = g_strconcat(name, ".ungcuu", NULL);
	g_autoptr(GByteArray) text = with_lf(data, size);

	return folder_deliver(delivery->folder, file, text->data, text->len, error);
}

char **
delivery_check(const struct delivery_settings *settings)
{
	GPtrArray *lines = g_ptr_array_new();
	struct delivery *delivery;
	g_autoptr(GError) error = NULL;

	if (delivery_open(settings, &delivery, &error) != DONE) {
		g_ptr_array_add(lines, g_strdup_printf("fail: submission: %s: make that "
			"folder, or correct submission.path, its owner or mode", error->message));
	} else {
		g_autofree char *fresh = g_build_filename(settings->path, "new", NULL);

		if (access(fresh, W_OK | X_OK) < 0)
			g_ptr_array_add(lines, g_strdup("fail: submission.path is not ours to "
				"write: correct its owner and mode"));
		else
			g_ptr_array_add(lines, g_strdup("ok: submission.path can be written"));
		delivery_close(delivery);
	}
	g_ptr_array_add(lines, NULL);
	return (char **) g_ptr_array_free(lines, FALSE);
}
