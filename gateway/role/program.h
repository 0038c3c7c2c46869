/* SPDX-License-Identifier: ISC
 *
 * program.h: private to agent.c and the supervisor: starting a foreign program (gpg, gpg-agent, a
 * helper of the site) with a fixed environment, another uid, and an end in time.
 */
#ifndef UNGCUU_ROLE_PROGRAM_H
#define UNGCUU_ROLE_PROGRAM_H

#include "base/base.h"

struct program {
	const char *path;
	const char *const *argv;
	gint64 uid, gid;		/* -1: stay */
	int out;			/* for standard output; -1: null */
	bool errors_too;		/* standard error goes there as well; else null */
	int sockets[2];			/* agent: announced as "std" at 3 and "extra" at 4 */
	bool agent;
};
/* Own process group, dies with us; -1 with errno. */
pid_t program_start(const struct program *);
/* Milliseconds of the monotonic clock, for deadlines. */
gint64 program_clock(void);
/* Waits until the deadline for its end, then ends it; whatever is left of its group is killed
 * before it is reaped.  DONE: it exited with 0; NEVER: with another code; LATER: killed, or not in
 * time. */
enum outcome program_reap(pid_t, gint64 deadline);
/* What it writes to standard output; NEVER if it fails or writes more than `max`, LATER if it is
 * killed or takes longer than `ms`. */
enum outcome program_capture(struct program *, gint64 ms, gsize max, GBytes **out, GError **error);

#endif
