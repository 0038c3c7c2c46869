/* SPDX-License-Identifier: ISC
 *
 * smtp-session: private to transport/.  One connection to a submission server, from greeting to
 * login, and the judgement of every reply: smtp.c sends mails over it.
 */
#ifndef UNGCUU_SMTP_SESSION_H
#define UNGCUU_SMTP_SESSION_H

#include "transport/stream.h"

#include <libetpan/mailsmtp.h>

enum smtp_stage { SMTP_GREETING, SMTP_EHLO, SMTP_TLS, SMTP_AUTH, SMTP_RESET, SMTP_SENDER,
	SMTP_RECIPIENT, SMTP_DATA, SMTP_TEXT };
enum smtp_mechanism { SMTP_OAUTHBEARER, SMTP_XOAUTH2,
	SMTP_SCRAM_SHA_256, SMTP_PLAIN, SMTP_LOGIN, SMTP_MECHANISMS };

struct session {
	const struct server_settings *settings;
	struct stream *stream;		/* NULL: not connected */
	mailsmtp *smtp;
	bool offers[SMTP_MECHANISMS];
	const char *login;		/* the mechanism used; NULL */
	const char *token;		/* for the login; NULL: a password */
	bool token_refused;		/* by the last login */
	guint64 size;			/* the server's SIZE; 0: none said */
	guint code;			/* of the last reply; 0: none */
	enum scope scope;		/* of the last failure */
	bool blames_sender;		/* the last refusal is of our envelope sender */
	bool is_lost;			/* ended, or out of step: of no more use */
	gint64 deadline;		/* of all that is done for one mail, us monotonic */
};

/* Connects, up to a server that is proven and has said what it can. */
enum outcome session_reach(struct session *, GError **error);
/* DONE also where no user is configured.  Never a password or a token without TLS. */
enum outcome session_login(struct session *, GError **error);
/* Says QUIT if it still can; for a new session_reach(). */
void session_drop(struct session *);

/* One line without its end, and the judgement of its reply.  DONE: the reply was `good`.  NEVER:
 * the server refuses this recipient or this text; LATER: anything else, with a code of 500 and
 * above where it refuses us; session->scope says whether others are to be spared the same. */
enum outcome session_say(struct session *, enum smtp_stage, int good, const char *line,
	GError **error);
/* The text behind DATA (CRLF ends), dots doubled, the final dot, and its reply. */
enum outcome session_say_text(struct session *, const char *data, gsize size, GError **error);

#endif
