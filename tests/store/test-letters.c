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

static struct letter *
plain_letter(void)
{
	return letter_sample("a@example.org", 5, "lan@example.vn", "x");
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
joined_to(struct scratch *s, struct id id, const char *relation)
{
	struct ticket *ticket = ticket_added(s, 2026);
	struct mail *mail = mail_get(s->store, id);

	mail->ticket = ticket->id;
	g_free(mail->relation);
	mail->relation = g_strdup(relation);
	assert_done(mail_put(s->store, mail, &error_));
	mail_free(mail);
	ticket_free(ticket);
}

/* Decided, with a ticket of its own. */
static void
reported(struct scratch *s, struct id id)
{
	moved_to(s, id, MAIL_DECIDED, KIND_REPORT);
	joined_to(s, id, "first");
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
		reported(&s, one);
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
	reported(&s, one);
	commit(&s);
	g_assert_true(mail_twin(s.store, two, &found));
	assert_same_id(found, one);
	g_assert_false(mail_twin(s.store, three, NULL));
	g_assert_false(mail_same_message_id(s.store, three, NULL));
	scratch_clear(&s);
}

/* One copy is undecided; is the other, in this state, its original?  Whichever came first. */
static const struct {
	const char *name;
	enum mail_state state;
	int kind;
	const char *relation;		/* to its ticket; NULL: it has none */
	bool original;
} copies[] = {
	{ "a report", MAIL_DECIDED, KIND_REPORT, "first", true },
	{ "a reply", MAIL_DECIDED, KIND_REPLY, "reply", true },
	{ "a third person's reply", MAIL_DECIDED, KIND_REPLY, "other-sender", true },
	{ "thanks", MAIL_DECIDED, KIND_THANKS, "reply", true },
	{ "a command", MAIL_DECIDED, KIND_COMMAND, "command", true },
	{ "a duplicate", MAIL_DECIDED, KIND_DUPLICATE, NULL, false },
	{ "a duplicate that was held", MAIL_DECIDED, KIND_DUPLICATE, "first", false },
	{ "list mail", MAIL_DECIDED, KIND_LIST, NULL, false },
	{ "an auto-reply", MAIL_DECIDED, KIND_AUTO_REPLY, NULL, false },
	{ "a bounce", MAIL_DECIDED, KIND_BOUNCE, NULL, false },
	{ "a receipt", MAIL_DECIDED, KIND_RECEIPT, NULL, false },
	{ "feedback", MAIL_DECIDED, KIND_FEEDBACK, NULL, false },
	{ "noise", MAIL_DECIDED, KIND_NOISE, NULL, false },
	{ "a canary", MAIL_DECIDED, KIND_CANARY, NULL, false },
	{ "from before the start", MAIL_DECIDED, KIND_BEFORE_START, NULL, false },
	{ "a report without a ticket", MAIL_DECIDED, KIND_REPORT, NULL, false },
	{ "list mail that joined", MAIL_DECIDED, KIND_LIST, "automatic", false },
	{ "an auto-reply that joined", MAIL_DECIDED, KIND_AUTO_REPLY, "automatic", false },
	{ "list mail that was held", MAIL_DECIDED, KIND_LIST, "first", false },
	{ "stored, to be opened again", MAIL_STORED, -1, NULL, false },
	{ "being opened again", MAIL_OPENING, -1, NULL, false },
	{ "opened", MAIL_OPENED, -1, NULL, false },
	{ "being decided", MAIL_DECIDING, -1, NULL, false },
	{ "held", MAIL_HELD, -1, "first", false },
	{ "retried after a hold", MAIL_STORED, -1, "first", false },
	{ "left", MAIL_LEFT, -1, NULL, false },
};

static void
test_copies(void)
{
	for (guint i = 0; i < 2 * G_N_ELEMENTS(copies); i++) {
		bool first = i % 2 == 0;	/* the one that may be the original came first */
		struct scratch s;
		struct id id[2], found;

		scratch_init(&s);
		scratch_open(&s, true);
		begin(&s);
		id[0] = opened(&s, "one", plain_letter());
		id[1] = opened(&s, "two", plain_letter());
		moved_to(&s, id[!first], copies[i / 2].state, copies[i / 2].kind);
		if (copies[i / 2].relation != NULL)
			joined_to(&s, id[!first], copies[i / 2].relation);
		commit(&s);
		if (mail_twin(s.store, id[first], &found) != copies[i / 2].original) {
			g_test_message("%s, %s", copies[i / 2].name, first ? "first" : "second");
			g_test_fail();
		} else if (copies[i / 2].original) {
			assert_same_id(found, id[!first]);
			g_assert_false(mail_twin(s.store, id[!first], NULL));
		}
		scratch_clear(&s);
	}
}

/* Copies of one mail in the order they came, what each would be if it were the only one, and the
 * order they are decided in; then the index of the only one that gets a ticket, or -1. */
#define COPIES 3
static const struct {
	const char *name;
	int kind[COPIES];
	int order[COPIES];
	int original;
} stories[] = {
	{ "all the same", { KIND_REPORT, KIND_REPORT, KIND_REPORT }, { 0, 1, 2 }, 0 },
	{ "the last one first", { KIND_REPORT, KIND_REPORT, KIND_REPORT }, { 2, 0, 1 }, 2 },
	{ "list copy first", { KIND_LIST, KIND_REPORT, KIND_LIST }, { 0, 1, 2 }, 1 },
	{ "list copy first, decided late", { KIND_LIST, KIND_REPORT, KIND_LIST }, { 1, 0, 2 }, 1 },
	{ "direct first", { KIND_REPORT, KIND_LIST, KIND_LIST }, { 0, 1, 2 }, 0 },
	{ "direct first, decided last", { KIND_REPORT, KIND_LIST, KIND_LIST }, { 1, 2, 0 }, 0 },
	{ "direct last", { KIND_LIST, KIND_LIST, KIND_REPORT }, { 0, 1, 2 }, 2 },
	{ "auto-submitted copy first", { KIND_AUTO_REPLY, KIND_REPORT, KIND_REPORT }, { 0, 1, 2 },
		1 },
	{ "auto-submitted copy first, decided late",
		{ KIND_AUTO_REPLY, KIND_REPORT, KIND_REPORT }, { 2, 1, 0 }, 2 },
	{ "only machines", { KIND_BOUNCE, KIND_BOUNCE, KIND_NOISE }, { 0, 1, 2 }, -1 },
};

static void
test_stories(void)
{
	static const char *const uids[COPIES] = { "one", "two", "three" };

	for (guint i = 0; i < G_N_ELEMENTS(stories); i++) {
		struct scratch s;
		struct id id[COPIES], found;

		scratch_init(&s);
		scratch_open(&s, true);
		begin(&s);		/* one turn, all of them open and none decided */
		for (int n = 0; n < COPIES; n++) {
			id[n] = opened(&s, uids[n], plain_letter());
			moved_to(&s, id[n], MAIL_DECIDING, -1);
		}
		for (int n = 0; n < COPIES; n++) {
			int self = stories[i].order[n], kind = stories[i].kind[self];

			if (mail_twin(s.store, id[self], &found)) {
				g_assert_cmpint(stories[i].original, >=, 0);
				assert_same_id(found, id[stories[i].original]);
				g_assert_cmpint(self, !=, stories[i].original);
				moved_to(&s, id[self], MAIL_DECIDED, KIND_DUPLICATE);
			} else if (kind == KIND_REPORT) {
				g_test_message("%s: copy %d", stories[i].name, self);
				g_assert_cmpint(self, ==, stories[i].original);
				reported(&s, id[self]);
			} else {
				moved_to(&s, id[self], MAIL_DECIDED, kind);
			}
		}
		for (int n = 0; n < COPIES && stories[i].original >= 0; n++) {
			struct mail *mail = mail_get(s.store, id[n]);

			g_assert_cmpint(id_is_null(mail->ticket), ==, n != stories[i].original);
			mail_free(mail);
		}
		commit(&s);
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
	reported(&s, two);
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
	g_test_add_func("/letters/stories", test_stories);
	g_test_add_func("/letters/opened-late", test_opened_late);
	g_test_add_func("/letters/own-digest", test_own_digest);
	g_test_add_func("/letters/by-message-id", test_by_message_id);
	return g_test_run();
}
