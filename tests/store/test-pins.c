/* SPDX-License-Identifier: ISC
 *
 * test-pins: which certificate that came by mail is used for whom: first come, then only by a
 * person's word.  And that a store made before there were pins is brought to have them.
 */
#include "scratch.h"

#define FPR_A "AAAA000000000000000000000000000000000001"
#define FPR_B "BBBB000000000000000000000000000000000002"
#define FPR_C "CCCC000000000000000000000000000000000003"
#define LAN "lan@example.vn"
#define BAN "ban@example.org"

static enum outcome
put(struct scratch *s, const char *address, const char *fingerprint, gint64 at, bool *changed)
{
	g_autoptr(GBytes) bytes = g_bytes_new(fingerprint, strlen(fingerprint));
	struct pin pin = { .address = (char *)address, .fingerprint = (char *)fingerprint,
		.source = (char *)"autocrypt", .last_seen = at, .certificate = bytes };

	return pin_put(s->store, &pin, changed, NULL);
}

/* "lan:AAAA:current:FIRST-LAST ..." in order of arrival. */
static char *
pins_text(GPtrArray *pins)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < pins->len; i++) {
		const struct pin *pin = g_ptr_array_index(pins, i);

		g_string_append_printf(text, "%.3s:%.4s:%s:%d-%d ", pin->address,
			pin->fingerprint, pin_state_word(pin->state), (int)pin->first_seen,
			(int)pin->last_seen);
	}
	g_ptr_array_unref(pins);
	return g_strdup(text->str);
}

#define assert_pins(pins, expected) do {						\
	g_autofree char *text_ = pins_text(pins);					\
	g_assert_cmpstr(text_, ==, expected);						\
} while (0)

static void
assert_current(struct scratch *s, const char *address, const char *fingerprint)
{
	struct pin *pin = pin_current(s->store, address);

	g_assert_cmpstr(pin != NULL ? pin->fingerprint : NULL, ==, fingerprint);
	pin_free(pin);
}

static void
test_round_trip(void)
{
	struct scratch s;
	g_autoptr(GBytes) bytes = g_bytes_new_static("\x99\0\1z", 4);
	struct pin in = { .address = (char *)"Lan@Example.VN",
		.fingerprint = (char *)"aaaa000000000000000000000000000000000001",
		.source = (char *)"attachment", .last_seen = 77, .certificate = bytes };
	struct pin *pin;
	bool changed = true;

	scratch_init(&s);
	scratch_open(&s, true);
	g_assert_null(pin_current(s.store, LAN));
	begin(&s);
	assert_done(pin_put(s.store, &in, &changed, &error_));
	commit(&s);
	g_assert_false(changed);
	scratch_reopen(&s, false);
	pin = pin_current(s.store, "LAN@example.vn");
	g_assert_nonnull(pin);
	g_assert_false(id_is_null(pin->id));
	g_assert_cmpstr(pin->address, ==, LAN);
	g_assert_cmpstr(pin->fingerprint, ==, FPR_A);
	g_assert_cmpstr(pin->source, ==, "attachment");
	g_assert_cmpint(pin->state, ==, PIN_CURRENT);
	g_assert_cmpint(pin->first_seen, ==, 77);
	g_assert_cmpint(pin->last_seen, ==, 77);
	g_assert_cmpmem(g_bytes_get_data(pin->certificate, NULL),
		g_bytes_get_size(pin->certificate), "\x99\0\1z", 4);
	pin_free(pin);
	g_assert_null(pin_current(s.store, BAN));
	scratch_clear(&s);
}

/* ---- lives of pins -------------------------------------------------------------------- */

/* What happens: '+' mail, 'f' forget, 'F' forget for everyone, 'a' accept, 'A' accept whoever has
 * it; how: what the verb answers, 'c' DONE and changed, 'd' DONE, 'n' NEVER. */
struct step { char what; const char *address, *fingerprint; gint64 at; char how; };
static const struct life {
	const char *name;
	struct step steps[8];
	const char *pins, *lan, *ban;
} lives[] = {
	{ "same again, in any order", {
		{ '+', LAN, FPR_A, 5, 'd' },
		{ '+', LAN, FPR_A, 9, 'd' },
		{ '+', LAN, FPR_A, 3, 'd' },
	}, "lan:AAAA:current:3-9 ", FPR_A, NULL },
	{ "another one waits", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ '+', LAN, FPR_B, 2, 'c' },
		{ '+', LAN, FPR_B, 3, 'd' },
		{ '+', LAN, FPR_C, 4, 'c' },
		{ '+', LAN, FPR_A, 5, 'd' },
	}, "lan:AAAA:current:1-5 lan:BBBB:quarantined:2-3 lan:CCCC:quarantined:4-4 ", FPR_A, NULL },
	{ "correspondents apart", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ '+', BAN, FPR_B, 2, 'd' },
		{ '+', BAN, FPR_A, 3, 'c' },
	}, "lan:AAAA:current:1-1 ban:BBBB:current:2-2 ban:AAAA:quarantined:3-3 ", FPR_A, FPR_B },
	{ "accepted", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ '+', LAN, FPR_B, 2, 'c' },
		{ 'A', NULL, FPR_B, 0, 'd' },
		{ '+', LAN, FPR_A, 3, 'd' },
	}, "lan:AAAA:forgotten:1-3 lan:BBBB:current:2-2 ", FPR_B, NULL },
	{ "accepted by mistake, and back", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ '+', LAN, FPR_B, 2, 'c' },
		{ 'a', LAN, FPR_B, 0, 'd' },
		{ 'a', LAN, FPR_A, 0, 'd' },
		{ 'a', LAN, FPR_A, 0, 'd' },
	}, "lan:AAAA:current:1-1 lan:BBBB:forgotten:2-2 ", FPR_A, NULL },
	{ "accepted for one of two", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ '+', BAN, FPR_B, 2, 'd' },
		{ '+', LAN, FPR_B, 3, 'c' },
		{ 'A', NULL, FPR_B, 0, 'n' },
		{ 'a', LAN, FPR_B, 0, 'd' },
	}, "lan:AAAA:forgotten:1-1 ban:BBBB:current:2-2 lan:BBBB:current:3-3 ", FPR_B, FPR_B },
	{ "forgotten does not come back by mail", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ 'f', LAN, FPR_A, 0, 'd' },
		{ '+', LAN, FPR_A, 2, 'd' },
		{ 'f', LAN, FPR_A, 0, 'd' },
	}, "lan:AAAA:forgotten:1-2 ", NULL, NULL },
	{ "a new one after it does", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ 'f', LAN, FPR_A, 0, 'd' },
		{ '+', LAN, FPR_B, 2, 'd' },
	}, "lan:AAAA:forgotten:1-1 lan:BBBB:current:2-2 ", FPR_B, NULL },
	{ "an open question stays open", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ '+', LAN, FPR_B, 2, 'c' },
		{ 'f', LAN, FPR_A, 0, 'd' },
		{ '+', LAN, FPR_B, 3, 'd' },
		{ '+', LAN, FPR_C, 4, 'c' },
	}, "lan:AAAA:forgotten:1-1 lan:BBBB:quarantined:2-3 lan:CCCC:quarantined:4-4 ", NULL,
		NULL },
	{ "forgotten for everyone, in either case", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ '+', BAN, FPR_A, 2, 'd' },
		{ 'F', NULL, "aaaa000000000000000000000000000000000001", 0, 'd' },
	}, "lan:AAAA:forgotten:1-1 ban:AAAA:forgotten:2-2 ", NULL, NULL },
	{ "forgotten for one", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ '+', BAN, FPR_A, 2, 'd' },
		{ 'f', "LAN@example.vn", FPR_A, 0, 'd' },
	}, "lan:AAAA:forgotten:1-1 ban:AAAA:current:2-2 ", NULL, FPR_A },
	{ "not there", {
		{ '+', LAN, FPR_A, 1, 'd' },
		{ 'F', NULL, FPR_B, 0, 'n' },
		{ 'f', BAN, FPR_A, 0, 'n' },
		{ 'A', NULL, FPR_B, 0, 'n' },
		{ 'a', BAN, FPR_A, 0, 'n' },
		{ 'A', NULL, "", 0, 'n' },
	}, "lan:AAAA:current:1-1 ", FPR_A, NULL },
	{ "no fingerprints", {
		{ '+', LAN, "AAAA", 1, 'n' },
		{ '+', LAN, "", 1, 'n' },
	}, "", NULL, NULL },
};

static char
step_run(struct scratch *s, const struct step *step)
{
	bool changed = false;
	enum outcome how = NEVER;

	begin(s);
	if (step->what == '+')
		how = put(s, step->address, step->fingerprint, step->at, &changed);
	else if (g_ascii_tolower(step->what) == 'f')
		how = pin_forget(s->store, step->address, step->fingerprint, NULL);
	else
		how = pin_accept(s->store, step->address, step->fingerprint, NULL);
	if (how != DONE) {
		store_rollback(s->store);
		return how == NEVER ? 'n' : 'l';
	}
	commit(s);
	return changed ? 'c' : 'd';
}

static void
test_lives(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(lives); i++) {
		struct scratch s;
		char how;

		g_test_message("%s", lives[i].name);
		scratch_init(&s);
		scratch_open(&s, true);
		for (const struct step *step = lives[i].steps; step->what != '\0'; step++)
			if ((how = step_run(&s, step)) != step->how)
				g_error("%s: %c %s: %c", lives[i].name, step->what,
					step->fingerprint, how);
		assert_pins(pin_list(s.store, -1, 100, NULL), lives[i].pins);
		assert_current(&s, LAN, lives[i].lan);
		assert_current(&s, BAN, lives[i].ban);
		scratch_clear(&s);
	}
}

static void
add_three_in_turn(struct scratch *s)
{
	bool changed;

	g_assert_cmpint(put(s, LAN, FPR_A, 1, &changed), ==, DONE);
	g_assert_cmpint(put(s, LAN, FPR_B, 2, &changed), ==, DONE);
	g_assert_cmpint(put(s, BAN, FPR_C, 3, &changed), ==, DONE);
}

static void
add_three(struct scratch *s)
{
	begin(s);
	add_three_in_turn(s);
	commit(s);
}

static void
test_list(void)
{
	struct scratch s;
	GPtrArray *first;
	g_autofree char *after = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	add_three(&s);
	first = pin_list(s.store, -1, 1, NULL);
	g_assert_cmpuint(first->len, ==, 1);
	after = id_text(((struct pin *)g_ptr_array_index(first, 0))->id);
	assert_pins(first, "lan:AAAA:current:1-1 ");
	assert_pins(pin_list(s.store, -1, 9, after),
		"lan:BBBB:quarantined:2-2 ban:CCCC:current:3-3 ");
	assert_pins(pin_list(s.store, PIN_CURRENT, 9, after), "ban:CCCC:current:3-3 ");
	assert_pins(pin_list(s.store, PIN_QUARANTINED, 9, NULL), "lan:BBBB:quarantined:2-2 ");
	assert_pins(pin_list(s.store, PIN_FORGOTTEN, 9, NULL), "");
	assert_pins(pin_list(s.store, -1, 9, "no id"), "");
	scratch_clear(&s);
}

/* ---- tampering ------------------------------------------------------------------------ */

#define FROM_THIRD(column) "UPDATE pin SET " column " = (SELECT " column " FROM pin" \
	" WHERE seq = 3) WHERE seq = 1"

static const struct { const char *sql; bool survives; } tampers[] = {
	{ "UPDATE pin SET last_seen = last_seen", true },
	/* Another correspondent's pin for this address. */
	{ "UPDATE pin SET state = 'forgotten' WHERE seq = 1;"
	  "UPDATE pin SET address_digest = (SELECT address_digest FROM pin WHERE seq = 1)"
	  " WHERE seq = 3", false },
	{ FROM_THIRD("certificate"), false },
	{ FROM_THIRD("fingerprint"), false },
	{ FROM_THIRD("fingerprint_digest"), false },
	{ FROM_THIRD("address"), false },
	{ "UPDATE pin SET certificate = x'00' WHERE seq = 1", false },
	{ "UPDATE pin SET certificate = fingerprint WHERE seq = 1", false },
	{ "UPDATE pin SET fingerprint_digest = x'00' WHERE seq = 1", false },
	{ "UPDATE pin SET id = randomblob(16) WHERE seq = 1", false },
	{ "UPDATE pin SET state = 'trusted'", false },
};

static void
test_tampered(void)
{
	struct scratch s;

	for (guint i = 0; i < G_N_ELEMENTS(tampers); i++) {
		scratch_init_shared(&s);
		scratch_open(&s, !g_test_subprocess());
		if (g_test_subprocess()) {
			pin_free(pin_current(s.store, LAN));
			g_ptr_array_unref(pin_list(s.store, -1, 9, NULL));
			_exit(0);
		}
		add_three(&s);
		scratch_close(&s);
		tamper(&s, tampers[i].sql);
		g_test_trap_subprocess(NULL, 0, 0);
		if (tampers[i].survives)
			g_test_trap_assert_passed();
		else if (g_test_trap_has_passed())
			g_error("not seen: %s", tampers[i].sql);
		else
			g_test_trap_assert_stderr("*damaged*");
		scratch_clear(&s);
	}
}

/* The database itself holds that an address has one current pin. */
static void
test_one_current(void)
{
	struct scratch s;
	sqlite3 *db = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	add_three(&s);
	scratch_close(&s);
	g_assert_cmpint(sqlite3_open(s.database, &db), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_exec(db, "UPDATE pin SET state = 'current'", NULL, NULL, NULL), ==,
		SQLITE_CONSTRAINT);
	g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
	scratch_clear(&s);
}

/* ---- migration ------------------------------------------------------------------------ */

/* All definitions in order of name. */
static char *
schema_of(struct scratch *s)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(query_auto) q = query_new(s->store, "test",
		"SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name");

	while (query_row(&q)) {
		g_autofree char *sql = column_text(&q, 0);
		g_string_append_printf(text, "%s;\n", sql);
	}
	return g_strdup(text->str);
}

/* What migration 1 alone made, as released: a mail in it, and no pins. */
static const char without_pins[] = "DROP TABLE pin; DROP TABLE alarm; DROP INDEX mail_sealed;"
	" DROP INDEX mail_outstayed;"
	" DROP INDEX outgoing_to; DROP INDEX outgoing_domain; DROP INDEX outgoing_passed;"
	" DROP INDEX outgoing_capped; DROP INDEX mail_first; DROP INDEX ticket_open_drill;"
	" ALTER TABLE outgoing DROP COLUMN recipient_digest;"
	" ALTER TABLE outgoing DROP COLUMN domain_digest;"
	" ALTER TABLE outgoing DROP COLUMN passed; ALTER TABLE outgoing DROP COLUMN capped;"
	" ALTER TABLE outgoing DROP COLUMN drill;"
	" DROP INDEX outgoing_due_state; DROP INDEX outgoing_since; DROP INDEX outgoing_reported;"
	" ALTER TABLE outgoing DROP COLUMN since; ALTER TABLE outgoing DROP COLUMN delivery;"
	" ALTER TABLE outgoing DROP COLUMN delivery_status;"
	" ALTER TABLE outgoing DROP COLUMN delivery_at;"
	" ALTER TABLE mail DROP COLUMN sealed; ALTER TABLE mail DROP COLUMN silent;"
	" DROP INDEX outgoing_sent; ALTER TABLE outgoing DROP COLUMN sent;"
	" DROP INDEX mail_done; DROP INDEX mail_loose; DROP INDEX outgoing_loose;"
	" DROP INDEX ticket_kept; DROP INDEX payload_kept;"
	" ALTER TABLE mail DROP COLUMN done; ALTER TABLE mail DROP COLUMN done_digest;"
	" ALTER TABLE mail DROP COLUMN erased; ALTER TABLE outgoing DROP COLUMN erased;"
	" ALTER TABLE ticket DROP COLUMN erased;"
	" PRAGMA user_version = 1";
static const char schema_1_sha256[] =
	"719dcaa651febcfec2e15a6de3c97b2179315ee34888c9f1213902981d551865";

static void
assert_first_schema(struct scratch *s)
{
	sqlite3 *db = NULL;
	struct store raw = { .database = s->database };
	struct scratch first = { .store = &raw };
	g_autofree char *text = NULL, *hex = NULL;
	guint8 digest[DIGEST_SIZE];

	g_assert_cmpint(sqlite3_open(s->database, &db), ==, SQLITE_OK);
	raw.db = db;
	raw.statements = g_hash_table_new_full(NULL, NULL, NULL,
		(GDestroyNotify)(void (*)(void))sqlite3_finalize);
	text = schema_of(&first);
	g_hash_table_unref(raw.statements);
	g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
	digest_bytes(text, strlen(text), digest);
	hex = digest_hex(digest);
	g_assert_cmpstr(hex, ==, schema_1_sha256);
}

static void
test_migration(void)
{
	struct scratch s;
	struct id id;
	struct mail *mail;
	g_autofree char *fresh = NULL, *brought = NULL;
	g_autoptr(GError) error = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	fresh = schema_of(&s);
	begin(&s);
	id = mail_added(&s, "one", 10);
	assert_done(journal_add(s.store, 1, NO_ID, id, "stored", "why", &error_));
	commit(&s);
	scratch_close(&s);
	tamper(&s, without_pins);
	assert_first_schema(&s);
	/* A reader waits for the writer's first start. */
	g_assert_cmpint(store_open(&s.paths, false, &s.store, &error), ==, NEVER);
	g_assert_nonnull(strstr(error->message, "start the new ungcuud once"));
	scratch_open(&s, true);
	brought = schema_of(&s);
	g_assert_cmpstr(brought, ==, fresh);
	mail = mail_get(s.store, id);
	g_assert_cmpstr(mail->uid, ==, "one");
	mail_free(mail);
	add_three(&s);
	scratch_reopen(&s, true);
	assert_current(&s, LAN, FPR_A);
	scratch_clear(&s);
}

/* ---- cost ----------------------------------------------------------------------------- */

#define MANY 5000

static void
test_many(void)
{
	struct scratch s;
	GHashTableIter iter;
	void *sql, *statement;
	bool changed;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	for (guint i = 0; i < MANY; i++) {
		g_autofree char *address = g_strdup_printf("a%u@example.vn", i);
		g_assert_cmpint(put(&s, address, FPR_A, i, &changed), ==, DONE);
	}
	add_three_in_turn(&s);
	commit(&s);
	steps_of(s.store, "");
	begin(&s);
	assert_current(&s, "a4999@example.vn", FPR_A);
	assert_current(&s, "nobody@example.vn", NULL);
	g_assert_cmpint(put(&s, "a7@example.vn", FPR_B, 1, &changed), ==, DONE);
	g_assert_true(changed);
	assert_done(pin_accept(s.store, "a7@example.vn", FPR_B, &error_));
	assert_done(pin_forget(s.store, NULL, FPR_C, &error_));
	assert_pins(pin_list(s.store, PIN_QUARANTINED, 9, NULL), "lan:BBBB:quarantined:2-2 ");
	g_assert_cmpint(steps_of(s.store, "pin"), <, 1000);
	commit(&s);
	g_ptr_array_unref(pin_list(s.store, -1, 9, NULL));
	g_hash_table_iter_init(&iter, s.store->statements);
	while (g_hash_table_iter_next(&iter, &sql, &statement))
		if (strstr(sql, " pin ") != NULL)
			assert_no_walk(s.store, sql);
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pins/round-trip", test_round_trip);
	g_test_add_func("/pins/lives", test_lives);
	g_test_add_func("/pins/list", test_list);
	g_test_add_func("/pins/tampered", test_tampered);
	g_test_add_func("/pins/one-current", test_one_current);
	g_test_add_func("/pins/migration", test_migration);
	g_test_add_func("/pins/many", test_many);
	return g_test_run();
}
