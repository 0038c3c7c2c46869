/* SPDX-License-Identifier: ISC
 *
 * threads: the codes that let a correspondent append to a ticket, one per (ticket, address),
 * looked up by keyed digest in whatever case they come back.  A stranger whose mail was only
 * filed beside a ticket (a hint, an "other sender") does not become a participant by it.
 */
#include "store/internal.h"

#define THREAD_CODE_LETTERS 20

static char *
code_of(struct store *store, struct id ticket, const guint8 address[DIGEST_SIZE])
{
	g_auto(query_auto) q = query_new(store, "thread code",
		"SELECT id, code FROM thread WHERE ticket = ? AND address_digest = ?");

	bind_id(&q, ticket);
	bind_bytes(&q, address, DIGEST_SIZE);
	return query_row(&q) ? column_unseal_text(&q, 1, "thread.code", column_id(&q, 0)) : NULL;
}

char *
thread_code(struct store *store, struct id ticket, const char *address, GError **error)
{
	guint8 address_key[DIGEST_SIZE], code_key[DIGEST_SIZE];
	g_autofree char *code = NULL;
	struct id id = id_new();

	address_digest(store, address, address_key);
	code = code_of(store, ticket, address_key);
	if (code == NULL) {
		g_auto(query_auto) q = query_new(store, "thread_code", "INSERT INTO thread"
			" (id, ticket, address, address_digest, code, code_digest)"
			" VALUES (?, ?, ?, ?, ?, ?)");

		code = random_code(THREAD_CODE_LETTERS);
		text_digest(store, "thread", code, code_key);
		bind_id(&q, id);
		bind_id(&q, ticket);
		bind_sealed_text(&q, "thread.address", id, address);
		bind_bytes(&q, address_key, DIGEST_SIZE);
		bind_sealed_text(&q, "thread.code", id, code);
		bind_bytes(&q, code_key, DIGEST_SIZE);
		if (query_run(&q, error) != DONE)
			return NULL;
	}
	return g_steal_pointer(&code);
}

bool
thread_find(struct store *store, const char *code, struct id *ticket, char **address)
{
	g_autofree char *normal = code_normalize(code);
	g_auto(query_auto) q = query_new(store, "thread_find",
		"SELECT ticket, id, address FROM thread WHERE code_digest = ?");
	guint8 digest[DIGEST_SIZE];

	if (normal == NULL)
		return false;
	text_digest(store, "thread", normal, digest);
	bind_bytes(&q, digest, sizeof digest);
	if (!query_row(&q))
		return false;
	if (ticket != NULL)
		*ticket = column_id(&q, 0);
	if (address != NULL)
		*address = column_unseal_text(&q, 2, "thread.address", column_id(&q, 1));
	return true;
}

bool
thread_has_address(struct store *store, struct id ticket, const char *address)
{
	g_auto(query_auto) q = query_new(store, "thread_has_address",
		"SELECT 1 WHERE EXISTS (SELECT 1 FROM thread WHERE ticket = ?1"
		"  AND address_digest = ?2)"
		" OR EXISTS (SELECT 1 FROM mail WHERE ticket = ?1 AND sender = ?2"
		" AND relation IN ('first', 'reply'))");
	guint8 digest[DIGEST_SIZE];

	address_digest(store, address, digest);
	bind_id(&q, ticket);
	bind_bytes(&q, digest, sizeof digest);
	return query_row(&q);
}
