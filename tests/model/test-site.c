/* SPDX-License-Identifier: ISC
 *
 * The site as desk sees it, made from the hub's slice alone: own addresses, parties by address,
 * fingerprints in capitals, languages that stand in for each other, templates by name.
 */
#include "model/model.h"

#define FPR "0123456789abcdef0123456789abcdef01234567"

static const char *const settings[][2] = {
	{ "hotline.id", "NBH" },
	{ "hotline.name.vi", "Đội Ứng cứu" },
	{ "hotline.name.en", "Response Team" },
	{ "hotline.address", "UngCuu@Example.VN" },
	{ "hotline.aliases.0", "Report@example.vn" },
	{ "hotline.reply_address", "ungcuu+%t@example.vn" },
	{ "hotline.phone", "+84 000" },
	{ "hotline.key", FPR },
	{ "hotline.advice.vi", "Rút cáp mạng." },
	{ "hotline.evidence.en", "Call first." },
	{ "responders.0.id", "an.nguyen" },
	{ "responders.0.name", "Nguyễn Văn An" },
	{ "responders.0.address", "An@example.vn" },
	{ "responders.0.addresses.0", "an@example.org" },
	{ "responders.0.keys.0", FPR },
	{ "responders.0.roles.0", "respond" },
	{ "responders.0.roles.1", "lead" },
	{ "responders.0.until", "2027-12-31" },
	{ "responders.1.id", "binh.tran" },
	{ "responders.1.name", "Trần Thị Bình" },
	{ "responders.1.address", "binh@example.vn" },
	{ "directory.agencies.0.id", "so-y-te" },
	{ "directory.agencies.0.name", "Sở Mẫu" },
	{ "directory.agencies.0.addresses.0", "cntt@so.example.vn" },
	{ "directory.agencies.0.addresses.1", "vanthu@so.example.vn" },
	{ "directory.isps.0.id", "nha-mang" },
	{ "directory.isps.0.name", "Nhà mạng" },
	{ "directory.isps.0.addresses.0", "abuse@mang.example.vn" },
	{ "directory.isps.0.language", "en" },
	{ "directory.isps.0.drill_address", "Dien-Tap@mang.example.vn" },
	{ "policy.drill_address", "Drill@example.vn" },
	{ "policy.cap_domain", "7 per 2h" },
	{ "policy.cap_total", "0" },
	{ "policy.burst", "1800000" },
	{ "policy.forwarders.0", "Cong@Tinh.example.vn" },
	{ "authserv_ids.0", "MX.example.vn" },
	{ "submission.envelope", "bounce+%m@example.vn" },
	{ "directory.authorities.0.id", "dieu-phoi" },
	{ "directory.authorities.0.name", "Điều phối" },
	{ "directory.authorities.0.addresses.0", "su-co@dieu-phoi.example.vn" },
	{ "template.vi.T01", "Subject: x\n\nvi\n" },
	{ "template.en.T01", "Subject: x\n\nen\n" },
};

/* The hub's slice, as it comes out of a frame. */
static struct site *
sample(void)
{
	struct options *o = options_new();

	for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
		options_set(o, settings[i][0], settings[i][1]);
	struct options *slice = options_slice(o, SLICE_HUB);
	g_autoptr(GVariant) variant = g_variant_ref_sink(options_to_variant(slice));
	struct options *hub = options_from_variant(variant);
	struct site *site = site_new(hub);

	options_free(o);
	options_free(slice);
	options_free(hub);
	return site;
}

static void
test_texts(void)
{
	struct site *s = sample();

	g_assert_cmpstr(s->id, ==, "NBH");
	g_assert_cmpstr(s->name_vi, ==, "Đội Ứng cứu");
	g_assert_cmpstr(s->name_en, ==, "Response Team");
	g_assert_cmpstr(s->address, ==, "ungcuu@example.vn");
	g_assert_cmpstr(s->fingerprint, ==, "0123456789ABCDEF0123456789ABCDEF01234567");
	g_assert_cmpstr(s->advice_en, ==, "Rút cáp mạng.");
	g_assert_cmpstr(s->evidence_vi, ==, "Call first.");
	g_assert_null(s->portal);
	g_assert_cmpstr(s->ticket_format, ==, "%i-%y-%06n");
	g_assert_cmpstr(s->profile, ==, "vn-2026");
	g_assert_cmpstr(s->languages[0], ==, "vi");
	g_assert_cmpstr(s->languages[1], ==, "en");
	g_assert_null(s->languages[2]);
	g_assert_false(s->observe);
	g_assert_cmpint(s->receipt_interval, ==, 3600000);
	g_assert_cmpint(s->late_after, ==, 3600000);
	g_assert_cmpuint(g_hash_table_size(s->templates), ==, 2);
	g_assert_cmpstr(g_hash_table_lookup(s->templates, "en/T01"), ==, "Subject: x\n\nen\n");
	site_free(s);
}

static const struct { const char *address; bool is_own; } own[] = {
	{ "ungcuu@example.vn", true }, { "UNGCUU@EXAMPLE.VN", true },
	{ "report@example.vn", true }, { "ungcuu+abc123@example.vn", true },
	{ "Ungcuu+ABC@Example.vn", true }, { "ungcuu+@example.vn", false },
	{ "ungcuu@example.org", false }, { "x-ungcuu@example.vn", false },
	{ "ungcuu@example.vn.example.org", false }, { "", false }, { NULL, false },
	{ "bounce+0123abcd@example.vn", true }, { "Bounce+X@example.vn", true },
	{ "bounce@example.vn", false },
};

static void
test_own(void)
{
	struct site *s = sample();

	for (guint i = 0; i < G_N_ELEMENTS(own); i++)
		g_assert_cmpint(site_is_own(s, own[i].address), ==, own[i].is_own);
	site_free(s);
}

static const struct { const char *address, *party; } lookups[] = {
	{ "an@example.vn", "responder:an.nguyen" }, { "AN@EXAMPLE.ORG", "responder:an.nguyen" },
	{ "binh@example.vn", "responder:binh.tran" }, { "cntt@so.example.vn", "agency:so-y-te" },
	{ "vanthu@so.example.vn", "agency:so-y-te" }, { "abuse@mang.example.vn", "isp:nha-mang" },
	{ "su-co@dieu-phoi.example.vn", "authority:dieu-phoi" },
	{ "an@example.vn ", NULL }, { "xan@example.vn", NULL }, { "an", NULL }, { "", NULL },
	{ NULL, NULL }, { "ungcuu@example.vn", NULL },
};

static void
test_parties(void)
{
	struct site *s = sample();

	g_assert_cmpuint(s->parties->len, ==, 5);
	for (guint i = 0; i < G_N_ELEMENTS(lookups); i++) {
		const struct party *p = site_party_by_address(s, lookups[i].address);
		g_autofree char *party = p == NULL ? NULL : party_text(p);

		g_assert_cmpstr(party, ==, lookups[i].party);
	}
	const struct party *an = site_party_by_address(s, "an@example.vn");

	g_assert_cmpint(an->until, ==, clock_parse_rfc3339("2027-12-31T16:59:59Z"));
	g_assert_cmpstr(an->addresses[0], ==, "an@example.vn");
	g_assert_cmpstr(an->keys[0], ==, "0123456789ABCDEF0123456789ABCDEF01234567");
	g_assert_cmpstr(an->roles[1], ==, "lead");
	g_assert_cmpstr(an->language, ==, "vi");
	const struct party *binh = site_party_by_address(s, "binh@example.vn");

	g_assert_cmpint(binh->until, ==, -1);
	g_assert_cmpstr(binh->roles[0], ==, "respond");
	g_assert_null(binh->keys[0]);
	g_assert_cmpstr(site_party_by_address(s, "abuse@mang.example.vn")->language, ==, "en");
	site_free(s);
}

static void
test_policy(void)
{
	struct site *s = sample();

	g_assert_cmpuint(s->caps[CAP_ADDRESS].most, ==, 20);
	g_assert_cmpint(s->caps[CAP_ADDRESS].window, ==, 24 * 3600 * 1000);
	g_assert_cmpuint(s->caps[CAP_DOMAIN].most, ==, 7);
	g_assert_cmpint(s->caps[CAP_DOMAIN].window, ==, 2 * 3600 * 1000);
	g_assert_cmpuint(s->caps[CAP_TOTAL].most, ==, 0);
	g_assert_cmpint(s->burst, ==, 1800000);
	g_assert_cmpstr(s->forwarders[0], ==, "cong@tinh.example.vn");
	g_assert_cmpstr(s->authserv_ids[0], ==, "mx.example.vn");
	g_assert_null(s->authserv_ids[1]);
	site_free(s);
}

/* Who hears of a drill: our team, and the addresses that are there for it. */
static void
test_drill(void)
{
	struct site *s = sample();
	gint64 last = clock_parse_rfc3339("2027-12-31T16:59:59Z");

	g_assert_true(site_is_team(s, "an@example.org", last));
	g_assert_false(site_is_team(s, "an@example.org", last + 1));
	g_assert_true(site_is_team(s, "binh@example.vn", last + 1));
	g_assert_false(site_is_team(s, "cntt@so.example.vn", 0));
	g_assert_false(site_is_team(s, "x@example.org", 0));
	g_assert_cmpstr(site_drill_address(s, "ABUSE@mang.example.vn"), ==,
	    "dien-tap@mang.example.vn");
	g_assert_cmpstr(site_drill_address(s, "cntt@so.example.vn"), ==, "drill@example.vn");
	g_assert_cmpstr(site_drill_address(s, "x@example.org"), ==, "drill@example.vn");
	g_assert_true(site_is_drill_address(s, "DRILL@example.vn"));
	g_assert_true(site_is_drill_address(s, "dien-tap@mang.example.vn"));
	g_assert_false(site_is_drill_address(s, "abuse@mang.example.vn"));
	site_free(s);
}

static void
test_observe(void)
{
	struct options *o = options_new();

	options_set(o, "policy.mode", "observe");
	struct site *s = site_new(o);

	g_assert_true(s->observe);
	site_free(s);
	options_set(o, "policy.mode", "answer");
	options_set(o, "run.observe", "true");
	s = site_new(o);
	g_assert_true(s->observe);
	site_free(s);
	options_free(o);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/site/texts", test_texts);
	g_test_add_func("/model/site/own", test_own);
	g_test_add_func("/model/site/parties", test_parties);
	g_test_add_func("/model/site/policy", test_policy);
	g_test_add_func("/model/site/drill", test_drill);
	g_test_add_func("/model/site/observe", test_observe);
	return g_test_run();
}
