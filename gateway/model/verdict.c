/* SPDX-License-Identifier: ISC
 *
 * verdict: what was proven about a mail.  Starts at the worst and is written once, by crypto;
 * this file only makes, copies and clears it.  A verdict that came from a worker is foreign
 * input: one type, normal form, every number inside its enum, every text short.
 */
#include "model/model.h"

#include <string.h>

#define VERDICT_TYPE "(uuumsmsmsxx)"
#define VERDICT_TEXT_MAX 256	/* a fingerprint, or a party's kind and id */

/* What is true of a layer before anybody has looked at its keys. */
static const struct {
	enum signature signature;
	enum encryption encryption;
} worst[] = {
	[LAYER_PLAIN]			= { SIGNATURE_NONE,		ENCRYPTION_NONE },
	[LAYER_PGP_SIGNED]		= { SIGNATURE_UNVERIFIABLE,	ENCRYPTION_NONE },
	[LAYER_PGP_ENCRYPTED]		= { SIGNATURE_NONE,		ENCRYPTION_UNSUPPORTED },
	[LAYER_SMIME_SIGNED]		= { SIGNATURE_UNVERIFIABLE,	ENCRYPTION_NONE },
	[LAYER_SMIME_OPAQUE]		= { SIGNATURE_UNVERIFIABLE,	ENCRYPTION_NONE },
	[LAYER_SMIME_ENCRYPTED]		= { SIGNATURE_NONE,		ENCRYPTION_UNSUPPORTED },
	[LAYER_PGP_INLINE_SIGNED]	= { SIGNATURE_UNVERIFIABLE,	ENCRYPTION_NONE },
	[LAYER_PGP_INLINE_ENCRYPTED]	= { SIGNATURE_NONE,		ENCRYPTION_UNSUPPORTED },
};
G_STATIC_ASSERT(G_N_ELEMENTS(worst) == layer_count);

struct verdict
verdict_worst(enum layer layer)
{
	return (struct verdict){
		.signature = worst[layer].signature,
		.encryption = worst[layer].encryption,
		.header_protection = HEADER_PROTECTION_NONE,
		.signed_at = -1,
		.judged_at = -1,
	};
}

void
verdict_clear(struct verdict *v)
{
	g_free(v->fingerprint);
	g_free(v->sha1);
	g_free(v->party);
	*v = verdict_worst(LAYER_PLAIN);
}

GVariant *
verdict_to_variant(const struct verdict *v)
{
	return g_variant_new(VERDICT_TYPE, (guint32)v->signature, (guint32)v->encryption,
	    (guint32)v->header_protection, v->fingerprint, v->sha1, v->party, v->signed_at,
	    v->judged_at);
}

static bool
is_short(const char *text)
{
	return text == NULL || strlen(text) <= VERDICT_TEXT_MAX;
}

bool
verdict_from_variant(GVariant *variant, struct verdict *v)
{
	guint32 signature, encryption, protection;
	const char *fingerprint, *sha1, *party;
	gint64 signed_at, judged_at;

	if (!g_variant_is_of_type(variant, G_VARIANT_TYPE(VERDICT_TYPE)) ||
	    !g_variant_is_normal_form(variant))
		return false;
	g_variant_get(variant, "(uuum&sm&sm&sxx)", &signature, &encryption, &protection,
	    &fingerprint, &sha1, &party, &signed_at, &judged_at);
	if (signature >= signature_count || encryption >= encryption_count ||
	    protection >= header_protection_count)
		return false;
	if (!is_short(fingerprint) || !is_short(sha1) || !is_short(party))
		return false;
	*v = (struct verdict){ .signature = signature, .encryption = encryption,
		.header_protection = protection, .fingerprint = g_strdup(fingerprint),
		.sha1 = g_strdup(sha1), .party = g_strdup(party),
		.signed_at = signed_at, .judged_at = judged_at };
	return true;
}
