/* SPDX-License-Identifier: ISC
 *
 * drill: a person says that a ticket is an exercise, or is none after all. Here only the flag
 * moves; what it does to outgoing mail is gate.c's, whenever that mail was planned.
 */
#include "role/hub.h"

#include <string.h>
#include <sysexits.h>
#include <syslog.h>

static struct ticket *
ticket_of(struct hub *hub, const char *name)
{
	struct id id;

	return id_parse(name, &id) ? ticket_get(hub->store, id) :
		ticket_by_number(hub->store, name);
}

static char *
flag_move(struct hub *hub, struct ticket *ticket, bool is_drill)
{
	g_autoptr(GError) error = NULL;

	if (ticket->drill != is_drill) {
		ticket->drill = is_drill;
		ticket->updated = hub->now;
		hub_must(ticket_put(hub->store, ticket, &error), &error, "ticket");
		hub_journal(hub, ticket->id, (struct id){ { 0 } }, "drill", is_drill ?
			"a person says that it is a drill" :
			"a person says that it is no drill");
		log_event(LOG_NOTICE, "drill", "ticket=%s drill=%s", ticket->number,
			is_drill ? "yes" : "no");
	}
	return g_strdup_printf("{\"version\":1,\"ticket\":\"%s\",\"drill\":%s}", ticket->number,
		is_drill ? "true" : "false");
}

char *
drill_set(struct hub *hub, const char *const *words, int *exit_code)
{
	bool is_drill = strcmp(words[3], "yes") == 0;
	struct ticket *ticket = ticket_of(hub, words[2]);
	char *json;

	if (ticket == NULL || (!is_drill && strcmp(words[3], "no") != 0)) {
		*exit_code = ticket == NULL ? EX_DATAERR : EX_USAGE;
		json = control_refusal("ticket drill", ticket == NULL ? "no such ticket" :
			"yes or no is needed");
	} else {
		json = flag_move(hub, ticket, is_drill);
	}
	ticket_free(ticket);
	return json;
}
