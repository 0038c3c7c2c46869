/* SPDX-License-Identifier: ISC
 *
 * variables: the closed set of names a template may use, and which template may hold which. None of
 * them holds a word of the sender, and none can say why a mail could not be decrypted, or whether
 * it was encrypted: what has no name cannot leak. What leaves in clear in answer to an encrypted
 * mail (T03, T38) may hold nothing that was learnt from the inside.
 */
#include "desk/internal.h"

#include <string.h>

#define NEAR	3	/* letters a misspelt name may differ by */

/* columns: name, help */
const struct variable template_variables[] = {
	{ "ticket",		"number of the ticket" },
	{ "received",		"when the mail reached us" },
	{ "sent",		"when this mail is made" },
	{ "hotline_id",		"short id of the hotline" },
	{ "hotline_name",	"name of the hotline in the language of the text" },
	{ "hotline_address",	"address of the hotline" },
	{ "phone",		"telephone number of the hotline" },
	{ "portal",		"address of the portal page" },
	{ "fingerprint",	"fingerprint of the hotline's key, in groups" },
	{ "advice",		"the site's own advice, hotline.advice" },
	{ "evidence",		"how to hand in evidence, hotline.evidence" },
	{ "signature",		"verdict on the mail's signature, in words" },
	{ "trusted",		"set if the signature is by a registered key" },
	{ "attachments",	"count of attached files; not set for none" },
	{ "size",		"their size in all" },
	{ "sha256_raw",		"SHA-256 of the mail as received" },
	{ "sha256_own",		"SHA-256 of the sender's own part of it" },
	{ "thread_code",	"secret that joins an answer to the ticket" },
	{ "receipt_code",	"secret that asks what became of the ticket" },
	{ "since",		"from when on the weekly digest counts" },
	{ "balance",		"ledger of each mailbox, a line each" },
	{ "noise",		"mails filed as noise, an id and a reason each; not set for none" },
	{ "journal",		"rows and head of the journal" },
	{ NULL, NULL },
};

bool
variable_known(const char *name)
{
	for (const struct variable *v = template_variables; v->name != NULL; v++)
		if (strcmp(v->name, name) == 0)
			return true;
	return false;
}

const char *
variable_nearest(const char *name)
{
	const char *nearest = NULL;
	guint best = NEAR + 1;

	for (const struct variable *v = template_variables; v->name != NULL; v++) {
		guint distance = words_distance(name, v->name);

		if (distance < best && distance * 2 < strlen(v->name)) {
			best = distance;
			nearest = v->name;
		}
	}
	return nearest;
}

/* columns: template, what it may hold. T03 is one answer for all causes, T38 goes in clear to who
 * wrote encrypted, T04 to somebody who may never have seen the mail. */
static const struct {
	const char *template;
	unsigned holds;
} holdings[] = {
	{ "T01", HOLDS_RAW | HOLDS_OWN | HOLDS_SIGNATURE | HOLDS_ATTACHMENTS | HOLDS_RECEIPT },
	{ "T02", HOLDS_RAW | HOLDS_OWN | HOLDS_SIGNATURE | HOLDS_ATTACHMENTS | HOLDS_RECEIPT },
	{ "T03", HOLDS_RAW },
	{ "T04", 0 },
	{ "T32", HOLDS_RAW | HOLDS_OWN | HOLDS_ATTACHMENTS },
	{ "T33", HOLDS_RAW | HOLDS_OWN | HOLDS_SIGNATURE | HOLDS_ATTACHMENTS | HOLDS_RECEIPT },
	{ "T35", 0 },
	{ "T38", 0 },
	{ "T39", HOLDS_DIGEST },
};

unsigned
template_holds(const char *template)
{
	for (guint i = 0; i < G_N_ELEMENTS(holdings); i++)
		if (strcmp(holdings[i].template, template) == 0)
			return holdings[i].holds;
	return 0;
}

/* columns: variable, what holds it; those not here are the same for every mail on a ticket */
static const struct {
	const char *name;
	unsigned held_by;
} restricted[] = {
	{ "sha256_raw",		HOLDS_RAW },
	{ "sha256_own",		HOLDS_OWN },
	{ "signature",		HOLDS_SIGNATURE },
	{ "trusted",		HOLDS_SIGNATURE },
	{ "attachments",	HOLDS_ATTACHMENTS },
	{ "size",		HOLDS_ATTACHMENTS },
	{ "receipt_code",	HOLDS_RECEIPT },
	{ "since",		HOLDS_DIGEST },
	{ "balance",		HOLDS_DIGEST },
	{ "noise",		HOLDS_DIGEST },
	{ "journal",		HOLDS_DIGEST },
};

bool
variable_allowed(const char *template, const char *name)
{
	unsigned holds = template_holds(template);

	for (guint i = 0; i < G_N_ELEMENTS(restricted); i++)
		if (strcmp(restricted[i].name, name) == 0)
			return holds & restricted[i].held_by;
	return variable_known(name);
}
