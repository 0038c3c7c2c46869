/* SPDX-License-Identifier: ISC
 *
 * The verdict nobody has looked at yet is the worst for its layer; it survives a frame; a worker
 * cannot send one outside the words.
 */
#include "model/model.h"

#include <string.h>

/* layer, its signature and encryption before anything was proven */
static const struct {
	enum layer layer;
	const char *signature, *encryption;
} worst[] = {
	{ LAYER_PLAIN,			"none",		"none" },
	{ LAYER_PGP_SIGNED,		"unverifiable",	"none" },
	{ LAYER_PGP_ENCRYPTED,		"none",		"unsupported" },
	{ LAYER_SMIME_SIGNED,		"unverifiable",	"none" },
	{ LAYER_SMIME_OPAQUE,		"unverifiable",	"none" },
	{ LAYER_SMIME_ENCRYPTED,	"none",		"unsupported" },
	{ LAYER_PGP_INLINE_SIGNED,	"unverifiable",	"none" },
	{ LAYER_PGP_INLINE_ENCRYPTED,	"none",		"unsupported" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(worst) == layer_count);

static void
test_worst(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(worst); i++) {
		struct verdict v = verdict_worst(worst[i].layer);

		g_assert_cmpstr(signature_word(v.signature), ==, worst[i].signature);
		g_assert_cmpstr(encryption_word(v.encryption), ==, worst[i].encryption);
		g_assert_cmpint(v.header_protection, ==, HEADER_PROTECTION_NONE);
		g_assert_null(v.fingerprint);
		g_assert_null(v.party);
		g_assert_cmpint(v.signed_at, ==, -1);
		g_assert_cmpint(v.judged_at, ==, -1);
	}
}

static void
test_round_trip(void)
{
	struct verdict v = verdict_worst(LAYER_PLAIN), after;

	v.signature = SIGNATURE_TRUSTED;
	v.encryption = ENCRYPTION_DECRYPTED;
	v.header_protection = HEADER_PROTECTION_ENCRYPTED;
	v.fingerprint = g_strdup("0123");
	v.party = g_strdup("responder:an.nguyen");
	v.signed_at = 5;
	g_autoptr(GVariant) variant = g_variant_ref_sink(verdict_to_variant(&v));

	g_assert_true(verdict_from_variant(variant, &after));
	g_assert_cmpint(after.signature, ==, SIGNATURE_TRUSTED);
	g_assert_cmpint(after.encryption, ==, ENCRYPTION_DECRYPTED);
	g_assert_cmpint(after.header_protection, ==, HEADER_PROTECTION_ENCRYPTED);
	g_assert_cmpstr(after.fingerprint, ==, "0123");
	g_assert_null(after.sha1);
	g_assert_cmpstr(after.party, ==, "responder:an.nguyen");
	g_assert_cmpint(after.signed_at, ==, 5);
	g_assert_cmpint(after.judged_at, ==, -1);
	verdict_clear(&v);
	verdict_clear(&after);
	g_assert_null(after.fingerprint);
	g_assert_cmpint(after.signature, ==, SIGNATURE_NONE);
}

/* type, text form of a variant that is refused */
static const struct { const char *type, *text; } hostile[] = {
	{ "(uuumsmsmsxx)", "(10, 0, 0, nothing, nothing, nothing, 0, 0)" },
	{ "(uuumsmsmsxx)", "(0, 6, 0, nothing, nothing, nothing, 0, 0)" },
	{ "(uuumsmsmsxx)", "(0, 0, 3, nothing, nothing, nothing, 0, 0)" },
	{ "(uuumsmsmsxx)", "(4294967295, 0, 0, nothing, nothing, nothing, 0, 0)" },
	{ "(uuusssxx)", "(0, 0, 0, '', '', '', 0, 0)" },
	{ "v", "<0>" },
};

static void
test_hostile(void)
{
	struct verdict v;

	for (guint i = 0; i < G_N_ELEMENTS(hostile); i++) {
		g_autoptr(GVariant) variant = g_variant_parse(G_VARIANT_TYPE(hostile[i].type),
		    hostile[i].text, NULL, NULL, NULL);

		g_assert_nonnull(variant);
		g_assert_false(verdict_from_variant(variant, &v));
	}
	g_autoptr(GBytes) torn = g_bytes_new_static("\1\0\0\0torn", 8);
	g_autoptr(GVariant) variant = g_variant_ref_sink(
	    g_variant_new_from_bytes(G_VARIANT_TYPE("(uuumsmsmsxx)"), torn, FALSE));

	g_assert_false(verdict_from_variant(variant, &v));
}

static void
test_long_text(void)
{
	struct verdict v = verdict_worst(LAYER_PLAIN), after;

	v.party = g_strnfill(257, 'x');
	g_autoptr(GVariant) variant = g_variant_ref_sink(verdict_to_variant(&v));

	g_assert_false(verdict_from_variant(variant, &after));
	verdict_clear(&v);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/verdict/worst", test_worst);
	g_test_add_func("/model/verdict/round-trip", test_round_trip);
	g_test_add_func("/model/verdict/hostile", test_hostile);
	g_test_add_func("/model/verdict/long-text", test_long_text);
	return g_test_run();
}
