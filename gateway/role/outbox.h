/* SPDX-License-Identifier: ISC
 *
 * outbox.h: private to outbox.c and composing.c: one outgoing mail under way.
 */
#ifndef UNGCUU_ROLE_OUTBOX_H
#define UNGCUU_ROLE_OUTBOX_H

#include "role/hub.h"

enum out_step { STEP_COMPOSE, STEP_WAIT_KEYS, STEP_SIGN, STEP_SEND };

struct out_job {
	struct outgoing *row;
	enum out_step step;
	guint keys;			/* index of the worker that signs */
	int entity, header, protected;	/* memfds; -1 */
	struct recipient *recipient;	/* NULL: it will be signed only */
	const char *why;		/* it gets the protection it gets; static */
	bool is_private;		/* it answers an encrypted mail that we read */
	bool stale;
};

/* Moves the row, counts, writes the journal. */
void out_event(struct hub *, struct outgoing *, enum out_event, const char *why);
/* What one more end of this kind means for the row. */
void out_ended(struct hub *, struct outgoing *, enum death, const char *cause);
void out_job_drop(struct hub *, struct out_job *);

/* ---- gate.c: what every outgoing mail passes, before it is made and before it leaves ---- */

/* May it go on as it stands?  False: it was cancelled, held, or sent back to be made anew, and the
 * row's next try says when. */
bool gate_allows(struct hub *, struct outgoing *);

/* ---- composing.c --------------------------------------------------------- */

/* Chooses the protection, renders, has a letter process compose: then the job waits for keys. */
void compose_begin(struct hub *, struct out_job *);

#endif
