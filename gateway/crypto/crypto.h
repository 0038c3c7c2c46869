/* SPDX-License-Identifier: ISC
 *
 * crypto: OpenPGP through GPGME, in the keys role and (key verbs) in ungcuuctl.  The only user of GPGME.
 * Never sees the network, the database or a mail's headers.  The one writer of a verdict.
 */
#ifndef UNGCUU_CRYPTO_H
#define UNGCUU_CRYPTO_H

#include "base/base.h"
#include "model/model.h"

/* ---- keyring.c: private homes and key verbs ---------------------------------------------------- */

/* Once per process: GPGME, locale C, protocol checks.  fatal(70) without a usable gpg. */
void crypto_init(void);
/* Makes `path` (0700, on tmpfs) a private home: gpg.conf (offline, lock-never, no-random-seed-file, no-autostart,
 * no-auto-key-*), a redirect to the agent's socket, a kbx of exactly these certificates (binary, each as
 * certificates_read gave it; imported, so that signature caches are filled).  One gpg run for all; where that does
 * not take each, one by one, and the error says which.  Of two that claim one key gpg believes the first: our own
 * come first, then the registered, then others.  NEVER: gpg does not take one; then there is no home. */
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

/* ---- encrypt.c -------------------------------------------------------------------------------------- */

struct protection { const char *signer, *recipient, *boundary; };	/* fingerprints */
/* multipart/encrypted (RFC 3156 §6.2) of an entity in canonical CRLF, signed inside, for exactly this one
 * recipient (our own key is none).  NEVER says why the recipient's certificate cannot be used; whatever this
 * answers, the entity does not leave in clear.  LATER as protect_sign. */
enum outcome protect_encrypt(struct protector *, GBytes *entity, const struct protection *, GBytes **out,
	bool *agent_fault, GError **error);

/* ---- certificate.c: certificates of others, and keys that come as files ---------------------------- */

struct certificate {
	char *fingerprint, *user_id, *algorithm;	/* user_id: the first one, valid UTF-8, for people only */
	char **addresses;		/* of its user ids neither revoked nor invalid, lower-cased */
	char **key_ids;			/* 16 hex digits: primary first, then subkeys */
	gint64 expires, encrypt_expires;	/* ms; -1: never.  encrypt_expires: its last usable encryption key */
	bool revoked, expired, can_encrypt;	/* as of gpg's clock */
	GBytes *minimal;		/* binary, without other people's signatures: to be kept */
};
void certificate_free(struct certificate *);
/* Exactly one certificate and no secret key, armoured or not, read in an empty home made at `home` and
 * removed.  NEVER: anything else, or past LIMIT_CERTIFICATE. */
enum outcome certificate_read(GBytes *, const char *home, struct certificate **out, GError **error);
/* certificates.c: all certificates of one file's bytes: one or many, binary, or any number of armour blocks with
 * any text around them.  Each primary key begins a piece; a piece is judged as certificate_read would alone, and one
 * that is refused takes no other with it; but behind a broken packet nothing of that block, or of a binary file, can
 * be read, and nothing past LIMIT_KEYRING pieces.  *out: struct certificate in the file's order, each key once (of
 * several pieces of one key the first stands for all).  Only what the owner signed counts, so no revocation by
 * somebody he named for that.  *why: char *, ASCII, one line per refused piece, or one if there is none at all: one
 * of the two has something in it.  gpg runs three times, and up to four more for each piece so damaged that gpg gives
 * up or dies (past 32 of them the rest is refused).  LATER: gpg could not be used.  NEVER: past LIMIT_MAIL_SIZE
 * bytes.  Both NULL unless DONE. */
enum outcome certificates_read(GBytes *file, const char *home, GPtrArray **out, GPtrArray **why, GError **error);
/* The same of many files with three runs of gpg for all.  *out: a GPtrArray for each.  NEVER: not together, for a piece
 * is refused, a file has none, or two have the same: read each alone.  LATER: as above. */
enum outcome certificates_read_together(GBytes *const *files, guint n, const char *home, GPtrArray **out,
	GError **error);
/* A party's certificate: read, test-encrypted, put minimal to `folder`/FPR.asc.  Gives the line to put into the
 * party's configuration.  NEVER: expired, revoked, cannot encrypt. */
enum outcome key_enrol(GBytes *, const char *folder, char **fingerprint, char **line, GError **error);
/* A secret key of ours into `home` (made if missing), after it signed in a throw-away home.
 * NEVER: not exactly one secret key, or it has a passphrase. */
enum outcome key_import(GBytes *, const char *home, char **fingerprint, GError **error);

/* ---- open.c: what was sealed or signed, and the verdict on it -------------------------------------- */

/* A key the configuration names for a party. */
struct party_key { char *fingerprint, *party, **addresses; };	/* primary, "agency:so-y-te", NULL-ended */
struct open_request {
	GBytes *data;			/* the signed octets as stored, or the ciphertext (armoured or not) */
	GBytes *signature;		/* detached; open_verify only */
	const char *from;		/* the single From address; NULL: not exactly one */
	const struct party_key *parties;
	guint n_parties;
	const char *const *own_keys;	/* hotline.key, old_keys; NULL-ended.  Their certificates are in the home */
	const char *const *gone_keys;	/* those of old_keys whose secret part is gone; may be NULL */
	bool outside;			/* content a reader would see lies outside what is covered */
	gint64 now;			/* ms */
	guint64 max_plain;		/* bytes that may come out */
	const char *limit_name;		/* of that limit, as in LIMIT_LIST */
};
struct opened {
	struct verdict verdict;		/* written once, here; default worst */
	GBytes *plain;			/* open_decrypt: NULL unless `decrypted` */
	GPtrArray *missing;		/* char *: fingerprints or key ids of signers not in the home: add, run again */
	GPtrArray *recipients;		/* char *: key ids of a ciphertext, zeros for a hidden one */
	bool agent_fault;		/* with LATER: our agent or key, not the mail */
};
void opened_clear(struct opened *);		/* wipes the plain text if nobody else holds it */
struct opener;					/* one GPGME context on one private home */
struct opener *opener_new(const char *home);
void opener_renew(struct opener *);		/* another home stands under that path now */
void opener_free(struct opener *);
/* A detached signature over exactly these octets; each bare LF counts as CRLF (a Maildir). */
enum outcome open_verify(struct opener *, const struct open_request *, struct opened *, GError **);
/* A ciphertext, and the signatures inside.  LATER with agent_fault: it is for a key of ours (or hides for whom it
 * is), and our agent itself says that it cannot use that key now: no mail can bring that about, and no count of
 * attempts may end it.  NEVER: more than max_plain came out (limit_name), or another limit.  Else DONE: see the
 * verdict.  Of both: LATER without agent_fault says that gpg could not be run at all; such attempts are counted. */
enum outcome open_decrypt(struct opener *, const struct open_request *, struct opened *, GError **);
/* Who says to have signed: char * fingerprints or key ids of a detached signature, read without gpg; for
 * choosing certificates only. */
GPtrArray *open_signers(GBytes *signature);

#endif
