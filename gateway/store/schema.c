/* SPDX-License-Identifier: ISC
 *
 * schema: the database's tables as numbered migrations; each runs once, in its own transaction,
 * with the version it leads to.  What was released is never edited: a change is a new row.
 * Refuses databases that are not ours and those of a newer program.
 *
 * In clear: ids, times, states, words, counters, keyed digests.  BLOB columns with the comment
 * "sealed" hold seal_value() under "table.column" and the row's id.  `seq` is the order of
 * arrival and the lists' cursor; `revision` counts updates.
 */
#include "store/internal.h"

#define APPLICATION_ID 0x756e6763	/* "ungc" */

static const char schema_1[] =
"CREATE TABLE meta ("
"	name TEXT PRIMARY KEY,"
"	value BLOB NOT NULL"			/* sealed */
") STRICT, WITHOUT ROWID;"

"CREATE TABLE blob ("
"	seq INTEGER PRIMARY KEY,"
"	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
"	size INTEGER NOT NULL,"
"	wrapped BLOB"				/* its key, sealed; null: erased */
") STRICT;"

"CREATE TABLE mailbox ("
"	name TEXT PRIMARY KEY,"
"	id BLOB NOT NULL CHECK (length(id) = 16),"
"	type TEXT, identity TEXT,"
"	first_poll INTEGER NOT NULL, last_poll INTEGER NOT NULL, last_good INTEGER NOT NULL,"
"	floor INTEGER NOT NULL,"
"	cursor BLOB, error BLOB"		/* sealed */
") STRICT;"

"CREATE TABLE ticket ("
"	seq INTEGER PRIMARY KEY,"
"	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
"	revision INTEGER NOT NULL DEFAULT 0,"
"	number TEXT NOT NULL UNIQUE COLLATE NOCASE,"
"	state TEXT NOT NULL, kind TEXT, severity TEXT, category TEXT,"
"	subject BLOB, reporter BLOB, assignee BLOB,"	/* sealed */
"	signature TEXT, encryption TEXT, profile TEXT, language TEXT,"
"	created INTEGER NOT NULL, updated INTEGER NOT NULL,"
"	reports INTEGER NOT NULL, drill INTEGER NOT NULL,"
"	receipt_code BLOB, receipt_code_digest BLOB"	/* sealed, keyed */
") STRICT;"
"CREATE INDEX ticket_open ON ticket (seq)"
"	WHERE state NOT IN ('closed', 'rejected', 'duplicate', 'transferred');"
"CREATE INDEX ticket_state ON ticket (state, seq);"
"CREATE INDEX ticket_receipt_code ON ticket (receipt_code_digest);"

/* The last number given out; year 0 and hotline '' where the format has none. */
"CREATE TABLE counter ("
"	hotline TEXT NOT NULL, year INTEGER NOT NULL, last INTEGER NOT NULL,"
"	PRIMARY KEY (hotline, year)"
") STRICT, WITHOUT ROWID;"

"CREATE TABLE thread ("
"	seq INTEGER PRIMARY KEY,"
"	id BLOB NOT NULL CHECK (length(id) = 16),"
"	ticket BLOB NOT NULL REFERENCES ticket (id),"
"	address BLOB NOT NULL, address_digest BLOB NOT NULL,"	/* sealed, keyed */
"	code BLOB NOT NULL, code_digest BLOB NOT NULL UNIQUE,"	/* sealed, keyed */
"	UNIQUE (ticket, address_digest)"
") STRICT;"

"CREATE TABLE mail ("
"	seq INTEGER PRIMARY KEY,"
"	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
"	revision INTEGER NOT NULL DEFAULT 0,"
"	mailbox TEXT NOT NULL, identity TEXT NOT NULL,"
"	uid BLOB NOT NULL, uid_digest BLOB NOT NULL, folder BLOB,"	/* sealed, keyed, sealed */
"	size INTEGER NOT NULL, arrived INTEGER NOT NULL, received INTEGER NOT NULL,"
"	state TEXT NOT NULL, kind TEXT,"
"	blob BLOB REFERENCES blob (id),"
"	sha256 BLOB, sha256_digest BLOB,"	/* sealed, keyed */
"	moved INTEGER NOT NULL, in_attempt INTEGER NOT NULL,"
"	attempts INTEGER NOT NULL, deaths INTEGER NOT NULL, unexplained INTEGER NOT NULL,"
"	next_try INTEGER NOT NULL,"
"	stage TEXT, reason BLOB,"		/* reason: sealed */
"	ticket BLOB REFERENCES ticket (id), relation TEXT,"
"	sender BLOB,"				/* keyed digest of From, once opened */
"	UNIQUE (mailbox, identity, uid_digest)"
") STRICT;"
"CREATE INDEX mail_due ON mail (next_try, seq) WHERE next_try >= 0 AND in_attempt = 0;"
"CREATE INDEX mail_due_state ON mail (state, next_try, seq) WHERE next_try >= 0 AND in_attempt = 0;"
"CREATE INDEX mail_in_attempt ON mail (seq) WHERE in_attempt = 1;"
"CREATE INDEX mail_unmoved ON mail (mailbox, seq) WHERE moved = 0 AND state <> 'left';"
"CREATE INDEX mail_state ON mail (state, seq);"
"CREATE INDEX mail_ticket ON mail (ticket, seq) WHERE ticket IS NOT NULL;"
"CREATE INDEX mail_sender ON mail (ticket, sender, relation) WHERE ticket IS NOT NULL;"
"CREATE INDEX mail_sha256 ON mail (sha256_digest) WHERE sha256_digest IS NOT NULL;"

/* Opened mails; twin: the second identity; own: the sender's own part; all keyed. */
"CREATE TABLE letter ("
"	mail INTEGER PRIMARY KEY REFERENCES mail (seq),"
"	letter BLOB NOT NULL, verdict BLOB NOT NULL,"	/* sealed */
"	twin BLOB NOT NULL, message_id BLOB, own BLOB NOT NULL"
") STRICT;"
"CREATE INDEX letter_twin ON letter (twin);"
"CREATE INDEX letter_message_id ON letter (message_id) WHERE message_id IS NOT NULL;"
"CREATE INDEX letter_message_id_twin ON letter (message_id, twin) WHERE message_id IS NOT NULL;"
"CREATE INDEX letter_own ON letter (own);"

"CREATE TABLE outgoing ("
"	seq INTEGER PRIMARY KEY,"
"	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
"	revision INTEGER NOT NULL DEFAULT 0,"
"	ticket BLOB REFERENCES ticket (id), mail BLOB REFERENCES mail (id),"
"	template TEXT NOT NULL, language TEXT,"
"	recipient BLOB, inputs BLOB,"		/* sealed */
"	state TEXT NOT NULL,"
"	attempts INTEGER NOT NULL, deaths INTEGER NOT NULL, unexplained INTEGER NOT NULL,"
"	created INTEGER NOT NULL, next_try INTEGER NOT NULL, received INTEGER NOT NULL,"
"	message_id BLOB, message_id_digest BLOB, in_reply_to BLOB,"	/* sealed, keyed, sealed */
"	is_signed INTEGER NOT NULL, is_encrypted INTEGER NOT NULL, in_attempt INTEGER NOT NULL,"
"	blob BLOB REFERENCES blob (id),"
"	reason BLOB"				/* sealed */
") STRICT;"
"CREATE INDEX outgoing_due ON outgoing (next_try, seq) WHERE next_try >= 0 AND in_attempt = 0;"
"CREATE INDEX outgoing_waiting ON outgoing (created) WHERE next_try >= 0;"
"CREATE INDEX outgoing_in_attempt ON outgoing (seq) WHERE in_attempt = 1;"
"CREATE INDEX outgoing_state ON outgoing (state, seq);"
"CREATE INDEX outgoing_ticket ON outgoing (ticket, template, created) WHERE ticket IS NOT NULL;"
"CREATE INDEX outgoing_message_id ON outgoing (message_id_digest)"
"	WHERE message_id_digest IS NOT NULL;"

/* digest: keyed, of the payload; mac: over this row and the mac before it. */
"CREATE TABLE journal ("
"	seq INTEGER PRIMARY KEY,"
"	at INTEGER NOT NULL, ticket BLOB, mail BLOB, event TEXT NOT NULL,"
"	digest BLOB NOT NULL, mac BLOB NOT NULL"
") STRICT;"
"CREATE INDEX journal_ticket ON journal (ticket, seq) WHERE ticket IS NOT NULL;"
"CREATE INDEX journal_mail ON journal (mail, seq) WHERE mail IS NOT NULL;"
"CREATE TABLE payload ("
"	seq INTEGER PRIMARY KEY REFERENCES journal (seq),"
"	why BLOB, erased BLOB"			/* sealed; or the proof that we erased it */
") STRICT;";

/* Certificates that came by mail.  One current pin an address, whatever a verb does. */
static const char schema_2[] =
"CREATE TABLE pin ("
"	seq INTEGER PRIMARY KEY,"
"	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
"	revision INTEGER NOT NULL DEFAULT 0,"
"	address BLOB NOT NULL, address_digest BLOB NOT NULL,"	/* sealed, keyed */
"	fingerprint BLOB NOT NULL, fingerprint_digest BLOB NOT NULL,"	/* sealed, keyed */
"	source TEXT NOT NULL, state TEXT NOT NULL,"
"	first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
"	certificate BLOB NOT NULL,"		/* sealed */
"	UNIQUE (address_digest, fingerprint_digest)"
") STRICT;"
"CREATE UNIQUE INDEX pin_current ON pin (address_digest) WHERE state = 'current';"
"CREATE INDEX pin_fingerprint ON pin (fingerprint_digest);"
"CREATE INDEX pin_state ON pin (state, seq);";

/* sealed: encrypted, and could not be opened: read once more when a key arrives.  silent: not
 * answered.  sent: when the server took it, ms, 0 not yet.  expires: of the pinned certificate's
 * encryption key, ms, -1 never. */
static const char schema_3[] =
"ALTER TABLE mail ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;"
"UPDATE mail SET sealed = 1 WHERE ticket IN (SELECT id FROM ticket WHERE kind = 'sealed');"
"CREATE INDEX mail_sealed ON mail (seq) WHERE sealed = 1;"
"ALTER TABLE mail ADD COLUMN silent INTEGER NOT NULL DEFAULT 0;"
"ALTER TABLE outgoing ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;"
"CREATE INDEX outgoing_sent ON outgoing (sent) WHERE sent > 0;"
"ALTER TABLE pin ADD COLUMN expires INTEGER NOT NULL DEFAULT -1;";

/* POP3: what was stored long enough ago for its server copy to be removed. */
static const char schema_4[] =
"CREATE INDEX mail_outstayed ON mail (mailbox, received) WHERE moved = 0 AND state <> 'left';";
/* since: when this period of attempts began, ms.  delivery...: what bounces told of a mail sent. */
static const char schema_5[] =
"ALTER TABLE outgoing ADD COLUMN since INTEGER NOT NULL DEFAULT 0;"
"UPDATE outgoing SET since = created;"
"ALTER TABLE outgoing ADD COLUMN delivery TEXT NOT NULL DEFAULT 'none';"
"ALTER TABLE outgoing ADD COLUMN delivery_status TEXT;"
"ALTER TABLE outgoing ADD COLUMN delivery_at INTEGER NOT NULL DEFAULT 0;"
"CREATE INDEX outgoing_due_state ON outgoing (state, next_try, seq)"
"	WHERE next_try >= 0 AND in_attempt = 0;"
"CREATE INDEX outgoing_since ON outgoing (state, since) WHERE next_try >= 0 AND in_attempt = 0;"
"CREATE INDEX outgoing_reported ON outgoing (delivery, delivery_at) WHERE delivery_at > 0;";

/* What bounds and diverts outgoing mail.  passed: when a mail was let out under the caps, ms, 0 not
 * yet; capped: when it was not, ms; drill: it was made as mail of a drill.  The digests are of
 * recipient and domain: counts by them outlast a restart. */
static const char schema_6[] =
"ALTER TABLE outgoing ADD COLUMN recipient_digest BLOB;"	/* keyed */
"ALTER TABLE outgoing ADD COLUMN domain_digest BLOB;"	/* keyed */
"ALTER TABLE outgoing ADD COLUMN passed INTEGER NOT NULL DEFAULT 0;"
"ALTER TABLE outgoing ADD COLUMN capped INTEGER NOT NULL DEFAULT 0;"
"ALTER TABLE outgoing ADD COLUMN drill INTEGER NOT NULL DEFAULT 0;"
"UPDATE outgoing SET passed = sent;"
"CREATE INDEX outgoing_to ON outgoing (recipient_digest, passed) WHERE passed > 0;"
"CREATE INDEX outgoing_domain ON outgoing (domain_digest, passed) WHERE passed > 0;"
"CREATE INDEX outgoing_passed ON outgoing (passed) WHERE passed > 0;"
"CREATE INDEX outgoing_capped ON outgoing (capped) WHERE capped > 0;"
"CREATE INDEX mail_first ON mail (sender, seq) WHERE relation = 'first';"
"CREATE INDEX ticket_open_drill ON ticket (drill)"
"	WHERE state NOT IN ('closed', 'rejected', 'duplicate', 'transferred');";

/* done: what the copy in the done folder is called there, where the server told or we compared.
 * erased: when its content was, ms; 0: not.  A ticket that got more since is to be erased again. */
static const char schema_7[] =
"ALTER TABLE mail ADD COLUMN done BLOB;"			/* sealed */
"ALTER TABLE mail ADD COLUMN done_digest BLOB;"			/* keyed */
"CREATE INDEX mail_done ON mail (done_digest) WHERE done_digest IS NOT NULL;"
"ALTER TABLE mail ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;"
"ALTER TABLE outgoing ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;"
"ALTER TABLE ticket ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;"
"CREATE INDEX mail_loose ON mail (received)"
"	WHERE ticket IS NULL AND state = 'decided' AND erased = 0;"
"CREATE INDEX outgoing_loose ON outgoing (created)"
"	WHERE ticket IS NULL AND state IN ('sent', 'cancelled') AND erased = 0;"
"CREATE INDEX ticket_kept ON ticket (updated)"
"	WHERE state IN ('closed', 'rejected', 'duplicate', 'transferred') AND erased < updated;"
"CREATE INDEX payload_kept ON payload (seq) WHERE why IS NOT NULL;";

/* told, cleared: ms, 0 not yet.  next_try: of the command that tells it. */
static const char schema_8[] =
"CREATE TABLE alarm ("
"	seq INTEGER PRIMARY KEY,"
"	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
"	cause TEXT NOT NULL UNIQUE,"
"	text BLOB NOT NULL,"			/* sealed */
"	since INTEGER NOT NULL, told INTEGER NOT NULL, cleared INTEGER NOT NULL,"
"	next_try INTEGER NOT NULL, attempts INTEGER NOT NULL"
") STRICT;";

static const struct { int version; const char *sql; } migrations[] = {
	{ 1, schema_1 },
	{ 2, schema_2 },
	{ 3, schema_3 },
	{ 4, schema_4 },
	{ 5, schema_5 },
	{ 6, schema_6 },
	{ 7, schema_7 },
	{ 8, schema_8 },
};

int
schema_newest(void)
{
	return migrations[G_N_ELEMENTS(migrations) - 1].version;
}

enum outcome
number_read(struct store *store, const char *sql, gint64 *out, GError **error)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? DONE : store_failed(store, code, "schema version", error);
}

static enum outcome
schema_look(struct store *store, gint64 *version, GError **error)
{
	gint64 application = 0, n = 0;
	gint64 newest = schema_newest();
	enum outcome how;

	if ((how = number_read(store, "PRAGMA user_version", version, error)) != DONE ||
	    (how = number_read(store, "PRAGMA application_id", &application, error)) != DONE ||
	    (how = number_read(store, "SELECT count(*) FROM sqlite_schema", &n, error)) != DONE)
		return how;
	if ((n > 0 || *version != 0) && application != APPLICATION_ID)
		return fail(error, NEVER, "%s is a database, but no store of ungcuu",
			store->database);
	if (*version > newest)
		return fail(error, NEVER,
			"store %s has schema %" G_GINT64_FORMAT ", this program knows %"
			G_GINT64_FORMAT ": it was used by a newer ungcuu", store->database,
			*version, newest);
	if (!store->writer && *version < newest)
		return fail(error, NEVER,
			"store %s has schema %" G_GINT64_FORMAT ", this program needs %"
			G_GINT64_FORMAT ": start the new ungcuud once", store->database, *version,
			newest);
	return DONE;
}

static enum outcome
migrate(struct store *store, int version, const char *sql, GError **error)
{
	g_autofree char *mark =
		g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %d",
		APPLICATION_ID, version);
	enum outcome how = store_begin(store, error);
	int code;

	if (how != DONE)
		return how;
	code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(store->db, mark, NULL, NULL, NULL);
	how = code == SQLITE_OK ? DONE : store_failed(store, code, "migration", error);
	if (how == DONE && version == 1)
		how = key_check_put(store, error);
	if (how == DONE && version == 1)
		how = head_store(store, error);
	if (how != DONE) {
		store_rollback(store);
		return how;
	}
	FAULT("schema.commit.before");
	how = turn_end(store, error);
	FAULT("schema.commit.after");
	return how;
}

enum outcome
schema_bring(struct store *store, GError **error)
{
	gint64 version = 0;
	enum outcome how = schema_look(store, &version, error);

	for (guint i = 0; how == DONE && i < G_N_ELEMENTS(migrations); i++)
		if (migrations[i].version > version)
			how = migrate(store, migrations[i].version, migrations[i].sql, error);
	return how;
}
