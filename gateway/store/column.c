/* SPDX-License-Identifier: ISC
 *
 * column: how each kind of column goes into the database and comes back.  One row of a column
 * table names the field of a struct and its kind; so a field is sealed, digested or spelled as a
 * word because its table says so.  A value that does not come back as it went in means a damaged
 * or tampered store: fatal().
 */
#include "store/internal.h"

#include <string.h>

static void
bind_text_column(struct query *query, const struct column *column, const void *field, struct id row)
{
	(void)column;
	(void)row;
	bind_text(query, *(char *const *)field);
}

static void
load_text_column(struct query *query, const struct column *column, int at, void *field,
	struct id row)
{
	(void)column;
	(void)row;
	*(char **)field = column_text(query, at);
}

static void
bind_sealed_column(struct query *query, const struct column *column, const void *field,
	struct id row)
{
	bind_sealed_text(query, column->aux, row, *(char *const *)field);
}

static void
load_sealed_column(struct query *query, const struct column *column, int at, void *field,
	struct id row)
{
	*(char **)field = column_unseal_text(query, at, column->aux, row);
}

/* The keyed digest of a text field beside its sealed form; it is only ever looked up. */
static void
bind_digest_column(struct query *query, const struct column *column, const void *field,
	struct id row)
{
	const char *text = *(char *const *)field;
	guint8 digest[DIGEST_SIZE];

	(void)row;
	if (text == NULL) {
		bind_bytes(query, NULL, 0);
		return;
	}
	text_digest(query->store, column->aux, text, digest);
	bind_bytes(query, digest, sizeof digest);
}

/* The keyed digest of an address, or of its domain, however its letters are cased. */
static void
bind_address_column(struct query *query, const struct column *column, const void *field,
	struct id row)
{
	const char *address = *(char *const *)field;
	guint8 digest[DIGEST_SIZE];

	(void)column;
	(void)row;
	if (address != NULL)
		address_digest(query->store, address, digest);
	bind_bytes(query, address != NULL ? digest : NULL, sizeof digest);
}

static void
bind_domain_column(struct query *query, const struct column *column, const void *field,
	struct id row)
{
	const char *address = *(char *const *)field;
	guint8 digest[DIGEST_SIZE];

	(void)column;
	(void)row;
	if (address != NULL)
		domain_digest(query->store, address, digest);
	bind_bytes(query, address != NULL ? digest : NULL, sizeof digest);
}

static void
load_digest_column(struct query *query, const struct column *column, int at, void *field,
	struct id row)
{
	(void)query;
	(void)column;
	(void)at;
	(void)field;
	(void)row;
}

static void
bind_id_column(struct query *query, const struct column *column, const void *field, struct id row)
{
	(void)column;
	(void)row;
	bind_id(query, *(const struct id *)field);
}

static void
load_id_column(struct query *query, const struct column *column, int at, void *field, struct id row)
{
	(void)column;
	(void)row;
	*(struct id *)field = column_id(query, at);
}

static void
bind_int_column(struct query *query, const struct column *column, const void *field, struct id row)
{
	(void)column;
	(void)row;
	bind_int(query, *(const gint64 *)field);
}

static void
load_int_column(struct query *query, const struct column *column, int at, void *field,
	struct id row)
{
	(void)column;
	(void)row;
	*(gint64 *)field = column_int(query, at);
}

static void
bind_size_column(struct query *query, const struct column *column, const void *field, struct id row)
{
	guint64 size = *(const guint64 *)field;

	(void)column;
	(void)row;
	bind_int(query, size > G_MAXINT64 ? G_MAXINT64 : (gint64)size);
}

static void
load_size_column(struct query *query, const struct column *column, int at, void *field,
	struct id row)
{
	gint64 size = column_int(query, at);

	if (size < 0)
		store_damaged(query->store, column->name, row);
	*(guint64 *)field = (guint64)size;
}

static void
bind_uint_column(struct query *query, const struct column *column, const void *field, struct id row)
{
	(void)column;
	(void)row;
	bind_int(query, *(const guint *)field);
}

static void
load_uint_column(struct query *query, const struct column *column, int at, void *field,
	struct id row)
{
	gint64 value = column_int(query, at);

	if (value < 0 || value > G_MAXUINT)
		store_damaged(query->store, column->name, row);
	*(guint *)field = (guint)value;
}

static void
bind_bool_column(struct query *query, const struct column *column, const void *field, struct id row)
{
	(void)column;
	(void)row;
	bind_int(query, *(const bool *)field);
}

static void
load_bool_column(struct query *query, const struct column *column, int at, void *field,
	struct id row)
{
	(void)column;
	(void)row;
	*(bool *)field = column_int(query, at) != 0;
}

/* -1 stands for "none yet" and is null. */
static void
bind_word_column(struct query *query, const struct column *column, const void *field, struct id row)
{
	const struct words *words = column->aux;
	int value;

	(void)row;
	memcpy(&value, field, sizeof value);
	bind_text(query, value < 0 ? NULL : words->word(value));
}

static void
load_word_column(struct query *query, const struct column *column, int at, void *field,
	struct id row)
{
	const struct words *words = column->aux;
	g_autofree char *text = column_text(query, at);
	int value = text == NULL ? -1 : words->from_word(text);

	if (text != NULL && value < 0)
		store_damaged(query->store, column->name, row);
	memcpy(field, &value, sizeof value);
}

const struct column_type column_is_text = { bind_text_column, load_text_column };
const struct column_type column_is_sealed = { bind_sealed_column, load_sealed_column };
const struct column_type column_is_digest = { bind_digest_column, load_digest_column };
const struct column_type column_is_address = { bind_address_column, load_digest_column };
const struct column_type column_is_domain = { bind_domain_column, load_digest_column };
const struct column_type column_is_id = { bind_id_column, load_id_column };
const struct column_type column_is_int = { bind_int_column, load_int_column };
const struct column_type column_is_size = { bind_size_column, load_size_column };
const struct column_type column_is_uint = { bind_uint_column, load_uint_column };
const struct column_type column_is_bool = { bind_bool_column, load_bool_column };
const struct column_type column_is_word = { bind_word_column, load_word_column };

void
row_bind(struct query *query, const struct column *columns, const void *row, struct id id)
{
	for (const struct column *c = columns; c->name != NULL; c++)
		c->type->bind(query, c, (const char *)row + c->offset, id);
}

int
row_load(struct query *query, const struct column *columns, int at, void *row, struct id id)
{
	for (const struct column *c = columns; c->name != NULL; c++)
		c->type->load(query, c, at++, (char *)row + c->offset, id);
	return at;
}
