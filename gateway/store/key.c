/* SPDX-License-Identifier: ISC
 *
 * key: the store key: 32 random bytes as 64 hex digits and a newline, in a file only its owner
 * may read.  It is made once, before the database, and only where there is no database; five
 * keys for five uses are derived from it, and it is wiped.  A sealed constant in the store tells
 * the right key from any other.
 */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_TEXT (2 * KEY_SIZE)
#define CHECK_NAME "key-check"
static const char check_value[] = "ungcuu store";

static enum outcome
key_parse(const char *path, const char *text, gsize size, guint8 key[KEY_SIZE], GError **error)
{
	char digits[KEY_TEXT + 1] = { 0 };
	bool good;

	if (size == KEY_TEXT + 1 && text[KEY_TEXT] == '\n')
		size--;
	memcpy(digits, text, MIN(size, KEY_TEXT));
	good = size == KEY_TEXT && digest_parse(digits, key);
	wipe(digits, sizeof digits);
	return good ? DONE : fail(error, NEVER, "store key %s: not 64 hex digits and a newline",
		path);
}

static enum outcome
key_read(const char *path, int fd, guint8 key[KEY_SIZE], GError **error)
{
	char text[KEY_TEXT + 2];
	struct stat st;
	ssize_t n;
	enum outcome how;

	if (fstat(fd, &st) != 0)
		return fail(error, LATER, "store key %s: %s", path, g_strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(error, NEVER, "store key %s: not a regular file", path);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return fail(error, NEVER,
			"store key %s: mode %04o lets others at it; chmod 600 it, or make a new "
			"store if it may have been read", path, (unsigned)(st.st_mode & 07777));
	do
		n = read(fd, text, sizeof text);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(error, LATER, "store key %s: %s", path, g_strerror(errno));
	how = key_parse(path, text, (gsize)n, key, error);
	wipe(text, sizeof text);
	return how;
}

static enum outcome
key_create(const char *path, guint8 key[KEY_SIZE], GError **error)
{
	g_autofree char *hex = NULL, *text = NULL;
	enum outcome how;

	random_bytes(key, KEY_SIZE);
	hex = digest_hex(key);
	text = g_strconcat(hex, "\n", NULL);
	how = file_create_durable(path, text, KEY_TEXT + 1, 0600, error);
	wipe(hex, KEY_TEXT);
	wipe(text, KEY_TEXT);
	return how;
}

static void
key_divide(struct store *store, guint8 key[KEY_SIZE])
{
	key_derive(key, "store columns", store->columns_key);
	key_derive(key, "store lookup", store->lookup_key);
	key_derive(key, "store journal", store->journal_key);
	key_derive(key, "store blob keys", store->wrap_key);
	key_derive(key, "store backup", store->backup_key);
	wipe(key, KEY_SIZE);
}

enum outcome
key_load(struct store *store, bool may_create, GError **error)
{
	guint8 key[KEY_SIZE];
	int fd = open(store->key_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum outcome how;

	if (fd >= 0) {
		how = key_read(store->key_file, fd, key, error);
		close(fd);
	} else if (errno != ENOENT) {
		how = fail(error, NEVER, "store key %s: %s", store->key_file, g_strerror(errno));
	} else if (may_create) {
		how = key_create(store->key_file, key, error);
	} else {
		how = fail(error, NEVER,
			"store key %s is missing, but store %s exists: put the key back; "
			"without it the store cannot be read", store->key_file, store->database);
	}
	if (how == DONE)
		key_divide(store, key);
	return how;
}

enum outcome
key_check_put(struct store *store, GError **error)
{
	return meta_put(store, CHECK_NAME, check_value, sizeof check_value, error);
}

enum outcome
key_check(struct store *store, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GBytes) value = meta_get(store, CHECK_NAME, &why);

	if (value != NULL && g_bytes_get_size(value) == sizeof check_value &&
	    memcmp(g_bytes_get_data(value, NULL), check_value, sizeof check_value) == 0)
		return DONE;
	if (why == NULL)
		return fail(error, NEVER, "store %s: its key check value is missing",
			store->database);
	return fail(error, NEVER, "store key %s is not the key of store %s", store->key_file,
		store->database);
}
