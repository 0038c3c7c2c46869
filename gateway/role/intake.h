/* SPDX-License-Identifier: ISC
 *
 * intake.h: private to intake.c and settle.c: one mailbox's state machine.
 */
#ifndef UNGCUU_ROLE_INTAKE_H
#define UNGCUU_ROLE_INTAKE_H

#include "role/hub.h"

#define ANSWER_MS 300000		/* a fetch that is silent this long is ended */
/* Before the count of a name used again, as in the done folder. */
#define SECOND ",ungcuu-"

enum phase { PHASE_IDLE, PHASE_LISTING, PHASE_TAKING, PHASE_SETTLING };

struct wanted {
	char *uid;
	struct id known;		/* the moved mail that had this name before; null: none */
	const char *folder;		/* of box->folders */
	gint64 arrived;
	struct blob blob;
};

struct intake {
	char *name, *type;
	guint index;
	enum phase phase;
	gint64 next_poll, interval, adopt_since, backoff;
	guint64 max_size;
	GPtrArray *folders;
	guint folder;
	char *after, *identity;
	bool more, failed;
	bool cut;			/* a stop ended this poll early: it proves nothing */
	GQueue wanted;			/* struct wanted: to be taken */
	GQueue taking;			/* struct wanted: asked for, in order */
	GArray *settling;		/* struct id: rows of the SETTLE under way, in its order */
	guint moved;			/* of this poll's last SETTLE */
	guint polls;
	struct mailbox *row;
};

/* This poll is over and proves nothing; the next comes after a back-off. */
void intake_failed(struct hub *, struct intake *, const char *why);
/* Asks for the oldest unmoved mails of one folder; false when there are none. */
bool settle_ask(struct hub *, struct intake *, struct link *);

#endif
