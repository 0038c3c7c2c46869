/* SPDX-License-Identifier: ISC
 *
 * maildir: private to transport/.  One folder of a Maildir++ tree as a set of mails by uid, and the
 * durable moves on it.  Everything that renames, links or fsyncs in this layer is in maildir.c.
 */
#ifndef UNGCUU_MAILDIR_H
#define UNGCUU_MAILDIR_H

#include "base/base.h"

#include <sys/stat.h>

enum maildir_sub { MAILDIR_NEW, MAILDIR_CUR, MAILDIR_SUBS };

struct entry {
	char *uid, *name;		/* as told to others; as the file is called */
	enum maildir_sub sub;
	gint64 arrived;			/* ms */
	guint64 size;
	dev_t device;
	ino_t inode;
};

/* What was in new/ and cur/ at the last scan. */
struct folder {
	char *name, *path;
	int fds[MAILDIR_SUBS];		/* opened anew by folder_enter(): it may be replaced */
	GHashTable *entries;		/* uid → struct entry */
	GHashTable *reported;		/* file names already logged as odd */
	guint n_odd;			/* entries that are no plain files */
	struct timespec changed[MAILDIR_SUBS];	/* mtime before the scan */
	bool scanned;
};

/* The uid of a file name: what precedes its ":2,FLAGS", as printable ASCII.  Different base
 * names give different uids whatever bytes they hold.  g_free(). */
char *maildir_uid(const char *file_name);
/* Directory of a folder: INBOX is the root, others ".Name".  NULL with NEVER for a name that
 * cannot be one. */
char *maildir_folder_path(const char *root, const char *folder, GError **error);
bool maildir_is_inbox(const char *folder);
/* Makes what is missing of new, cur, tmp (0700); with `is_subfolder` also the Maildir++ mark. */
enum outcome maildir_make(const char *path, bool is_subfolder, GError **error);
/* Does it have new, cur and tmp? */
bool maildir_is(const char *path);

struct folder *folder_new(const char *name, const char *path);
void folder_free(struct folder *);
/* Before any of the following. */
enum outcome folder_enter(struct folder *, GError **error);
enum outcome folder_scan(struct folder *, GError **error);
/* *out: the mail, or NULL if it is not there (then DONE as well).  sure: look again before
 * saying so; else a scan is trusted until a directory changes. */
enum outcome folder_find(struct folder *, const char *uid, bool sure, const struct entry **out,
	GError **error);
/* What we changed ourselves, so that the next find need not scan. */
void folder_note(struct folder *, enum maildir_sub, const char *name);
void folder_forget(struct folder *, const char *uid);
/* The file, read-only, after the checks that it is a plain one; -1 with LATER or NEVER ("gone"). */
int folder_open_mail(struct folder *, const char *uid, struct stat *, GError **error);

/* Moves one mail from a folder to another, durably; never overwrites other content. */
enum outcome folder_settle(struct folder *from, struct folder *done, const char *uid,
	GError **error);
/* Removes one for good, durably.  NEVER: it is not there. */
enum outcome folder_remove(struct folder *, const char *uid, GError **error);
/* Writes a mail as new/NAME, durably; a repeat replaces it. */
enum outcome folder_deliver(struct folder *, const char *name, const void *, gsize, GError **error);

#endif
