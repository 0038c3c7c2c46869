/* SPDX-License-Identifier: ISC
 *
 * pins: certificates that came by mail, one current for each correspondent.  The first is
 * believed, another one only by a person's word, and none of them says who anybody is: they
 * encrypt answers, no more.  Relies on column.c for sealing.  Refuses a row whose digests are not
 * those of its sealed address and fingerprint: moved to another correspondent's digest, a pin
 * would direct his answers to the wrong key.
 */
#include "store/internal.h"

#include <stddef.h>
#include <string.h>

WORDS_DEFINE(pin_state, PIN, PIN_STATE_LIST)

static const char *
state_text(int value)
{
	return pin_state_word((enum pin_state)value);
}

static const struct words state_column = { state_text, pin_state_from_word };

#define PIN_COLUMNS(X) \
	X("address",            sealed, address,     "pin.address") \
	X("address_digest",     digest, address,     "address") \
	X("fingerprint",        sealed, fingerprint, "pin.fingerprint") \
	X("fingerprint_digest", digest, fingerprint, "fingerprint") \
	X("source",             text,   source,      NULL) \
	X("state",              word,   state,       &state_column) \
	X("first_seen",         int,    first_seen,  NULL) \
	X("last_seen",          int,    last_seen,   NULL) \
	X("expires",            int,    expires,     NULL)

#define ROW pin
static const struct column pin_columns[] = { PIN_COLUMNS(COLUMN_ROW) COLUMN_END };
enum { AT_ADDRESS_DIGEST = 1, AT_FINGERPRINT_DIGEST = 3, AT_CERTIFICATE = 9, AT_ID = 10 };

#define SELECT "SELECT " PIN_COLUMNS(COLUMN_NAME) "certificate, id FROM pin "
#define AFTER "seq > CASE WHEN ?1 IS NULL THEN 0 ELSE (SELECT seq FROM pin WHERE id = ?1) END "

void
pin_free(struct pin *pin)
{
	if (pin == NULL)
		return;
	g_free(pin->address);
	g_free(pin->fingerprint);
	g_free(pin->source);
	g_clear_pointer(&pin->certificate, g_bytes_unref);
	g_free(pin);
}
typedef struct pin pin_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(pin_auto, pin_free)

/* ---- keys of a row -------------------------------------------------------------------- */

static void
fingerprint_digest(struct store *store, const char *fingerprint, guint8 out[DIGEST_SIZE])
{
	g_autofree char *folded = g_ascii_strup(fingerprint, -1);

	text_digest(store, "fingerprint", folded, out);
}

static void
bind_fingerprint(struct query *query, const char *fingerprint)
{
	guint8 digest[DIGEST_SIZE];

	fingerprint_digest(query->store, fingerprint, digest);
	bind_bytes(query, digest, sizeof digest);
}

/* NULL: null, for any address. */
static void
bind_address(struct query *query, const char *address)
{
	guint8 digest[DIGEST_SIZE];

	if (address != NULL)
		address_digest(query->store, address, digest);
	bind_bytes(query, address != NULL ? digest : NULL, sizeof digest);
}

/* ---- reading -------------------------------------------------------------------------- */

static bool
pin_is_whole(struct query *query, const struct pin *pin)
{
	guint8 stored[DIGEST_SIZE], due[DIGEST_SIZE];

	if (pin->address == NULL || pin->fingerprint == NULL || pin->certificate == NULL ||
	    (int)pin->state < 0)
		return false;
	address_digest(query->store, pin->address, due);
	if (!column_bytes(query, AT_ADDRESS_DIGEST, stored, sizeof stored) ||
	    memcmp(stored, due, sizeof due) != 0)
		return false;
	fingerprint_digest(query->store, pin->fingerprint, due);
	return column_bytes(query, AT_FINGERPRINT_DIGEST, stored, sizeof stored) &&
		memcmp(stored, due, sizeof due) == 0;
}

static struct pin *
pin_load(struct query *query)
{
	struct pin *pin = g_new0(struct pin, 1);
	g_autoptr(GError) error = NULL;

	pin->id = column_id(query, AT_ID);
	row_load(query, pin_columns, 0, pin, pin->id);
	pin->certificate = column_unseal(query, AT_CERTIFICATE, "pin.certificate", pin->id,
		&error);
	if (error != NULL || !pin_is_whole(query, pin))
		store_damaged(query->store, "pin", pin->id);
	return pin;
}

static struct pin *
pin_of(struct store *store, const char *address, const char *fingerprint)
{
	g_auto(query_auto) q = query_new(store, "pin lookup", SELECT
		"WHERE address_digest = ? AND fingerprint_digest = ?");

	bind_address(&q, address);
	bind_fingerprint(&q, fingerprint);
	return query_row(&q) ? pin_load(&q) : NULL;
}

struct pin *
pin_current(struct store *store, const char *address)
{
	g_auto(query_auto) q = query_new(store, "pin_current", SELECT
		"WHERE address_digest = ? AND state = 'current'");

	bind_address(&q, address);
	return query_row(&q) ? pin_load(&q) : NULL;
}

GPtrArray *
pin_list(struct store *store, int state, guint limit, const char *after)
{
	g_auto(query_auto) q = state < 0 ?
		query_new(store, "pin_list", SELECT "WHERE " AFTER "ORDER BY seq LIMIT ?2") :
		query_new(store, "pin_list", SELECT
			"WHERE state = ?3 AND " AFTER "ORDER BY seq LIMIT ?2");
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))pin_free);
	struct id id = { { 0 } };

	if (after != NULL && !id_parse(after, &id))
		return list;
	bind_id(&q, id);
	bind_int(&q, limit);
	if (state >= 0)
		bind_text(&q, state_text(state));
	while (query_row(&q))
		g_ptr_array_add(list, pin_load(&q));
	return list;
}

/* ---- what mail does ------------------------------------------------------------------- */

/* Mails may be opened in another order than they came. */
static enum outcome
pin_seen(struct store *store, struct id id, gint64 at, GError **error)
{
	g_auto(query_auto) q = query_new(store, "pin_put", "UPDATE pin SET"
		" first_seen = min(first_seen, ?1), last_seen = max(last_seen, ?1),"
		" revision = revision + 1 WHERE id = ?2");

	bind_int(&q, at);
	bind_id(&q, id);
	return query_change(&q, error);
}

/* The same certificate with a longer life: only its owner can have made that. */
static enum outcome
pin_renew(struct store *store, const struct pin *known, const struct pin *in, GError **error)
{
	g_auto(query_auto) q = query_new(store, "pin_put",
		"UPDATE pin SET certificate = ?, expires = ? WHERE id = ?");
	gsize size;
	const void *data = g_bytes_get_data(in->certificate, &size);

	if (known->expires < 0 || (in->expires >= 0 && in->expires <= known->expires))
		return DONE;
	bind_sealed(&q, "pin.certificate", known->id, data, size);
	bind_int(&q, in->expires);
	bind_id(&q, known->id);
	return query_change(&q, error);
}

static enum outcome
pin_add(struct store *store, const struct pin *pin, GError **error)
{
	g_auto(query_auto) q = query_new(store, "pin_put", "INSERT INTO pin ("
		PIN_COLUMNS(COLUMN_NAME) "certificate, id) VALUES ("
		PIN_COLUMNS(COLUMN_MARK) "?, ?)");
	gsize size;
	const void *data = g_bytes_get_data(pin->certificate, &size);

	row_bind(&q, pin_columns, pin, pin->id);
	bind_sealed(&q, "pin.certificate", pin->id, data, size);
	bind_id(&q, pin->id);
	return query_run(&q, error);
}

/* A quarantined pin alone counts too: an open question does not answer itself by another mail. */
static bool
address_has_pin(struct store *store, const char *address)
{
	g_auto(query_auto) q = query_new(store, "pin_put", "SELECT 1 FROM pin"
		" WHERE address_digest = ? AND state <> 'forgotten' LIMIT 1");

	bind_address(&q, address);
	return query_row(&q);
}

enum outcome
pin_put(struct store *store, const struct pin *in, bool *changed, GError **error)
{
	g_autofree char *address = g_ascii_strdown(in->address, -1);
	g_autofree char *fingerprint = fingerprint_fold(in->fingerprint);
	g_autoptr(pin_auto) known = NULL;
	struct pin pin = *in;

	*changed = false;
	if (fingerprint == NULL)
		return fail(error, NEVER, "store %s: pin_put: this is no fingerprint",
			store->database);
	known = pin_of(store, address, fingerprint);
	if (known != NULL) {
		enum outcome how = pin_renew(store, known, in, error);

		return how == DONE ? pin_seen(store, known->id, in->last_seen, error) : how;
	}
	pin.id = id_new();
	pin.address = address;
	pin.fingerprint = fingerprint;
	pin.first_seen = in->last_seen;
	*changed = address_has_pin(store, address);
	pin.state = *changed ? PIN_QUARANTINED : PIN_CURRENT;
	return pin_add(store, &pin, error);
}

/* ---- what a person says --------------------------------------------------------------- */

enum outcome
pin_forget(struct store *store, const char *address, const char *fingerprint, GError **error)
{
	g_auto(query_auto) q = query_new(store, "pin_forget",
		"UPDATE pin SET state = 'forgotten', revision = revision + 1"
		" WHERE fingerprint_digest = ?1 AND (address_digest = ?2 OR ?2 IS NULL)");

	bind_fingerprint(&q, fingerprint);
	bind_address(&q, address);
	return query_change(&q, error);
}

/* The one pin meant.  Whoever gives away a certificate may send it under another's address, so
 * that a fingerprint alone may name two correspondents. */
static enum outcome
pin_meant(struct store *store, const char *address, const char *fingerprint, struct pin **out,
	GError **error)
{
	g_auto(query_auto) q = query_new(store, "pin_accept", SELECT
		"WHERE fingerprint_digest = ?1 AND (address_digest = ?2 OR ?2 IS NULL) LIMIT 2");
	g_autoptr(pin_auto) pin = NULL;

	bind_fingerprint(&q, fingerprint);
	bind_address(&q, address);
	if (!query_row(&q))
		return fail(error, NEVER, "store %s: pin_accept: no such row", store->database);
	pin = pin_load(&q);
	if (query_row(&q))
		return fail(error, NEVER,
			"store %s: pin_accept: several addresses have this certificate; name one",
			store->database);
	*out = g_steal_pointer(&pin);
	return DONE;
}

static enum outcome
current_forget(struct store *store, const char *address, GError **error)
{
	g_auto(query_auto) q = query_new(store, "pin_accept", "UPDATE pin"
		" SET state = 'forgotten', revision = revision + 1"
		" WHERE address_digest = ? AND state = 'current'");

	bind_address(&q, address);
	return query_run(&q, error);
}

enum outcome
pin_accept(struct store *store, const char *address, const char *fingerprint, GError **error)
{
	g_auto(query_auto) q = query_new(store, "pin_accept",
		"UPDATE pin SET state = 'current', revision = revision + 1 WHERE id = ?");
	g_autoptr(pin_auto) pin = NULL;
	enum outcome how = pin_meant(store, address, fingerprint, &pin, error);

	if (how != DONE)
		return how;
	how = current_forget(store, pin->address, error);
	if (how != DONE)
		return how;
	bind_id(&q, pin->id);
	return query_change(&q, error);
}
