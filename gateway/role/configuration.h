/* SPDX-License-Identifier: ISC
 *
 * configuration: what its reader and its check share: faults as lines with their place, and where a
 * setting was given.  Nothing here knows libconfig.
 */
#ifndef UNGCUU_CONFIGURATION_H
#define UNGCUU_CONFIGURATION_H

#include "model/model.h"

/* Adds "at: key: what" to an array of char *; at is "file:line". */
void fault_add(GPtrArray *faults, const char *at, const char *key, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
/* The same at the place of the setting, or else of the nearest group around it. */
void fault_at(GPtrArray *faults, const struct options *, const char *path, const char *what);
/* configuration-addresses.c: forwarders and drill addresses. */
void configuration_check_addresses(const struct options *, const struct site *, GPtrArray *faults);
/* The lines sorted by file and line, g_strfreev(); NULL without any.  The array is gone. */
char **faults_take(GPtrArray *faults);
/* Where a setting was given: "ungcuu.conf:12"; NULL if it was not. */
const char *option_place(const struct options *, const char *path);
void option_set_place(struct options *, const char *path, const char *at);

#endif
