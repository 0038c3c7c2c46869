/* SPDX-License-Identifier: ISC
 *
 * burst: which letters of one address may share a ticket only because they came together. From
 * alone is no proof, so what stands behind it must be the same for both: a stranger who writes a
 * signed reporter's address into From must not appear in that reporter's ticket, and a signed
 * report must not vanish in a ticket that a forged From opened. Also: which copies of a mail were
 * not answered for how they came. Looks nothing up.
 */
#include "desk/internal.h"

#include <string.h>

/* What says that it was this address: a key's fingerprint, "" for nothing, or NULL: it speaks
 * against it, or nothing could be read. */
static const char *
standing(const struct site *site, const struct letter *letter, const struct verdict *verdict)
{
	bool is_signed = verdict->signature == SIGNATURE_TRUSTED ||
		verdict->signature == SIGNATURE_UNKNOWN_KEY;

	if (verdict->encryption != ENCRYPTION_NONE && verdict->encryption != ENCRYPTION_DECRYPTED)
		return NULL;
	if (answer_is_forged(site, letter, verdict))
		return NULL;
	if (verdict->signature != SIGNATURE_TRUSTED &&
	    authentication_read(site, letter) == AUTHENTICITY_FAIL)
		return NULL;
	return is_signed ? verdict->fingerprint : "";
}

bool
burst_joins(const struct site *site, const struct letter *first,
	const struct verdict *first_verdict, const struct letter *letter,
	const struct verdict *verdict)
{
	const char *one = standing(site, first, first_verdict);
	const char *other = standing(site, letter, verdict);

	return one != NULL && other != NULL && strcmp(one, other) == 0 &&
		first_verdict->signature == verdict->signature &&
		address_equal(first->from.address, letter->from.address);
}

bool
copy_is_unanswered(const struct site *site, const char *folder, const struct letter *letter)
{
	return (folder != NULL && folder_is_junk(folder)) ||
		authentication_read(site, letter) == AUTHENTICITY_FAIL;
}
