/* SPDX-License-Identifier: ISC
 *
 * pop3-dots: an answer of several lines back into the bytes it was made of, whatever pieces it
 * comes in (RFC 1939 §3).  Changes nothing else: NUL, bare CR and bare LF stay as they are.
 */
#include "transport/pop3.h"

#include <string.h>

enum at { LINE_BEGIN, DOT, DOT_CR, TEXT, TEXT_CR };

struct writing { char *out; gsize n; };

static void
put(struct writing *writing, const char *bytes, gsize size)
{
	memcpy(writing->out + writing->n, bytes, size);
	writing->n += size;
}

/* The line end that was kept back. */
static void
put_end(struct dots *dots, struct writing *writing)
{
	if (dots->has_end)
		put(writing, "\r\n", 2);
	dots->has_end = false;
}

/* One byte within a line. */
static void
take_text(struct dots *dots, char c, struct writing *writing)
{
	dots->at = c == '\r' ? TEXT_CR : TEXT;
	if (c != '\r')
		put(writing, &c, 1);
}

static void
take_byte(struct dots *dots, char c, struct writing *writing)
{
	int at = dots->at;

	if (at == LINE_BEGIN && c == '.') {
		dots->at = DOT;
	} else if (at == DOT && c == '\r') {
		dots->at = DOT_CR;
	} else if (at == DOT_CR && c == '\n') {
		dots->is_over = true;
	} else if (at == TEXT_CR && c == '\n') {
		dots->at = LINE_BEGIN;
		dots->has_end = true;
	} else {
		put_end(dots, writing);
		if (at == DOT_CR || at == TEXT_CR)
			put(writing, "\r", 1);
		take_text(dots, c, writing);
	}
}

gsize
dots_undo(struct dots *dots, const char *in, gsize size, gsize *used, char *out)
{
	struct writing writing = { .out = out };
	gsize i = 0;

	while (i < size && !dots->is_over) {
		const char *cr;

		if (dots->at != TEXT) {
			take_byte(dots, in[i++], &writing);
			continue;
		}
		cr = memchr(in + i, '\r', size - i);
		gsize n = cr ? (gsize) (cr - in) - i : size - i;

		put(&writing, in + i, n);
		i += n;
		if (cr)
			take_byte(dots, in[i++], &writing);
	}
	*used = i;
	return writing.n;
}
