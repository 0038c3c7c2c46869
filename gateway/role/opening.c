/* SPDX-License-Identifier: ISC
 *
 * opening: the way of a raw mail to letter and verdict, layer by layer: a letter process parses,
 * then takes out the signature or the ciphertext; keys judge it with the certificates chosen
 * here; what was inside is parsed as the next layer.  A state machine that only says what to ask
 * next, the same for the hub and for `inspect`.  Refuses more than LIMIT_LAYERS layers, and never
 * makes a verdict better than the worst of its layers.
 */
#include "role/opening.h"

#include <string.h>
#include <unistd.h>

#define CANDIDATES_MAX	16	/* certificates of one question */
#define FROM_MAX	2048	/* bytes of a From address that may be somebody's */

enum phase { PARSING, EXTRACTING, UNLOCKING, READING, ENDED };

struct opening_state {
	enum phase phase;
	guint layers;			/* undone */
	bool reads_offered;
	bool is_chosen;			/* certificates are, for this layer */
	bool is_second;			/* asked again, with the signer's certificate */
	bool is_covered;		/* signed within the encryption: all that was inside */
	int result;			/* where the answer's bytes come; -1 */
	struct letter *outer;
	GBytes *sealed;			/* signature or ciphertext of this layer */
	GPtrArray *certificates;	/* struct certificate_row; chosen for this layer */
	char *judged_from;		/* the From address the last signature was judged against */
	guint8 own_sha256[DIGEST_SIZE], body_sha256[DIGEST_SIZE];	/* of the raw mail */
};

/* Layers that keys can undo; the others are shown for what they are. */
static const struct { bool opens, is_ciphertext; } ways[layer_count] = {
	[LAYER_PGP_SIGNED]	= { true, false },
	[LAYER_PGP_ENCRYPTED]	= { true, true },
};

static const enum opening_step steps[] = {
	[PARSING] = OPENING_LETTER, [EXTRACTING] = OPENING_LETTER, [UNLOCKING] = OPENING_KEYS,
	[READING] = OPENING_KEYS, [ENDED] = OPENING_END,
};

static void
row_free(void *row)
{
	certificate_row_free(row);
}

static void
go(struct opening *o, enum phase phase)
{
	o->state->phase = phase;
	o->step = steps[phase];
}

static void
result_drop(struct opening_state *state)
{
	if (state->result >= 0)
		close(state->result);
	state->result = -1;
}

struct opening *
opening_new(int raw, bool reads_offered)
{
	struct opening *o = g_new0(struct opening, 1);

	o->raw = raw;
	o->verdict = verdict_worst(LAYER_PLAIN);
	o->state = g_new0(struct opening_state, 1);
	o->state->reads_offered = reads_offered;
	o->state->result = -1;
	o->state->certificates = g_ptr_array_new_with_free_func(row_free);
	go(o, PARSING);
	return o;
}

void
opening_free(struct opening *o)
{
	if (o == NULL)
		return;
	close(o->raw);
	result_drop(o->state);
	letter_free(o->letter);
	letter_free(o->state->outer);
	verdict_clear(&o->verdict);
	g_clear_pointer(&o->state->sealed, g_bytes_unref);
	g_ptr_array_unref(o->state->certificates);
	g_free(o->state->judged_from);
	g_clear_pointer(&o->offered, g_ptr_array_unref);
	g_free(o->state);
	g_free(o);
}

/* ---- which certificates -------------------------------------------------- */

static bool
has_chosen(const struct opening_state *state, const char *fingerprint)
{
	for (guint i = 0; i < state->certificates->len; i++) {
		const struct certificate_row *row = state->certificates->pdata[i];

		if (g_ascii_strcasecmp(row->fingerprint, fingerprint) == 0)
			return true;
	}
	return false;
}

/* Takes the rows; true: something was added. */
static bool
choose(struct opening_state *state, GPtrArray *rows)
{
	bool is_more = false;

	g_ptr_array_set_free_func(rows, NULL);
	for (guint i = 0; i < rows->len; i++) {
		struct certificate_row *row = rows->pdata[i];

		if (state->certificates->len >= CANDIDATES_MAX || row->bytes == NULL ||
		    has_chosen(state, row->fingerprint)) {
			certificate_row_free(row);
			continue;
		}
		g_ptr_array_add(state->certificates, row);
		is_more = true;
	}
	g_ptr_array_unref(rows);
	return is_more;
}

/* The keys of the party that writes from this address, and what else names the address. */
static void
choose_by_address(struct opening_state *state, const struct world *world, const char *address)
{
	const struct party *party;

	if (address == NULL)
		return;
	party = site_party_by_address(world->site, address);
	for (guint i = 0; party != NULL && party->keys[i] != NULL; i++)
		choose(state, certificates_find(world->certificates, party->keys[i]));
	choose(state, certificates_by_address(world->certificates, address));
}

/* Once a layer, as late as can be: the index may still be in the making when a mail comes. */
static void
choose_certificates(struct opening *o, const struct world *world)
{
	struct opening_state *state = o->state;

	if (state->is_chosen)
		return;
	g_ptr_array_set_size(state->certificates, 0);
	state->is_chosen = true;
	choose_by_address(state, world, o->letter->from.address);
	choose_by_address(state, world, o->letter->outer_from.address);
}

/* ---- what is asked ------------------------------------------------------- */

static int
memfd_empty(void)
{
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);

	return memfd_from_bytes(nothing);
}

/* A place for the answer, ours and the question's. */
static int
result_new(struct opening_state *state, const char *name)
{
	result_drop(state);
	state->result = memfd_new(name);
	return memfd_dup(state->result);
}

static void
ask_parse(struct opening *o, struct question *q)
{
	g_autoptr(GBytes) outer = o->state->outer != NULL ? letter_to_bytes(o->state->outer) :
		g_bytes_new_static("", 0);

	*q = (struct question){ .verb = VERB_PARSE, .n_fds = 3,
		.body = g_variant_new("(b)", (gboolean)(o->state->outer != NULL)),
		.fds = { memfd_dup(o->raw), memfd_from_bytes(outer),
			result_new(o->state, "letter") } };
	q->result = q->fds[2];
}

static void
ask_extract(struct opening *o, struct question *q)
{
	*q = (struct question){ .verb = VERB_EXTRACT, .n_fds = 2,
		.body = g_variant_new("(s)", ""),
		.fds = { memfd_dup(o->raw), result_new(o->state, "sealed") } };
	q->result = q->fds[1];
}

/* A frame has an end, and an address past every name of a certificate is nobody's. */
static const char *
from_of(const struct letter *letter)
{
	const char *from = letter->from.address;

	return from != NULL && strlen(from) <= FROM_MAX ? from : "";
}

/* Of a party's addresses the one that counts: that the mail is from. */
static const char *
address_used(const struct party *party, const char *from)
{
	for (char **address = party->addresses; *address != NULL; address++)
		if (g_ascii_strcasecmp(*address, from) == 0)
			return *address;
	return NULL;
}

static void
add_parties(GVariantBuilder *out, const struct world *world, const char *from,
	const struct certificate_row *row)
{
	for (guint i = 0; i < world->site->parties->len; i++) {
		const struct party *party = world->site->parties->pdata[i];
		g_autofree char *name = party_text(party);
		const char *const used[] = { address_used(party, from), NULL };

		if (party->until >= 0 && party->until < world->now)
			continue;	/* no longer of the team: the key is one like any other */
		for (char **key = party->keys; *key != NULL; key++)
			if (g_ascii_strcasecmp(*key, row->fingerprint) == 0)
				g_variant_builder_add(out, "(ss^as)", row->fingerprint, name,
					used);
	}
}

/* The octets the layer's signature is over, or its ciphertext. */
static int
data_fd(const struct opening *o, GBytes *raw)
{
	g_autoptr(GBytes) covered = NULL;

	if (ways[o->letter->layer].is_ciphertext)
		return memfd_from_bytes(o->state->sealed);
	covered = g_bytes_new_from_bytes(raw, o->letter->covered.at, o->letter->covered.size);
	return memfd_from_bytes(covered);
}

static void
ask_open(struct opening *o, const struct world *world, struct question *q)
{
	bool is_ciphertext = ways[o->letter->layer].is_ciphertext;
	const char *from = from_of(o->letter);
	g_autoptr(GBytes) raw = memfd_map(o->raw, LIMIT_MAIL_SIZE, NULL);
	g_autoptr(GByteArray) all = g_byte_array_new();
	g_autoptr(GBytes) bytes = NULL;
	GVariantBuilder parties, sizes;

	choose_certificates(o, world);
	g_variant_builder_init(&parties, G_VARIANT_TYPE("a(ssas)"));
	g_variant_builder_init(&sizes, G_VARIANT_TYPE("at"));
	for (guint i = 0; i < o->state->certificates->len; i++) {
		const struct certificate_row *row = o->state->certificates->pdata[i];
		gsize size;
		const void *data = g_bytes_get_data(row->bytes, &size);

		g_byte_array_append(all, data, (guint)size);
		g_variant_builder_add(&sizes, "t", (guint64)size);
		add_parties(&parties, world, from, row);
	}
	bytes = g_bytes_new(all->data, all->len);
	*q = (struct question){ .verb = VERB_OPEN, .n_fds = 4,
		.body = g_variant_new("(bsa(ssas)bxtat)", (gboolean)is_ciphertext,
			from, &parties, (gboolean)o->letter->exposed,
			world->now, world->max_plain, &sizes),
		.fds = { data_fd(o, raw),
			is_ciphertext ? memfd_empty() : memfd_from_bytes(o->state->sealed),
			memfd_from_bytes(bytes), result_new(o->state, "plain") } };
	q->result = q->fds[3];
}

static void
ask_read(struct opening *o, struct question *q)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new();

	for (guint i = 0; i < o->letter->offered->len; i++)
		g_ptr_array_add(files, ((struct offered_key *)o->letter->offered->pdata[i])->bytes);
	readings_question((GBytes *const *)files->pdata, files->len, q);
	result_drop(o->state);
	o->state->result = memfd_dup(q->result);
}

void
opening_ask(struct opening *o, const struct world *world, struct question *question)
{
	switch (o->state->phase) {
	case PARSING: ask_parse(o, question); break;
	case EXTRACTING: ask_extract(o, question); break;
	case UNLOCKING: ask_open(o, world, question); break;
	case READING: ask_read(o, question); break;
	case ENDED: panic("nothing is left to be asked");
	}
}

/* ---- verdicts of several layers ------------------------------------------ */

static void
signer_take(struct verdict *all, const struct verdict *one)
{
	g_free(all->fingerprint);
	g_free(all->sha1);
	g_free(all->party);
	all->fingerprint = g_strdup(one->fingerprint);
	all->sha1 = g_strdup(one->sha1);
	all->party = g_strdup(one->party);
	all->signed_at = one->signed_at;
}

/* One signer round several layers says the same thing twice; of two signers nobody knows which of
 * them means the text: the worse word counts, and it grants nothing. */
static void
signature_join(struct verdict *all, const struct verdict *one)
{
	bool is_same = all->fingerprint != NULL &&
		g_strcmp0(all->fingerprint, one->fingerprint) == 0;

	if (one->signature == SIGNATURE_NONE)
		return;
	if (one->signature < all->signature)
		signer_take(all, one);
	if (all->signature == SIGNATURE_NONE) {
		all->signature = one->signature;
		return;
	}
	all->signature = MIN(all->signature, one->signature);
	if (is_same)
		return;
	all->signature = MIN(all->signature, SIGNATURE_UNKNOWN_KEY);
	g_clear_pointer(&all->party, g_free);
}

static void
verdict_join(struct verdict *all, const struct verdict *one)
{
	signature_join(all, one);
	all->encryption = MIN(all->encryption, one->encryption);
}

/* ---- what is answered ---------------------------------------------------- */

/* A signature within the encryption is over all that was inside. */
static void
cover_all(struct letter *letter)
{
	for (guint i = 0; i < letter->parts->len; i++)
		((struct part *)letter->parts->pdata[i])->covered = true;
}

static void
finish(struct opening *o, const struct world *world)
{
	struct opening_state *state = o->state;
	struct letter *letter = o->letter;

	if (state->is_covered)
		cover_all(letter);
	/* Receipts and copies are told by what the sender has of it, and that is the outside. */
	memcpy(letter->own_sha256, state->own_sha256, DIGEST_SIZE);
	memcpy(letter->body_sha256, state->body_sha256, DIGEST_SIZE);
	o->verdict.judged_at = world->now;
	if (o->verdict.signature == SIGNATURE_NONE)
		letter_settle_from(letter, &o->verdict);
	else
		letter_settle_judged(letter, &o->verdict, state->judged_from);
	go(o, state->reads_offered && letter->offered->len > 0 ? READING : ENDED);
}

/* Undone as far as it goes; the letter of this layer is the one people see. */
static enum outcome
layer_begin(struct opening *o, const struct world *world, GError **error)
{
	enum layer layer = o->letter->layer;

	if (o->header_only) {
		o->letter->layer = LAYER_PLAIN;
		o->letter->covered = (struct slice){ 0, 0 };
		finish(o, world);
		return DONE;
	}
	if (ways[layer].opens) {
		if (o->state->layers >= LIMIT_LAYERS)
			return limit_reached(error, "opening", "layers", LIMIT_LAYERS);
		go(o, EXTRACTING);
		return DONE;
	}
	struct verdict worst = verdict_worst(layer);
	verdict_join(&o->verdict, &worst);
	finish(o, world);
	return DONE;
}

static enum outcome
take_letter(struct opening *o, const struct world *world, bool *has_lied, GError **error)
{
	g_autoptr(GBytes) bytes = memfd_map(o->state->result, LIMIT_LETTER_BODY, error);
	g_autoptr(GBytes) raw = memfd_map(o->raw, 2 * LIMIT_MAIL_SIZE, NULL);
	struct letter *letter = bytes != NULL ? letter_from_bytes(bytes, error) : NULL;

	*has_lied = letter == NULL;
	if (letter == NULL)
		return NEVER;
	if (raw == NULL || letter->covered.size > g_bytes_get_size(raw) ||
	    letter->covered.at > g_bytes_get_size(raw) - letter->covered.size) {
		*has_lied = true;
		letter_free(letter);
		return fail(error, NEVER, "mime: a slice outside the mail");
	}
	letter_free(o->letter);
	o->letter = letter;
	if (o->state->layers == 0 && o->state->outer == NULL) {
		memcpy(o->state->own_sha256, letter->own_sha256, DIGEST_SIZE);
		memcpy(o->state->body_sha256, letter->body_sha256, DIGEST_SIZE);
	}
	return layer_begin(o, world, error);
}

static enum outcome
take_sealed(struct opening *o, bool *has_lied, GError **error)
{
	g_autoptr(GBytes) bytes = memfd_map(o->state->result, LIMIT_MAIL_SIZE, error);

	if (bytes == NULL) {
		*has_lied = true;
		return NEVER;
	}
	g_clear_pointer(&o->state->sealed, g_bytes_unref);
	o->state->sealed = g_steal_pointer(&bytes);
	o->state->is_chosen = o->state->is_second = false;
	go(o, UNLOCKING);
	return DONE;
}

/* The layer inside becomes the one that is read; takes raw. */
static void
descend(struct opening *o, int raw)
{
	close(o->raw);
	o->raw = raw;
	letter_free(o->state->outer);
	o->state->outer = g_steal_pointer(&o->letter);
	go(o, PARSING);
}

static enum outcome
layer_opened(struct opening *o, const struct world *world, const struct verdict *verdict,
	GError **error)
{
	bool is_ciphertext = ways[o->letter->layer].is_ciphertext;

	verdict_join(&o->verdict, verdict);
	o->state->layers++;
	if (verdict->signature != SIGNATURE_NONE) {
		g_free(o->state->judged_from);
		o->state->judged_from = g_strdup(o->letter->from.address);
	}
	o->state->is_covered |= is_ciphertext && verdict->signature != SIGNATURE_NONE;
	if (is_ciphertext && verdict->encryption == ENCRYPTION_DECRYPTED) {
		descend(o, g_steal_fd(&o->state->result));
	} else if (!is_ciphertext && o->letter->nested) {
		g_autoptr(GBytes) raw = memfd_map(o->raw, LIMIT_MAIL_SIZE, error);
		g_autoptr(GBytes) inside = NULL;

		if (raw == NULL)
			return LATER;
		inside = g_bytes_new_from_bytes(raw, o->letter->covered.at,
			o->letter->covered.size);
		descend(o, memfd_from_bytes(inside));
	} else {
		finish(o, world);
	}
	return DONE;
}

#define KEY_ID 16	/* hex digits */

/* What gpg names may be a subkey: its id leads to the certificate. */
static bool
choose_signer(struct opening *o, const struct world *world, const char *signer)
{
	gsize n = strlen(signer);

	return choose(o->state, certificates_find(world->certificates, signer)) ||
		(n > KEY_ID && choose(o->state, certificates_find(world->certificates,
			signer + n - KEY_ID)));
}

/* Once a layer: a signer learnt from the answer may be one we know. */
static bool
is_again(struct opening *o, const struct world *world, char *const *missing)
{
	bool is_more = false;

	for (guint i = 0; !o->state->is_second && missing[i] != NULL && i < LIMIT_SIGNATURES; i++)
		if (choose_signer(o, world, missing[i]))
			is_more = true;
	o->state->is_second = true;
	return is_more;
}

static enum outcome
take_opened(struct opening *o, const struct world *world, GVariant *body, bool *has_lied,
	GError **error)
{
	g_autoptr(GVariant) words = NULL;
	g_auto(GStrv) missing = NULL;
	struct verdict verdict;
	enum outcome how;

	g_variant_get(body, "(usb@(uuumsmsmsxx)^as)", NULL, NULL, NULL, &words, &missing);
	if (!verdict_from_variant(words, &verdict)) {
		*has_lied = true;
		return fail(error, NEVER, "keys: a verdict that is none");
	}
	if (is_again(o, world, missing)) {
		verdict_clear(&verdict);
		return DONE;
	}
	how = layer_opened(o, world, &verdict, error);
	verdict_clear(&verdict);
	return how;
}

static enum outcome
take_readings(struct opening *o, bool *has_lied, GError **error)
{
	o->offered = readings_take(o->state->result, o->letter->offered->len, error);
	*has_lied = o->offered == NULL;
	go(o, ENDED);
	return *has_lied ? NEVER : DONE;
}

enum outcome
opening_take(struct opening *o, const struct world *world, GVariant *body, bool *has_lied,
	GError **error)
{
	*has_lied = memfd_freeze(o->state->result, error) != DONE;
	if (*has_lied)
		return NEVER;
	switch (o->state->phase) {
	case PARSING: return take_letter(o, world, has_lied, error);
	case EXTRACTING: return take_sealed(o, has_lied, error);
	case UNLOCKING: return take_opened(o, world, body, has_lied, error);
	case READING: return take_readings(o, has_lied, error);
	case ENDED: break;
	}
	panic("nothing was asked");
}
