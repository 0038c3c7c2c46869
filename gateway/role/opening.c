/* SPDX-License-Identifier: ISC
 *
 * opening: from a read layer to its verdict, the same for the hub and for `inspect`.  Pure.
 * Until crypto joins, a signed layer is read as plain and `unverifiable`, an encrypted one stays
 * sealed and is `unsupported`: the worst a reader may be told, never better than what was proven.
 */
#include "role/role.h"

struct verdict
opening_verdict(const struct letter *letter, gint64 now)
{
	struct verdict verdict = verdict_worst(letter->layer);

	verdict.judged_at = now;
	return verdict;
}
