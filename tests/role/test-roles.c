/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/role/roles.c: the two tables say nothing that contradicts itself or the
 * architecture.
 */
#include <string.h>

#include "role/role.h"

static bool
is_one_bit(unsigned mask)
{
	return mask != 0 && (mask & (mask - 1)) == 0;
}

static void
test_verbs_are_sound(void)
{
	for (guint i = 0; i < N_VERBS; i++) {
		const struct verb *verb = &verbs_table[i];

		g_test_message("%s", verb->name);
		g_assert_true(verb->name && *verb->name);
		g_assert_true(g_variant_type_string_is_valid(verb->type));
		g_assert_true(g_variant_type_is_tuple(G_VARIANT_TYPE(verb->type)));
		g_assert_null(strpbrk(verb->type, "v*?r"));
		g_assert_cmpuint(verb->max, <=, FRAME_MAX);
		g_assert_cmpuint(verb->n_fds, <=, FRAME_FDS_MAX);
		for (guint j = 0; j < i; j++)
			g_assert_cmpstr(verbs_table[j].name, !=, verb->name);
	}
}

/* Masks may overlap (SLICE: supervisor or hub to hub or workers), but nobody writes to his like. */
static void
test_one_direction(void)
{
	for (guint i = 0; i < N_VERBS; i++) {
		const struct verb *verb = &verbs_table[i];
		const unsigned above = ROLE_SUPERVISOR | ROLE_HUB;

		g_test_message("%s", verb->name);
		g_assert_true(verb->from != 0 && verb->to != 0);
		g_assert_false(is_one_bit(verb->from) && verb->from == verb->to);
		/* One end of every frame is the hub or the supervisor: workers never talk to each
		 * other. */
		g_assert_true((verb->from & above) == verb->from || (verb->to & above) == verb->to);
	}
}

static void
test_answers(void)
{
	for (guint i = 0; i < N_VERBS; i++) {
		const struct verb *verb = &verbs_table[i];

		if (verb->answers < 0)
			continue;
		const struct verb *request = &verbs_table[verb->answers];
		g_test_message("%s answers %s", verb->name, request->name);
		g_assert_cmpuint((guint)verb->answers, <, N_VERBS);
		g_assert_cmpint(request->answers, ==, -1);
		g_assert_cmpuint(verb->from, ==, request->to);
		g_assert_cmpuint(verb->to, ==, request->from);
		/* Results go into what the request brought; only the hub, whom workers trust, hands
		 * out something of its own. */
		if (verb->from != ROLE_HUB)
			g_assert_cmpuint(verb->n_fds, ==, 0);
	}
}

/* Design §2: no process has two of hostile MIME, private keys, network, database. */
static void
test_no_role_has_two(void)
{
	unsigned seen = 0;

	for (const struct role_row *row = roles_table; row->name; row++) {
		int has = (strstr(row->sees, "hostile") != NULL) +
			(strcmp(row->network, "-") != 0) + (strcmp(row->database, "-") != 0) +
			(strstr(row->keys, "agent") != NULL);

		g_test_message("%s", row->name);
		g_assert_cmpint(has, <=, 1);
		g_assert_true(is_one_bit(row->role));
		g_assert_cmpuint(seen & row->role, ==, 0);
		seen |= row->role;
		g_assert_true(role_row(row->role) == row);
	}
	for (guint i = 0; i < N_VERBS; i++)
		g_assert_cmpuint((verbs_table[i].from | verbs_table[i].to) & ~seen, ==, 0);
}

static void
test_jails(void)
{
	static const struct { enum role role; unsigned jail; } rows[] = {
		{ ROLE_HUB, JAIL_UNIX },
		{ ROLE_FETCH, JAIL_INET },
		{ ROLE_MIME, JAIL_FORK },
		{ ROLE_LETTER, 0 },
		{ ROLE_KEYS, JAIL_FORK | JAIL_EXEC | JAIL_UNIX },
		{ ROLE_SUBMIT, JAIL_INET },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		g_assert_cmpuint(role_row(rows[i].role)->jail, ==, rows[i].jail);
}

static void
test_print(void)
{
	g_autofree char *roles = roles_print(), *verbs = verbs_print();

	for (const struct role_row *row = roles_table; row->name; row++)
		g_assert_nonnull(strstr(roles, row->life));
	for (guint i = 0; i < N_VERBS; i++)
		g_assert_nonnull(strstr(verbs, verbs_table[i].name));
	g_assert_nonnull(strstr(verbs, "fetch|mime|keys|submit"));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/roles/verbs-are-sound", test_verbs_are_sound);
	g_test_add_func("/roles/one-direction", test_one_direction);
	g_test_add_func("/roles/answers", test_answers);
	g_test_add_func("/roles/no-role-has-two", test_no_role_has_two);
	g_test_add_func("/roles/jails", test_jails);
	g_test_add_func("/roles/print", test_print);
	return g_test_run();
}
