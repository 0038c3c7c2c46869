/* SPDX-License-Identifier: ISC
 *
 * configuration-addresses: addresses that are no party's own: those whose forwarded mail is exempt,
 * and those that mail of a drill goes to. None may be ours, or mail would go in circles, and no
 * drill may reach an outsider who was not named for it.
 */
#include "role/configuration.h"

struct looking {
	const struct options *options;
	const struct site *site;
	GPtrArray *faults;
};

static void G_GNUC_PRINTF(3, 4)
fault(const struct looking *l, const char *path, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *what = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	fault_at(l->faults, l->options, path, what);
}

/* False: it is ours, and that was told. */
static bool
is_foreign(const struct looking *l, const char *path, const char *address)
{
	if (!site_is_own(l->site, address))
		return true;
	fault(l, path, "\"%s\" is the hotline itself, mail would go in circles", address);
	return false;
}

static void
look_at_forwarders(const struct looking *l)
{
	guint n = options_count(l->options, "policy.forwarders");

	if (n > 0 && options_count(l->options, "authserv_ids") == 0)
		fault(l, "policy.forwarders", "needs authserv_ids: without them nothing says "
			"whose mail it is");
	for (guint i = 0; i < n; i++) {
		g_autofree char *path = g_strdup_printf("policy.forwarders.%u", i);

		is_foreign(l, path, options_text(l->options, "%s", path));
	}
}

/* whose: the party it is for, NULL: the site. */
static void
look_at_drill(const struct looking *l, const char *path, const struct party *whose)
{
	const char *address = options_text(l->options, "%s", path);
	const struct party *party = site_party_by_address(l->site, address);

	if (address == NULL || !is_foreign(l, path, address) || party == NULL || party == whose ||
	    party->kind == PARTY_RESPONDER)
		return;
	g_autofree char *name = party_text(party);

	fault(l, path, "\"%s\" is that of %s, which a drill must not reach", address, name);
}

static const char *const lists[] = { "directory.agencies", "directory.isps",
	"directory.authorities" };

void
configuration_check_addresses(const struct options *o, const struct site *site, GPtrArray *faults)
{
	const struct looking l = { o, site, faults };

	look_at_forwarders(&l);
	look_at_drill(&l, "policy.drill_address", NULL);
	for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
		for (guint j = 0; j < options_count(o, "%s", lists[i]); j++) {
			g_autofree char *path = g_strdup_printf("%s.%u.drill_address", lists[i], j);
			const char *first = options_text(o, "%s.%u.addresses.0", lists[i], j);

			look_at_drill(&l, path, site_party_by_address(site, first));
		}
}
