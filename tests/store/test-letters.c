/* SPDX-License-Identifier: ISC
 *
 * test-letters: opened mails come back as they were; exactly one of several copies is the
 * original, in whatever order they are opened and decided; equal Message-IDs with other bodies
 * are told apart.
 */
#include "scratch.h"

static struct letter *
letter_sample(const char *message_id, gint64 date, const char *from, const char *body)
{
	struct letter *letter = letter_new();

	letter->message_id = g_strdup(message_id);
	letter->date = date;
	letter->from.address = g_strdup(from);
	g_free(letter->subject);
	letter->subject = g_strdup("Thư lạ");
	g_free(letter->text);
	letter->text = g_strdup(body);
	digest_bytes(body, strlen(body), letter->body_sha256);
	digest_bytes(body, strlen(body), letter->own_sha256);
	return letter;
}

static struct id
opened(struct scratch *s, const char *uid, struct letter *letter)
{
	struct id id = mail_added(s, uid, 10);
	struct verdict verdict = verdict_worst(LAYER_PLAIN);

	assert_done(mail_put_letter(s->store, id, letter, &verdict, &error_));
	verdict_clear(&verdict);
	letter_free(letter);
	return id;
}

static void
moved_to(struct scratch *s, struct id id, enum mail_state state, int kind)
{
	struct mail *mail = mail_get(s->store, id);

	mail->state = state;
	mail->kind = kind;
	assert_done(mail_put(s->store, mail, &error_));
	mail_free(mail);
}

static void
test_round_trip(void)
{
	struct scratch s;
	g_autoptr(letter_auto) letter = letter_sample("a@example.org", 5, "Lan@example.vn",
		"Xin chào");
	g_autoptr(letter_auto) loaded = NULL;
	g_autofree char *before = letter_print(letter), *after = NULL;
	struct verdict verdict = verdict_worst(LAYER_PGP_SIGNED), back = { 0 };
	struct id id;
	g_autoptr(GError) error = NULL;

	verdict.party = g_strdup("agency:so-y-te");
	verdict.signed_at = 77;
	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	id = mail_added(&s, "one", 10);
	g_assert_null(mail_letter(s.store, id, NULL, &error));
	g_assert_no_error(error);
	assert_done(mail_put_letter(s.store, id, letter, &verdict, &error_));
	/* Opened again, after a retry: replaced. */
	assert_done(mail_put_letter(s.store, id, letter, &verdict, &error_));
	commit(&s);
	scratch_reopen(&s, true);
	loaded = mail_letter(s.store, id, &back, &error);
	g_assert_no_error(error);
	after = letter_print(loaded);
	g_assert_cmpstr(before, ==, after);
	g_assert_cmpint(back.signature, ==, SIGNATURE_UNVERIFIABLE);
	g_assert_cmpstr(back.party, ==, "agency:so-y-te");
	g_assert_cmpint(back.signed_at, ==, 77);
	verdict_clear(&verdict);
	verdict_clear(&back);
	scratch_clear(&s);
}

static void
test_unknown_mail(void)
{
	struct scratch s;
	g_autoptr(letter_auto) letter = letter_sample("a@example.org", 5, "lan@example.vn", "x");
	struct verdict verdict = verdict_worst(LAYER_PLAIN);

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	g_assert_cmpint(mail_put_letter(s.store, id_new(), letter, &verdict, NULL), ==, NEVER);
	store_rollback(s.store);
	verdict_clear(&verdict);
	scratch_clear(&s);
}

static void
test_tampered(void)
{
	struct scratch s;
	struct id one, two;
	g_autoptr(GError) error = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	one = opened(&s, "one", letter_sample("a@example.org", 5, "lan@example.vn", "x"));
	two = opened(&s, "two", letter_sample("b@example.org", 5, "lan@example.vn", "y"));
	commit(&s);
	scratch_close(&s);
	tamper(&s,
		"UPDATE letter SET letter = "
		"(SELECT letter FROM letter WHERE mail = 2) WHERE mail = 1");
	scratch_open(&s, true);
	g_assert_null(mail_letter(s.store, one, NULL, &error));
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	g_clear_error(&error);
	letter_free(mail_letter(s.store, two, NULL, &error));
	g_assert_no_error(error);
	scratch_clear(&s);
}

/* ---- copies --------------------------------------------------------------------------- */

static const struct {
	const char *message_id;
	gint64 date;
	const char *from, *body;
	bool twin, same_id;
} others[] = {
	/* compared with  a@example.org  5  lan@example.vn  x */
	{ "a@example.org", 5,  "lan@example.vn", "x", true,  false },
	{ "a@example.org", 5,  "Lan@Example.VN", "x", true,  false },
	{ "a@example.org", 5,  "lan@example.vn", "y", false, true },
	{ "a@example.org", 6,  "lan@example.vn", "x", false, true },
	{ "a@example.org", 5,  "minh@example.vn", "x", false, true },
	{ "a@example.org", 5,  NULL,             "x", false, true },
	{ "b@example.org", 5,  "lan@example.vn", "x", false, false },
	{ NULL,            5,  "lan@example.vn", "x", false, false },
};

static void
test_identity(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
		struct scratch s;
		struct id one, two, found;

		scratch_init(&s);
		scratch_open(&s, true);
		begin(&s);
		one = opened(&s, "one", letter_sample("a@example.org", 5, "lan@example.vn", "x"));
		two = opened(&s, "two", letter_sample(others[i].message_id, others[i].date,
			others[i].from,
			others[i].body));
		commit(&s);
		g_assert_false(mail_twin(s.store, one, NULL));
		g_assert_false(mail_same_message_id(s.store, one, NULL));
		g_assert_cmpint(mail_twin(s.store, two, &found), ==, others[i].twin);
		if (others[i].twin)
			assert_same_id(found, one);
		g_assert_cmpint(mail_same_message_id(s.store, two, &found), ==, others[i].same_id);
		if (others[i].same_id)
			assert_same_id(found, one);
		scratch_clear(&s);
	}
}

static void
test_identity_without_id(void)
{
	struct scratch s;
	struct id one, two, three, found;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	one = opened(&s, "one", letter_sample(NULL, -1, "lan@example.vn", "x"));
	two = opened(&s, "two", letter_sample(NULL, -1, "lan@example.vn", "x"));
	three = opened(&s, "three", letter_sample(NULL, -1, "lan@example.vn", "y"));
	commit(&s);
	g_assert_true(mail_twin(s.store, two, &found));
	assert_same_id(found, one);
	g_assert_false(mail_twin(s.store, three, NULL));
	g_assert_false(mail_same_message_id(s.store, three, NULL));
	scratch_clear(&s);
}

/* Three copies; whatever was decided first stays the original, else the earliest on its way is. */
static const struct {
	enum mail_state state[3];
	int kind[3];
	int twin[3];			/* index of the original each one has; -1: it is one */
} copies[] = {
	{ { MAIL_OPENED, MAIL_OPENED, MAIL_OPENED }, { -1, -1, -1 }, { -1, 0, 0 } },
	{ { MAIL_DECIDED, MAIL_OPENED, MAIL_OPENED }, { KIND_REPORT, -1, -1 }, { -1, 0, 0 } },
	{ { MAIL_OPENED, MAIL_DECIDED, MAIL_OPENED }, { -1, KIND_REPORT, -1 }, { 1, -1, 1 } },
	{ { MAIL_OPENED, MAIL_DECIDED, MAIL_OPENED }, { -1, KIND_DUPLICATE, -1 }, { -1, 0, 0 } },
	{ { MAIL_OPENED, MAIL_OPENED, MAIL_DECIDED }, { -1, -1, KIND_REPORT }, { 2, 2, -1 } },
	{ { MAIL_HELD, MAIL_OPENED, MAIL_OPENED }, { -1, -1, -1 }, { -1, -1, 1 } },
	{ { MAIL_DECIDING, MAIL_DECIDING, MAIL_DECIDING }, { -1, -1, -1 }, { -1, 0, 0 } },
};

static void
test_copies(void)
{
	static const char *const uids[] = { "one", "two", "three" };

	for (guint i = 0; i < G_N_ELEMENTS(copies); i++) {
		struct scratch s;
		struct id id[3], found;

		scratch_init(&s);
		scratch_open(&s, true);
		begin(&s);
		for (int n = 0; n < 3; n++) {
			id[n] = opened(&s, uids[n],
				letter_sample("a@example.org", 5, "lan@example.vn", "x"));
			moved_to(&s, id[n], copies[i].state[n], copies[i].kind[n]);
		}
		commit(&s);
		for (int n = 0; n < 3; n++) {
			g_assert_cmpint(mail_twin(s.store, id[n], &found), ==,
				copies[i].twin[n] >= 0);
			if (copies[i].twin[n] >= 0)
				assert_same_id(found, id[copies[i].twin[n]]);
		}
		scratch_clear(&s);
	}
}

/* The later copy may be opened before the earlier one has a letter at all. */
static void
test_opened_late(void)
{
	struct scratch s;
	struct verdict verdict = verdict_worst(LAYER_PLAIN);
	g_autoptr(letter_auto) letter = letter_sample("a@example.org", 5, "lan@example.vn", "x");
	struct id one, two, found;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	one = mail_added(&s, "one", 10);
	two = opened(&s, "two", letter_sample("a@example.org", 5, "lan@example.vn", "x"));
	g_assert_false(mail_twin(s.store, one, NULL));
	g_assert_false(mail_twin(s.store, two, NULL));
	moved_to(&s, two, MAIL_DECIDED, KIND_REPORT);
	assert_done(mail_put_letter(s.store, one, letter, &verdict, &error_));
	g_assert_true(mail_twin(s.store, one, &found));
	assert_same_id(found, two);
	commit(&s);
	verdict_clear(&verdict);
	scratch_clear(&s);
}

static void
test_own_digest(void)
{
	struct scratch s;
	struct ticket *ticket;
	struct mail *mail;
	struct id one, two, found;
	guint8 own[DIGEST_SIZE];

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	one = opened(&s, "one", letter_sample("a@example.org", 5, "lan@example.vn", "x"));
	two = opened(&s, "two", letter_sample("a@example.org", 5, "lan@example.vn", "x"));
	digest_bytes("x", 1, own);
	g_assert_true(mail_by_own_digest(s.store, own, &found));
	assert_same_id(found, one);
	ticket = ticket_added(&s, 2026);
	mail = mail_get(s.store, two);
	mail->ticket = ticket->id;
	assert_done(mail_put(s.store, mail, &error_));
	g_assert_true(mail_by_own_digest(s.store, own, &found));
	assert_same_id(found, two);
	digest_bytes("y", 1, own);
	g_assert_false(mail_by_own_digest(s.store, own, &found));
	commit(&s);
	mail_free(mail);
	ticket_free(ticket);
	scratch_clear(&s);
}

/* The latest that has a ticket, for a reply that names it. */
static void
test_by_message_id(void)
{
	struct scratch s;
	struct ticket *ticket;
	struct id id[3], found;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	ticket = ticket_added(&s, 2026);
	id[0] = opened(&s, "one", letter_sample("a@example.org", 5, "lan@example.vn", "x"));
	id[1] = opened(&s, "two", letter_sample("a@example.org", 5, "lan@example.vn", "y"));
	id[2] = opened(&s, "three", letter_sample("a@example.org", 5, "lan@example.vn", "z"));
	g_assert_false(mail_by_message_id(s.store, "a@example.org", &found));
	for (int i = 0; i < 2; i++) {
		struct mail *mail = mail_get(s.store, id[i]);

		mail->ticket = ticket->id;
		assert_done(mail_put(s.store, mail, &error_));
		g_assert_true(mail_by_message_id(s.store, "a@example.org", &found));
		assert_same_id(found, id[i]);
		mail_free(mail);
	}
	g_assert_false(mail_by_message_id(s.store, "b@example.org", &found));
	commit(&s);
	ticket_free(ticket);
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/letters/round-trip", test_round_trip);
	g_test_add_func("/letters/unknown-mail", test_unknown_mail);
	g_test_add_func("/letters/tampered", test_tampered);
	g_test_add_func("/letters/identity", test_identity);
	g_test_add_func("/letters/identity-without-id", test_identity_without_id);
	g_test_add_func("/letters/copies", test_copies);
	g_test_add_func("/letters/opened-late", test_opened_late);
	g_test_add_func("/letters/own-digest", test_own_digest);
	g_test_add_func("/letters/by-message-id", test_by_message_id);
	return g_test_run();
}
