/* SPDX-License-Identifier: ISC
 *
 * error: the three outcomes as words and as the codes of one GError domain.  Relies on GLib only.
 * Refuses DONE as the code of an error: a finished thing has no reason.
 */
#include "base/base.h"

const char *
outcome_word(enum outcome outcome)
{
	static const char *const words[] = {
		[DONE] = "done", [LATER] = "later", [NEVER] = "never",
	};

	if ((guint)outcome >= G_N_ELEMENTS(words))
		panic("no such outcome: %u", (guint)outcome);
	return words[outcome];
}

G_DEFINE_QUARK(ungcuu-error, ungcuu_error)

enum outcome
fail(GError **error, enum outcome how, const char *format, ...)
{
	va_list arguments;

	if (how != LATER && how != NEVER)
		panic("fail() with outcome %u", (guint)how);
	if (!error || *error)	/* the first reason is the cause; a later one is only its echo */
		return how;
	va_start(arguments, format);
	*error = g_error_new_valist(UNGCUU_ERROR, (gint)how, format, arguments);
	va_end(arguments);
	return how;
}
