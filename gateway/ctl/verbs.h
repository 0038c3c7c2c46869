/* SPDX-License-Identifier: ISC
 *
 * verbs: private to main.c and verbs.c: what each verb of ungcuuctl takes, needs and runs.
 */
#ifndef UNGCUU_CTL_VERBS_H
#define UNGCUU_CTL_VERBS_H

#include "ctl/ctl.h"

enum {
	TAKES_LIST	= 1 << 0,	/* --limit --after */
	TAKES_MAILBOX	= 1 << 1,
	TAKES_STATE	= 1 << 2,
	TAKES_ALL	= 1 << 3,
	TAKES_TO	= 1 << 4,
	TAKES_KEY	= 1 << 5,	/* --name --expire */
	TAKES_ALWAYS	= 1 << 6,
	TAKES_ADDRESS	= 1 << 7,
	TAKES_SINCE	= 1 << 8,	/* --since --silent */
	TAKES_GIVEN	= 1 << 9,	/* --from --by --note */
	TAKES_BACKUP	= 1 << 10,	/* --replace --verify */
	TAKES_DRY	= 1 << 11,	/* --dry-run */
};

#define SOME (-1)
/* PUBLIC: without secrets, for users who may not read them. */
enum { NEEDS_NOTHING, NEEDS_PUBLIC, NEEDS_CONFIGURATION, NEEDS_STORE_IF_ANY, NEEDS_STORE };

struct verb_row {
	const char *noun, *verb, *arguments;
	int n_arguments;	/* or SOME: one or more */
	unsigned takes;
	int needs;
	ctl_run *run;
	ctl_print *print;
	const char *help;
};
extern const struct verb_row verbs[];	/* noun NULL at the end */

#endif
