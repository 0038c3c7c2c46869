/* SPDX-License-Identifier: ISC
 *
 * pop3: private to transport/.  One logged-in POP3 session (RFC 1939, 2449, 2595, 3206, 5034).
 * After LATER from anything here look at pop3_is_over(): the session cannot be used again.
 */
#ifndef UNGCUU_POP3_H
#define UNGCUU_POP3_H

#include "transport/transport.h"

#define POP3_PORT_TLS	995
#define POP3_PORT_CLEAR	110
#define POP3_UID_MAX	70	/* RFC 1939 §7 */

struct pop3;

/* ---- pop3.c -------------------------------------------------------------------------------- */

/* Connects, TLS, login, capabilities.  LATER: not reachable now, the server or the maildrop is
 * busy; NEVER: certificate, login or settings refused (*login_refused tells the second from the
 * others). */
enum outcome pop3_open(const struct server_settings *, struct pop3 **, bool *login_refused,
	GError **error);
/* Without QUIT: the server removes nothing. */
void pop3_close(struct pop3 *);
bool pop3_is_over(const struct pop3 *);
/* For `check`: TLS, and how the login was made.  g_free(). */
char *pop3_describe(const struct pop3 *);
/* What CAPA tells behind NAME, "" where that is nothing; NULL: NAME is not offered. */
const char *pop3_capability(const struct pop3 *, const char *name);
bool pop3_has_capabilities(const struct pop3 *);	/* false: it does not know CAPA */

/* Time for one command whose answer is of `told` bytes; it may have `most`, besides small talk. */
void pop3_begin(struct pop3 *, guint64 told, guint64 most);
/* One line out, and the first of its answer.  *text: what follows "+ ", g_free(). */
enum pop3_word { POP3_OK, POP3_NO, POP3_GO_ON, POP3_NOTHING };
enum pop3_word pop3_say(struct pop3 *, const char *line, char **text);
enum pop3_word pop3_hear(struct pop3 *, char **text);
/* Of the answer heard last: its response code in capitals or NULL, and what it says. */
const char *pop3_code(const struct pop3 *);
const char *pop3_words(const struct pop3 *);
/* DONE for POP3_OK, else LATER with "WHAT: " and the server's words, or why the session ended. */
enum outcome pop3_end(struct pop3 *, enum pop3_word, const char *what, GError **error);
/* Ends it for an answer that makes no sense: LATER. */
enum outcome pop3_nonsense(struct pop3 *, const char *what, GError **error);
/* pop3_begin(), pop3_say(), pop3_end(). */
enum outcome pop3_ask(struct pop3 *, const char *line, const char *what, GError **error);
/* The next line of an answer of several, dots undone; *end: that was all.  What is no text of
 * one line (NUL, too long) ends the session. */
enum outcome pop3_line(struct pop3 *, GString *line, bool *end, const char *what, GError **error);
/* The rest of an answer of several lines as it was before the dots were put in, in pieces.  The
 * line end before the last dot is not handed on: *has_end tells that there was one.  put()
 * returning other than DONE ends it, and the session. */
enum outcome pop3_bytes(struct pop3 *, source_put *, void *data, bool *has_end, GError **error);

const char *pop3_token(const struct pop3 *);	/* to log in with; NULL: by password */

/* ---- pop3-login.c -------------------------------------------------------------------------- */

/* Best way first; *login: which one it was. */
enum outcome pop3_log_in(struct pop3 *, const struct server_settings *, const char **login,
	bool *refused, GError **error);

/* ---- pop3-dots.c --------------------------------------------------------------------------- */

/* RFC 1939 §3, undone; zeroed at the start.  Only CRLF ends a line: a server that lets a bare
 * LF do so could be made to take a mail's own text for its next answer. */
struct dots { int at; bool has_end, is_over; };
/* Looks at `size` bytes, of which it uses *used; gives back how many it wrote to `out`, which
 * has room for size + 3.  A line end is written with the byte that follows it. */
gsize dots_undo(struct dots *, const char *in, gsize size, gsize *used, char *out);

/* ---- maildrop.c: what lies there ------------------------------------------------------------- */

/* A mail of this session; its number is its place, from 1 on.  uid "": none it could be known
 * by. */
struct drop_mail { char uid[POP3_UID_MAX + 1]; bool has_size; guint64 size; };
/* Of all mails, by STAT, UIDL and LIST; *unusable: how many have no uid of their own, *why of the
 * first such.  NEVER: the server has no UIDL, or more mails than there may be. */
struct maildrop { GArray *mails; GHashTable *numbers; guint unusable; char *why; };
enum outcome maildrop_look(struct pop3 *, struct maildrop *, GError **error);
void maildrop_clear(struct maildrop *);
guint maildrop_number(const struct maildrop *, const char *uid);	/* 0: not there */

/* ---- received.c ---------------------------------------------------------------------------- */

/* When the topmost Received field of a header says that the mail came, ms; -1: it does not say. */
gint64 received_date(const char *header, gsize size);

/* ---- pop3-check.c -------------------------------------------------------------------------- */

void pop3_source_check(const struct source_settings *, GPtrArray *lines);

#endif
