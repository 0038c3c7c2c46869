/* SPDX-License-Identifier: ISC
 *
 * test-alarms: one row a cause, through a restart; which one is due first; what is open.
 */
#include "scratch.h"

static void
put(struct scratch *s, const char *cause, const char *text, gint64 since, gint64 next_try,
	gint64 cleared)
{
	const struct alarm row = { .id = id_new(), .cause = (char *)cause, .text = (char *)text,
		.since = since, .next_try = next_try, .cleared = cleared, .told = 5,
		.attempts = 2 };

	assert_done(alarm_put(s->store, &row, NULL));
}

/* causes of the open ones, in order */
static char *
open_ones(struct scratch *s)
{
	g_autoptr(GPtrArray) rows = alarm_list(s->store);
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < rows->len; i++)
		g_string_append_printf(text, "%s ", ((struct alarm *)rows->pdata[i])->cause);
	return g_string_free(text, FALSE);
}

static void
test_rows(void)
{
	struct scratch s;
	struct alarm *row;

	scratch_init(&s);
	scratch_open(&s, true);
	g_assert_null(alarm_next(s.store));
	begin(&s);
	put(&s, "mailbox:main", "not read", 20, 9, 0);
	put(&s, "submission", "login refused", 10, 8, 0);
	put(&s, "disk", "full", 5, 7, 6);
	commit(&s);
	scratch_reopen(&s, true);

	g_autofree char *open = open_ones(&s);

	g_assert_cmpstr(open, ==, "submission mailbox:main ");
	row = alarm_next(s.store);
	g_assert_cmpstr(row->cause, ==, "disk");
	g_assert_cmpint(row->cleared, ==, 6);
	alarm_free(row);
	row = alarm_get(s.store, "mailbox:main");
	g_assert_cmpstr(row->text, ==, "not read");
	g_assert_cmpint(row->since, ==, 20);
	g_assert_cmpint(row->told, ==, 5);
	g_assert_cmpuint(row->attempts, ==, 2);
	row->next_try = 1;
	begin(&s);
	assert_done(alarm_put(s.store, row, NULL));
	assert_done(alarm_drop(s.store, "disk", NULL));
	assert_done(alarm_drop(s.store, "none", NULL));
	commit(&s);
	alarm_free(row);
	row = alarm_next(s.store);
	g_assert_cmpstr(row->cause, ==, "mailbox:main");
	alarm_free(row);
	g_assert_null(alarm_get(s.store, "disk"));
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/alarms/rows", test_rows);
	return g_test_run();
}
