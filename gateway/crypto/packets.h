/* SPDX-License-Identifier: ISC
 *
 * packets: private to crypto/: the framing of OpenPGP data (RFC 4880 §4, RFC 9580 §4), as much as
 * is needed to know what gpg would be given before gpg sees it.  No cryptography, nothing deeper
 * than the first octets of a packet.
 */
#ifndef UNGCUU_CRYPTO_PACKETS_H
#define UNGCUU_CRYPTO_PACKETS_H

#include "base/base.h"
#include "model/model.h"

enum packet_tag {
	PACKET_PKESK = 1, PACKET_SIGNATURE = 2, PACKET_SKESK = 3, PACKET_SECRET_KEY = 5,
	PACKET_PUBLIC_KEY = 6, PACKET_SECRET_SUBKEY = 7, PACKET_COMPRESSED = 8, PACKET_SED = 9,
	PACKET_MARKER = 10, PACKET_LITERAL = 11, PACKET_SEIPD = 18, PACKET_AEAD = 20,
	PACKET_PUBLIC_SUBKEY = 14, PACKET_PADDING = 21,
};

struct packet {
	guint tag;
	const guint8 *body;	/* the first `head` octets lie here in one piece */
	gsize head;
	gsize size;		/* octets of the body in all */
};
/* A place in binary OpenPGP data. */
struct packets { const guint8 *at, *end; };
struct packets packets_of(GBytes *binary);

enum packet_step { PACKET_FOUND, PACKET_END, PACKET_BROKEN };
/* BROKEN: not OpenPGP, a length past the end, an open or partial one where it may not be. */
enum packet_step packets_next(struct packets *packets, struct packet *packet);

/* Binary data as it is, or what one armour holds, whatever its label says: packets decide.  Text
 * around the armour is left out.  NULL: neither, damaged, or a second armour behind it. */
GBytes *armor_strip(GBytes *data);
/* The next block of armour, of several with any text between.  BROKEN: a damaged one; the one
 * behind it can still be read. */
enum packet_step armor_next(const char **at, const char *end, GBytes **binary);

/* What stands before the hidden part of an encrypted message. */
struct ciphertext {
	/* DECRYPTED: may be tried; otherwise the verdict the framing alone gives */
	enum encryption word;
	GPtrArray *key_ids;	/* char *: 16 hex digits, zeros for a hidden recipient */
	guint n_hidden, n_passwords;
	bool is_aead;		/* packet 20 */
};
void ciphertext_clear(struct ciphertext *ciphertext);
typedef struct ciphertext ciphertext_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ciphertext_auto, ciphertext_clear)
/* NEVER only by LIMIT_PACKETS; everything else is a word. */
enum outcome ciphertext_scan(GBytes *binary, struct ciphertext *ciphertext, GError **error);

/* The same message for its keys alone: a scanned ciphertext less its password packets (GnuPG 2.4
 * ends with an error where it cannot ask for a password, though a key opened the message). */
GBytes *ciphertext_without_passwords(GBytes *binary);

/* What a detached signature is made of. */
struct signatures {
	guint n;		/* signature packets; 0: this is no detached signature */
	bool has_odd;		/* one of a version or type nobody may sign a mail with */
	GPtrArray *issuers;	/* char *: fingerprint, else key id, of each that names one */
};
void signatures_clear(struct signatures *signatures);
typedef struct signatures signatures_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(signatures_auto, signatures_clear)
/* NEVER only by LIMIT_SIGNATURES. */
enum outcome signatures_scan(GBytes *binary, struct signatures *signatures, GError **error);

/* Of the public key in this packet: upper-case digits (RFC 4880 §12.2; version 5 as gpg has it).
 * NULL: no version that gpg takes. */
char *key_fingerprint(const struct packet *packet);
/* Of the first packet, where that is a primary key; NULL. */
char *certificate_fingerprint(GBytes *binary);
/* The order in which gpg must be given them: as they come, but last what holds the primary key of
 * another as a subkey of its own.  (Behind such a one GnuPG 2.2 does not take the other, and where
 * it looks for the other's key it finds this one.)  n indices; g_free(). */
guint *certificates_order(GBytes *const *certificates, guint n);
/* Exactly one primary key, public or secret as asked, and nothing of the other sort. */
enum outcome certificate_scan(GBytes *binary, bool secret, GError **error);

#endif
