/* SPDX-License-Identifier: ISC
 *
 * open: undoes one layer of protection and writes the verdict on it.  Relies on a private home
 * with our certificates and the candidates' (keyring.c), on packets.c for what gpg is given and on
 * verdict.c for what its answer means.  Refuses to hand out a plain text unless gpg ended without
 * error, nothing stood behind the one message, and its integrity was proven; whatever came out
 * before that is wiped.
 */
#include "crypto/crypto.h"

#include <errno.h>
#include <string.h>

#include "crypto/engine.h"
#include "crypto/packets.h"
#include "crypto/verdict.h"

#define WHERE		"keys"	/* in a limit's reason */
#define KEYS_TRIED	8	/* session keys that may be for us, for a second try */

struct opener {
	gpgme_ctx_t context;
	char *home;
	GPtrArray *certificates;	/* gpgme_key_t: all of the home, read once */
};

struct opener *
opener_new(const char *home)
{
	g_autoptr(GError) error = NULL;
	struct opener *opener = g_new0(struct opener, 1);

	opener->context = engine_new(home, &error);
	if (!opener->context)
		fatal(70, "%s", error->message);
	gpgme_set_keylist_mode(opener->context, GPGME_KEYLIST_MODE_LOCAL |
		GPGME_KEYLIST_MODE_WITH_KEYGRIP);
	opener->home = g_strdup(home);
	return opener;
}

void
opener_renew(struct opener *opener)
{
	g_clear_pointer(&opener->certificates, g_ptr_array_unref);
}

void
opener_free(struct opener *opener)
{
	if (!opener)
		return;
	opener_renew(opener);
	gpgme_release(opener->context);
	g_free(opener->home);
	g_free(opener);
}

/* A home holds what one mail needs: one listing is cheaper than a look for each certificate. */
static enum outcome
read_home(struct opener *opener, GError **error)
{
	return opener->certificates ? DONE :
		engine_list(opener->context, NULL, false, &opener->certificates, error);
}

/* ---- plain text ---------------------------------------------------------- */

/* Where gpg's output goes.  Past the limit gpg itself is stopped: it would write two gigabytes
 * out of three kilobytes. */
struct sink { GByteArray *bytes; guint64 max; bool is_full; };

static ssize_t
sink_write(void *handle, const void *data, size_t n)
{
	struct sink *sink = handle;

	if (sink->is_full || n > sink->max - sink->bytes->len) {
		sink->is_full = true;
		errno = EFBIG;
		return -1;
	}
	g_byte_array_append(sink->bytes, data, (guint)n);
	return (ssize_t)n;
}

static void
sink_clear(struct sink *sink)
{
	if (!sink->bytes)
		return;
	wipe(sink->bytes->data, sink->bytes->len);
	g_clear_pointer(&sink->bytes, g_byte_array_unref);
}
typedef struct sink sink_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sink_auto, sink_clear)

static gpgme_error_t
sink_open(struct sink *sink, guint64 max, gpgme_data_t *data)
{
	static struct gpgme_data_cbs callbacks = { .write = sink_write };

	*sink = (struct sink){ .bytes = g_byte_array_new(), .max = MIN(max, G_MAXINT32) };
	return gpgme_data_new_from_cbs(data, &callbacks, sink);
}

static gpgme_error_t
source_open(GBytes *bytes, gpgme_data_t *data)
{
	gsize size;
	const char *at = g_bytes_get_data(bytes, &size);

	return gpgme_data_new_from_mem(data, at ? at : "", size, 0);
}

static void
wipe_and_free(gpointer data)
{
	GByteArray *bytes = data;

	wipe(bytes->data, bytes->len);
	g_byte_array_unref(bytes);
}

static GBytes *
sink_take(struct sink *sink)
{
	GByteArray *bytes = g_steal_pointer(&sink->bytes);

	return g_bytes_new_with_free_func(bytes->data, bytes->len, wipe_and_free, bytes);
}

void
opened_clear(struct opened *opened)
{
	verdict_clear(&opened->verdict);
	g_clear_pointer(&opened->plain, g_bytes_unref);
	g_clear_pointer(&opened->missing, g_ptr_array_unref);
	g_clear_pointer(&opened->recipients, g_ptr_array_unref);
	opened->agent_fault = false;
}

static void
opened_begin(struct opened *opened, enum layer layer, gint64 now)
{
	*opened = (struct opened){ .verdict = verdict_worst(layer),
		.missing = g_ptr_array_new_with_free_func(g_free),
		.recipients = g_ptr_array_new_with_free_func(g_free) };
	opened->verdict.judged_at = now;
}

/* ---- detached signatures ------------------------------------------------- */

/* What the signer hashed.  A Maildir keeps mail with LF; signatures are over CRLF (RFC 3156 §5). */
static GBytes *
verification_copy(GBytes *data)
{
	gsize size, n_bare = 0, n = 0;
	const guint8 *text = g_bytes_get_data(data, &size);

	for (gsize i = 0; i < size; i++)
		n_bare += text[i] == '\n' && (i == 0 || text[i - 1] != '\r');
	if (n_bare == 0)
		return g_bytes_ref(data);
	guint8 *copy = g_malloc(size + n_bare);		/* both at most a mail's size */
	for (gsize i = 0; i < size; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			copy[n++] = '\r';
		copy[n++] = text[i];
	}
	return g_bytes_new_take(copy, n);
}

static guint
signatures_count(gpgme_ctx_t context)
{
	gpgme_verify_result_t result = gpgme_op_verify_result(context);
	guint n = 0;

	for (gpgme_signature_t each = result ? result->signatures : NULL; each; each = each->next)
		n++;
	return n;
}

static gpgme_error_t
verify_once(struct opener *opener, GBytes *signature, GBytes *text)
{
	g_autoptr(engine_data) signature_data = NULL;
	g_autoptr(engine_data) text_data = NULL;
	gpgme_error_t why = source_open(signature, &signature_data);
	struct engine_run run;

	if (why == 0)
		why = source_open(text, &text_data);
	if (why != 0)
		return why;
	engine_begin(opener->context, &run);
	return engine_end(opener->context, &run, gpgme_op_verify_start(opener->context,
		signature_data, text_data, NULL));
}

/* gpg that dies leaves out signatures, and so does gpg that cannot read them.  Once more tells the
 * one from the other well enough, and a mail that kills it each time comes to an end. */
static gpgme_error_t
verify(struct opener *opener, GBytes *signature, GBytes *text, guint expected)
{
	gpgme_error_t why = verify_once(opener, signature, text);

	return why == 0 && signatures_count(opener->context) == expected ? why :
		verify_once(opener, signature, text);
}

static enum outcome
verify_and_judge(struct opener *opener, GBytes *binary, const struct signatures *signatures,
	const struct open_request *request, struct opened *opened)
{
	g_autoptr(GBytes) text = verification_copy(request->data);
	struct evidence evidence = { .certificates = opener->certificates,
		.expected = signatures->n, .has_odd = signatures->has_odd, .request = request };
	gpgme_error_t why = verify(opener, binary, text, signatures->n);

	if (is_system_error(why))
		return LATER;
	/* Any other error of the whole makes each part worthless, whatever is said about it. */
	gpgme_verify_result_t result = why == 0 ? gpgme_op_verify_result(opener->context) : NULL;
	evidence.signatures = result ? result->signatures : NULL;
	verdict_judge(&evidence, &opened->verdict, opened->missing);
	return DONE;
}

enum outcome
open_verify(struct opener *opener, const struct open_request *request, struct opened *opened,
	GError **error)
{
	g_auto(signatures_auto) signatures = { 0 };

	opened_begin(opened, LAYER_PGP_SIGNED, request->now);
	if (g_bytes_get_size(request->data) > request->max_plain)
		return limit_reached(error, WHERE, request->limit_name, request->max_plain);
	g_autoptr(GBytes) binary = armor_strip(request->signature);
	if (binary && signatures_scan(binary, &signatures, error) != DONE)
		return NEVER;
	if (signatures.n == 0) {	/* announced as signed, and it is no signature */
		opened->verdict.signature = SIGNATURE_BAD;
		return DONE;
	}
	enum outcome how = read_home(opener, error);
	if (how != DONE)
		return how;
	if (verify_and_judge(opener, binary, &signatures, request, opened) != DONE)
		return fail(error, LATER, "verify: gpg could not be used");
	return DONE;
}

GPtrArray *
open_signers(GBytes *signature)
{
	g_auto(signatures_auto) signatures = { 0 };
	g_autoptr(GBytes) binary = armor_strip(signature);

	if (!binary || signatures_scan(binary, &signatures, NULL) != DONE || signatures.n == 0)
		return g_ptr_array_new_with_free_func(g_free);
	return g_steal_pointer(&signatures.issuers);
}

/* ---- whom a ciphertext is for -------------------------------------------- */

/* Whose key this id is; without a certificate only a primary key can be told by its id. */
static const char *
owner_of(struct opener *opener, const char *const *fingerprints, const char *key_id)
{
	for (; fingerprints && *fingerprints; fingerprints++) {
		gpgme_key_t key = certificate_find(opener->certificates, *fingerprints);

		if (g_str_has_suffix(*fingerprints, key_id))
			return *fingerprints;
		for (gpgme_subkey_t sub = key ? key->subkeys : NULL; sub; sub = sub->next)
			if (sub->keyid && strcmp(sub->keyid, key_id) == 0)
				return *fingerprints;
	}
	return NULL;
}

struct audience { guint n_ours, n_gone; };

static struct audience
audience_of(struct opener *opener, const struct open_request *request, const GPtrArray *key_ids)
{
	struct audience audience = { 0 };

	for (guint i = 0; i < key_ids->len; i++) {
		/* A gone key may stand in the list of ours, too: old_keys has both. */
		if (owner_of(opener, request->gone_keys, key_ids->pdata[i]))
			audience.n_gone++;
		else if (owner_of(opener, request->own_keys, key_ids->pdata[i]))
			audience.n_ours++;
	}
	return audience;
}

/* Senders encrypt to themselves, too: "only to a gone key" is said of our keys alone. */
static enum encryption
not_ours_word(const struct audience *audience)
{
	return audience->n_gone > 0 ? ENCRYPTION_EXPIRED_KEY : ENCRYPTION_NOT_FOR_US;
}

/* Without their certificates our own keys could not be told from strangers'. */
static enum outcome
check_own_certificates(struct opener *opener, const struct open_request *request, bool *agent_fault,
	GError **error)
{
	for (const char *const *own = request->own_keys; own && *own; own++)
		if (!certificate_find(opener->certificates, *own) &&
		    !(request->gone_keys && g_strv_contains(request->gone_keys, *own))) {
			*agent_fault = true;
			return fail(error, LATER, "our key %s is not in the private home", *own);
		}
	return DONE;
}

/* ---- is it the mail or is it us? ----------------------------------------- */

static bool
holds(const GPtrArray *key_ids, const char *key_id)
{
	return g_ptr_array_find_with_equal_func((GPtrArray *)(gpointer)key_ids, key_id, g_str_equal,
		NULL);
}

/* Each key of ours that this message names, or all where it hides its recipient.  Asked of the
 * agent itself: nothing in the message has a say in it. */
static bool
own_keys_work(struct opener *opener, const struct open_request *request,
	const struct ciphertext *ciphertext)
{
	for (const char *const *own = request->own_keys; own && *own; own++) {
		gpgme_key_t key = certificate_find(opener->certificates, *own);

		if (request->gone_keys && g_strv_contains(request->gone_keys, *own))
			continue;
		for (gpgme_subkey_t sub = key ? key->subkeys : NULL; sub; sub = sub->next)
			if (sub->can_encrypt && sub->keyid &&
			    (ciphertext->n_hidden > 0 || holds(ciphertext->key_ids, sub->keyid)) &&
			    !(sub->keygrip && agent_can_use(opener->home, sub->keygrip)))
				return false;
	}
	return true;
}

/* ---- decryption ---------------------------------------------------------- */

struct attempt {
	struct opener *opener;
	const struct open_request *request;
	struct ciphertext ciphertext;
	struct audience audience;
	GBytes *binary;
	gpgme_error_t why;	/* of the last operation */
	bool is_full;		/* max_plain reached */
};

static void
attempt_clear(struct attempt *attempt)
{
	ciphertext_clear(&attempt->ciphertext);
	g_clear_pointer(&attempt->binary, g_bytes_unref);
}
typedef struct attempt attempt_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(attempt_auto, attempt_clear)

/* NULL with attempt->why. */
static GBytes *
decrypt(struct attempt *attempt, gpgme_decrypt_flags_t flags, guint64 max)
{
	g_autoptr(engine_data) sealed = NULL;
	g_autoptr(engine_data) plain = NULL;
	g_auto(sink_auto) sink = { 0 };
	gpgme_ctx_t context = attempt->opener->context;

	attempt->why = source_open(attempt->binary, &sealed);
	if (attempt->why == 0)
		attempt->why = sink_open(&sink, max, &plain);
	if (attempt->why == 0) {
		struct engine_run run;

		engine_begin(context, &run);
		attempt->why = engine_end(context, &run, gpgme_op_decrypt_ext_start(context, flags,
			sealed, plain));
	}
	attempt->is_full = sink.is_full;
	return attempt->why == 0 && !sink.is_full ? sink_take(&sink) : NULL;
}

/* gpg 2.2 reports a tampered or shortened AEAD packet as decrypted, and hands out what was before
 * the fault; only when it unwraps without looking inside does it say so.  So that is asked first.
 * */
static bool
is_whole(struct attempt *attempt)
{
	if (!attempt->ciphertext.is_aead)
		return true;
	g_autoptr(GBytes) inner = decrypt(
		attempt, GPGME_DECRYPT_UNWRAP, g_bytes_get_size(attempt->binary));
	return inner != NULL;
}

static bool
is_unsupported(struct attempt *attempt)
{
	static const gpgme_err_code_t codes[] = { GPG_ERR_UNSUPPORTED_ALGORITHM,
		GPG_ERR_CIPHER_ALGO, GPG_ERR_PUBKEY_ALGO, GPG_ERR_UNKNOWN_VERSION };
	gpgme_decrypt_result_t result = gpgme_op_decrypt_result(attempt->opener->context);

	if (result && result->unsupported_algorithm)
		return true;
	for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
		if (gpgme_err_code(attempt->why) == codes[i])
			return true;
	return false;
}

/* gpg says of each recipient that its secret key is not here: GnuPG 2.4 ends with another error
 * where a hidden one turned out not to be ours. */
static bool
none_has_key(struct attempt *attempt)
{
	gpgme_decrypt_result_t result = gpgme_op_decrypt_result(attempt->opener->context);

	if (gpgme_err_code(attempt->why) == GPG_ERR_NO_SECKEY)
		return true;
	if (!result || !result->recipients)
		return false;
	for (gpgme_recipient_t r = result->recipients; r; r = r->next)
		if (gpgme_err_code(r->status) != GPG_ERR_NO_SECKEY)
			return false;
	return true;
}

/* Of a message that gpg could not open although our keys work. */
static enum outcome
explain_failure(struct attempt *attempt, struct opened *opened, GError **error)
{
	if (is_unsupported(attempt))
		opened->verdict.encryption = ENCRYPTION_UNSUPPORTED;
	else if (attempt->audience.n_ours == 0 && none_has_key(attempt))
		opened->verdict.encryption = not_ours_word(&attempt->audience);
	else if (is_system_error(attempt->why))
		return engine_fail(error, LATER, "decrypt", attempt->why);
	else
		opened->verdict.encryption = ENCRYPTION_MALFORMED;
	return DONE;
}

static const char *
skip_all(const char *at, const char *end, const char *set)
{
	while (at < end && *at != '\0' && strchr(set, *at))
		at++;
	return at;
}

/* "pub:-:255:22:0123456789ABCDEF:", where the first colon is at `at`. */
static bool
is_listing_at(const char *text, const char *at, const char *end)
{
	static const char *const sets[] = { "abcdefghijklmnopqrstuvwxyz-?", G_CSET_DIGITS,
		G_CSET_DIGITS, "0123456789ABCDEF" };
	const char *from = at;

	if (at - text < 3 || (memcmp(at - 3, "pub", 3) != 0 && memcmp(at - 3, "sub", 3) != 0 &&
	    memcmp(at - 3, "sec", 3) != 0 && memcmp(at - 3, "ssb", 3) != 0))
		return false;
	for (guint i = 0; i < G_N_ELEMENTS(sets); i++) {
		from = at + 1;
		at = skip_all(from, end, sets[i]);
		if (at == end || *at != ':')
			return false;
	}
	return at - from == 16;
}

/* gpg 2.2 lists a key that it finds beside the signed text right into the plain text, user ids and
 * all, and calls the signature good.  Such lines are the wrapper's, not the signer's. */
static bool
has_listing(GBytes *plain)
{
	gsize size;
	const char *text = g_bytes_get_data(plain, &size), *end = text + size;

	for (const char *at = text; (at = memchr(at, ':', (gsize)(end - at))) != NULL; at++)
		if (is_listing_at(text, at, end))
			return true;
	return false;
}

static GBytes *
decrypt_whole(struct attempt *attempt)
{
	return is_whole(attempt) ? decrypt(attempt, GPGME_DECRYPT_VERIFY,
		attempt->request->max_plain) : NULL;
}

/* DONE: *plain, or else a word.  What failed is tried once more when our keys are seen to work: the
 * agent may have been away for a moment, or gpg was killed, and a message that is ours must not be
 * called broken for that.  Not where somebody made each try long. */
static enum outcome
decrypt_or_explain(struct attempt *attempt, GBytes **plain, struct opened *opened, GError **error)
{
	guint n_tried = attempt->audience.n_ours + attempt->ciphertext.n_hidden;

	for (guint tries = n_tried > KEYS_TRIED ? 1 : 0; tries < 2; tries++) {
		*plain = decrypt_whole(attempt);
		if (*plain)
			return DONE;
		gpgme_error_t why = attempt->why;
		if (attempt->is_full)
			return limit_reached(error, WHERE, attempt->request->limit_name,
				attempt->request->max_plain);
		if (!own_keys_work(attempt->opener, attempt->request, &attempt->ciphertext)) {
			opened->agent_fault = true;
			return engine_fail(error, LATER, "decrypt: a key of ours cannot be used",
				why);
		}
	}
	return explain_failure(attempt, opened, error);
}

static enum outcome
decrypt_and_judge(struct attempt *attempt, struct opened *opened, GError **error)
{
	g_autoptr(GBytes) plain = NULL;
	enum outcome how = decrypt_or_explain(attempt, &plain, opened, error);

	if (how != DONE || !plain)
		return how;
	if (g_bytes_get_size(plain) == 0) {	/* an honest sender has something to say */
		opened->verdict.encryption = ENCRYPTION_MALFORMED;
		return DONE;
	}
	if (signatures_count(attempt->opener->context) > LIMIT_SIGNATURES)
		return limit_reached(error, WHERE, "signatures", LIMIT_SIGNATURES);
	gpgme_verify_result_t result = gpgme_op_verify_result(attempt->opener->context);
	struct open_request request = *attempt->request;
	struct evidence evidence = { .certificates = attempt->opener->certificates,
		.signatures = result ? result->signatures : NULL, .request = &request };
	request.outside = request.outside || has_listing(plain);
	verdict_judge(&evidence, &opened->verdict, opened->missing);
	opened->verdict.encryption = ENCRYPTION_DECRYPTED;
	opened->plain = g_steal_pointer(&plain);
	return DONE;
}

enum outcome
open_decrypt(struct opener *opener, const struct open_request *request, struct opened *opened,
	GError **error)
{
	g_auto(attempt_auto) attempt = { .opener = opener, .request = request };

	opened_begin(opened, LAYER_PGP_ENCRYPTED, request->now);
	opened->verdict.encryption = ENCRYPTION_MALFORMED;
	attempt.binary = armor_strip(request->data);
	if (!attempt.binary)
		return DONE;
	if (ciphertext_scan(attempt.binary, &attempt.ciphertext, error) != DONE)
		return NEVER;
	g_ptr_array_extend(opened->recipients, attempt.ciphertext.key_ids,
		(GCopyFunc)(void *)g_strdup, NULL);
	if (attempt.ciphertext.word != ENCRYPTION_DECRYPTED) {
		opened->verdict.encryption = attempt.ciphertext.word;
		return DONE;
	}
	if (attempt.ciphertext.n_passwords > 0) {
		g_autoptr(GBytes) scanned = attempt.binary;
		attempt.binary = ciphertext_without_passwords(scanned);
	}
	enum outcome how = read_home(opener, error);
	if (how == DONE)
		how = check_own_certificates(opener, request, &opened->agent_fault, error);
	if (how != DONE)
		return how;
	attempt.audience = audience_of(opener, request, attempt.ciphertext.key_ids);
	if (attempt.audience.n_ours == 0 && attempt.ciphertext.n_hidden == 0) {
		opened->verdict.encryption = not_ours_word(&attempt.audience);
		return DONE;
	}
	return decrypt_and_judge(&attempt, opened, error);
}
