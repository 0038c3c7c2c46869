/* SPDX-License-Identifier: ISC
 *
 * engine: GPGME's contexts and how operations are run on them.  Those that gpg is given octets for
 * run in a loop of ours: GPGME's own waits for ever where gpg ends before it has read them all, and
 * a damaged signature on a large mail is enough for that.  Refuses to take silence for an answer.
 */
#include "crypto/engine.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define KEYS_MAX	10000	/* listed */
#define EARS_MAX	16	/* GPGME has about five */

enum outcome
engine_fail(GError **error, enum outcome how, const char *what, gpgme_error_t why)
{
	char text[128];

	gpgme_strerror_r(why, text, sizeof text);
	return fail(error, how, "%s: %s (%u)", what, text, (unsigned)gpgme_err_code(why));
}

bool
is_system_error(gpgme_error_t why)
{
	return (gpgme_err_code(why) & GPG_ERR_SYSTEM_ERROR) != 0;
}

gpgme_ctx_t
engine_new(const char *home, GError **error)
{
	gpgme_ctx_t context = NULL;
	gpgme_error_t why = gpgme_new(&context);

	if (why == 0)
		why = gpgme_ctx_set_engine_info(context, GPGME_PROTOCOL_OpenPGP, ENGINE_GPG, home);
	if (why != 0) {
		engine_fail(error, LATER, "gpgme", why);
		if (context)
			gpgme_release(context);
		return NULL;
	}
	gpgme_set_offline(context, 1);
	return context;
}

GBytes *
engine_take(gpgme_data_t data)
{
	size_t size = 0;
	char *bytes = gpgme_data_release_and_get_mem(data, &size);
	GBytes *out = g_bytes_new(bytes, size);

	gpgme_free(bytes);
	return out;
}

/* ---- a run ----------------------------------------------------------------------------- */

/* A descriptor GPGME wants to be told about. */
struct ear { struct engine_run *run; int fd; short events; gpgme_io_cb_t call; void *data; };

static gpgme_error_t
ear_add(void *handle, int fd, int is_input, gpgme_io_cb_t call, void *data, void **tag)
{
	struct engine_run *run = handle;
	struct ear *ear = g_new(struct ear, 1);

	*ear = (struct ear){ run, fd, is_input ? POLLIN : POLLOUT, call, data };
	g_ptr_array_add(run->ears, ear);
	*tag = ear;
	return 0;
}

static void
ear_remove(void *tag)
{
	struct ear *ear = tag;

	g_ptr_array_remove(ear->run->ears, ear);
}

static void
note_event(void *handle, gpgme_event_io_t type, void *data)
{
	struct engine_run *run = handle;
	const struct gpgme_io_event_done_data *done = data;

	if (type != GPGME_EVENT_DONE)
		return;
	run->is_done = true;
	run->why = done->err ? done->err : done->op_err;
}

void
engine_begin(gpgme_ctx_t context, struct engine_run *run)
{
	struct gpgme_io_cbs callbacks = { .add = ear_add, .add_priv = run, .remove = ear_remove,
		.event = note_event, .event_priv = run };

	*run = (struct engine_run){ .ears = g_ptr_array_new_with_free_func(g_free) };
	gpgme_set_io_cbs(context, &callbacks);
}

/* One event at a time: what it calls may remove any ear.  An error on a descriptor is an event like
 * any other, and there GPGME's own loop goes wrong. */
static bool
listen_once(struct engine_run *run)
{
	struct pollfd fds[EARS_MAX];
	guint n = MIN(run->ears->len, EARS_MAX);

	for (guint i = 0; i < n; i++) {
		const struct ear *ear = run->ears->pdata[i];

		fds[i] = (struct pollfd){ .fd = ear->fd, .events = ear->events };
	}
	if (n == 0 || (poll(fds, n, -1) < 0 && errno != EINTR))
		return false;
	for (guint i = 0; i < n; i++)
		if (fds[i].revents) {
			struct ear *ear = run->ears->pdata[i];

			(void)ear->call(ear->data, ear->fd);
			return true;
		}
	return true;
}

gpgme_error_t
engine_end(gpgme_ctx_t context, struct engine_run *run, gpgme_error_t started)
{
	gpgme_error_t why = started;

	if (why == 0) {
		while (!run->is_done && listen_once(run))
			;
		why = run->is_done ? run->why : gpgme_error_from_errno(EIO);
		if (!run->is_done)
			gpgme_cancel(context);
	}
	gpgme_set_io_cbs(context, NULL);
	g_clear_pointer(&run->ears, g_ptr_array_unref);
	return why;
}

gpgme_error_t
engine_import_data(gpgme_ctx_t context, gpgme_data_t data)
{
	struct engine_run run;

	engine_begin(context, &run);
	return engine_end(context, &run, gpgme_op_import_start(context, data));
}

/* ---- certificates ----------------------------------------------------------------------- */

enum outcome
engine_list(gpgme_ctx_t context, const char *pattern, bool secret_only, GPtrArray **out,
	GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)gpgme_key_unref);

	gpgme_error_t why = gpgme_op_keylist_start(context, pattern, secret_only);
	while (why == 0 && list->len < KEYS_MAX) {
		gpgme_key_t key = NULL;

		why = gpgme_op_keylist_next(context, &key);
		if (why == 0 && key->subkeys && key->fpr)
			g_ptr_array_add(list, key);
		else if (key)
			gpgme_key_unref(key);
	}
	gpgme_op_keylist_end(context);
	if (why != 0 && gpgme_err_code(why) != GPG_ERR_EOF)
		return engine_fail(error, LATER, "list of keys", why);
	*out = g_steal_pointer(&list);
	return DONE;
}

static gpgme_error_t
note_end(void *has_ended, const char *word, const char *arguments)
{
	(void)arguments;
	if (strcmp(word, "IMPORT_RES") == 0)
		*(bool *)has_ended = true;
	return 0;
}

/* gpg that dies ends without a word, and GPGME takes that for an empty answer. */
static gpgme_error_t
import_once(gpgme_ctx_t context, GBytes *certificates, bool *has_ended)
{
	gsize size;
	const char *bytes = g_bytes_get_data(certificates, &size);
	g_autoptr(engine_data) data = NULL;
	gpgme_error_t why = gpgme_data_new_from_mem(&data, bytes ? bytes : "", size, 0);

	*has_ended = false;
	(void)gpgme_set_ctx_flag(context, "full-status", "1");
	gpgme_set_status_cb(context, note_end, has_ended);
	if (why == 0)
		why = engine_import_data(context, data);
	gpgme_set_status_cb(context, NULL, NULL);
	(void)gpgme_set_ctx_flag(context, "full-status", "0");
	return why;
}

enum outcome
engine_import(gpgme_ctx_t context, GBytes *certificates, struct imported *imported, GError **error)
{
	gpgme_error_t why = import_once(context, certificates, &imported->has_ended);
	guint n = 0;

	if (!imported->has_ended)
		why = import_once(context, certificates, &imported->has_ended);
	if (is_system_error(why))
		return engine_fail(error, LATER, "import of certificates", why);
	/* Any other error is one of the octets: what was taken before it is there. */
	gpgme_import_result_t result = gpgme_op_import_result(context);
	for (gpgme_import_status_t each = result ? result->imports : NULL; each; each = each->next)
		if (each->result == 0 && each->fpr) {
			g_hash_table_add(imported->taken, g_ascii_strup(each->fpr, -1));
			n++;
		}
	imported->considered = result ? MAX(n, (guint)MAX(result->considered, 0)) : n;
	return DONE;
}

GBytes *
bytes_join(GBytes *const *pieces, const guint *order, guint n)
{
	GByteArray *all = g_byte_array_new();

	for (guint i = 0; i < n; i++) {
		gsize size;
		const guint8 *bytes = g_bytes_get_data(pieces[order[i]], &size);

		g_byte_array_append(all, bytes, (guint)size);
	}
	return g_byte_array_free_to_bytes(all);
}
