/* SPDX-License-Identifier: ISC
 *
 * The whole (state, event) matrix of both lives against its golden file, and what must never be
 * possible.
 */
#include "role/hub.h"

#include <string.h>

static void
test_golden(void)
{
	g_autofree char *path = g_build_filename(g_getenv("TOP_SRCDIR"),
		"tests/role/moves.txt", NULL);
	g_autofree char *expected = NULL, *seen = moves_print();

	if (g_strcmp0(g_getenv("UNGCUU_GOLDEN"), "write") == 0) {
		g_assert_true(g_file_set_contents(path, seen, -1, NULL));
		g_test_message("wrote %s", path);
	}
	g_assert_true(g_file_get_contents(path, &expected, NULL, NULL));
	g_assert_cmpstr(seen, ==, expected);
}

/* Final states move only by a person's word, or when a key of ours arrives; nothing decides a mail
 * that was not opened. */
static void
test_final(void)
{
	for (int event = 0; event < mail_event_count; event++) {
		if (event != MAIL_EVENT_KEY)
			g_assert_cmpint(mail_move(MAIL_DECIDED, (enum mail_event)event), ==, -1);
		if (event != MAIL_EVENT_ADOPT)
			g_assert_cmpint(mail_move(MAIL_LEFT, (enum mail_event)event), ==, -1);
		if (event != MAIL_EVENT_RETRY)
			g_assert_cmpint(mail_move(MAIL_HELD, (enum mail_event)event), ==, -1);
	}
	for (int event = 0; event < out_event_count; event++) {
		g_assert_cmpint(out_move(OUT_SENT, (enum out_event)event), ==, -1);
		g_assert_cmpint(out_move(OUT_CANCELLED, (enum out_event)event), ==, -1);
	}
	g_assert_cmpint(mail_move(MAIL_STORED, MAIL_EVENT_DECIDED), ==, -1);
	g_assert_cmpint(out_move(OUT_PLANNED, OUT_EVENT_ACCEPTED), ==, -1);
}

/* Every attempt that can begin can end in each way an attempt ends. */
static void
test_attempts_end(void)
{
	static const enum mail_event ends[] = { MAIL_EVENT_DEATH, MAIL_EVENT_LAST_DEATH,
		MAIL_EVENT_END, MAIL_EVENT_REFUND, MAIL_EVENT_LATER, MAIL_EVENT_REFUSED };

	for (int state = 0; state < mail_state_count; state++) {
		int during = mail_move((enum mail_state)state, MAIL_EVENT_START);

		for (guint i = 0; during >= 0 && i < G_N_ELEMENTS(ends); i++)
			g_assert_cmpint(mail_move((enum mail_state)during, ends[i]), !=, -1);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/moves/golden", test_golden);
	g_test_add_func("/moves/final", test_final);
	g_test_add_func("/moves/attempts-end", test_attempts_end);
	return g_test_run();
}
