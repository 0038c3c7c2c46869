/* SPDX-License-Identifier: ISC
 *
 * letter: an opened mail as plain data.  It is made in a disposable process that has seen
 * hostile bytes, so what comes back is foreign input too: one GVariant type without `v`, counts
 * checked before any element is looked at, then normal form (which also proves every string
 * valid UTF-8), then every length. Refuses to guess: whatever is out of bounds refuses the whole
 * letter with the limit's name.
 */
#include "model/model.h"

#include <string.h>

#define BOUNCE_TYPE "(msmsmsmsmsmsms)"
#define LETTER_WITH(bounce) "((msms)ua(msms)smsasxa(ss)sssmsa(smsstsb)a(sss)m" bounce \
	"m(msms)asu(tt)(tt)bayayu(msms)ba(smsay)(bb))"
#define LETTER_TYPE LETTER_WITH(BOUNCE_TYPE)
#define STORED_TYPE LETTER_WITH("(msmsmsms)")	/* bounces stored before the last three were read */
#define LETTER_LAST_DATE G_GINT64_CONSTANT(253402300799999)	/* the end of the year 9999 */

/* ---- out ------------------------------------------------------------------------------ */

static GVariant *
digest_variant(const guint8 digest[DIGEST_SIZE])
{
	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, digest, DIGEST_SIZE, 1);
}

static GVariant *
texts_variant(const GPtrArray *texts)
{
	return g_variant_new_strv((const char *const *)texts->pdata, (gssize)texts->len);
}

static GVariant *
addresses_variant(const GPtrArray *addresses)
{
	GVariantBuilder b = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(msms)"));

	for (guint i = 0; i < addresses->len; i++) {
		const struct address *a = addresses->pdata[i];

		g_variant_builder_add(&b, "(msms)", a->name, a->address);
	}
	return g_variant_builder_end(&b);
}

static GVariant *
fields_variant(const GPtrArray *fields)
{
	GVariantBuilder b = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(ss)"));

	for (guint i = 0; i < fields->len; i++) {
		const struct field *f = fields->pdata[i];

		g_variant_builder_add(&b, "(ss)", f->name, f->value);
	}
	return g_variant_builder_end(&b);
}

static GVariant *
parts_variant(const GPtrArray *parts)
{
	GVariantBuilder b = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(smsstsb)"));

	for (guint i = 0; i < parts->len; i++) {
		const struct part *p = parts->pdata[i];

		g_variant_builder_add(&b, "(smsstsb)", p->number, p->name, p->type, p->size,
		    p->sha256, (gboolean)p->covered);
	}
	return g_variant_builder_end(&b);
}

static GVariant *
indicators_variant(const GPtrArray *indicators)
{
	GVariantBuilder b = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(sss)"));

	for (guint i = 0; i < indicators->len; i++) {
		const struct indicator *n = indicators->pdata[i];

		g_variant_builder_add(&b, "(sss)", n->type, n->value, n->seen);
	}
	return g_variant_builder_end(&b);
}

static GVariant *
bounce_variant(const struct bounce *b)
{
	GVariant *inner = NULL;

	if (b != NULL)
		inner = g_variant_new(BOUNCE_TYPE, b->action, b->status, b->recipient,
		    b->message_id, b->original, b->envelope_id, b->our_id);
	return g_variant_new_maybe(G_VARIANT_TYPE(BOUNCE_TYPE), inner);
}

static GVariant *
feedback_variant(const struct feedback *f)
{
	GVariant *inner = f == NULL ? NULL : g_variant_new("(msms)", f->format, f->type);

	return g_variant_new_maybe(G_VARIANT_TYPE("(msms)"), inner);
}

static GVariant *
offered_variant(const GPtrArray *offered)
{
	GVariantBuilder b = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(smsay)"));

	for (guint i = 0; i < offered->len; i++) {
		const struct offered_key *k = offered->pdata[i];

		g_variant_builder_add(&b, "(sms@ay)", k->source, k->address,
		    g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, k->bytes, TRUE));
	}
	return g_variant_builder_end(&b);
}

GVariant *
letter_to_variant(const struct letter *l)
{
	GVariantBuilder b = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE(LETTER_TYPE));

	g_variant_builder_add(&b, "(msms)", l->from.name, l->from.address);
	g_variant_builder_add(&b, "u", (guint32)l->n_from);
	g_variant_builder_add_value(&b, addresses_variant(l->to));
	g_variant_builder_add(&b, "s", l->subject);
	g_variant_builder_add(&b, "ms", l->message_id);
	g_variant_builder_add_value(&b, texts_variant(l->references));
	g_variant_builder_add(&b, "x", l->date);
	g_variant_builder_add_value(&b, fields_variant(l->fields));
	g_variant_builder_add(&b, "s", l->text);
	g_variant_builder_add(&b, "s", l->quoted);
	g_variant_builder_add(&b, "s", l->outside);
	g_variant_builder_add(&b, "ms", l->language);
	g_variant_builder_add_value(&b, parts_variant(l->parts));
	g_variant_builder_add_value(&b, indicators_variant(l->indicators));
	g_variant_builder_add_value(&b, bounce_variant(l->bounce));
	g_variant_builder_add_value(&b, feedback_variant(l->feedback));
	g_variant_builder_add_value(&b, texts_variant(l->notes));
	g_variant_builder_add(&b, "u", (guint32)l->layer);
	g_variant_builder_add(&b, "(tt)", l->covered.at, l->covered.size);
	g_variant_builder_add(&b, "(tt)", l->sealed.at, l->sealed.size);
	g_variant_builder_add(&b, "b", (gboolean)l->truncated);
	g_variant_builder_add_value(&b, digest_variant(l->body_sha256));
	g_variant_builder_add_value(&b, digest_variant(l->own_sha256));
	g_variant_builder_add(&b, "u", (guint32)l->header_protection);
	g_variant_builder_add(&b, "(msms)", l->outer_from.name, l->outer_from.address);
	g_variant_builder_add(&b, "b", (gboolean)l->within_encryption);
	g_variant_builder_add_value(&b, offered_variant(l->offered));
	g_variant_builder_add(&b, "(bb)", (gboolean)l->exposed, (gboolean)l->nested);
	return g_variant_builder_end(&b);
}

GBytes *
letter_to_bytes(const struct letter *l)
{
	g_autoptr(GVariant) variant = g_variant_ref_sink(letter_to_variant(l));

	return g_variant_get_data_as_bytes(variant);
}

/* ---- in ------------------------------------------------------------------------------- */

/* Children of the tuple, in the order of LETTER_TYPE. */
enum child { FROM, N_FROM, TO, SUBJECT, MESSAGE_ID, REFERENCES, DATE, FIELDS, TEXT, QUOTED, OUTSIDE,
	LANGUAGE, PARTS, INDICATORS, BOUNCE, FEEDBACK, NOTES, LAYER, COVERED, SEALED, TRUNCATED,
	BODY_SHA256, OWN_SHA256, PROTECTION, OUTER_FROM, WITHIN, OFFERED, COVER };

/* How many elements each array may have; checked before any is looked at. */
static const struct {
	enum child child;
	gsize max;
	const char *word;
} count_limits[] = {
	{ TO,		LIMIT_ADDRESSES,	"addresses" },
	{ REFERENCES,	LIMIT_REFERENCES,	"references" },
	{ FIELDS,	LIMIT_HEADER_FIELDS,	"header fields" },
	{ PARTS,	LIMIT_LETTER_PARTS,	"attachments" },
	{ INDICATORS,	LIMIT_INDICATORS,	"indicators" },
	{ NOTES,	LIMIT_NOTES,		"notes" },
	{ BODY_SHA256,	DIGEST_SIZE,		"digest" },
	{ OWN_SHA256,	DIGEST_SIZE,		"digest" },
	{ OFFERED,	LIMIT_OFFERED,		"offered keys" },
};

/* How long each text of its own may be; those in arrays are bounded by LIMIT_LETTER_BODY alone. */
static const struct {
	enum child child;
	gsize max;
	const char *word;
} text_limits[] = {
	{ SUBJECT,	LIMIT_LETTER_TEXT,	"text" },
	{ TEXT,		LIMIT_LETTER_TEXT,	"text" },
	{ QUOTED,	LIMIT_LETTER_TEXT,	"text" },
	{ OUTSIDE,	LIMIT_LETTER_TEXT,	"text" },
};

static enum outcome
check_counts(GVariant *v, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(count_limits); i++) {
		g_autoptr(GVariant) array = g_variant_get_child_value(v, count_limits[i].child);

		if (g_variant_n_children(array) > count_limits[i].max)
			return limit_reached(error, "letter", count_limits[i].word,
			    count_limits[i].max);
	}
	return DONE;
}

static enum outcome
check_texts(GVariant *v, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(text_limits); i++) {
		g_autoptr(GVariant) text = g_variant_get_child_value(v, text_limits[i].child);
		gsize size;

		g_variant_get_string(text, &size);
		if (size > text_limits[i].max)
			return limit_reached(error, "letter", text_limits[i].word,
			    text_limits[i].max);
	}
	return DONE;
}

static enum outcome
check_shape(GVariant *v, const char *type, GError **error)
{
	if (!g_variant_is_of_type(v, G_VARIANT_TYPE(type)))
		return fail(error, NEVER, "letter: wrong type %.100s",
		    g_variant_get_type_string(v));
	if (g_variant_get_size(v) > LIMIT_LETTER_BODY)
		return limit_reached(error, "letter", "letter", LIMIT_LETTER_BODY);
	if (check_counts(v, error) != DONE)
		return NEVER;
	if (!g_variant_is_normal_form(v))
		return fail(error, NEVER, "letter: not in normal form");
	return check_texts(v, error);
}

static char *
child_text(GVariant *v, enum child child)
{
	g_autoptr(GVariant) text = g_variant_get_child_value(v, child);

	return g_variant_dup_string(text, NULL);
}

static void
replace_text(char **to, GVariant *v, enum child child)
{
	g_free(*to);
	*to = child_text(v, child);
}

static char *
child_maybe_text(GVariant *v, enum child child)
{
	char *text;

	g_variant_get_child(v, child, "ms", &text);
	return text;
}

static void
take_texts(GPtrArray *to, GVariant *v, enum child child)
{
	g_autoptr(GVariant) array = g_variant_get_child_value(v, child);
	GVariantIter iter;
	char *text;

	g_variant_iter_init(&iter, array);
	while (g_variant_iter_next(&iter, "s", &text))
		g_ptr_array_add(to, text);
}

static void
take_addresses(struct letter *l, GVariant *v)
{
	g_autoptr(GVariant) array = g_variant_get_child_value(v, TO);
	GVariantIter iter;
	struct address a;

	g_variant_get_child(v, FROM, "(msms)", &l->from.name, &l->from.address);
	g_variant_get_child(v, OUTER_FROM, "(msms)", &l->outer_from.name, &l->outer_from.address);
	g_variant_iter_init(&iter, array);
	while (g_variant_iter_next(&iter, "(msms)", &a.name, &a.address))
		g_ptr_array_add(l->to, g_memdup2(&a, sizeof(a)));
}

static void
take_fields(struct letter *l, GVariant *v)
{
	g_autoptr(GVariant) array = g_variant_get_child_value(v, FIELDS);
	GVariantIter iter;
	struct field f;

	g_variant_iter_init(&iter, array);
	while (g_variant_iter_next(&iter, "(ss)", &f.name, &f.value))
		g_ptr_array_add(l->fields, g_memdup2(&f, sizeof(f)));
}

/* False if a digest is none. */
static bool
take_parts(struct letter *l, GVariant *v)
{
	g_autoptr(GVariant) array = g_variant_get_child_value(v, PARTS);
	GVariantIter iter;
	struct part p;
	gboolean covered;
	guint8 digest[DIGEST_SIZE];

	g_variant_iter_init(&iter, array);
	while (g_variant_iter_next(&iter, "(smsstsb)", &p.number, &p.name, &p.type, &p.size,
	    &p.sha256, &covered)) {
		p.covered = covered;
		g_ptr_array_add(l->parts, g_memdup2(&p, sizeof(p)));
		if (!digest_parse(p.sha256, digest))
			return false;
	}
	return true;
}

static void
take_indicators(struct letter *l, GVariant *v)
{
	g_autoptr(GVariant) array = g_variant_get_child_value(v, INDICATORS);
	GVariantIter iter;
	struct indicator n;

	g_variant_iter_init(&iter, array);
	while (g_variant_iter_next(&iter, "(sss)", &n.type, &n.value, &n.seen))
		g_ptr_array_add(l->indicators, g_memdup2(&n, sizeof(n)));
}

/* Member i of a tuple of ms, or NULL where it has fewer. */
static char *
member_text(GVariant *tuple, gsize i)
{
	char *text = NULL;

	if (i < g_variant_n_children(tuple))
		g_variant_get_child(tuple, i, "ms", &text);
	return text;
}

static struct bounce *
bounce_taken(GVariant *tuple)
{
	struct bounce *b = g_new0(struct bounce, 1);
	char **const members[] = { &b->action, &b->status, &b->recipient, &b->message_id,
		&b->original, &b->envelope_id, &b->our_id };

	for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
		*members[i] = member_text(tuple, i);
	return b;
}

static void
take_notices(struct letter *l, GVariant *v)
{
	g_autoptr(GVariant) maybe = g_variant_get_child_value(v, BOUNCE), feedback = NULL;
	g_autoptr(GVariant) bounce = g_variant_get_maybe(maybe);

	g_variant_get_child(v, FEEDBACK, "m@(msms)", &feedback);
	if (bounce != NULL)
		l->bounce = bounce_taken(bounce);
	if (feedback != NULL) {
		l->feedback = g_new0(struct feedback, 1);
		g_variant_get(feedback, "(msms)", &l->feedback->format, &l->feedback->type);
	}
}

/* False, with the limit, if a key is too large. */
static bool
take_offered(struct letter *l, GVariant *v, GError **error)
{
	g_autoptr(GVariant) array = g_variant_get_child_value(v, OFFERED);

	for (gsize i = 0; i < g_variant_n_children(array); i++) {
		g_autoptr(GVariant) bytes = NULL;
		struct offered_key *k = g_new0(struct offered_key, 1);

		g_variant_get_child(array, i, "(sms@ay)", &k->source, &k->address, &bytes);
		k->bytes = g_variant_get_data_as_bytes(bytes);
		g_ptr_array_add(l->offered, k);
		if (g_bytes_get_size(k->bytes) > LIMIT_OFFERED_SIZE) {
			limit_reached(error, "letter", "offered key", LIMIT_OFFERED_SIZE);
			return false;
		}
	}
	return true;
}

static bool
take_digest(guint8 to[DIGEST_SIZE], GVariant *v, enum child child)
{
	g_autoptr(GVariant) bytes = g_variant_get_child_value(v, child);
	gsize size;
	const void *data = g_variant_get_fixed_array(bytes, &size, 1);

	if (size != DIGEST_SIZE)
		return false;
	memcpy(to, data, DIGEST_SIZE);
	return true;
}

static bool
take_slice(struct slice *to, GVariant *v, enum child child)
{
	guint64 end;

	g_variant_get_child(v, child, "(tt)", &to->at, &to->size);
	return g_uint64_checked_add(&end, to->at, to->size);
}

/* False if a number is none that parse_mail() can give. */
static bool
take_numbers(struct letter *l, GVariant *v)
{
	guint32 layer, protection;
	gboolean truncated, within, exposed, nested;

	g_variant_get_child(v, N_FROM, "u", &l->n_from);
	g_variant_get_child(v, DATE, "x", &l->date);
	g_variant_get_child(v, LAYER, "u", &layer);
	g_variant_get_child(v, TRUNCATED, "b", &truncated);
	l->layer = layer;
	g_variant_get_child(v, PROTECTION, "u", &protection);
	g_variant_get_child(v, WITHIN, "b", &within);
	g_variant_get_child(v, COVER, "(bb)", &exposed, &nested);
	l->truncated = truncated;
	l->header_protection = protection;
	l->within_encryption = within;
	l->exposed = exposed;
	l->nested = nested;
	/* A Date: far outside is the sender's mistake, not the worker's: it counts as none. */
	if (l->date < 0 || l->date > LETTER_LAST_DATE)
		l->date = -1;
	return layer < layer_count && protection < header_protection_count &&
	    take_slice(&l->covered, v, COVERED) && take_slice(&l->sealed, v, SEALED) &&
	    take_digest(l->body_sha256, v, BODY_SHA256) &&
	    take_digest(l->own_sha256, v, OWN_SHA256);
}

static struct letter *
letter_taken(GVariant *v, const char *type, GError **error)
{
	if (check_shape(v, type, error) != DONE)
		return NULL;
	g_autoptr(letter_auto) l = letter_new();
	replace_text(&l->subject, v, SUBJECT);
	replace_text(&l->text, v, TEXT);
	replace_text(&l->quoted, v, QUOTED);
	replace_text(&l->outside, v, OUTSIDE);
	l->message_id = child_maybe_text(v, MESSAGE_ID);
	l->language = child_maybe_text(v, LANGUAGE);
	take_texts(l->references, v, REFERENCES);
	take_texts(l->notes, v, NOTES);
	take_addresses(l, v);
	take_fields(l, v);
	take_indicators(l, v);
	take_notices(l, v);
	if (!take_offered(l, v, error))
		return NULL;
	if (!take_parts(l, v) || !take_numbers(l, v)) {
		fail(error, NEVER, "letter: a number or digest out of range");
		return NULL;
	}
	return g_steal_pointer(&l);
}

struct letter *
letter_from_variant(GVariant *v, GError **error)
{
	return letter_taken(v, LETTER_TYPE, error);
}

struct letter *
letter_from_bytes(GBytes *bytes, GError **error)
{
	/* Without a bounce the two are the same bytes. */
	static const char *const types[] = { LETTER_TYPE, STORED_TYPE };
	struct letter *letter = NULL;

	if (g_bytes_get_size(bytes) > LIMIT_LETTER_BODY) {
		limit_reached(error, "letter", "letter", LIMIT_LETTER_BODY);
		return NULL;
	}
	for (guint i = 0; i < G_N_ELEMENTS(types) && letter == NULL; i++) {
		g_autoptr(GVariant) v = g_variant_ref_sink(
		    g_variant_new_from_bytes(G_VARIANT_TYPE(types[i]), bytes, FALSE));

		letter = letter_taken(v, types[i], i == 0 ? error : NULL);
	}
	if (letter != NULL)
		g_clear_error(error);
	return letter;
}
