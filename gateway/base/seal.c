/* SPDX-License-Identifier: ISC
 *
 * seal: AES-256-GCM over short values (columns of the store) and over files (blobs), through
 * GnuTLS.  The identity of what is sealed is associated data, so that nothing can be moved to
 * another row or another file. Refuses, as NEVER, whatever is forged, torn, cut off, out of
 * order or another one's.
 *
 * Value:   version 1 | nonce 12, random | data | tag 16
 *          associated: version | length of context 4 | context | id 16
 * File:    records of at most 64 KB of plain bytes, all but the last one full:
 *          version 1 | key id 4 | counter 8 | last flag 1 | length 4 | data | tag 16; big endian
 *          associated: those 18 bytes | blob id 16.   nonce: 4 zero bytes | counter.
 * Counters as nonces are safe because each blob has its own random key, used for this one file
 * and never again.
 */
#include "base/base.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define VERSION		1
#define VERSION_CLEAR	0		/* test hook seal=off; ordinary builds refuse it */
#define NONCE_SIZE	12
#define TAG_SIZE	16
#define SEGMENT		65536
#define HEADER_SIZE	18
#define FLAG_AT		13
#define RECORD_MAX	(HEADER_SIZE + SEGMENT + TAG_SIZE)

static guint8
version_now(void)
{
#ifdef UNGCUU_TEST_HOOKS
	if (hook_sealing_off())
		return VERSION_CLEAR;
#endif
	return VERSION;
}

static bool
version_is_known(guint8 version)
{
#ifdef UNGCUU_TEST_HOOKS
	if (version == VERSION_CLEAR)
		return true;
#endif
	return version == VERSION;
}

static void
must(int result)
{
	if (result < 0)
		fatal(EX_SOFTWARE, "AES-256-GCM: %s", gnutls_strerror(result));
}

static gnutls_aead_cipher_hd_t
cipher_new(const guint8 key[32])
{
	gnutls_aead_cipher_hd_t cipher;
	gnutls_datum_t datum = { (unsigned char *)key, 32 };

	must(gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_GCM, &datum));
	return cipher;
}

/* One sealed piece: `out` has room for size + TAG_SIZE. */
struct piece {
	guint8 version;
	const guint8 *nonce;
	const void *associated;
	gsize associated_size;
};

static void
piece_seal(gnutls_aead_cipher_hd_t cipher, const struct piece *piece, const void *data, gsize size,
	guint8 *out)
{
	gsize sealed = size + TAG_SIZE;

	if (piece->version == VERSION_CLEAR) {
		memcpy(out, data, size);
		memset(out + size, 0, TAG_SIZE);
		return;
	}
	must(gnutls_aead_cipher_encrypt(cipher, piece->nonce, NONCE_SIZE, piece->associated,
		piece->associated_size, TAG_SIZE, data, size, out, &sealed));
}

/* `size` is that of the plain bytes; `sealed` holds size + TAG_SIZE. */
static bool
piece_unseal(gnutls_aead_cipher_hd_t cipher, const struct piece *piece, const guint8 *sealed,
	gsize size, guint8 *out)
{
	gsize plain = size;

	if (!version_is_known(piece->version))
		return false;
	if (piece->version == VERSION_CLEAR) {
		memcpy(out, sealed, size);
		return true;
	}
	int result = gnutls_aead_cipher_decrypt(cipher, piece->nonce, NONCE_SIZE, piece->associated,
		piece->associated_size, TAG_SIZE, sealed, size + TAG_SIZE, out, &plain);
	return result == 0 && plain == size;
}

/* ---- values -------------------------------------------------------------------------- */

static GByteArray *
value_associated(guint8 version, const char *context, struct id id)
{
	GByteArray *out = g_byte_array_new();
	guint32 length = GUINT32_TO_BE((guint32)strlen(context));

	g_byte_array_append(out, &version, 1);
	g_byte_array_append(out, (const guint8 *)&length, sizeof length);
	g_byte_array_append(out, (const guint8 *)context, (guint)strlen(context));
	g_byte_array_append(out, id.b, sizeof id.b);
	return out;
}

/* Random nonces: far below the 2^32 values a key may seal so. */
GBytes *
seal_value(const guint8 key[32], const char *context, struct id id, const void *data, gsize size)
{
	gsize total = 1 + NONCE_SIZE + size + TAG_SIZE;
	guint8 *out = g_malloc(total);

	out[0] = version_now();
	random_bytes(out + 1, NONCE_SIZE);
	g_autoptr(GByteArray) associated = value_associated(out[0], context, id);
	struct piece piece = { out[0], out + 1, associated->data, associated->len };
	gnutls_aead_cipher_hd_t cipher = cipher_new(key);
	piece_seal(cipher, &piece, size > 0 ? data : "", size, out + 1 + NONCE_SIZE);
	gnutls_aead_cipher_deinit(cipher);
	return g_bytes_new_take(out, total);
}

static void
plain_free(gpointer data)
{
	GByteArray *plain = data;

	wipe(plain->data, plain->len);
	g_byte_array_unref(plain);
}

GBytes *
unseal_value(const guint8 key[32], const char *context, struct id id, const void *data, gsize size,
	GError **error)
{
	const guint8 *in = data;

	if (size < 1 + NONCE_SIZE + TAG_SIZE) {
		fail(error, NEVER, "seal: %s: cut off", context);
		return NULL;
	}
	gsize n = size - 1 - NONCE_SIZE - TAG_SIZE;
	GByteArray *plain = g_byte_array_new();
	g_byte_array_set_size(plain, (guint)n + 1);	/* at least one byte: never a NULL buffer */
	g_autoptr(GByteArray) associated = value_associated(in[0], context, id);
	struct piece piece = { in[0], in + 1, associated->data, associated->len };
	gnutls_aead_cipher_hd_t cipher = cipher_new(key);
	bool good = piece_unseal(cipher, &piece, in + 1 + NONCE_SIZE, n, plain->data);
	gnutls_aead_cipher_deinit(cipher);
	if (!good) {
		plain_free(plain);
		fail(error, NEVER, "seal: %s: forged, or not this row's, or another key's",
			context);
		return NULL;
	}
	return g_bytes_new_with_free_func(plain->data, n, plain_free, plain);
}

/* ---- files: the record both sides share ---------------------------------------------- */

struct stream {
	gnutls_aead_cipher_hd_t cipher;
	guint8 key_id[4];
	struct id blob;
	guint64 counter;		/* of the record to come */
	guint8 *plain;			/* SEGMENT bytes */
	guint8 *record;		/* RECORD_MAX, and one more: a reader looks past the last one */
};

static void
stream_open(struct stream *stream, const guint8 key[32], struct id blob)
{
	guint8 digest[DIGEST_SIZE];

	digest_keyed(key, "segment key id", NULL, 0, digest);
	memcpy(stream->key_id, digest, sizeof stream->key_id);
	stream->cipher = cipher_new(key);
	stream->blob = blob;
	stream->counter = 0;
	stream->plain = g_malloc(SEGMENT);
	stream->record = g_malloc(RECORD_MAX + 1);
}

static void
stream_close(struct stream *stream)
{
	gnutls_aead_cipher_deinit(stream->cipher);
	wipe(stream->plain, SEGMENT);
	g_free(stream->plain);
	g_free(stream->record);
}

static void
header_make(const struct stream *stream, guint8 version, bool last, guint32 length, guint8 *out)
{
	guint64 counter = GUINT64_TO_BE(stream->counter);

	length = GUINT32_TO_BE(length);
	out[0] = version;
	memcpy(out + 1, stream->key_id, 4);
	memcpy(out + 5, &counter, 8);
	out[FLAG_AT] = last;
	memcpy(out + 14, &length, 4);
}

/* What seals and opens the record whose header is `header`; the caller gives room for nonce and
 * data. */
struct record_room { guint8 nonce[NONCE_SIZE], associated[HEADER_SIZE + sizeof(struct id)]; };

static struct piece
record_piece(const struct stream *stream, const guint8 *header, struct record_room *room)
{
	memset(room->nonce, 0, 4);
	memcpy(room->nonce + 4, header + 5, 8);
	memcpy(room->associated, header, HEADER_SIZE);
	memcpy(room->associated + HEADER_SIZE, stream->blob.b, sizeof stream->blob.b);
	return (struct piece){ header[0], room->nonce, room->associated, sizeof room->associated };
}

/* ---- files: writing ------------------------------------------------------------------ */

struct sealer {
	struct stream stream;
	int fd;
	gsize n;			/* plain bytes waiting */
	guint64 size;
	struct digest *digest;
	bool ended;
};

struct sealer *
sealer_new(int fd, const guint8 key[32], struct id blob)
{
	struct sealer *sealer = g_new0(struct sealer, 1);

	stream_open(&sealer->stream, key, blob);
	sealer->fd = fd;
	sealer->digest = digest_new();
	return sealer;
}

void
sealer_free(struct sealer *sealer)
{
	guint8 unused[DIGEST_SIZE];

	if (!sealer)
		return;
	if (sealer->digest)
		digest_end(sealer->digest, unused);
	stream_close(&sealer->stream);
	g_free(sealer);
}

static enum outcome
write_failed(GError **error)
{
	return fail(error, LATER, "seal: write: %s", g_strerror(errno));
}

static enum outcome
record_write(struct sealer *sealer, bool last, GError **error)
{
	struct stream *stream = &sealer->stream;
	struct record_room room;

	header_make(stream, version_now(), last, (guint32)sealer->n, stream->record);
	struct piece piece = record_piece(stream, stream->record, &room);
	piece_seal(stream->cipher, &piece, stream->plain, sealer->n, stream->record + HEADER_SIZE);
	if (FAULT_NOSPACE("seal.space")) {
		errno = ENOSPC;
		return write_failed(error);
	}
	if (!write_all(sealer->fd, stream->record, HEADER_SIZE + sealer->n + TAG_SIZE))
		return write_failed(error);
	stream->counter++;
	sealer->n = 0;
	return DONE;
}

/* A full segment waits until there is more: only then it is known not to be the last one. */
enum outcome
sealer_put(struct sealer *sealer, const void *data, gsize size, GError **error)
{
	const guint8 *at = data;

	if (sealer->ended)
		panic("sealer_put() after the end");
	if (size > 0)
		digest_put(sealer->digest, data, size);
	sealer->size += size;
	while (size > 0) {
		if (sealer->n == SEGMENT && record_write(sealer, false, error) != DONE)
			return LATER;
		gsize n = MIN(size, SEGMENT - sealer->n);

		memcpy(sealer->stream.plain + sealer->n, at, n);
		sealer->n += n;
		at += n;
		size -= n;
	}
	return DONE;
}

enum outcome
sealer_end(struct sealer *sealer, guint64 *size, guint8 sha256[DIGEST_SIZE], GError **error)
{
	if (sealer->ended)
		panic("sealer_end() twice");
	sealer->ended = true;
	if (record_write(sealer, true, error) != DONE)
		return LATER;
	FAULT("seal.sync.before");
	if (fsync(sealer->fd) != 0)
		return fail(error, LATER, "seal: fsync: %s", g_strerror(errno));
	FAULT("seal.sync.after");
	*size = sealer->size;
	digest_end(g_steal_pointer(&sealer->digest), sha256);
	return DONE;
}

/* ---- files: reading ------------------------------------------------------------------ */

/* Bytes read at `at`, fewer only at the end of the file; -1 with errno. */
static gssize
read_at(int fd, void *out, gsize size, guint64 at)
{
	gsize n = 0;

	while (n < size) {
		ssize_t got = pread(fd, (guint8 *)out + n, size - n, (off_t)(at + n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (gsize)got;
	}
	return (gssize)n;
}

/* What is wrong with the header of the record that should come now, or NULL. */
static const char *
header_fault(const struct stream *stream, const guint8 *header, guint32 *length, bool *last)
{
	guint8 expected[HEADER_SIZE];

	memcpy(length, header + 14, 4);
	*length = GUINT32_FROM_BE(*length);
	*last = header[FLAG_AT] == 1;
	header_make(stream, header[0], *last, *length, expected);
	if (!version_is_known(header[0]))
		return "unknown version";
	if (memcmp(header + 1, expected + 1, 4) != 0)
		return "another key's";
	if (memcmp(header + 5, expected + 5, 8) != 0)
		return "segments out of order";
	if (header[FLAG_AT] > 1 || *length > SEGMENT || (!*last && *length != SEGMENT) ||
	    (*last && *length == 0 && stream->counter > 0))
		return "impossible segment";
	return NULL;
}

struct reading { int in, out; guint64 at, size, max; bool last; };

static enum outcome
record_read(struct stream *stream, struct reading *reading, GError **error)
{
	struct record_room room;
	guint32 length;
	gssize n = read_at(reading->in, stream->record, RECORD_MAX + 1, reading->at);

	if (n < 0)
		return fail(error, LATER, "seal: read: %s", g_strerror(errno));
	if (n < HEADER_SIZE)
		return fail(error, NEVER, "seal: cut off");
	const char *fault = header_fault(stream, stream->record, &length, &reading->last);
	if (fault)
		return fail(error, NEVER, "seal: %s", fault);
	gsize size = HEADER_SIZE + length + TAG_SIZE;
	if ((gsize)n < size)
		return fail(error, NEVER, "seal: cut off");
	if (reading->last && (gsize)n > size)
		return fail(error, NEVER, "seal: data after the last segment");
	struct piece piece = record_piece(stream, stream->record, &room);
	if (!piece_unseal(stream->cipher, &piece, stream->record + HEADER_SIZE, length,
	    stream->plain))
		return fail(error, NEVER, "seal: forged segment");
	if (length > reading->max - reading->size)
		return fail(error, NEVER, "seal: larger than %" G_GUINT64_FORMAT " bytes",
			reading->max);
	if (!write_all(reading->out, stream->plain, length))
		return fail(error, LATER, "seal: memfd: %s", g_strerror(errno));
	reading->at += size;
	reading->size += length;
	stream->counter++;
	return DONE;
}

int
unseal_file(int fd, const guint8 key[32], struct id blob, guint64 max, GError **error)
{
	struct stream stream;
	struct reading reading = { .in = fd, .out = memfd_new("plain"), .max = max };
	enum outcome outcome = DONE;

	stream_open(&stream, key, blob);
	while (outcome == DONE && !reading.last)
		outcome = record_read(&stream, &reading, error);
	stream_close(&stream);
	if (outcome == DONE)
		outcome = memfd_freeze(reading.out, error);
	if (outcome != DONE) {
		close(reading.out);
		return -1;
	}
	return reading.out;
}
