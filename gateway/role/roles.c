/* SPDX-License-Identifier: ISC
 *
 * roles: the two tables that are the architecture: which processes exist and what each may touch,
 * and which frame may travel from whom to whom.  Everything that checks, jails or prints reads them
 * from here.  Refuses nothing by itself: base/frame.c and base/jail.c enforce what stands here.
 */
#include "role/role.h"

#include <string.h>

const struct role_row roles_table[] = {
	/* role, name, program,
	 * count, sees, network, database, keys, life,
	 * jail */
	{ ROLE_SUPERVISOR, "supervisor", "ungcuud",
	  "1", "configuration", "-", "-", "standard agent socket",
	  "starts roles and agents, restarts with back-off, reload, helpers",
	  0 },
	{ ROLE_HUB, "hub", "ungcuu-hub",
	  "1", "opened letters, tickets", "-", "yes", "store key",
	  "event loop, all decisions, the only clock, control socket",
	  JAIL_UNIX },
	{ ROLE_FETCH, "fetch", "ungcuu-fetch",
	  "1 per mailbox", "raw mail, unopened", "mailbox", "-", "-",
	  "blocking client, seals what it takes",
	  JAIL_INET },
	{ ROLE_MIME, "mime", "ungcuu-mime",
	  "1", "nothing", "-", "-", "-",
	  "zygote: forks one letter child per mail",
	  JAIL_FORK },
	{ ROLE_LETTER, "letter", "ungcuu-mime",
	  "1 per mail", "one hostile letter", "-", "-", "-",
	  "parses or composes, ends with the letter",
	  0 },
	{ ROLE_KEYS, "keys", "ungcuu-keys",
	  "keys.workers", "bytes in, bytes out", "-", "-", "extra agent socket",
	  "signs and opens, returns finished entities",
	  JAIL_FORK | JAIL_EXEC | JAIL_UNIX },
	{ ROLE_SUBMIT, "submit", "ungcuu-submit",
	  "1", "finished mail", "submission", "-", "-",
	  "blocking client",
	  JAIL_INET },
	{ ROLE_CONTROL, "control", "ungcuuctl",
	  "any", "what its user may", "-", "read-only", "-",
	  "asks over the control socket",
	  0 },
	{ 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0 },
};

#define SUP	ROLE_SUPERVISOR
#define HUB	ROLE_HUB
#define WORKERS	(ROLE_FETCH | ROLE_MIME | ROLE_KEYS | ROLE_SUBMIT)
#define VERB_ROW(n, name, from, to, type, max, fds, answers)	\
	[VERB_##n] = { name, from, to, type, max, fds, answers },
const struct verb verbs_table[] = { VERBS(VERB_ROW) };

const struct role_row *
role_row(enum role role)
{
	for (const struct role_row *row = roles_table; row->name; row++)
		if (row->role == role)
			return row;
	panic("no such role: %u", (unsigned)role);
}

struct peer *
role_peer(int fd, enum role self, enum role other, const char *name)
{
	return peer_new(fd, self, other, name, verbs_table, N_VERBS);
}

char *
roles_print(void)
{
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "%-11s%-15s%-14s%-25s%-12s%-11s%-23s%s\n", "role", "program",
		"count", "sees", "network", "database", "keys", "life");
	for (const struct role_row *row = roles_table; row->name; row++)
		g_string_append_printf(out, "%-11s%-15s%-14s%-25s%-12s%-11s%-23s%s\n", row->name,
			row->program, row->count, row->sees, row->network, row->database, row->keys,
			row->life);
	return g_string_free(out, FALSE);
}

/* "fetch|mime" for a mask; g_free(). */
static char *
mask_text(unsigned mask)
{
	GString *out = g_string_new(NULL);

	for (const struct role_row *row = roles_table; row->name; row++)
		if (mask & row->role)
			g_string_append_printf(out, "%s%s", out->len ? "|" : "", row->name);
	return g_string_free(out, FALSE);
}

char *
verbs_print(void)
{
	GString *out = g_string_new(NULL);

	g_string_append_printf(out, "%-12s%-23s%-27s%-20s%6s%4s  %s\n", "verb", "from", "to",
		"body", "bytes", "fds", "answers");
	for (guint i = 0; i < N_VERBS; i++) {
		const struct verb *verb = &verbs_table[i];
		g_autofree char *from = mask_text(verb->from);
		g_autofree char *to = mask_text(verb->to);

		g_string_append_printf(out, "%-12s%-23s%-27s%-20s%6u%4u  %s\n", verb->name, from,
			to, verb->type, verb->max, verb->n_fds,
			verb->answers < 0 ? "-" : verbs_table[verb->answers].name);
	}
	return g_string_free(out, FALSE);
}
