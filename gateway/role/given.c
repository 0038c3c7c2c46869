/* SPDX-License-Identifier: ISC
 *
 * given: what a text given by hand must be before it becomes a line of the journal.  Refuses what
 * a reader would not see, or would see in another order than it was written.
 */
#include "role/given.h"

#include <string.h>

static bool
is_seen(gunichar c)
{
	GUnicodeType type = g_unichar_type(c);
	bool turns = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
		c == 0x200e || c == 0x200f || c == 0x061c;

	return !turns && type != G_UNICODE_CONTROL && type != G_UNICODE_LINE_SEPARATOR &&
		type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

const char *
given_fault(const char *text, gsize most)
{
	bool is_blank = true;

	if (!g_utf8_validate(text, -1, NULL))
		return "no UTF-8 text";
	if (strlen(text) > most)
		return "too long";
	for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);

		if (!is_seen(c))
			return "a control character is in it";
		is_blank = is_blank && g_unichar_isspace(c);
	}
	return is_blank ? "empty" : NULL;
}
