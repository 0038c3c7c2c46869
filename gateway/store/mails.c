/* SPDX-License-Identifier: ISC
 *
 * mails: one row for every mail ever seen, from the listing to its end.  Looked up by what
 * identifies it at the server, by its digest, by when it is due.  Each question the hub asks
 * every turn has a partial index that final rows are not in, so its cost does not grow with the
 * years.
 */
#include "store/internal.h"

#include <stddef.h>
#include <string.h>

WORDS_COLUMN(mail_state)
WORDS_COLUMN(kind)

/* What a mail is called at the server never changes. */
#define MAIL_FIXED(X) \
	X("mailbox",       text,   mailbox,     NULL) \
	X("identity",      text,   identity,    NULL) \
	X("uid",           sealed, uid,         "mail.uid") \
	X("uid_digest",    digest, uid,         "uid") \
	X("arrived",       int,    arrived,     NULL) \
	X("received",      int,    received,    NULL)
#define MAIL_MUTABLE(X) \
	X("folder",        sealed, folder,      "mail.folder") \
	X("size",          size,   size,        NULL) \
	X("state",         word,   state,       &mail_state_words) \
	X("kind",          word,   kind,        &kind_words) \
	X("blob",          id,     blob,        NULL) \
	X("sha256",        sealed, sha256,      "mail.sha256") \
	X("sha256_digest", digest, sha256,      "sha256") \
	X("moved",         bool,   moved,       NULL) \
	X("in_attempt",    bool,   in_attempt,  NULL) \
	X("attempts",      uint,   attempts,    NULL) \
	X("deaths",        uint,   deaths,      NULL) \
	X("unexplained",   uint,   unexplained, NULL) \
	X("next_try",      int,    next_try,    NULL) \
	X("stage",         text,   stage,       NULL) \
	X("reason",        sealed, reason,      "mail.reason") \
	X("ticket",        id,     ticket,      NULL) \
	X("relation",      text,   relation,    NULL) \
	X("silent",        bool,   silent,      NULL) \
	X("done",          sealed, done,        "mail.done") \
	X("done_digest",   digest, done,        "done")

#define ROW mail
static const struct column mail_fixed[] = { MAIL_FIXED(COLUMN_ROW) COLUMN_END };
static const struct column mail_mutable[] = { MAIL_MUTABLE(COLUMN_ROW) COLUMN_END };

#define SELECT "SELECT " MAIL_FIXED(COLUMN_NAME) MAIL_MUTABLE(COLUMN_NAME) "id FROM mail "
#define N_COLUMNS (G_N_ELEMENTS(mail_fixed) + G_N_ELEMENTS(mail_mutable) - 2)

void
mail_free(struct mail *mail)
{
	if (mail == NULL)
		return;
	g_free(mail->mailbox);
	g_free(mail->identity);
	g_free(mail->uid);
	g_free(mail->folder);
	g_free(mail->sha256);
	g_free(mail->stage);
	g_free(mail->reason);
	g_free(mail->relation);
	g_free(mail->done);
	g_free(mail);
}

static struct mail *
mail_load(struct query *query)
{
	struct mail *mail = g_new0(struct mail, 1);

	mail->id = column_id(query, (int)N_COLUMNS);
	row_load(query, mail_mutable, row_load(query, mail_fixed, 0, mail, mail->id), mail,
		mail->id);
	return mail;
}

static GPtrArray *
mails_load(struct query *query)
{
	GPtrArray *mails =
		g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))mail_free);

	while (query_row(query))
		g_ptr_array_add(mails, mail_load(query));
	return mails;
}

/* ---- one row -------------------------------------------------------------------------- */

enum outcome
mail_add(struct store *store, const struct mail *mail, GError **error)
{
	g_auto(query_auto) q = query_new(store, "mail_add",
		"INSERT INTO mail (" MAIL_FIXED(COLUMN_NAME) MAIL_MUTABLE(COLUMN_NAME) "id)"
		" VALUES ("
		MAIL_FIXED(COLUMN_MARK) MAIL_MUTABLE(COLUMN_MARK) "?)");

	row_bind(&q, mail_fixed, mail, mail->id);
	row_bind(&q, mail_mutable, mail, mail->id);
	bind_id(&q, mail->id);
	return query_run(&q, error);
}

enum outcome
mail_put(struct store *store, const struct mail *mail, GError **error)
{
	g_auto(query_auto) q = query_new(store, "mail_put",
		"UPDATE mail SET " MAIL_MUTABLE(COLUMN_SET) "revision = revision + 1 WHERE id = ?");

	row_bind(&q, mail_mutable, mail, mail->id);
	bind_id(&q, mail->id);
	return query_change(&q, error);
}

struct mail *
mail_get(struct store *store, struct id id)
{
	g_auto(query_auto) q = query_new(store, "mail_get", SELECT "WHERE id = ?");

	bind_id(&q, id);
	return query_row(&q) ? mail_load(&q) : NULL;
}

bool
mail_known(struct store *store, const char *mailbox, const char *identity, const char *uid,
	struct id *out)
{
	g_auto(query_auto) q = query_new(store, "mail_known",
		"SELECT id FROM mail WHERE mailbox = ? AND identity = ? AND uid_digest = ?");
	guint8 digest[DIGEST_SIZE];

	text_digest(store, "uid", uid, digest);
	bind_text(&q, mailbox);
	bind_text(&q, identity);
	bind_bytes(&q, digest, sizeof digest);
	return query_id(&q, out);
}

bool
mail_rests(struct store *store, const char *mailbox, const char *identity, const char *uid,
	gint64 left_before)
{
	g_auto(query_auto) q = query_new(store, "mail_rests",
		"SELECT id FROM mail WHERE mailbox = ? AND identity = ? AND uid_digest = ?"
		" AND moved = 0 AND (state <> 'left' OR arrived < ?)");
	guint8 digest[DIGEST_SIZE];

	text_digest(store, "uid", uid, digest);
	bind_text(&q, mailbox);
	bind_text(&q, identity);
	bind_bytes(&q, digest, sizeof digest);
	bind_int(&q, left_before);
	return query_id(&q, NULL);
}

bool
mail_by_sha256(struct store *store, const guint8 sha256[DIGEST_SIZE], struct id *out)
{
	g_auto(query_auto) q = query_new(store, "mail_by_sha256",
		"SELECT id FROM mail WHERE sha256_digest = ? ORDER BY seq LIMIT 1");
	g_autofree char *hex = digest_hex(sha256);
	guint8 digest[DIGEST_SIZE];

	text_digest(store, "sha256", hex, digest);
	bind_bytes(&q, digest, sizeof digest);
	return query_id(&q, out);
}

static char *
done_name(const char *identity, const char *uid)
{
	return g_strconcat(identity, "\n", uid, NULL);
}

void
mail_set_done(struct mail *mail, const char *identity, const char *uid)
{
	g_free(mail->done);
	mail->done = done_name(identity, uid);
}

bool
mail_done_is_of(const struct mail *mail, const char *identity)
{
	gsize size = strlen(identity);

	return mail->done != NULL && strncmp(mail->done, identity, size) == 0 &&
		mail->done[size] == '\n';
}

bool
mail_by_done(struct store *store, const char *mailbox, const char *identity, const char *uid,
	struct id *out)
{
	g_auto(query_auto) q = query_new(store, "mail_by_done",
		"SELECT id FROM mail WHERE done_digest = ? AND mailbox = ? ORDER BY seq LIMIT 1");
	g_autofree char *name = done_name(identity, uid);
	guint8 digest[DIGEST_SIZE];

	text_digest(store, "done", name, digest);
	bind_bytes(&q, digest, sizeof digest);
	bind_text(&q, mailbox);
	return query_id(&q, out);
}

bool
mail_by_content(struct store *store, const char *mailbox, const char *sha256, struct id *out)
{
	g_auto(query_auto) q = query_new(store, "mail_by_content",
		"SELECT id FROM mail WHERE sha256_digest = ? AND mailbox = ?"
		" ORDER BY done_digest IS NOT NULL, moved DESC, seq LIMIT 1");
	guint8 digest[DIGEST_SIZE];

	text_digest(store, "sha256", sha256, digest);
	bind_bytes(&q, digest, sizeof digest);
	bind_text(&q, mailbox);
	return query_id(&q, out);
}

/* ---- what waits ----------------------------------------------------------------------- */

GPtrArray *
mail_due(struct store *store, int state, gint64 now, guint limit)
{
	g_auto(query_auto) q = state < 0 ?
		query_new(store, "mail_due", SELECT
			"WHERE next_try >= 0 AND in_attempt = 0 AND next_try <= ?"
			" ORDER BY next_try, seq LIMIT ?") :
		query_new(store, "mail_due", SELECT
			"WHERE next_try >= 0 AND in_attempt = 0 AND state = ? AND next_try <= ?"
			" ORDER BY next_try, seq LIMIT ?");

	if (state >= 0)
		bind_text(&q, mail_state_text(state));
	bind_int(&q, now);
	bind_int(&q, limit);
	return mails_load(&q);
}

gint64
mail_next_due(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "mail_next_due",
		"SELECT next_try FROM mail WHERE next_try >= 0 AND in_attempt = 0"
		" ORDER BY next_try LIMIT 1");

	return query_row(&q) ? column_int(&q, 0) : -1;
}

GPtrArray *
mail_in_attempt(struct store *store)
{
	g_auto(query_auto) q = query_new(store, "mail_in_attempt", SELECT
		"WHERE in_attempt = 1 ORDER BY seq");

	return mails_load(&q);
}

/* That of which not even the header is stored stays where it is (I1). */
GPtrArray *
mail_unmoved(struct store *store, const char *mailbox, guint limit)
{
	g_auto(query_auto) q = query_new(store, "mail_unmoved", SELECT
		"WHERE mailbox = ? AND moved = 0 AND state <> 'left'"
		" AND (kind IS NOT 'oversize' OR blob IS NOT NULL) ORDER BY seq LIMIT ?");

	bind_text(&q, mailbox);
	bind_int(&q, limit);
	return mails_load(&q);
}

GPtrArray *
mail_outstayed(struct store *store, const char *mailbox, gint64 stored_before, guint limit)
{
	g_auto(query_auto) q = query_new(store, "mail_outstayed", SELECT
		"WHERE mailbox = ? AND moved = 0 AND state <> 'left' AND received <= ?"
		" AND state IN ('decided', 'held') AND blob IS NOT NULL"
		" AND kind IS NOT 'oversize'"
		" ORDER BY received LIMIT ?");

	bind_text(&q, mailbox);
	bind_int(&q, stored_before);
	bind_int(&q, limit);
	return mails_load(&q);
}

GPtrArray *
mail_sealed(struct store *store, guint limit)
{
	g_auto(query_auto) q = query_new(store, "mail_sealed", SELECT
		"WHERE sealed = 1 AND state = 'decided' AND blob IS NOT NULL ORDER BY seq LIMIT ?");

	bind_int(&q, limit);
	return mails_load(&q);
}

/* ---- lists ---------------------------------------------------------------------------- */

GPtrArray *
mail_list(struct store *store, int state, guint limit, const char *after)
{
	g_auto(query_auto) q = state < 0 ?
		query_new(store, "mail_list", SELECT
			"WHERE seq > CASE WHEN ?1 IS NULL THEN 0"
			" ELSE (SELECT seq FROM mail WHERE id = ?1) END ORDER BY seq LIMIT ?2") :
		query_new(store, "mail_list", SELECT
			"WHERE state = ?3 AND seq > CASE WHEN ?1 IS NULL THEN 0"
			" ELSE (SELECT seq FROM mail WHERE id = ?1) END ORDER BY seq LIMIT ?2");
	struct id id = { { 0 } };

	if (after != NULL && !id_parse(after, &id))
		return g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))mail_free);
	bind_id(&q, id);
	bind_int(&q, limit);
	if (state >= 0)
		bind_text(&q, mail_state_text(state));
	return mails_load(&q);
}

GPtrArray *
mail_filed(struct store *store, enum kind kind, gint64 since, guint limit)
{
	g_auto(query_auto) q = query_new(store, "mail_filed", SELECT
		"WHERE state = 'decided' AND kind = ? AND received >= ? ORDER BY seq LIMIT ?");

	bind_text(&q, kind_word(kind));
	bind_int(&q, since);
	bind_int(&q, limit);
	return mails_load(&q);
}

GPtrArray *
mail_of_ticket(struct store *store, struct id ticket)
{
	g_auto(query_auto) q = query_new(store, "mail_of_ticket", SELECT
		"WHERE ticket = ? ORDER BY seq");

	bind_id(&q, ticket);
	return mails_load(&q);
}
