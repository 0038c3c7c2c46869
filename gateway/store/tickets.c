/* SPDX-License-Identifier: ISC
 *
 * tickets: the cases, and the numbers people call them by.  A number is taken from its counter
 * in the turn that adds the ticket, so a rolled-back turn gives it back and no two tickets ever
 * share one.
 */
#include "store/internal.h"

#include <stddef.h>
#include <string.h>

#define RECEIPT_CODE_LETTERS 16
#define DIGITS_MAX 18

WORDS_COLUMN(ticket_state)

#define TICKET_FIXED(X) \
	X("number",              text,   number,       NULL) \
	X("created",             int,    created,      NULL) \
	X("receipt_code",        sealed, receipt_code, "ticket.receipt_code") \
	X("receipt_code_digest", digest, receipt_code, "receipt-code")
#define TICKET_MUTABLE(X) \
	X("state",               word,   state,        &ticket_state_words) \
	X("kind",                text,   kind,         NULL) \
	X("severity",            text,   severity,     NULL) \
	X("category",            text,   category,     NULL) \
	X("subject",             sealed, subject,      "ticket.subject") \
	X("reporter",            sealed, reporter,     "ticket.reporter") \
	X("assignee",            sealed, assignee,     "ticket.assignee") \
	X("signature",           text,   signature,    NULL) \
	X("encryption",          text,   encryption,   NULL) \
	X("profile",             text,   profile,      NULL) \
	X("language",            text,   language,     NULL) \
	X("updated",             int,    updated,      NULL) \
	X("reports",             uint,   reports,      NULL) \
	X("drill",               bool,   drill,        NULL)

#define ROW ticket
static const struct column ticket_fixed[] = { TICKET_FIXED(COLUMN_ROW) COLUMN_END };
static const struct column ticket_mutable[] = { TICKET_MUTABLE(COLUMN_ROW) COLUMN_END };

#define SELECT "SELECT " TICKET_FIXED(COLUMN_NAME) TICKET_MUTABLE(COLUMN_NAME) "id FROM ticket "
#define N_COLUMNS (G_N_ELEMENTS(ticket_fixed) + G_N_ELEMENTS(ticket_mutable) - 2)
#define OPEN "state NOT IN ('closed', 'rejected', 'duplicate', 'transferred') "
#define AFTER \
	"seq > CASE WHEN ?1 IS NULL THEN 0 ELSE (SELECT seq FROM ticket WHERE number = ?1) END "

void
ticket_free(struct ticket *ticket)
{
	if (ticket == NULL)
		return;
	g_free(ticket->number);
	g_free(ticket->kind);
	g_free(ticket->severity);
	g_free(ticket->category);
	g_free(ticket->subject);
	g_free(ticket->reporter);
	g_free(ticket->assignee);
	g_free(ticket->signature);
	g_free(ticket->encryption);
	g_free(ticket->profile);
	g_free(ticket->language);
	g_free(ticket->receipt_code);
	g_free(ticket);
}

static struct ticket *
ticket_load(struct query *query)
{
	struct ticket *ticket = g_new0(struct ticket, 1);

	ticket->id = column_id(query, (int)N_COLUMNS);
	row_load(query, ticket_mutable, row_load(query, ticket_fixed, 0, ticket, ticket->id),
		ticket,
		ticket->id);
	return ticket;
}

/* ---- numbers -------------------------------------------------------------------------- */

/* One '%' directive: its letter and the width of "%0Nn"; false: none. */
static bool
directive_read(const char **at, char *letter, guint *width)
{
	const char *p = *at + 1;

	*width = 0;
	if (*p == '0') {
		for (p++; g_ascii_isdigit(*p) && *width < DIGITS_MAX; p++)
			*width = *width * 10 + (guint)(*p - '0');
		if (*width == 0 || *width > DIGITS_MAX || *p != 'n')
			return false;
	}
	*letter = *p;
	if (*p == '\0' || strchr("iyn%", *p) == NULL)
		return false;
	*at = p + 1;
	return true;
}

struct number { const char *hotline; int year; gint64 number; bool has_hotline, has_year,
	has_number; };

/* Writes the number, or only finds out which parts the format has (number 0).  NULL: no such
 * format. */
static char *
number_format(const char *format, struct number *number)
{
	g_autoptr(GString) out = g_string_new(NULL);
	char letter;
	guint width;

	for (const char *p = format; *p != '\0';) {
		if (*p != '%') {
			g_string_append_c(out, *p++);
			continue;
		}
		if (!directive_read(&p, &letter, &width))
			return NULL;
		number->has_hotline |= letter == 'i';
		number->has_year |= letter == 'y';
		number->has_number |= letter == 'n';
		if (letter == 'i')
			g_string_append(out, number->hotline);
		else if (letter == 'y')
			g_string_append_printf(out, "%d", number->year);
		else if (letter == 'n')
			g_string_append_printf(out, "%0*" G_GINT64_FORMAT, (int)width,
				number->number);
		else
			g_string_append_c(out, '%');
	}
	return number->has_number ? g_strdup(out->str) : NULL;
}

static enum outcome
counter_next(struct store *store, const char *hotline, int year, gint64 *out, GError **error)
{
	g_auto(query_auto) q = query_new(store, "ticket number",
		"INSERT INTO counter (hotline, year, last) VALUES (?, ?, 1)"
		" ON CONFLICT (hotline, year) DO UPDATE SET last = last + 1 RETURNING last");
	enum outcome how;

	bind_text(&q, hotline);
	bind_int(&q, year);
	how = query_run(&q, error);
	if (how == DONE)
		*out = column_int(&q, 0);
	return how;
}

/* A part that the format leaves out does not start the count anew: the number would come twice. */
static char *
number_take(struct store *store, const char *format, const char *hotline, int year, GError **error)
{
	struct number number = { .hotline = hotline, .year = year };
	g_autofree char *sample = number_format(format, &number);

	if (sample == NULL) {
		fail(error, NEVER,
			"ticket number format \"%s\": it may hold %%i, %%y, %%%%, it must hold "
			"%%n or %%0Nn",
			format);
		return NULL;
	}
	if (counter_next(store, number.has_hotline ? hotline : "", number.has_year ? year : 0,
		&number.number, error) != DONE)
		return NULL;
	return number_format(format, &number);
}

/* ---- one row -------------------------------------------------------------------------- */

static enum outcome
ticket_insert(struct store *store, const struct ticket *ticket, GError **error)
{
	g_auto(query_auto) q = query_new(store, "ticket_add",
		"INSERT INTO ticket (" TICKET_FIXED(COLUMN_NAME) TICKET_MUTABLE(COLUMN_NAME) "id)"
		" VALUES ("
		TICKET_FIXED(COLUMN_MARK) TICKET_MUTABLE(COLUMN_MARK) "?)");

	row_bind(&q, ticket_fixed, ticket, ticket->id);
	row_bind(&q, ticket_mutable, ticket, ticket->id);
	bind_id(&q, ticket->id);
	return query_run(&q, error);
}

enum outcome
ticket_add(struct store *store, struct ticket *ticket, const char *format, const char *hotline_id,
	int year, GError **error)
{
	g_autoptr(GError) why = NULL;
	char *number;
	enum outcome how;

	turn_required(store, "ticket_add");
	number = number_take(store, format, hotline_id, year, &why);
	if (number == NULL) {
		how = (enum outcome)why->code;
		g_propagate_error(error, g_steal_pointer(&why));
		return how;
	}
	g_free(ticket->number);
	g_free(ticket->receipt_code);
	ticket->id = id_new();
	ticket->number = number;
	ticket->receipt_code = random_code(RECEIPT_CODE_LETTERS);
	return ticket_insert(store, ticket, error);
}

enum outcome
ticket_put(struct store *store, const struct ticket *ticket, GError **error)
{
	g_auto(query_auto) q = query_new(store, "ticket_put",
		"UPDATE ticket SET " TICKET_MUTABLE(COLUMN_SET)
		"revision = revision + 1 WHERE id = ?");

	row_bind(&q, ticket_mutable, ticket, ticket->id);
	bind_id(&q, ticket->id);
	return query_change(&q, error);
}

struct ticket *
ticket_get(struct store *store, struct id id)
{
	g_auto(query_auto) q = query_new(store, "ticket_get", SELECT "WHERE id = ?");

	bind_id(&q, id);
	return query_row(&q) ? ticket_load(&q) : NULL;
}

struct ticket *
ticket_by_number(struct store *store, const char *number)
{
	g_auto(query_auto) q = query_new(store, "ticket_by_number", SELECT "WHERE number = ?");

	bind_text(&q, number);
	return query_row(&q) ? ticket_load(&q) : NULL;
}

struct ticket *
ticket_by_receipt_code(struct store *store, const char *code)
{
	g_autofree char *normal = code_normalize(code);
	g_auto(query_auto) q = query_new(store, "ticket_by_receipt_code", SELECT
		"WHERE receipt_code_digest = ?");
	guint8 digest[DIGEST_SIZE];

	if (normal == NULL)
		return NULL;
	text_digest(store, "receipt-code", normal, digest);
	bind_bytes(&q, digest, sizeof digest);
	return query_row(&q) ? ticket_load(&q) : NULL;
}

GPtrArray *
ticket_list(struct store *store, int state, bool all, guint limit, const char *after)
{
	g_auto(query_auto) q = state >= 0 ?
		query_new(store, "ticket_list",
		SELECT "WHERE state = ?3 AND " AFTER "ORDER BY seq LIMIT ?2") :
		all ? query_new(store, "ticket_list",
		SELECT "WHERE " AFTER "ORDER BY seq LIMIT ?2") :
		query_new(store, "ticket_list",
		SELECT "WHERE " OPEN "AND " AFTER "ORDER BY seq LIMIT ?2");
	GPtrArray *list =
		g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))ticket_free);

	bind_text(&q, after);
	bind_int(&q, limit);
	if (state >= 0)
		bind_text(&q, ticket_state_text(state));
	while (query_row(&q))
		g_ptr_array_add(list, ticket_load(&q));
	return list;
}

guint64
ticket_open_count(struct store *store, bool drill)
{
	g_auto(query_auto) q = query_new(store, "ticket_open_count",
		"SELECT count(*) FROM ticket WHERE drill = ? AND " OPEN);

	bind_int(&q, drill);
	return query_row(&q) ? (guint64)column_int(&q, 0) : 0;
}
