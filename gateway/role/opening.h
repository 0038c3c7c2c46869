/* SPDX-License-Identifier: ISC
 *
 * opening.h: private to role: certificates on their way from keys to the index and to pins, as
 * readings.c takes them out of a frame.
 */
#ifndef UNGCUU_ROLE_OPENING_H
#define UNGCUU_ROLE_OPENING_H

#include "role/role.h"
#include "store/store.h"

#define READ_FILES_MAX	64		/* in one READ */
#define READ_BYTES_MAX	4194304		/* of their bytes in all, and of one file */
/* certificate_row without its source, in order; why pieces were refused */
#define READING_TYPE	"(a(sasasxxbbay)as)"
#define READINGS_TYPE	"a" READING_TYPE
struct reading { GPtrArray *rows; char **refused; };	/* struct certificate_row */
void readings_question(GBytes *const *files, guint n, struct question *);
/* struct reading of each file; NULL with NEVER unless in normal form and of n files. */
GPtrArray *readings_take(int fd, guint n, GError **error);

#endif
