/* SPDX-License-Identifier: ISC
 *
 * token-run: a token_command run and waited for, where there is no supervisor to do it
 * (`ungcuuctl check`): the words of the configuration, no shell, the helpers' uid and deadline.
 */
#include "role/program.h"
#include "role/token.h"

#include <string.h>

#define COMMAND_MS	60000
#define OUTPUT_MAX	16384

char *
token_run(const struct options *options, enum role role, guint index, GError **error)
{
	g_autofree char *option = role == ROLE_FETCH ?
		g_strdup_printf("mailboxes.%u.token_command", index) :
		g_strdup("submission.token_command");
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	struct program program = { 0 };
	g_autoptr(GBytes) output = NULL;

	for (guint n = 0; n < options_count(options, "%s", option); n++)
		g_ptr_array_add(words, (gpointer)options_text(options, "%s.%u", option, n));
	g_ptr_array_add(words, NULL);
	program.path = words->pdata[0];
	program.argv = (const char *const *)words->pdata;
	if (program.path == NULL) {
		fail(error, NEVER, "%s is not set", option);
		return NULL;
	}
	if (role_user(options, ROLE_SUPERVISOR, &program.uid, &program.gid, error) != DONE ||
	    program_capture(&program, COMMAND_MS, OUTPUT_MAX, &output, error) != DONE)
		return NULL;

	gsize size;
	const char *data = g_bytes_get_data(output, &size);
	g_autofree char *text = g_utf8_make_valid(data != NULL ? data : "", (gssize)size);
	char *token = token_of_output(text, error);	/* a NUL is no letter of a token by now */

	wipe(text, strlen(text));
	return token;
}
