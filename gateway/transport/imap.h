/* SPDX-License-Identifier: ISC
 *
 * imap: private to transport/.  One logged-in IMAP session: what libetpan's calls need around
 * them.  After LATER from anything here look at imap_is_over(): the session cannot be used again.
 */
#ifndef UNGCUU_IMAP_H
#define UNGCUU_IMAP_H

#include "transport/transport.h"

#include <libetpan/mailimap.h>
#include <libetpan/quota.h>
#include <libetpan/uidplus.h>

struct imap;

/* Connects, TLS, login, capabilities.  LATER: not reachable now, the server is busy; NEVER:
 * certificate, login or settings refused (*login_refused tells the second from the others; with
 * LATER: a login by token that the server cannot judge now, or does not want). */
enum outcome imap_open(const struct server_settings *, struct imap **, bool *login_refused,
	GError **error);
void imap_close(struct imap *);
bool imap_is_over(const struct imap *);
/* For `check`: TLS, and how the login was made.  g_free(). */
char *imap_describe(const struct imap *);
bool imap_has(const struct imap *, const char *capability);

/* libetpan's session, for one command; bytes: what the answer may measure besides small talk. */
mailimap *imap_begin(struct imap *, guint64 bytes);
mailimap *imap_session(const struct imap *);	/* to look at what the last one brought */
/* What libetpan's call gave, as DONE or LATER with "WHAT: " and the server's words.  A command
 * refused with NO leaves the session as it is; everything else ends it. */
enum outcome imap_end(struct imap *, int said, const char *what, GError **error);
/* Ends it for an answer that makes no sense: LATER. */
enum outcome imap_nonsense(struct imap *, const char *what, GError **error);
/* The response code of the last answer ("TRYCREATE", "OVERQUOTA"), or NULL. */
const char *imap_code(const struct imap *);

/* IDLE (RFC 2177) in the selected folder until it tells of something, `fd` can be read, or
 * `seconds` are over.  LATER: refused, or the session is over; anything odd ends it. */
enum outcome imap_idle(struct imap *, guint seconds, int fd, bool *news, GError **error);

/* imap-folder.c.  Selects it; *there is false (and DONE) if it does not exist.  Names are
 * UTF-8.  NEVER: no UIDVALIDITY. */
enum outcome imap_select(struct imap *, const char *folder, bool *there, GError **error);
guint32 imap_validity(const struct imap *);	/* of the selected folder */
guint32 imap_count(const struct imap *);	/* mails in it, as told last */
/* What rises with every change of the selected folder (RFC 7162, CONDSTORE); 0: not offered. */
guint64 imap_modseq(const struct imap *);
void imap_modseq_put(struct imap *, guint64);	/* by imap-folder.c */
bool imap_is_read_only(const struct imap *);
/* Makes it where it is missing. */
enum outcome imap_make(struct imap *, const char *folder, GError **error);
/* All folders that can be selected, at most `most`. */
enum outcome imap_list(struct imap *, GPtrArray *names, guint most, GError **error);

/* imap-name.c: RFC 3501 §5.1.3, names of folders in modified UTF-7.  g_free(); NULL with NEVER
 * for a name that cannot be one (bad UTF-8, control characters, wildcards of LIST). */
char *imap_name(const char *folder, GError **error);
/* The other way; what is no modified UTF-7 stays as it is, made valid UTF-8.  g_free(). */
char *imap_name_shown(const char *name);

#endif
