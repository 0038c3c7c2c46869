/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/transport/pop3-dots.c and received.c: an answer of several lines comes back to
 * its bytes whatever pieces it arrives in; only the topmost Received field tells when a mail came.
 */
#include "transport/pop3.h"

#include <string.h>

/* ---- dots ---------------------------------------------------------------------------------- */

/* on the wire, the bytes without the last line end, had one */
static const struct { const char *wire, *bytes; bool has_end; } answers[] = {
	{ ".\r\n",			"",			false },
	{ "\r\n.\r\n",			"",			true },
	{ "a\r\n.\r\n",			"a",			true },
	{ "a\r\n\r\n.\r\n",		"a\r\n",		true },
	{ "..\r\n.\r\n",		".",			true },
	{ "...\r\n.\r\n",		"..",			true },
	{ "..a\r\nb.\r\n.\r\n",		".a\r\nb.",		true },
	{ ".a\r\n.\r\n",		"a",			true },
	{ "a\n.\r\nb\r\n.\r\n",		"a\n.\r\nb",		true },
	{ "a\n..\r\n.\r\n",		"a\n..",		true },
	{ "\n.\r\n.\r\n",		"\n.",			true },
	{ "a\r\r\n.\r\n",		"a\r",			true },
	{ "\r.\r\n.\r\n",		"\r.",			true },
	{ "..\r\r\n.\r\n",		".\r",			true },
	{ ".\rb\r\n.\r\n",		"\rb",			true },
	{ ".\r\r\n.\r\n",		"\r",			true },
	{ "a\rb\r\n.\r\n",		"a\rb",			true },
};

/* In pieces of `step` bytes; the octets behind the end must stay. */
static void
undo(const char *wire, gsize step, const char *expected, bool has_end)
{
	g_autofree char *all = g_strconcat(wire, "+OK", NULL), *out = g_malloc(step + 3);
	g_autoptr(GString) bytes = g_string_new(NULL);
	struct dots dots = { 0 };
	gsize at = 0, size = strlen(all);

	while (!dots.is_over) {
		gsize used, piece = MIN(step, size - at);
		gsize n = dots_undo(&dots, all + at, piece, &used, out);

		g_assert_cmpuint(piece, >, 0);
		g_assert_cmpuint(n, <=, piece + 3);
		g_assert_true(used == piece || dots.is_over);
		g_string_append_len(bytes, out, (gssize) n);
		at += used;
	}
	g_assert_cmpuint(at, ==, strlen(wire));
	g_assert_cmpstr(bytes->str, ==, expected);
	g_assert_true(dots.has_end == has_end);
}

static void
test_dots(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
		for (gsize step = 1; step < 20; step++)
			undo(answers[i].wire, step, answers[i].bytes, answers[i].has_end);
}

/* ---- Received ------------------------------------------------------------------------------ */

#define AT G_GINT64_CONSTANT(1793588400000)	/* 2 November 2026, 10:00 in Hanoi */

static const struct { const char *header; gint64 at; } headers[] = {
	{ "Received: from a by b; Mon, 2 Nov 2026 10:00:00 +0700\r\n", AT },
	{ "received:;2 Nov 2026 03:00 GMT\r\n", AT },
	{ "Received: a; Mon,2 nov 2026 03:00:00 -0000 (UTC)\n", AT },
	{ "Received: a (x; y)\r\n\tby b (c\\) ; 1 Jan 2001 00:00)\r\n ; Mon, 2 Nov 2026\r\n"
	  "\t10:00:00 +0700 (ICT)\r\n", AT },
	{ "Return-Path: <a@b>\r\nX: Received: ; 1 Jan 2001 00:00:00 +0000\r\n"
	  "Received: a; 1 Nov 2026 22:00:60 -0500\r\n", AT + 59000 },
	/* only the topmost, and of the header */
	{ "Received: a\r\nReceived: b; 2 Nov 2026 03:00:00 +0000\r\n", -1 },
	{ "Received: a; soon\r\nReceived: b; 2 Nov 2026 03:00:00 +0000\r\n", -1 },
	{ "Subject: x\r\n\r\nReceived: b; 2 Nov 2026 03:00:00 +0000\r\n", -1 },
	{ "Date: 2 Nov 2026 03:00:00 +0000\r\n", -1 },
	/* none that can be read */
	{ "", -1 }, { "Received:", -1 }, { "Received: ;", -1 },
	{ "Received: a; Mon, 2 Nov 26 03:00:00 +0000\r\n", -1 },
	{ "Received: a; 31 Feb 2026 03:00:00 +0000\r\n", -1 },
	{ "Received: a; 2 Nov 99999 03:00:00 +0000\r\n", -1 },
	{ "Received: a; 2 Nov 1960 03:00:00 +0000\r\n", -1 },
	{ "Received: a; 2 November 2026 03:00:00 +0000\r\n", -1 },
	{ "Received: a; 2 Nov 2026 24:00:00 +0000\r\n", -1 },
	{ "Received: a; 2 Nov 2026 03 +0000\r\n", -1 },
	{ "Received: a; 2 Nov 2026 :: +0000\r\n", -1 },
	{ "Received: a; -2 Nov 2026 03:00:00 +0000\r\n", -1 },
	/* a zone that is none is Greenwich */
	{ "Received: a; 2 Nov 2026 03:00:00 +9999\r\n", AT },
	{ "Received: a; 2 Nov 2026 03:00:00 LMT\r\n", AT },
	{ "Received: a; 2 Nov 2026 03:00:00\r\n", AT },
	/* comments that do not end */
	{ "Received: a; ((((((2 Nov 2026 03:00:00 +0000\r\n", -1 },
	{ "Received: a; 2 Nov 2026 03:00:00 +0000 (\\", AT },
	{ "Received: a; 1 Jan 1970 00:00:00 +1400\r\n", 0 },
};

static void
test_received(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
		g_test_message("%s", headers[i].header);
		g_assert_cmpint(received_date(headers[i].header, strlen(headers[i].header)), ==,
			headers[i].at);
	}
	g_assert_cmpint(received_date("Received: a\0; 2 Nov 2026 03:00:00 +0000\r\n", 42), ==, -1);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pop3/dots", test_dots);
	g_test_add_func("/received/topmost", test_received);
	return g_test_run();
}
