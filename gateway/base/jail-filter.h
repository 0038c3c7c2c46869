/* SPDX-License-Identifier: ISC
 *
 * jail-filter: private to jail.c; see jail-filter.c.
 */
#ifndef UNGCUU_JAIL_FILTER_H
#define UNGCUU_JAIL_FILTER_H

/* Installs the filter of a role; fatal(71) if the kernel refuses it. */
void filter_enter(unsigned allow);
/* Compiles the letter filter; installs it in the forked child. */
void filter_letter_prepare(void);
void filter_letter_enter(void);

#endif
