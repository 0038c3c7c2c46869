/* SPDX-License-Identifier: ISC
 *
 * imap-batch: small mails that are about to be taken come several in one answer, which saves a
 * round trip each.  Bounded by bytes and by number; they wait in memory until they are asked for.
 * Believes a mail by its UID and its size as told twice; what does not fit is left for
 * imap-take.c, which judges it alone.  A batch that fails costs nothing but time: for a while
 * after it mails are taken one by one, so that one of them cannot stop the others.
 */
#include "transport/account.h"

#include <string.h>
#include <syslog.h>

#define BATCH_BYTES	8388608		/* of the mails of one answer */
#define BATCH_MAILS	50
#define SMALL		1048576		/* bytes; what is larger is streamed, alone */
#define ONE_BY_ONE	3600		/* seconds after a batch that failed */

void
account_forget_batch(struct account *account)
{
	g_ptr_array_set_size(account->expected, 0);
	g_hash_table_remove_all(account->ahead);
}

void
imap_source_expect(void *box, const char *folder, const char *const *uids)
{
	struct account *account = box;

	account_forget_batch(account);
	for (; *uids; uids++)
		g_ptr_array_add(account->expected, g_strconcat(*uids, "/", folder, NULL));
}

/* ---- what goes together ------------------------------------------------------------------- */

struct batch {
	struct mailimap_set *set;
	GHashTable *keys;		/* by uid; those of account->expected */
	guint64 bytes;
	guint first, n;			/* of account->expected */
};

/* False: the batch is full, or this one is nothing for it. */
static bool
batch_add(struct batch *batch, const struct account *account, const char *key)
{
	const guint64 *size = g_hash_table_lookup(account->sizes, key);
	g_autofree char *text = g_strndup(key, strcspn(key, "/"));
	struct uid uid;

	if (!size || *size == 0 || *size > SMALL || batch->bytes + *size > BATCH_BYTES ||
	    g_hash_table_size(batch->keys) == BATCH_MAILS || !uid_parse(text, &uid) ||
	    uid.validity != imap_validity(account->imap))
		return false;
	if (mailimap_set_add_single(batch->set, uid.uid) != MAILIMAP_NO_ERROR)
		fatal(71, "no memory for a FETCH");
	batch->bytes += *size;
	g_hash_table_insert(batch->keys, GUINT_TO_POINTER(uid.uid), (gpointer) key);
	return true;
}

static struct batch
batch_new(const struct account *account, const char *key)
{
	struct batch batch = { mailimap_set_new_empty(), g_hash_table_new(NULL, NULL), 0, 0, 0 };
	const GPtrArray *expected = account->expected;

	if (!batch.set)
		fatal(71, "no memory for a FETCH");
	if (g_ptr_array_find_with_equal_func((GPtrArray *) expected, key, g_str_equal,
	    &batch.first))
		while (batch.first + batch.n < expected->len &&
		       batch_add(&batch, account, expected->pdata[batch.first + batch.n]))
			batch.n++;
	return batch;
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* Keeps a mail of the batch whose size is as it was listed.  One that comes twice is not kept. */
static void
keep(struct account *account, GHashTable *keys, const struct mailimap_msg_att *att)
{
	const struct mailimap_msg_att_body_section *body = NULL;
	struct item item = item_of(att);
	const char *key = g_hash_table_lookup(keys, GUINT_TO_POINTER(item.uid));
	const guint64 *listed = key ? g_hash_table_lookup(account->sizes, key) : NULL;
	guint n = 0;

	if (!listed)
		return;
	for (clistiter *at = clist_begin(att->att_list); at; at = clist_next(at)) {
		const struct mailimap_msg_att_body_section *one = body_of(clist_content(at));

		n += one != NULL;
		body = one ? one : body;
	}
	if (n == 0)
		return;		/* news about its flags */
	if (g_hash_table_remove(account->ahead, key)) {
		g_hash_table_remove(keys, GUINT_TO_POINTER(item.uid));
		return;
	}
	if (n == 1 && item.size == *listed && body->sec_body_part &&
	    body->sec_length == *listed)
		g_hash_table_insert(account->ahead, g_strdup(key),
			g_bytes_new(body->sec_body_part, body->sec_length));
}

static enum outcome
batch_fetch(struct account *account, struct batch *batch, GError **error)
{
	struct mailimap_fetch_type *type = what_to_fetch(false, SECTION_ALL);
	clist *list = NULL;
	int said = mailimap_uid_fetch(imap_begin(account->imap, batch->bytes +
		(guint64) BATCH_MAILS * ITEM_BYTES), batch->set, type, &list);

	mailimap_fetch_type_free(type);
	for (clistiter *at = list && said == MAILIMAP_NO_ERROR ? clist_begin(list) : NULL; at;
	     at = clist_next(at))
		keep(account, batch->keys, clist_content(at));
	if (list && said == MAILIMAP_NO_ERROR)	/* else libetpan has freed it */
		mailimap_fetch_list_free(list);
	return imap_end(account->imap, said, "mails", error);
}

/* Fetches it together with those expected after it, where that is worth it. */
static enum outcome
gather(struct account *account, const char *key, GError **error)
{
	struct batch batch = batch_new(account, key);
	enum outcome how = DONE;

	if (batch.n > 1) {
		how = batch_fetch(account, &batch, error);
		/* What was asked for and not kept is not asked for in a batch again. */
		g_ptr_array_remove_range(account->expected, batch.first, batch.n);
	}
	if (how != DONE) {
		account_forget_batch(account);
		account->one_by_one = g_get_monotonic_time() +
			(gint64) ONE_BY_ONE * G_USEC_PER_SEC;
		log_event(LOG_NOTICE, "batch-failed", "mails=%u bytes=%" G_GUINT64_FORMAT, batch.n,
			batch.bytes);
	}
	g_hash_table_unref(batch.keys);
	mailimap_set_free(batch.set);
	return how;
}

enum outcome
account_take_ahead(struct account *account, const char *uid, GBytes **out, GError **error)
{
	g_autofree char *key = account_key(account, uid);
	enum outcome how = DONE;

	*out = NULL;
	if (!g_hash_table_contains(account->ahead, key) &&
	    g_get_monotonic_time() >= account->one_by_one)
		how = gather(account, key, error);
	if (how == DONE && g_hash_table_lookup(account->ahead, key)) {
		*out = g_bytes_ref(g_hash_table_lookup(account->ahead, key));
		g_hash_table_remove(account->ahead, key);
	}
	return how;
}
