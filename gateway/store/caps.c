/* SPDX-License-Identifier: ISC
 *
 * caps: how many mails were let out, to whom, within a time.  Counted from the rows of the outbox
 * by keyed digests, so that a restart or a kill forgets nothing and no list grows in memory.
 */
#include "store/internal.h"

static guint64
count(struct query *query)
{
	return query_row(query) ? (guint64)column_int(query, 0) : 0;
}

guint64
outgoing_passed_to(struct store *store, const char *address, gint64 since)
{
	g_auto(query_auto) q = query_new(store, "outgoing_passed_to",
		"SELECT count(*) FROM outgoing"
		" WHERE recipient_digest = ? AND passed > 0 AND passed >= ?");
	guint8 digest[DIGEST_SIZE];

	address_digest(store, address, digest);
	bind_bytes(&q, digest, sizeof digest);
	bind_int(&q, since);
	return count(&q);
}

guint64
outgoing_passed_domain(struct store *store, const char *address, gint64 since)
{
	g_auto(query_auto) q = query_new(store, "outgoing_passed_domain",
		"SELECT count(*) FROM outgoing"
		" WHERE domain_digest = ? AND passed > 0 AND passed >= ?");
	guint8 digest[DIGEST_SIZE];

	domain_digest(store, address, digest);
	bind_bytes(&q, digest, sizeof digest);
	bind_int(&q, since);
	return count(&q);
}

guint64
outgoing_passed(struct store *store, gint64 since)
{
	g_auto(query_auto) q = query_new(store, "outgoing_passed",
		"SELECT count(*) FROM outgoing WHERE passed > 0 AND passed >= ?");

	bind_int(&q, since);
	return count(&q);
}

guint64
outgoing_capped(struct store *store, gint64 since)
{
	g_auto(query_auto) q = query_new(store, "outgoing_capped",
		"SELECT count(*) FROM outgoing WHERE capped > 0 AND capped >= ?");

	bind_int(&q, since);
	return count(&q);
}
