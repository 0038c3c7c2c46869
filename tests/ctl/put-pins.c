/* SPDX-License-Identifier: ISC
 *
 * put-pins: puts certificates into a store as if they had come by mail, for tests of what a person
 * says of them afterwards.  Arguments: DATABASE SPOOL KEY_FILE, then ADDRESS FINGERPRINT FILE
 * TIME (ms) for each.  The store must exist, and no daemon may hold it.
 */
#include "store/store.h"

#include <stdlib.h>

enum { PATHS = 3, WORDS_OF_ONE = 4 };

static void
must(enum outcome how, GError *error)
{
	if (how != DONE)
		g_error("%s", error != NULL ? error->message : "?");
}

static void
put_one(struct store *store, char *const *words)
{
	g_autoptr(GError) error = NULL;
	char *content = NULL;
	gsize size = 0;
	bool changed;

	must(g_file_get_contents(words[2], &content, &size, &error) ? DONE : NEVER, error);

	g_autoptr(GBytes) bytes = g_bytes_new_take(content, size);
	const struct pin pin = { .address = words[0], .fingerprint = words[1],
		.source = (char *)"attachment", .certificate = bytes,
		.last_seen = g_ascii_strtoll(words[3], NULL, 10), .expires = -1 };

	must(pin_put(store, &pin, &changed, &error), error);
}

int
main(int argc, char **argv)
{
	const struct store_paths paths = { argv[1], argv[2], argv[3] };
	struct store *store = NULL;
	g_autoptr(GError) error = NULL;

	log_open("put-pins", LOG_TO_STDERR, 0);
	must(store_open(&paths, true, &store, &error), error);
	must(store_begin(store, &error), error);
	for (int i = 1 + PATHS; i + WORDS_OF_ONE <= argc; i += WORDS_OF_ONE)
		put_one(store, argv + i);
	must(store_commit(store, &error), error);
	store_close(store);
	return EXIT_SUCCESS;
}
