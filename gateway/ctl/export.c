/* SPDX-License-Identifier: ISC
 *
 * ticket export: everything kept about a ticket as plain files in a directory of its own, for an
 * authority or an archive.  The files leave the seal of the store: they are 0600 in a 0700
 * directory, which must be new or empty.  File names hold nothing from outside.
 */
#include "ctl/ctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define RAW_MOST	G_GUINT64_CONSTANT(1073741824)	/* bytes: policy.max_size may be as large */

struct export { struct ctl *ctl; int dir; json_t *files; };

static bool
is_empty(int fd)
{
	int copy = dup(fd);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *item;
	bool empty = dir != NULL;

	while (dir && (item = readdir(dir)) != NULL)
		if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
			empty = false;
	if (dir)
		closedir(dir);
	return empty;
}

static int
open_directory(struct export *export)
{
	struct ctl *ctl = export->ctl;
	struct stat st;

	if (!ctl->to)
		return ctl_fail(ctl, EX_USAGE, "ticket export", "--to DIR is needed");
	if (mkdir(ctl->to, 0700) != 0 && errno != EEXIST)
		return ctl_fail(ctl, EX_CANTCREAT, ctl->to, "%s", g_strerror(errno));
	export->dir = open(ctl->to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (export->dir < 0 || fstat(export->dir, &st) != 0)
		return ctl_fail(ctl, EX_CANTCREAT, ctl->to, "%s", g_strerror(errno));
	if (!is_empty(export->dir))
		return ctl_fail(ctl, EX_CANTCREAT, ctl->to, "it is not empty");
	if (st.st_uid != geteuid() || fchmod(export->dir, 0700) != 0)
		return ctl_fail(ctl, EX_CANTCREAT, ctl->to, "it is not ours alone");
	return EX_OK;
}

static int
write_file(struct export *export, const char *name, const void *data, gsize size)
{
	int fd = openat(export->dir, name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool written = fd >= 0 && write_all(fd, data, size);
	int number = errno;

	if (fd >= 0 && close(fd) != 0 && written) {
		written = false;
		number = errno;
	}
	if (!written)
		return ctl_fail(export->ctl, EX_IOERR, name, "%s", g_strerror(number));
	add_text(export->files, name);
	return EX_OK;
}

static int
write_json(struct export *export, const char *name, const json_t *object)
{
	char *text = json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

	if (!text)
		fatal(EX_OSERR, "out of memory");

	int status = write_file(export, name, text, strlen(text));

	free(text);
	return status;
}

static int
write_blob(struct export *export, const char *name, struct id blob)
{
	g_autoptr(GError) error = NULL;
	int fd = blob_get(export->ctl->store, blob, RAW_MOST, &error);

	if (fd < 0)
		return ctl_fail_error(export->ctl, name, &error);

	g_autoptr(GBytes) bytes = memfd_map(fd, RAW_MOST, &error);

	close(fd);
	if (!bytes)
		return ctl_fail_error(export->ctl, name, &error);

	gsize size;
	const void *data = g_bytes_get_data(bytes, &size);

	return write_file(export, name, data, size);
}

static int
write_letter(struct export *export, guint number, const struct mail *mail)
{
	g_autofree char *id = id_text(mail->id);
	g_autofree char *raw = g_strdup_printf("letter-%03u-%.8s.eml", number, id);
	g_autofree char *text = g_strdup_printf("letter-%03u-%.8s.txt", number, id);
	struct verdict verdict = verdict_worst(LAYER_PLAIN);
	int status = EX_OK;

	if (!id_is_null(mail->blob) && !blob_is_erased(export->ctl->store, mail->blob))
		status = write_blob(export, raw, mail->blob);
	if (status != EX_OK)
		return status;

	struct letter *letter = mail_letter(export->ctl->store, mail->id, &verdict, NULL);

	if (letter)
		status = write_file(export, text, letter->text, strlen(letter->text));
	letter_free(letter);
	verdict_clear(&verdict);
	return status;
}

static int
write_letters(struct export *export, struct id ticket)
{
	g_autoptr(GPtrArray) mails = mail_of_ticket(export->ctl->store, ticket);
	int status = EX_OK;

	for (guint i = 0; i < mails->len && status == EX_OK; i++)
		status = write_letter(export, i + 1, mails->pdata[i]);
	return status;
}

static int
write_outgoing(struct export *export, struct id ticket)
{
	g_autoptr(GPtrArray) rows = outgoing_of_ticket(export->ctl->store, ticket);
	int status = EX_OK;

	for (guint i = 0; i < rows->len && status == EX_OK; i++) {
		const struct outgoing *row = rows->pdata[i];
		g_autofree char *id = id_text(row->id);
		g_autofree char *name = g_strdup_printf("outgoing-%03u-%.8s.eml", i + 1, id);

		if (!id_is_null(row->blob) && !blob_is_erased(export->ctl->store, row->blob))
			status = write_blob(export, name, row->blob);
	}
	return status;
}

static int
write_all_of(struct export *export, const struct ticket *ticket)
{
	json_t *whole = json_object(), *journal = json_object();
	int status;

	put_int(whole, "version", 1);
	put_ticket_whole(export->ctl, whole, ticket);
	put_int(journal, "version", 1);
	put_events(export->ctl, journal, ticket->id);
	status = write_json(export, "ticket.json", whole);
	if (status == EX_OK)
		status = write_json(export, "journal.json", journal);
	if (status == EX_OK)
		status = write_letters(export, ticket->id);
	if (status == EX_OK)
		status = write_outgoing(export, ticket->id);
	json_decref(whole);
	json_decref(journal);
	return status;
}

int
run_ticket_export(struct ctl *ctl, json_t *out)
{
	struct ticket *ticket = ticket_named(ctl, ctl->words[0]);
	struct export export = { .ctl = ctl, .dir = -1 };

	if (!ticket)
		return ctl_fail(ctl, EX_DATAERR, ctl->words[0], "no such ticket");
	put_text(out, "ticket", ticket->number);
	put_text(out, "directory", ctl->to);
	export.files = put_array(out, "files");

	int status = open_directory(&export);

	if (status == EX_OK)
		status = write_all_of(&export, ticket);
	if (export.dir >= 0)
		close(export.dir);
	ticket_free(ticket);
	return status;
}

void
print_ticket_export(const json_t *out)
{
	const json_t *name;
	gsize i;

	json_array_foreach(json_object_get(out, "files"), i, name)
		print_line("%s/%s", json_string_value(json_object_get(out, "directory")),
			json_string_value(name));
}
