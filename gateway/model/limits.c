/* SPDX-License-Identifier: ISC
 *
 * limits: the bounds themselves are a list in model.h; here is the one way to say that one was
 * reached. Reaching a limit always means that a human must look (NEVER), and the reason names
 * the limit, so that it can be found in the list and in the manual.
 */
#include "model/model.h"

enum outcome
limit_reached(GError **error, const char *where, const char *word, guint64 value)
{
	return fail(error, NEVER, "%s: %s limit %" G_GUINT64_FORMAT, where, word, value);
}
