/* SPDX-License-Identifier: ISC
 *
 * supervisor.h: private to ungcuud. supervisor.c (start, signals, loop, end), supervisor-slot.c
 * (one process each: starting, ending, back-off), supervisor-set.c (which there are: reload, the
 * hub's frames), supervisor-helper.c (programs of the site).
 */
#ifndef UNGCUU_ROLE_SUPERVISOR_H
#define UNGCUU_ROLE_SUPERVISOR_H

#include "role/program.h"
#include "role/role.h"

enum slot_state {
	SLOT_DOWN,		/* to be started when due */
	SLOT_STARTING,		/* has its slice, READY is due */
	SLOT_UP,
	SLOT_ENDING,		/* told to end, or killed; SIGKILL when due */
};

/* A place for one process, taken by one after the other. */
struct slot {
	enum role role;
	guint index, generation;
	enum slot_state state;
	pid_t pid;		/* 0 when down */
	struct peer *peer;	/* the hub's; a worker's until the hub has it */
	gint64 since, due;	/* ms of program_clock(); due -1: none */
	guint failures;		/* ends in a row, for the back-off */
	guint unready;		/* starts in a row that never came to READY */
	bool ready;		/* this one did */
	const char *ended_by_us;/* why, or NULL: it ended by itself */
	enum death ended_as;	/* what such an end is to the mail it was at */
	bool at_once;		/* no back-off after this end */
	bool announced;		/* this hub knows it: it must hear of its end */
	bool tried;		/* up or failed once: the hub need not wait for it */
	struct agent agent;	/* keys */
};

struct supervisor {
	const char *file;
	struct options *options;
	struct options *reload;		/* to be taken once all workers have ended; or NULL */
	struct spawn_settings settings;
	char *runtime;
	int signal_fd, lock_fd;
	GPtrArray *slots;		/* struct slot: workers */
	struct slot *hub;
	GPtrArray *helpers;
	enum death last_death;		/* of the hub */
	guint hub_deaths, generations;
	gint64 began;			/* wall clock, ms: a hub started anew still knows */
	bool once, hub_was_up;
	bool gave_up;			/* --once: a worker does not start; STOP soon */
	bool stopping, finished;	/* STOP sent; FINISHED came */
	gint64 stop_due;
	int finished_code;
	bool ended;			/* leave the loop */
	int exit_code;
};

/* ---- supervisor.c ---- */
void supervisor_end(struct supervisor *, int exit_code);
/* Asks the hub to stop; an end without one that is up. */
void supervisor_stop(struct supervisor *);
/* What an end in order means when the hub has not said what is left. */
int supervisor_default_code(const struct supervisor *);

/* ---- supervisor-slot.c ---- */
struct slot *slot_new(enum role, guint index);
void slot_free(void *slot);
char *slot_name(const struct slot *);		/* "fetch0"; g_free() */
void slot_start(struct supervisor *, struct slot *);
/* Tells it to end (SIGTERM, SIGKILL after grace_ms), or with 0 kills its process group. */
void slot_end(struct slot *, enum death, const char *why, gint64 grace_ms);
/* Its socket is closed: it has ended, or is killed soon. */
void slot_hung_up(struct slot *);
/* Its process has been reaped. */
void slot_reaped(struct supervisor *, struct slot *, int wait_status);
/* Kills and reaps here and now. */
void slot_kill(struct slot *);
/* When it may start again. */
void slot_back_off(struct supervisor *, struct slot *);

/* ---- supervisor-set.c ---- */
void set_make(struct supervisor *);		/* slots as the options say */
void set_start_due(struct supervisor *);	/* also overdue ones killed, a reload taken */
gint64 set_next_due(struct supervisor *);	/* -1: nothing */
void set_announce(struct supervisor *, struct slot *);
void set_gone(struct supervisor *, struct slot *, enum death, const char *cause);
void set_hub_values(const struct supervisor *, struct options *slice);	/* run.* of any */
void set_hub_died(struct supervisor *);
void set_receive(struct supervisor *, struct slot *);	/* its socket is readable */
void set_agent_gone(struct slot *);
void set_kill(struct supervisor *);
void set_reload(struct supervisor *);
void set_report(struct supervisor *);

/* ---- supervisor-helper.c ---- */
struct helper;
GPtrArray *helper_list_new(void);
void helper_start(struct supervisor *, guint id, const char *name, const char *const *arguments);
int helper_fd(const struct helper *);
gint64 helper_due(const struct helper *);
/* Output or an end of it; frees what is answered. */
void helper_work(struct supervisor *);
void helper_reaped(struct supervisor *, pid_t, int wait_status);

#endif
