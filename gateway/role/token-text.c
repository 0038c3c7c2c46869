/* SPDX-License-Identifier: ISC
 *
 * token-text: what a token_command printed, as an access token: its first line, and nothing that
 * could be taken for a second word or line of a protocol.
 */
#include "role/token.h"

#include <string.h>

char *
token_of_output(const char *output, GError **error)
{
	gsize size;

	output += strspn(output, " \t");
	size = strcspn(output, "\r\n");
	while (size > 0 && strchr(" \t", output[size - 1]) != NULL)
		size--;
	if (size == 0 || size > LIMIT_TOKEN) {
		fail(error, LATER, size == 0 ? "token_command printed no token" :
			"token_command printed a line that is too long for a token");
		return NULL;
	}
	for (gsize i = 0; i < size; i++)
		if (!g_ascii_isgraph(output[i])) {
			fail(error, LATER, "token_command printed what cannot be a token");
			return NULL;
		}
	return g_strndup(output, size);
}
