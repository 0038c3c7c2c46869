/* SPDX-License-Identifier: ISC
 *
 * crypto: OpenPGP through GPGME, in the keys role and (key verbs) in ungcuuctl.  The only user of GPGME.
 * Never sees the network, the database or a mail's headers.  (Verifying and decrypting join here; it will be
 * the one writer of a verdict.)
 */
#ifndef UNGCUU_CRYPTO_H
#define UNGCUU_CRYPTO_H

#include "base/base.h"
#include "model/model.h"

/* ---- keyring.c: private homes and key verbs ---------------------------------------------------- */

/* Once per process: GPGME, locale C, protocol checks.  fatal(70) without a usable gpg. */
void crypto_init(void);
/* Makes `path` (0700, on tmpfs) a private home: gpg.conf (offline, lock-never, no-random-seed-file,
 * no-autostart, no-auto-key-*), a redirect to the agent's socket, a kbx of exactly these certificates
 * (export | import into an empty home, so that signature caches are filled). */
enum outcome home_make(const char *path, const char *agent_socket, GBytes *const *certificates, guint n,
	GError **error);
void home_remove(const char *path);		/* recursively */

struct key_info {
	char *fingerprint, *user_id, *algorithm;
	gint64 created, expires;		/* ms; -1: never */
	bool revoked, expired, has_secret, can_sign, can_encrypt;
};
void key_info_free(struct key_info *);
/* A fresh ed25519/cv25519 key without passphrase in `home` (0700, made if missing); revocation certificate
 * as armoured text.  NEVER: exists already for this address. */
enum outcome key_generate(const char *home, const char *name, const char *address, gint64 expires_days,
	char **fingerprint, char **revocation, GError **error);
/* struct key_info of all keys, or of the one named. */
enum outcome key_list(const char *home, const char *fingerprint, bool secret_only, GPtrArray **out,
	GError **error);
enum outcome key_export(const char *home, const char *fingerprint, bool armor, GBytes **out, GError **error);

/* ---- protect.c ------------------------------------------------------------------------------------ */

struct protector;
struct protector *protector_new(const char *home);	/* one GPGME context, reused */
void protector_free(struct protector *);
/* multipart/signed (RFC 3156 §5) of an entity in canonical CRLF: MIME header first, micalg from the result,
 * boundary given by the caller.  LATER with *agent_fault: no agent, or it does not have our key. */
enum outcome protect_sign(struct protector *, GBytes *entity, const char *fingerprint, const char *boundary,
	GBytes **out, bool *agent_fault, GError **error);

#endif
