/* SPDX-License-Identifier: ISC
 *
 * Forwarders and drill addresses of a configuration: one row a mistake, with its line.
 */
#include "role/configuration.h"

#include <string.h>

#define CIRCLES " is the hotline itself, mail would go in circles"
#define FORWARDERS "policy.forwarders.0"
#define DRILL "policy.drill_address"
#define ISP_DRILL "directory.isps.0.drill_address"

/* columns: settings beside those below, and the faults */
static const struct { const char *settings[3][2], *faults; } rows[] = {
	{ { { NULL } }, "" },
	{ { { "authserv_ids.0", "mx.example.vn" }, { FORWARDERS, "a@example.org" } }, "" },
	{ { { FORWARDERS, "a@example.org" } }, "x.conf:1: policy.forwarders: needs authserv_ids: "
		"without them nothing says whose mail it is\n" },
	{ { { "authserv_ids.0", "mx.example.vn" }, { FORWARDERS, "Report@example.vn" } },
		"x.conf:1: " FORWARDERS ": \"Report@example.vn\"" CIRCLES "\n" },
	{ { { DRILL, "drill@example.org" }, { ISP_DRILL, "drill@isp.example.org" } }, "" },
	{ { { DRILL, "ungcuu@example.vn" } },
		"x.conf:1: " DRILL ": \"ungcuu@example.vn\"" CIRCLES "\n" },
	{ { { DRILL, "ungcuu+x@example.vn" } },
		"x.conf:1: " DRILL ": \"ungcuu+x@example.vn\"" CIRCLES "\n" },
	{ { { DRILL, "bounce+x@example.vn" } },
		"x.conf:1: " DRILL ": \"bounce+x@example.vn\"" CIRCLES "\n" },
	{ { { ISP_DRILL, "report@example.vn" } },
		"x.conf:1: " ISP_DRILL ": \"report@example.vn\"" CIRCLES "\n" },
	{ { { DRILL, "ABUSE@isp.example.org" } },
		"x.conf:1: " DRILL ": \"ABUSE@isp.example.org\" is that "
		"of isp:mang, which a drill must not reach\n" },
	{ { { ISP_DRILL, "cntt@so.example.vn" } },
		"x.conf:1: " ISP_DRILL ": \"cntt@so.example.vn\" is that "
		"of agency:so, which a drill must not reach\n" },
	/* a party may say that its own address takes drills; our team hears of them anyway */
	{ { { ISP_DRILL, "noc@isp.example.org" } }, "" },
	{ { { DRILL, "an@example.vn" }, { ISP_DRILL, "an@example.vn" } }, "" },
};

static const char *const settings[][2] = {
	{ "hotline.address", "ungcuu@example.vn" },
	{ "hotline.aliases.0", "report@example.vn" },
	{ "hotline.reply_address", "ungcuu+%t@example.vn" },
	{ "submission.envelope", "bounce+%m@example.vn" },
	{ "responders.0.id", "an" },
	{ "responders.0.address", "an@example.vn" },
	{ "directory.agencies.0.id", "so" },
	{ "directory.agencies.0.addresses.0", "cntt@so.example.vn" },
	{ "directory.isps.0.id", "mang" },
	{ "directory.isps.0.addresses.0", "abuse@isp.example.org" },
	{ "directory.isps.0.addresses.1", "noc@isp.example.org" },
};

static char *
faults_of(const char *const more[3][2])
{
	struct options *o = options_new();
	GPtrArray *faults = g_ptr_array_new();
	GString *all = g_string_new(NULL);

	option_set_place(o, "file", "x.conf");
	for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
		options_set(o, settings[i][0], settings[i][1]);
	for (guint i = 0; i < 3 && more[i][0] != NULL; i++)
		options_set(o, more[i][0], more[i][1]);
	struct site *site = site_new(o);

	configuration_check_addresses(o, site, faults);
	g_auto(GStrv) lines = faults_take(faults);

	for (char **line = lines; line != NULL && *line != NULL; line++)
		g_string_append_printf(all, "%s\n", *line);
	site_free(site);
	options_free(o);
	return g_string_free(all, FALSE);
}

static void
test_rows(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *faults = faults_of(rows[i].settings);

		g_assert_cmpstr(faults, ==, rows[i].faults);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/role/addresses/rows", test_rows);
	return g_test_run();
}
