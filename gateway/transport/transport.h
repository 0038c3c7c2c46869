/* SPDX-License-Identifier: ISC
 *
 * transport: takes mail out of mailboxes and hands finished mail on.  Blocking; one of each per process.
 * Sees raw bytes only and never looks into them.  (IMAP, POP3, SMTP by libetpan join behind these verbs.)
 */
#ifndef UNGCUU_TRANSPORT_H
#define UNGCUU_TRANSPORT_H

#include "base/base.h"

/* ---- source.c: one mailbox; maildir.c ------------------------------------------------------ */

struct source;
struct source_settings { const char *type, *path, *done_folder, *held_folder; };
/* LATER: not reachable now; NEVER: settings wrong (not a Maildir, not ours to write). Makes done_folder. */
enum outcome source_open(const struct source_settings *, struct source **, GError **error);
void source_close(struct source *);

/* uid: unique within (folder, identity).  Maildir: the base name without its ":2," flags.  arrived: when the
 * server got it (Maildir: modification time of the file), ms. */
struct found { char *uid; gint64 arrived; guint64 size; };
void found_free(struct found *);
/* Up to `max` mails of a folder ("INBOX", a watched one or the done folder) with a uid after `after` ("" for
 * the start), in uid order; *more says that there are others.  *identity: "maildir"; g_free(). */
enum outcome source_list(struct source *, const char *folder, const char *after, guint max,
	GPtrArray **out, bool *more, char **identity, GError **error);
/* The raw bytes of one mail, in pieces, as stored (no line-end conversion).  put() returning other than
 * DONE ends it with that outcome.  NEVER with "gone" if it is no longer there; NEVER over max bytes. */
typedef enum outcome source_put(void *data, const void *bytes, gsize size, GError **error);
enum outcome source_take(struct source *, const char *folder, const char *uid, guint64 max,
	source_put *, void *data, GError **error);
/* Moves one mail into the done folder, durably.  DONE also if it is there already. */
enum outcome source_settle(struct source *, const char *folder, const char *uid, GError **error);
/* All folders of the mailbox (for "unwatched folders"); NULL-terminated, g_strfreev(). */
char **source_folders(struct source *);
/* For `check`: one line each, "ok|warn|fail: what: fix"; g_strfreev(). */
char **source_check(const struct source_settings *);

/* ---- delivery.c ---------------------------------------------------------------------------- */

struct delivery;
struct delivery_settings { const char *type, *path; };
enum outcome delivery_open(const struct delivery_settings *, struct delivery **, GError **error);
void delivery_close(struct delivery *);
/* Hands one finished mail (CRLF) on.  DONE: accepted and durable; LATER: 4xx or unreachable; NEVER: 5xx.
 * *code: the SMTP reply code or 0.  Into a Maildir: LF line ends, fsynced file and directory, name made from
 * `name` (the outgoing id), so that a repeat after a crash replaces and does not double. */
enum outcome delivery_send(struct delivery *, const char *name, const char *from, const char *to,
	GBytes *mail, guint *code, GError **error);
char **delivery_check(const struct delivery_settings *);

#endif
