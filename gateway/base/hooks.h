/* SPDX-License-Identifier: ISC
 *
 * hooks: what tests may do to the programs made for them: clock, sealing, patience, faults.  Nothing of it is in an
 * ordinary build.
 */
#ifndef UNGCUU_BASE_HOOKS_H
#define UNGCUU_BASE_HOOKS_H

#include "base/base.h"

/* ---- hooks.c: test hooks, absent from ordinary builds (no symbol of it) ----------- */

#ifdef UNGCUU_TEST_HOOKS
/* Reads the descriptor named by the environment variable UNGCUU_HOOKS (a file of lines
 * `clock=+MS`, `seal=off`, `patience=SECONDS` of a key operation, `fault=NAME ROLE ACTION [NTH]`; ACTION: kill
 * abort stall nospace).  It is read again at each call; a fault that fires erases its line first. */
void fault_point(const char *name);	/* acts as told, or returns */
bool fault_nospace(const char *name);	/* true: behave as if the disk were full here */
void fault_point_of(const char *name, const char *what);	/* fires as NAME and as NAME.WHAT */
bool hook_sealing_off(void); gint64 hook_clock_offset(void); guint hook_patience(guint seconds);
void hook_role(const char *role);	/* called by log_open() */
const char *const *fault_names(void);	/* "NAME ROLE", NULL at the end; others panic() */
const char *const *fault_names_beside(void);	/* those no report passes */
#define FAULT(name) fault_point(name)
#define FAULT_OF(name, what) fault_point_of(name, what)
#define FAULT_NOSPACE(name) fault_nospace(name)
#define HOOK_PATIENCE(seconds) hook_patience(seconds)
#else
#define FAULT(name) ((void)0)
#define FAULT_OF(name, what) ((void)0)
#define FAULT_NOSPACE(name) (false)
#define HOOK_PATIENCE(seconds) (seconds)
#endif

#endif
