/* SPDX-License-Identifier: ISC
 *
 * certificates: a file of certificates of others: one or many, binary or in blocks of armour.  Cut
 * into pieces by packets.c, read by gpg in one go in an empty home that is thrown away.  One bad
 * piece is refused by name and takes no other with it.  Refuses to tell what a file holds where gpg
 * could not be used.
 */
#include "crypto/crypto.h"

#include <string.h>

#include "crypto/engine.h"
#include "crypto/packets.h"

#define STOPS_MAX	32	/* pieces of one file that may make gpg give up */

typedef struct certificate certificate_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(certificate_auto, certificate_free)

/* One certificate of the file, as cut out. */
struct piece {
	GBytes *bytes;
	char *fingerprint;
	guint number;			/* in the file, from 1 */
	struct certificate *certificate;
	bool is_deadly;			/* to gpg */
};

static void
piece_free(void *data)
{
	struct piece *piece = data;

	g_bytes_unref(piece->bytes);
	g_free(piece->fingerprint);
	certificate_free(piece->certificate);
	g_free(piece);
}

/* What a file is made of, while it is read. */
struct harvest {
	GPtrArray *pieces;	/* struct piece */
	GHashTable *first;	/* fingerprint → the first piece with it */
	GHashTable *taken;	/* fingerprints gpg says to have */
	GPtrArray *why;		/* of those refused */
	guint n;		/* pieces and faults, taken or not */
};

static void
harvest_clear(struct harvest *harvest)
{
	g_clear_pointer(&harvest->first, g_hash_table_unref);
	g_clear_pointer(&harvest->taken, g_hash_table_unref);
	g_clear_pointer(&harvest->pieces, g_ptr_array_unref);
	g_clear_pointer(&harvest->why, g_ptr_array_unref);
}

static struct harvest
harvest_empty(void)
{
	return (struct harvest){ .pieces = g_ptr_array_new_with_free_func(piece_free),
		.first = g_hash_table_new(g_str_hash, g_str_equal),
		.taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.why = g_ptr_array_new_with_free_func(g_free) };
}
typedef struct harvest harvest_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(harvest_auto, harvest_clear)

/* ---- the file in pieces ----------------------------------------------------------------- */

static void
refuse(struct harvest *harvest, guint number, const char *fingerprint, const char *why)
{
	g_ptr_array_add(harvest->why, g_strdup_printf("certificate %u%s%s: %s", number,
		fingerprint ? " " : "", fingerprint ? fingerprint : "", why));
}

/* False once, at the limit; nothing more of the file is looked at then. */
static bool
count_one(struct harvest *harvest)
{
	g_autoptr(GError) error = NULL;

	if (++harvest->n <= LIMIT_KEYRING)
		return true;
	(void)limit_reached(&error, "keys", "certificates of a file", LIMIT_KEYRING);
	g_ptr_array_add(harvest->why, g_strdup_printf("%s: what follows is not read",
		error->message));
	return false;
}

static bool
take_piece(struct harvest *harvest, GBytes *binary, gsize from, gsize to)
{
	g_autoptr(GBytes) bytes = g_bytes_new_from_bytes(binary, from, to - from);
	g_autofree char *fingerprint = certificate_fingerprint(bytes);
	g_autoptr(GError) error = NULL;

	if (!count_one(harvest))
		return false;
	if (certificate_scan(bytes, false, &error) != DONE) {
		refuse(harvest, harvest->n, fingerprint, error->message);
		return true;
	}
	if (!fingerprint) {
		refuse(harvest, harvest->n, NULL, "of a version that gpg does not take");
		return true;
	}
	struct piece *piece = g_new0(struct piece, 1);
	piece->number = harvest->n;
	piece->bytes = g_steal_pointer(&bytes);
	piece->fingerprint = g_steal_pointer(&fingerprint);
	g_ptr_array_add(harvest->pieces, piece);
	if (!g_hash_table_contains(harvest->first, piece->fingerprint))
		g_hash_table_insert(harvest->first, piece->fingerprint, piece);
	return true;
}

/* A damaged packet belongs to the piece before it, and nobody knows where the next would begin. */
static bool
refuse_rest(struct harvest *harvest, GBytes *binary, gsize from)
{
	g_autoptr(GBytes) rest = g_bytes_new_from_bytes(binary, from, g_bytes_get_size(binary) -
		from);
	g_autofree char *fingerprint = certificate_fingerprint(rest);

	if (!count_one(harvest))
		return false;
	refuse(harvest, harvest->n, fingerprint, "damaged; nothing behind it can be read");
	return true;
}

/* Each primary key begins a piece. */
static bool
cut_binary(struct harvest *harvest, GBytes *binary)
{
	struct packets packets = packets_of(binary);
	const guint8 *first = packets.at, *begin = packets.at;
	enum packet_step step;

	do {
		const guint8 *here = packets.at;
		struct packet packet;

		step = packets_next(&packets, &packet);
		if (step == PACKET_BROKEN)
			return refuse_rest(harvest, binary, (gsize)(begin - first));
		if (step == PACKET_FOUND && packet.tag != PACKET_PUBLIC_KEY &&
		    packet.tag != PACKET_SECRET_KEY)
			continue;
		if (here > begin && !take_piece(harvest, binary, (gsize)(begin - first),
			    (gsize)(here - first)))
			return false;
		begin = here;
	} while (step == PACKET_FOUND);
	return true;
}

static void
cut_file(struct harvest *harvest, GBytes *file)
{
	gsize size;
	const char *at = g_bytes_get_data(file, &size);
	const char *end = at ? at + size : at;
	enum packet_step step = PACKET_END;
	bool goes_on = true;

	if (size > 0 && (guint8)*at & 0x80)
		goes_on = cut_binary(harvest, file);
	else
		step = PACKET_FOUND;
	while (size > 0 && goes_on && step != PACKET_END) {
		g_autoptr(GBytes) binary = NULL;

		step = armor_next(&at, end, &binary);
		if (step == PACKET_FOUND) {
			goes_on = cut_binary(harvest, binary);
		} else if (step == PACKET_BROKEN) {
			goes_on = count_one(harvest);
			if (goes_on)
				refuse(harvest, harvest->n, NULL, "the armour is damaged");
		}
	}
	if (harvest->n == 0)
		g_ptr_array_add(harvest->why, g_strdup("no OpenPGP certificate in it"));
}

/* ---- gpg's part -------------------------------------------------------------------------- */

/* What is given to gpg. */
struct batch { GBytes **pieces; guint *order; guint n; };

static void
batch_clear(struct batch *batch)
{
	g_clear_pointer(&batch->pieces, g_free);
	g_clear_pointer(&batch->order, g_free);
}
typedef struct batch batch_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(batch_auto, batch_clear)

static struct batch
batch_of(const struct harvest *harvest)
{
	struct batch batch = { .n = harvest->pieces->len };

	batch.pieces = g_new(GBytes *, batch.n);
	for (guint i = 0; i < batch.n; i++)
		batch.pieces[i] = ((const struct piece *)harvest->pieces->pdata[i])->bytes;
	batch.order = certificates_order(batch.pieces, batch.n);
	return batch;
}

static enum outcome
import_some(gpgme_ctx_t context, const struct batch *batch, guint from, guint n,
	struct imported *imported, GError **error)
{
	g_autoptr(GBytes) all = bytes_join(batch->pieces, batch->order + from, n);

	return engine_import(context, all, imported, error);
}

/* Some damage makes gpg give up: on what is behind it, and on the piece before, which it had not
 * finished.  So that one is tried alone, and the run goes on behind it. */
static enum outcome
import_pieces(gpgme_ctx_t context, struct harvest *harvest, GError **error)
{
	g_auto(batch_auto) batch = batch_of(harvest);
	struct imported imported = { .taken = harvest->taken };
	guint from = 0;

	for (guint stops = 0; from < batch.n && stops <= STOPS_MAX; stops++, from++) {
		if (import_some(context, &batch, from, batch.n - from, &imported, error) != DONE)
			return LATER;
		from += imported.considered;
		if (from >= batch.n)
			return DONE;
		if (import_some(context, &batch, from, 1, &imported, error) != DONE)
			return LATER;
		struct piece *alone = harvest->pieces->pdata[batch.order[from]];
		alone->is_deadly = !imported.has_ended;
	}
	return DONE;
}

/* All that were taken must be in the list: a list cut short would pass over certificates. */
static enum outcome
list_certificates(gpgme_ctx_t context, struct harvest *harvest, GError **error)
{
	g_autoptr(GPtrArray) keys = NULL;
	enum outcome how = engine_list(context, NULL, false, &keys, error);
	guint n = 0;

	for (guint i = 0; how == DONE && i < keys->len; i++) {
		g_autoptr(certificate_auto) certificate = certificate_of(keys->pdata[i]);
		struct piece *piece = g_hash_table_lookup(harvest->first,
			certificate->fingerprint);

		if (piece && !piece->certificate) {
			piece->certificate = g_steal_pointer(&certificate);
			n += g_hash_table_contains(harvest->taken, piece->fingerprint);
		}
	}
	return how != DONE || n == g_hash_table_size(harvest->taken) ? how :
		fail(error, LATER, "gpg lists %u certificates of the %u it took", n,
			g_hash_table_size(harvest->taken));
}

/* Of all at once, and cut again: one run instead of one for each.  (What others signed was left out
 * when it came in.) */
static enum outcome
export_all(gpgme_ctx_t context, struct harvest *harvest, GError **error)
{
	g_auto(harvest_auto) out = harvest_empty();
	g_autoptr(engine_data) data = NULL;
	gpgme_error_t why = gpgme_data_new(&data);

	if (why == 0)
		why = gpgme_op_export(context, NULL, 0, data);
	if (why != 0)
		return engine_fail(error, LATER, "export of certificates", why);
	g_autoptr(GBytes) bytes = engine_take(g_steal_pointer(&data));
	(void)cut_binary(&out, bytes);
	for (guint i = 0; i < out.pieces->len; i++) {
		const struct piece *exported = out.pieces->pdata[i];
		struct piece *piece = g_hash_table_lookup(harvest->first, exported->fingerprint);

		if (piece && piece->certificate && !piece->certificate->minimal)
			piece->certificate->minimal = g_bytes_new(
				g_bytes_get_data(exported->bytes, NULL),
				g_bytes_get_size(exported->bytes));
	}
	return out.n >= g_hash_table_size(harvest->taken) ? DONE :
		fail(error, LATER, "gpg exports %u certificates of the %u it took", out.n,
			g_hash_table_size(harvest->taken));
}

/* In the file's order.  Of two pieces of one key the first stands for what both hold. */
static GPtrArray *
certificates_take(struct harvest *harvest)
{
	GPtrArray *out = g_ptr_array_new_with_free_func((GDestroyNotify)(void *)certificate_free);

	for (guint i = 0; i < harvest->pieces->len; i++) {
		struct piece *piece = harvest->pieces->pdata[i];
		struct piece *first = g_hash_table_lookup(harvest->first, piece->fingerprint);

		if (piece == first && piece->certificate && piece->certificate->minimal)
			g_ptr_array_add(out, g_steal_pointer(&piece->certificate));
		else if (piece == first)
			refuse(harvest, piece->number, piece->fingerprint,
				piece->is_deadly ? "gpg dies of it" : "gpg does not take it");
	}
	return out;
}

static enum outcome
read_in(const char *home, struct harvest *harvest, GError **error)
{
	g_autoptr(engine_context) context = engine_new(home, error);
	enum outcome how = context ? import_pieces(context, harvest, error) : LATER;

	if (how != DONE || g_hash_table_size(harvest->taken) == 0)
		return how;
	how = list_certificates(context, harvest, error);
	return how == DONE ? export_all(context, harvest, error) : how;
}

enum outcome
certificates_read(GBytes *file, const char *home, GPtrArray **out, GPtrArray **why, GError **error)
{
	g_auto(harvest_auto) harvest = harvest_empty();
	enum outcome how = DONE;

	*out = *why = NULL;
	if (g_bytes_get_size(file) > LIMIT_MAIL_SIZE)
		return limit_reached(error, "keys", "file of certificates", LIMIT_MAIL_SIZE);
	cut_file(&harvest, file);
	if (harvest.pieces->len > 0) {
		how = home_make(home, NO_AGENT, NULL, 0, error);
		if (how == DONE)
			how = read_in(home, &harvest, error);
		home_remove(home);
	}
	if (how != DONE)
		return how;
	*out = certificates_take(&harvest);
	*why = g_steal_pointer(&harvest.why);
	return DONE;
}

static void
list_free(void *list)
{
	g_ptr_array_unref(list);
}

/* The pieces up to `end` and behind `from` are those of one file; NULL: gpg did not take one. */
static GPtrArray *
pieces_take(struct harvest *harvest, guint from, guint end)
{
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)(void *)certificate_free);

	for (guint i = from; i < end; i++) {
		struct piece *piece = harvest->pieces->pdata[i];

		if (!piece->certificate || !piece->certificate->minimal) {
			g_ptr_array_unref(list);
			return NULL;
		}
		g_ptr_array_add(list, g_steal_pointer(&piece->certificate));
	}
	return list;
}

enum outcome
certificates_read_together(GBytes *const *files, guint n, const char *home, GPtrArray **out,
	GError **error)
{
	g_auto(harvest_auto) harvest = harvest_empty();
	g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func(list_free);
	g_autofree guint *ends = g_new0(guint, n + 1);
	bool is_sound = n > 0;

	*out = NULL;
	for (guint i = 0; i < n && is_sound; i++) {
		cut_file(&harvest, files[i]);
		ends[i + 1] = harvest.pieces->len;
		is_sound = harvest.why->len == 0 && ends[i + 1] > ends[i];
	}
	if (!is_sound || g_hash_table_size(harvest.first) != harvest.pieces->len)
		return fail(error, NEVER, "these files cannot be read together");
	enum outcome how = home_make(home, NO_AGENT, NULL, 0, error);
	if (how == DONE)
		how = read_in(home, &harvest, error);
	home_remove(home);
	for (guint i = 0; i < n && how == DONE; i++) {
		GPtrArray *list = pieces_take(&harvest, ends[i], ends[i + 1]);

		if (list)
			g_ptr_array_add(lists, list);
		else
			how = fail(error, NEVER, "gpg does not take one of these files");
	}
	if (how == DONE)
		*out = g_steal_pointer(&lists);
	return how;
}
