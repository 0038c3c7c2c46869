/* SPDX-License-Identifier: ISC
 *
 * ticket drill: a ticket is an exercise, or is none after all. The daemon does it; what that means
 * for outgoing mail is ungcuud(8)'s.
 */
#include "ctl/ctl.h"

#include <string.h>
#include <sysexits.h>

int
run_ticket_drill(struct ctl *ctl, json_t *out)
{
	const char *words[] = { "ticket", "drill", ctl->words[0], ctl->words[1], NULL };

	if (strcmp(words[3], "yes") != 0 && strcmp(words[3], "no") != 0)
		return ctl_fail(ctl, EX_USAGE, words[3], "yes or no is needed");
	return daemon_ask(ctl, words, out);
}

void
print_ticket_drill(const json_t *out)
{
	static const struct column fields[] = { { "ticket", "Ticket" }, { "drill", "Drill" } };

	print_fields(out, fields, G_N_ELEMENTS(fields));
}
