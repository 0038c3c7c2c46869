/* SPDX-License-Identifier: ISC
 *
 * transport: takes mail out of mailboxes and hands finished mail on.  Blocking; one of each per process.
 * Sees raw bytes only and never looks into them.  The only user of libetpan.
 */
#ifndef UNGCUU_TRANSPORT_H
#define UNGCUU_TRANSPORT_H

#include "base/base.h"
#include "model/model.h"

/* ---- stream.c: a server, for both directions ------------------------------------------------ */

/* Instead of a password: an access token.  was_refused: that of the last call is worth nothing.  Borrowed until the
 * next call; NULL: there is none now, LATER with why. */
typedef const char *server_token(bool was_refused, GError **error);
/* port 0: the protocol's own.  tls: "implicit", "starttls", "none-loopback-only".  ca_file NULL: the system's
 * CAs.  tls_pin "sha256/BASE64" of the key (SPKI): replaces chain and name.  user NULL: no login.
 * token: NULL where there is a password.
 * patience: seconds one command may take (a mail gets more by its size); 0: 60. */
struct server_settings {
	const char *host; guint port; const char *tls, *ca_file, *tls_pin, *user, *password; server_token *token;
	guint patience;
};

/* ---- source.c: one mailbox: source-maildir.c, source-imap.c, source-pop3.c ------------------ */

struct source;
/* type "maildir": path; "imap", "pop3": server.  folders: the watched ones, for source_check(); NULL-terminated
 * or NULL. */
struct source_settings {
	const char *type, *path, *done_folder, *held_folder;
	struct server_settings server;
	const char *const *folders;
};
/* LATER: not reachable now; NEVER: settings wrong (not a Maildir, not ours to write), certificate or login
 * refused; the text says what to correct.  Makes done_folder.  A session lost later is made anew by the verbs. */
enum outcome source_open(const struct source_settings *, struct source **, GError **error);
void source_close(struct source *);

/* uid: unique within (folder, identity).  Maildir: the base name without its ":2," flags; IMAP: "UIDVALIDITY.UID", so
 * that a uid of a folder made anew is none of the old one's; POP3: the UIDL text.  arrived: when the server got it
 * (Maildir: modification time of the file; IMAP: INTERNALDATE), ms; POP3: -1, ask source_date(). */
struct found { char *uid; gint64 arrived; guint64 size; };
void found_free(struct found *);
/* A page of a folder.  identity: "maildir"; "uidl"; of an IMAP folder "UIDVALIDITY/FOLDER".  has_holes: the server
 * did not tell of all it has, so what lies before the last uid is to be listed again another time. */
struct listing { GPtrArray *found; bool more, has_holes; char *identity; };	/* found: struct found */
void listing_clear(struct listing *);
typedef struct listing listing_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(listing_auto, listing_clear)
/* Up to `max` mails of a folder ("INBOX", a watched one or the done folder) with a uid after `after` ("" for
 * the start), in uid order (POP3: the server's); more says that there are others.  A folder that is not there is an
 * empty one.  LATER if `after` is of another UIDVALIDITY: begin anew.  POP3: NEVER behind the last page if there are
 * mails that cannot be told apart; a list from the start begins a new session, source_settle_many() ends it. */
enum outcome source_list(struct source *, const char *folder, const char *after, guint max,
	struct listing *out, GError **error);
/* These are taken next, in this order: what is small may come together.  A hint; NULL-terminated. */
void source_expect(struct source *, const char *folder, const char *const *uids);
/* The raw bytes of one mail, in pieces, as stored (no line-end conversion).  put() returning other than
 * DONE ends it with that outcome.  NEVER with "gone" if it is no longer there; NEVER over max bytes. */
typedef enum outcome source_put(void *data, const void *bytes, gsize size, GError **error);
enum outcome source_take(struct source *, const char *folder, const char *uid, guint64 max,
	source_put *, void *data, GError **error);
/* Its header alone, with the empty line; NEVER over LIMIT_HEADER_SIZE. */
enum outcome source_take_header(struct source *, const char *folder, const char *uid, source_put *, void *data,
	GError **error);
/* Of a mail just listed, when its topmost Received field says it came, ms; -1: not known.  NEVER: gone. */
enum outcome source_date(struct source *, const char *uid, gint64 *arrived, GError **error);
enum target { TO_DONE, TO_HELD };
/* Moves mails into the done or the held folder, which is made where it is missing, durably; POP3: removes them, and
 * ends the session (also for no uid at all).  DONE: *out holds what became of each, in order (how LATER: still
 * where it was; NEVER: no longer there, and not by us).  LATER, NEVER (the server cannot or may not move, or the
 * end of a POP3 session was not granted): nothing is known to have moved.  uids: NULL-terminated. */
struct settled { enum outcome how; char *why, *identity, *uid; };	/* the last two: as the done folder lists it
									 * now, or NULL: as before, or not known */
void settled_free(struct settled *);
enum outcome source_settle_many(struct source *, const char *folder, enum target, const char *const *uids,
	GPtrArray **out, GError **error);
/* Removes mails of the done folder for good, and no others.  *out as above, NEVER: no longer there. */
enum outcome source_remove_many(struct source *, const char *folder, const char *const *uids, GPtrArray **out,
	GError **error);
/* One mail, into the done folder.  DONE also if it is there already. */
enum outcome source_settle(struct source *, const char *folder, const char *uid, GError **error);
/* Until the server tells of something new in the folder, `fd` can be read, or the time is over; *news: the first.
 * A hint, nothing to rely on.  NEVER: this mailbox cannot (no IMAP, no IDLE); LATER: the session was lost. */
enum outcome source_wait(struct source *, const char *folder, guint seconds, int fd, bool *news, GError **error);
/* What all mails of the account take, and may take; bytes; limit 0: none is known. */
struct room { guint64 used, limit; };
enum outcome source_room(struct source *, struct room *out, GError **error);
/* All folders of the mailbox (for "unwatched folders"); NULL-terminated, g_strfreev(). */
char **source_folders(struct source *);
/* For `check`: one line each, "ok|warn|fail: what: fix"; g_strfreev(). */
char **source_check(const struct source_settings *);

/* ---- delivery.c ---------------------------------------------------------------------------- */

struct delivery;
struct delivery_settings { const char *type, *path; struct server_settings server; };	/* "maildir", "smtp" */
enum outcome delivery_open(const struct delivery_settings *, struct delivery **, GError **error);
void delivery_close(struct delivery *);
/* Hands one finished mail (CRLF) on.  DONE: accepted and durable; LATER: 4xx or unreachable; NEVER: 5xx.
 * *code: the SMTP reply code or 0.  Into a Maildir: LF line ends, fsynced file and directory, name made from
 * `name` (the outgoing id), so that a repeat after a crash replaces and does not double. */
enum outcome delivery_send(struct delivery *, const char *name, const char *from, const char *to,
	GBytes *mail, guint *code, GError **error);
enum scope delivery_scope(const struct delivery *);	/* of the last LATER */
char **delivery_check(const struct delivery_settings *);

#endif
