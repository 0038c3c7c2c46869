/* SPDX-License-Identifier: ISC
 *
 * sasl: private to transport/.  The client's side of the mechanisms both IMAP and SMTP know, as
 * plain texts in base64; who sends them is not this file's business.  libetpan's own way would
 * load plug-ins inside the jail.  Refuses a server that does not prove that it knows the password
 * (SCRAM).
 */
#ifndef UNGCUU_SASL_H
#define UNGCUU_SASL_H

#include "base/base.h"

/* RFC 4616.  Base64 of "\0user\0password".  secret_free(). */
char *sasl_plain(const char *user, const char *password);
/* LOGIN, of old servers: each of the two answers.  secret_free(). */
char *sasl_login(const char *text);
/* RFC 7628: user, server and an access token.  secret_free(). */
char *sasl_oauthbearer(const char *user, const char *host, guint port, const char *token);
/* The older form of the same, as Google and Microsoft know it.  secret_free(). */
char *sasl_xoauth2(const char *user, const char *token);
/* A server that refuses a token says why before it says no, and waits for this. */
#define SASL_OAUTHBEARER_GO_ON	"AQ=="
#define SASL_XOAUTH2_GO_ON	""
/* The status in what it says (base64 of JSON), or "" where there is none to be read.  g_free(). */
char *sasl_token_status(const char *challenge);
/* Wipes, then frees. */
void secret_free(char *);

/* RFC 5802, RFC 7677: SCRAM-SHA-256 without channel binding. */
struct scram;
struct scram *scram_new(const char *user, const char *password);
/* With a nonce that is not random: the RFC's own example, as a test. */
struct scram *scram_new_with(const char *user, const char *password, const char *nonce);
void scram_free(struct scram *);
/* The client's first message, base64.  g_free(). */
char *scram_first(struct scram *);
/* The final message for the server's first one (base64), or NULL with NEVER.  g_free(). */
char *scram_final(struct scram *, const char *challenge, GError **error);
/* DONE: the server's last message (base64) proves it; else NEVER: do not go on. */
enum outcome scram_verify(struct scram *, const char *proof, GError **error);

#endif
