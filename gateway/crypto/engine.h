/* SPDX-License-Identifier: ISC
 *
 * engine: private to crypto/: GPGME's handles and how we make contexts.
 */
#ifndef UNGCUU_CRYPTO_ENGINE_H
#define UNGCUU_CRYPTO_ENGINE_H

#include "base/base.h"

#include <gpgme.h>

#ifdef GPG_PROGRAM
#define ENGINE_GPG GPG_PROGRAM
#else
#define ENGINE_GPG "/usr/bin/gpg"
#endif

typedef struct gpgme_context engine_context;
typedef struct gpgme_data engine_data;
typedef struct _gpgme_key engine_key;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(engine_context, gpgme_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(engine_data, gpgme_data_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(engine_key, gpgme_key_unref)

/* An offline OpenPGP context on this home; NULL with LATER.  No pinentry mode is set: the extra
 * socket refuses to change it. */
gpgme_ctx_t engine_new(const char *home, GError **error);
/* fail() with GPGME's words and number. */
enum outcome engine_fail(GError **error, enum outcome how, const char *what, gpgme_error_t why);
/* gpg could not be run, or not heard to the end: nothing is known about its input. */
bool is_system_error(gpgme_error_t why);
/* An operation gpg is given octets for: engine_begin(), gpgme_op_..._start(), and engine_end() with
 * what that said; result as of gpgme_op_...(). */
struct engine_run { GPtrArray *ears; bool is_done; gpgme_error_t why; };
void engine_begin(gpgme_ctx_t context, struct engine_run *run);
gpgme_error_t engine_end(gpgme_ctx_t context, struct engine_run *run, gpgme_error_t started);
gpgme_error_t engine_import_data(gpgme_ctx_t context, gpgme_data_t data);
/* Releases the data, gives its bytes. */
GBytes *engine_take(gpgme_data_t data);
/* The keys of a home, or those `pattern` names; elements are gpgme_key_t. */
enum outcome engine_list(gpgme_ctx_t context, const char *pattern, bool secret_only,
	GPtrArray **out, GError **error);

struct imported {
	guint considered;	/* how many gpg got to the end of */
	GHashTable *taken;	/* gets the fingerprints (upper case) of those the home holds now */
	bool has_ended;		/* gpg did: a damaged certificate can make GnuPG 2.4 die */
};
/* One run over certificates, one behind the other; a second one where the first did not end.  LATER
 * only. */
enum outcome engine_import(gpgme_ctx_t context, GBytes *certificates, struct imported *imported,
	GError **error);
/* pieces[order[0]], pieces[order[1]] … in one. */
GBytes *bytes_join(GBytes *const *pieces, const guint *order, guint n);

/* ---- certificate.c: shared with certificates.c */

/* A socket that cannot be: for homes that only read. */
#define NO_AGENT "/dev/null/none"
struct certificate;
/* What gpg says of it; not its octets. */
struct certificate *certificate_of(gpgme_key_t key);

/* ---- agent.c: of the agent this home leads to */

bool agent_listens(const char *home);
pid_t agent_pid(const char *home);	/* -1: it does not say */
/* The secret key with this keygrip is there, whole, and nobody has to be asked for a passphrase. */
bool agent_can_use(const char *home, const char *keygrip);

/* ---- keyring.c: a visit to the real home */

/* gpg starts an agent where it needs one, and that agent's socket lies in the home, whose path may
 * be longer than a socket's may be: so the home is entered by a short link.  As root, by its
 * owner's ids.  The agent that came with the visit ends with it. */
struct visit {
	gpgme_ctx_t context;
	char *folder, *home;		/* the link is home */
	bool other_user, agent_was_there;
};
enum outcome visit_begin(struct visit *visit, const char *home, GError **error);
void visit_end(struct visit *visit);
typedef struct visit visit_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(visit_auto, visit_end)

/* ---- protect.c: shared with encrypt.c */

struct protector {
	gpgme_ctx_t context;
	gpgme_key_t signer;	/* of the last signature: a lookup costs as much as signing */
};
/* Canonical CRLF, 7-bit, lines that pass SMTP; a boundary that can be one and is not inside. */
enum outcome entity_check(GBytes *entity, const char *boundary, GError **error);
enum outcome boundary_check(GBytes *text, const char *boundary, GError **error);
gpgme_error_t protector_choose(struct protector *protector, const char *fingerprint);
/* RFC 3156 §5 name of the digest of the one signature just made; NULL: not one, not by our key. */
const char *protector_digest(struct protector *protector);
bool is_agent_fault(gpgme_error_t why);
/* gpg's armour ends its lines as the system does. */
void append_crlf(GString *out, GBytes *armor);

#endif
