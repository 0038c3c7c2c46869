/* SPDX-License-Identifier: ISC
 *
 * verdict: private to crypto/: what GPGME's structures say about signatures, made one word.
 */
#ifndef UNGCUU_CRYPTO_VERDICT_H
#define UNGCUU_CRYPTO_VERDICT_H

#include "crypto/crypto.h"
#include "crypto/engine.h"

struct evidence {
	gpgme_signature_t signatures;	/* as gpgme_op_verify_result() lists them */
	const GPtrArray *certificates;	/* gpgme_key_t: all that are at hand */
	/* signature packets there are; 0: not counted, inside a ciphertext */
	guint expected;
	bool has_odd;			/* one of them is of a version or type we do not take */
	const struct open_request *request;
};
/* Writes signature, fingerprint, party, signed_at; adds unknown signers to `missing`. */
void verdict_judge(const struct evidence *evidence, struct verdict *verdict, GPtrArray *missing);
/* The certificate whose primary key has this full fingerprint; NULL. */
gpgme_key_t certificate_find(const GPtrArray *certificates, const char *fingerprint);

#endif
