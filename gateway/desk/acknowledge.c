/* SPDX-License-Identifier: ISC
 *
 * acknowledge: may a mail be answered by a machine at all (RFC 3834)? Each refusal is
 * one row with its sentence. It looks at the marks of automatic mail again although classify.c has:
 * a kind that is ever added or misjudged must not open the way to a loop.
 */
#include "desk/internal.h"

#include <string.h>

struct asked {
	const struct site *site;
	enum kind kind;
	const struct letter *letter;
};

static const char *
no_kind(const struct asked *a)
{
	bool answered = a->kind == KIND_REPORT || a->kind == KIND_REPLY;

	return answered ? NULL : "only reports and replies are acknowledged";
}

static const char *
no_single_from(const struct asked *a)
{
	if (a->letter->n_from == 1 && a->letter->from.address != NULL)
		return NULL;
	return a->letter->n_from > 1 ? "more than one From address" : "no From address";
}

static bool
has_eight_bit(const char *text)
{
	for (; *text != '\0'; text++)
		if ((guchar)*text >= 0x80)
			return true;
	return false;
}

/* What no mail can be sent to, and what no header or command line should see.  Whatever the header
 * of our mail and the relay would refuse is refused here, and said: a mail planned to such an
 * address would only be held. */
static const char *
no_usable_from(const struct asked *a)
{
	static const char why[] = "From is no address mail can be sent to";
	const char *address = a->letter->from.address, *at = strchr(address, '@');

	if (at == NULL || at == address || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
	    address[0] == '-')
		return why;
	for (const char *p = address; *p != '\0'; p++)
		if (g_ascii_iscntrl(*p) || strchr(" \"(),:;<>[\\]", *p) != NULL)
			return why;
	if (has_eight_bit(address))
		return "the From address needs SMTPUTF8";
	if (strlen(address) > ADDRESS_MAX || at - address > LOCAL_MAX)
		return "the From address is too long";
	return NULL;
}

static const char *
no_own(const struct asked *a)
{
	return site_is_own(a->site, a->letter->from.address) ? "From is our own address" : NULL;
}

static const char *
no_system(const struct asked *a)
{
	return mark_system_sender(a->letter);
}

static const char *
no_automatic(const struct asked *a)
{
	return mark_auto_submitted(a->letter);
}

static const char *
no_list(const struct asked *a)
{
	return mark_list(a->letter);
}

static const char *
no_null_return(const struct asked *a)
{
	return mark_null_return(a->letter);
}

static const char *
no_suppressed(const struct asked *a)
{
	return mark_suppress(a->letter);
}

static const char *
no_desk(const struct asked *a)
{
	return mark_desk(a->letter);
}

static const char *
no_circles(const struct asked *a)
{
	return mark_circles(a->letter);
}

/* A party has an address of its own in the directory, which is written to instead. */
static const char *
no_doubted(const struct asked *a)
{
	if (site_party_by_address(a->site, a->letter->from.address) != NULL ||
	    authentication_read(a->site, a->letter) != AUTHENTICITY_FAIL)
		return NULL;
	return "DMARC fails: From may be forged, and nobody is written to";
}

static const char *(*const refusals[])(const struct asked *) = {
	no_kind, no_single_from, no_usable_from, no_own, no_system, no_automatic, no_list,
	no_null_return, no_suppressed, no_desk, no_circles, no_doubted,
};

/* Not a refusal: to whom the answer goes is decided by rules.c, and `inspect` says it here. */
static char *
allowed(const struct site *site, const struct letter *letter, const struct verdict *verdict)
{
	if (answer_is_forged(site, letter, verdict))
		return g_strdup("the signature fails under a registered From: only the directory's "
			"address is written to");
	if (answer_is_diverted(site, letter, verdict))
		return g_strdup("DMARC fails under a registered From: only the directory's address "
			"is written to");
	if (authentication_read(site, letter) == AUTHENTICITY_FORWARDED)
		return g_strdup("DMARC fails, but one of policy.forwarders handed it on: one From "
			"address and no mark of automatic mail");
	return g_strdup("one From address and no mark of automatic mail");
}

bool
acknowledgeable(const struct site *site, enum kind kind, const struct letter *letter,
	const struct verdict *verdict, char **why)
{
	const struct asked asked = { site, kind, letter };
	const char *refusal = NULL;

	for (guint i = 0; refusal == NULL && i < G_N_ELEMENTS(refusals); i++)
		refusal = refusals[i](&asked);
	if (why != NULL)
		*why = refusal ? g_strdup(refusal) : allowed(site, letter, verdict);
	return refusal == NULL;
}
