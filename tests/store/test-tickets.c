/* SPDX-License-Identifier: ISC
 *
 * test-tickets: numbers (format, year, roll-back, never twice), round trip, lookups, lists.
 */
#include "scratch.h"

static void
assert_equal(const struct ticket *a, const struct ticket *b)
{
	assert_same_id(a->id, b->id);
	g_assert_cmpstr(a->number, ==, b->number);
	g_assert_cmpint(a->state, ==, b->state);
	g_assert_cmpstr(a->kind, ==, b->kind);
	g_assert_cmpstr(a->severity, ==, b->severity);
	g_assert_cmpstr(a->category, ==, b->category);
	g_assert_cmpstr(a->subject, ==, b->subject);
	g_assert_cmpstr(a->reporter, ==, b->reporter);
	g_assert_cmpstr(a->assignee, ==, b->assignee);
	g_assert_cmpstr(a->signature, ==, b->signature);
	g_assert_cmpstr(a->encryption, ==, b->encryption);
	g_assert_cmpstr(a->profile, ==, b->profile);
	g_assert_cmpstr(a->language, ==, b->language);
	g_assert_cmpstr(a->receipt_code, ==, b->receipt_code);
	g_assert_cmpint(a->created, ==, b->created);
	g_assert_cmpint(a->updated, ==, b->updated);
	g_assert_cmpuint(a->reports, ==, b->reports);
	g_assert_cmpint(a->drill, ==, b->drill);
}

static void
test_round_trip(void)
{
	struct scratch s;
	struct ticket *ticket, *loaded;
	g_autofree char *upper = NULL, *lower = NULL, *spaced = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	ticket = ticket_added(&s, 2026);
	g_assert_cmpstr(ticket->number, ==, "NBH-2026-000001");
	g_assert_cmpuint(strlen(ticket->receipt_code), ==, 16);
	loaded = ticket_get(s.store, ticket->id);
	assert_equal(ticket, loaded);
	ticket_free(loaded);
	ticket->state = TICKET_TRIAGE;
	ticket->severity = g_strdup("high");
	ticket->category = g_strdup("phishing");
	ticket->assignee = g_strdup("an.nguyen");
	ticket->signature = g_strdup("none");
	ticket->encryption = g_strdup("none");
	ticket->profile = g_strdup("vn-2026");
	ticket->language = g_strdup("vi");
	ticket->updated = 9000;
	ticket->reports = 3;
	ticket->drill = true;
	assert_done(ticket_put(s.store, ticket, &error_));
	commit(&s);
	scratch_reopen(&s, true);
	loaded = ticket_by_number(s.store, "nbh-2026-000001");
	assert_equal(ticket, loaded);
	ticket_free(loaded);
	upper = g_ascii_strup(ticket->receipt_code, -1);
	spaced = g_strdup_printf("%.4s-%s", upper, upper + 4);
	loaded = ticket_by_receipt_code(s.store, spaced);
	assert_equal(ticket, loaded);
	ticket_free(loaded);
	g_assert_null(ticket_by_receipt_code(s.store, "0000000000000000"));
	g_assert_null(ticket_by_receipt_code(s.store, "not a code!"));
	g_assert_null(ticket_by_number(s.store, "NBH-2026-000002"));
	g_assert_null(ticket_get(s.store, id_new()));
	ticket_free(ticket);
	scratch_clear(&s);
}

/* ---- numbers -------------------------------------------------------------------------- */

/* In this order, in one store. */
static const struct { const char *format, *hotline; int year; const char *number; } numbers[] = {
	{ "%i-%y-%06n", "NBH", 2026, "NBH-2026-000001" },
	{ "%i-%y-%06n", "NBH", 2026, "NBH-2026-000002" },
	{ "%i-%y-%06n", "NBH", 2027, "NBH-2027-000001" },
	{ "%i-%y-%06n", "NBH", 2026, "NBH-2026-000003" },
	{ "%i-%y-%06n", "HPG", 2026, "HPG-2026-000001" },
	{ "%i/%y/%n",   "NBH", 2027, "NBH/2027/2" },
	{ "%i-%n",      "NBH", 2026, "NBH-1" },
	{ "%i-%n",      "NBH", 2027, "NBH-2" },
	{ "%n%%",       "NBH", 2026, "1%" },
	{ "%n%%",       "HPG", 2027, "2%" },
	{ "%02n",       "NBH", 2027, "03" },
};

static void
test_numbers(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
		struct ticket ticket = { .state = TICKET_RECEIVED };

		assert_done(ticket_add(s.store, &ticket, numbers[i].format, numbers[i].hotline,
			numbers[i].year, &error_));
		g_assert_cmpstr(ticket.number, ==, numbers[i].number);
		g_free(ticket.number);
		g_free(ticket.receipt_code);
	}
	commit(&s);
	scratch_clear(&s);
}

static void
test_bad_formats(void)
{
	static const char *const formats[] = { "", "%i-%y", "%i-%y-%x%n", "%n%", "%6n", "%0n",
		"%099n", "%05y%n" };
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
		struct ticket ticket = { .state = TICKET_RECEIVED };
		g_autoptr(GError) error = NULL;

		begin(&s);
		g_assert_cmpint(ticket_add(s.store, &ticket, formats[i], "NBH", 2026, &error), ==,
			NEVER);
		g_assert_nonnull(strstr(error->message, "format"));
		store_rollback(s.store);
	}
	scratch_clear(&s);
}

/* A rolled-back turn used no number; a committed one is never given again, not even after a
 * restart. */
static void
test_roll_back(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	for (int i = 0; i < 3; i++) {
		struct ticket *ticket;

		begin(&s);
		ticket = ticket_added(&s, 2026);
		g_assert_cmpstr(ticket->number, ==, i < 2 ? "NBH-2026-000001" : "NBH-2026-000002");
		ticket_free(ticket);
		if (i == 0)
			store_rollback(s.store);
		else
			commit(&s);
		scratch_reopen(&s, true);
	}
	scratch_clear(&s);
}

/* ---- lists ---------------------------------------------------------------------------- */

static const enum ticket_state states[] = { TICKET_RECEIVED, TICKET_CLOSED, TICKET_TRIAGE,
	TICKET_REJECTED,
	TICKET_DUPLICATE, TICKET_TRANSFERRED, TICKET_RESOLVED, TICKET_REOPENED };

static const struct { int state; bool all; guint limit; const char *after, *numbers; } lists[] = {
	{ -1,              false, 50, NULL,      "1 3 7 8 " },
	{ -1,              true,  50, NULL,      "1 2 3 4 5 6 7 8 " },
	{ -1,              true,  3,  NULL,      "1 2 3 " },
	{ -1,              true,  3,  "n-3",     "4 5 6 " },
	{ -1,              false, 2,  "N-1",     "3 7 " },
	{ -1,              true,  3,  "N-99",    "" },
	{ TICKET_CLOSED,   false, 50, NULL,      "2 " },
	{ TICKET_CLOSED,   false, 50, "N-2",     "" },
	{ TICKET_RECEIVED, true,  50, NULL,      "1 " },
};

static void
test_lists(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
		struct ticket ticket = { .state = states[i] };

		assert_done(ticket_add(s.store, &ticket, "N-%n", "NBH", 2026, &error_));
		g_free(ticket.number);
		g_free(ticket.receipt_code);
	}
	commit(&s);
	for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
		GPtrArray *list = ticket_list(s.store, lists[i].state, lists[i].all, lists[i].limit,
			lists[i].after);
		g_autoptr(GString) found = g_string_new(NULL);

		for (guint n = 0; n < list->len; n++)
			g_string_append_printf(found, "%s ",
				((struct ticket *)list->pdata[n])->number + 2);
		g_assert_cmpstr(found->str, ==, lists[i].numbers);
		g_ptr_array_unref(list);
	}
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tickets/round-trip", test_round_trip);
	g_test_add_func("/tickets/numbers", test_numbers);
	g_test_add_func("/tickets/bad-formats", test_bad_formats);
	g_test_add_func("/tickets/roll-back", test_roll_back);
	g_test_add_func("/tickets/lists", test_lists);
	return g_test_run();
}
