/* SPDX-License-Identifier: ISC
 *
 * test-outbox: rows of outgoing mail: round trip, what is due, what was sent last, counts.
 */
#include "scratch.h"

static struct outgoing *
sample(struct id ticket, const char *template, gint64 created, gint64 next_try)
{
	struct outgoing *out = g_new0(struct outgoing, 1);

	out->id = id_new();
	out->ticket = ticket;
	out->template = g_strdup(template);
	out->language = g_strdup("vi");
	out->recipient = g_strdup("lan@example.vn");
	out->values = g_strdup("name\x1fLan\x1e");
	out->state = next_try < 0 ? OUT_SENT : OUT_PLANNED;
	out->created = created;
	out->received = 7;
	out->next_try = next_try;
	return out;
}

static void
assert_equal(const struct outgoing *a, const struct outgoing *b)
{
	assert_same_id(a->id, b->id);
	assert_same_id(a->ticket, b->ticket);
	assert_same_id(a->mail, b->mail);
	assert_same_id(a->blob, b->blob);
	g_assert_cmpstr(a->template, ==, b->template);
	g_assert_cmpstr(a->language, ==, b->language);
	g_assert_cmpstr(a->recipient, ==, b->recipient);
	g_assert_cmpstr(a->values, ==, b->values);
	g_assert_cmpstr(a->message_id, ==, b->message_id);
	g_assert_cmpstr(a->in_reply_to, ==, b->in_reply_to);
	g_assert_cmpstr(a->reason, ==, b->reason);
	g_assert_cmpint(a->state, ==, b->state);
	g_assert_cmpuint(a->attempts, ==, b->attempts);
	g_assert_cmpuint(a->deaths, ==, b->deaths);
	g_assert_cmpuint(a->unexplained, ==, b->unexplained);
	g_assert_cmpint(a->created, ==, b->created);
	g_assert_cmpint(a->next_try, ==, b->next_try);
	g_assert_cmpint(a->received, ==, b->received);
	g_assert_cmpint(a->since, ==, b->since);
	g_assert_cmpint(a->delivery, ==, b->delivery);
	g_assert_cmpstr(a->delivery_status, ==, b->delivery_status);
	g_assert_cmpint(a->delivery_at, ==, b->delivery_at);
	g_assert_cmpint(a->is_signed, ==, b->is_signed);
	g_assert_cmpint(a->is_encrypted, ==, b->is_encrypted);
	g_assert_cmpint(a->in_attempt, ==, b->in_attempt);
}

static void
test_round_trip(void)
{
	struct scratch s;
	struct ticket *ticket;
	struct outgoing *out, *loaded;
	struct id found;
	g_autoptr(GBytes) bytes = g_bytes_new_static("entity", 6);

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	ticket = ticket_added(&s, 2026);
	out = sample(ticket->id, "T01", 100, 100);
	out->mail = mail_added(&s, "one", -1);
	assert_done(outgoing_add(s.store, out, &error_));
	loaded = outgoing_get(s.store, out->id);
	assert_equal(out, loaded);
	outgoing_free(loaded);
	g_assert_false(outgoing_by_message_id(s.store, "x.1@example.vn", &found));
	assert_done(blob_put(s.store, bytes, &out->blob, &error_));
	g_free(out->template);
	out->template = g_strdup("T33");
	out->state = OUT_HELD;
	out->attempts = 1;
	out->deaths = 2;
	out->unexplained = 3;
	out->next_try = -1;
	out->message_id = g_strdup("x.1@example.vn");
	out->in_reply_to = g_strdup("a@example.org");
	out->is_signed = out->in_attempt = true;
	out->since = 9;
	out->delivery = FATE_FAILED;
	out->delivery_status = g_strdup("5.1.1");
	out->delivery_at = 11;
	out->reason = g_strdup("550 no such user");
	assert_done(outgoing_put(s.store, out, &error_));
	commit(&s);
	scratch_reopen(&s, false);
	loaded = outgoing_get(s.store, out->id);
	assert_equal(out, loaded);
	outgoing_free(loaded);
	g_assert_true(outgoing_by_message_id(s.store, "x.1@example.vn", &found));
	assert_same_id(found, out->id);
	g_assert_false(outgoing_by_message_id(s.store, "x.2@example.vn", &found));
	g_assert_null(outgoing_get(s.store, id_new()));
	outgoing_free(out);
	ticket_free(ticket);
	scratch_clear(&s);
}

/* No outgoing mail to a ticket that is not there. */
static void
test_dangling(void)
{
	struct scratch s;
	struct outgoing *out = sample(id_new(), "T01", 1, 1);

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	g_assert_cmpint(outgoing_add(s.store, out, NULL), ==, NEVER);
	store_rollback(s.store);
	outgoing_free(out);
	scratch_clear(&s);
}

static guint
len_freed(GPtrArray *list)
{
	guint n = list->len;

	g_ptr_array_unref(list);
	return n;
}

/* Who waits since when, by state; what bounces told, of open tickets, by time. */
static void
test_since_and_reports(void)
{
	static const struct {
		enum out_state state;
		gint64 next_try, since, delivery_at;
	} some[] = {
		{ OUT_PROTECTED, 5, 10, 0 }, { OUT_PROTECTED, 50, 20, 0 }, { OUT_PLANNED, 5, 1, 0 },
		{ OUT_HELD, -1, 1, 0 }, { OUT_SENT, -1, 1, 30 }, { OUT_SENT, -1, 1, 40 },
	};
	struct scratch s;
	struct ticket *ticket;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	ticket = ticket_added(&s, 2026);
	for (guint i = 0; i < G_N_ELEMENTS(some); i++) {
		struct outgoing *out = sample(ticket->id, "T01", 1, some[i].next_try);

		out->state = some[i].state;
		out->since = some[i].since;
		out->delivery_at = some[i].delivery_at;
		out->delivery = out->delivery_at > 0 ? FATE_FAILED : FATE_NONE;
		assert_done(outgoing_add(s.store, out, &error_));
		outgoing_free(out);
	}
	g_assert_cmpuint(len_freed(outgoing_waiting_since(s.store, 9, 9)), ==, 0);
	g_assert_cmpuint(len_freed(outgoing_waiting_since(s.store, 10, 9)), ==, 1);
	g_assert_cmpuint(len_freed(outgoing_waiting_since(s.store, 20, 9)), ==, 2);
	g_assert_cmpuint(len_freed(outgoing_due(s.store, OUT_PLANNED, false, 60, 9)), ==, 1);
	g_assert_cmpuint(len_freed(outgoing_due(s.store, -1, true, 60, 9)), ==, 3);
	g_assert_cmpint(outgoing_next_due(s.store, OUT_PROTECTED), ==, 5);
	g_assert_cmpint(outgoing_next_due(s.store, OUT_HELD), ==, -1);
	g_assert_cmpuint(len_freed(outgoing_reported(s.store, FATE_FAILED, 30, 9)), ==, 2);
	g_assert_cmpuint(len_freed(outgoing_reported(s.store, FATE_FAILED, 31, 9)), ==, 1);
	g_assert_cmpuint(len_freed(outgoing_reported(s.store, FATE_DELAYED, 1, 9)), ==, 0);
	ticket->state = TICKET_CLOSED;
	assert_done(ticket_put(s.store, ticket, &error_));
	g_assert_cmpuint(len_freed(outgoing_reported(s.store, FATE_FAILED, 1, 9)), ==, 0);
	commit(&s);
	ticket_free(ticket);
	scratch_clear(&s);
}

static const struct { const char *template; gint64 created, next_try; bool in_attempt; } rows[] = {
	{ "T32", 30, 50, false }, { "T01", 10, 20, false }, { "T01", 40, 20, false },
	{ "T32", 5,  5,  true },  { "T32", 60, -1, false }, { "T04", 1,  -1, false },
};

static const struct { gint64 now; guint limit; const char *created; } dues[] = {
	{ 19, 10, "" }, { 20, 10, "10 40 " }, { 99, 10, "10 40 30 " }, { 99, 1, "10 " },
};

static char *
created_of(GPtrArray *list)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < list->len; i++)
		g_string_append_printf(out, "%" G_GINT64_FORMAT " ",
			((struct outgoing *)list->pdata[i])->created);
	g_ptr_array_unref(list);
	return g_string_free(out, FALSE);
}

static void
assert_created(GPtrArray *list, const char *expected)
{
	g_autofree char *found = created_of(list);

	g_assert_cmpstr(found, ==, expected);
}

static void
test_questions(void)
{
	struct scratch s;
	struct ticket *ticket;
	g_autofree char *after = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	g_assert_cmpint(outgoing_next_due(s.store, -1), ==, -1);
	g_assert_cmpint(outgoing_oldest(s.store), ==, -1);
	begin(&s);
	ticket = ticket_added(&s, 2026);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct outgoing *out = sample(ticket->id, rows[i].template, rows[i].created,
			rows[i].next_try);

		out->in_attempt = rows[i].in_attempt;
		assert_done(outgoing_add(s.store, out, &error_));
		if (i == 1)
			after = id_text(out->id);
		outgoing_free(out);
	}
	commit(&s);
	for (guint i = 0; i < G_N_ELEMENTS(dues); i++)
		assert_created(outgoing_due(s.store, -1, false, dues[i].now, dues[i].limit),
			dues[i].created);
	g_assert_cmpint(outgoing_next_due(s.store, -1), ==, 20);
	g_assert_cmpint(outgoing_oldest(s.store), ==, 5);
	assert_created(outgoing_in_attempt(s.store), "5 ");
	g_assert_cmpint(outgoing_last(s.store, ticket->id, "T32"), ==, 60);
	g_assert_cmpint(outgoing_last(s.store, ticket->id, "T09"), ==, -1);
	g_assert_cmpint(outgoing_last(s.store, id_new(), "T32"), ==, -1);
	g_assert_cmpuint(outgoing_count(s.store, OUT_SENT), ==, 2);
	g_assert_cmpuint(outgoing_count(s.store, OUT_PLANNED), ==, 4);
	g_assert_cmpuint(outgoing_count(s.store, OUT_HELD), ==, 0);
	assert_created(outgoing_list(s.store, -1, 2, NULL), "30 10 ");
	assert_created(outgoing_list(s.store, -1, 2, after), "40 5 ");
	assert_created(outgoing_list(s.store, OUT_SENT, 50, NULL), "60 1 ");
	assert_created(outgoing_list(s.store, -1, 2, "?"), "");
	assert_created(outgoing_of_ticket(s.store, ticket->id), "30 10 40 5 60 1 ");
	assert_created(outgoing_of_ticket(s.store, id_new()), "");
	ticket_free(ticket);
	scratch_clear(&s);
}

/* ---- caps ----------------------------------------------------------------------------- */

/* columns: recipient, let out at, refused at */
static const struct { const char *to; gint64 passed, capped; } let_out[] = {
	{ "An@Example.org", 10, 0 }, { "an@example.ORG", 20, 0 }, { "binh@example.org", 30, 0 },
	{ "an@example.net", 40, 0 }, { "an@example.org", 0, 50 }, { "x@example.org", 0, 60 },
	{ "an@example.org", 0, 0 }, { "nobody", 70, 0 }, { "an@sub.example.org", 80, 0 },
};

static void
let_out_all(struct scratch *s)
{
	struct ticket *ticket = ticket_added(s, 2026);

	for (guint i = 0; i < G_N_ELEMENTS(let_out); i++) {
		struct outgoing *out = sample(ticket->id, "T01", 1, 1);

		g_free(out->recipient);
		out->recipient = g_strdup(let_out[i].to);
		assert_done(outgoing_add(s->store, out, &error_));
		out->passed = let_out[i].passed;
		out->capped = let_out[i].capped;
		out->drill = i == 0;
		assert_done(outgoing_put(s->store, out, &error_));
		outgoing_free(out);
	}
	ticket_free(ticket);
}

/* What was let out is counted by address, by domain and in all, from the rows alone. */
static void
test_caps(void)
{
	struct scratch s;
	g_autoptr(GPtrArray) all = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	let_out_all(&s);
	commit(&s);
	scratch_reopen(&s, true);
	g_assert_cmpuint(outgoing_passed_to(s.store, "AN@example.org", 0), ==, 2);
	g_assert_cmpuint(outgoing_passed_to(s.store, "an@example.org", 11), ==, 1);
	g_assert_cmpuint(outgoing_passed_to(s.store, "an@example.org", 21), ==, 0);
	g_assert_cmpuint(outgoing_passed_to(s.store, "c@example.org", 0), ==, 0);
	g_assert_cmpuint(outgoing_passed_domain(s.store, "c@Example.org", 0), ==, 3);
	g_assert_cmpuint(outgoing_passed_domain(s.store, "c@example.org", 20), ==, 2);
	g_assert_cmpuint(outgoing_passed_domain(s.store, "c@sub.example.org", 0), ==, 1);
	g_assert_cmpuint(outgoing_passed_domain(s.store, "nothing", 0), ==, 1);
	g_assert_cmpuint(outgoing_passed(s.store, 0), ==, 6);
	g_assert_cmpuint(outgoing_passed(s.store, 40), ==, 3);
	g_assert_cmpuint(outgoing_capped(s.store, 0), ==, 2);
	g_assert_cmpuint(outgoing_capped(s.store, 51), ==, 1);
	all = outgoing_list(s.store, -1, 50, NULL);
	g_assert_true(((const struct outgoing *)all->pdata[0])->drill);
	g_assert_false(((const struct outgoing *)all->pdata[1])->drill);
	g_assert_cmpint(((const struct outgoing *)all->pdata[1])->passed, ==, 20);
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/outbox/round-trip", test_round_trip);
	g_test_add_func("/outbox/dangling", test_dangling);
	g_test_add_func("/outbox/questions", test_questions);
	g_test_add_func("/outbox/since-and-reports", test_since_and_reports);
	g_test_add_func("/outbox/caps", test_caps);
	return g_test_run();
}
