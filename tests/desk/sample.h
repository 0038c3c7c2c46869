/* SPDX-License-Identifier: ISC
 *
 * sample: an invented site, letters in one line, and golden files, for the tests of desk. Reads the
 * shipped templates and tests/desk/golden under TOP_SRCDIR; writes golden files only with
 * UNGCUU_GOLDEN=write.
 */
#ifndef UNGCUU_TESTS_DESK_SAMPLE_H
#define UNGCUU_TESTS_DESK_SAMPLE_H

#include "desk/desk.h"

#define SAMPLE_RECEIVED	G_GINT64_CONSTANT(1795316700000)	/* 10:05 on 22/11/2026 in Vietnam */
#define SAMPLE_TICKET	"NBH-2026-000123"
#define SAMPLE_CODE	"0123456789abcdefghjk"
#define SAMPLE_CODE_5	"01234-56789-abcde-fghjk"
#define SAMPLE_ID	"ungcuu." SAMPLE_CODE ".zzzzyyyy@example.vn"

/* With path, value, ... changed or added; NULL at the end, or no array at all. */
struct site *sample_site(const char *const *changes);
/* fields: "name: value\n..." or NULL. */
struct letter *sample_letter(const char *from, const char *subject, const char *text,
	const char *fields);
void sample_reference(struct letter *, const char *message_id);
void sample_part(struct letter *, const char *name, const char *type, guint64 size);
struct verdict sample_verdict(enum signature, enum encryption, const char *party);
/* A file under TOP_SRCDIR; fails the test if it is not there. g_free(). */
char *sample_file(const char *path);
/* Fails the test unless the text is that of tests/desk/golden/NAME. */
void sample_golden(const char *name, const char *text);

#endif
