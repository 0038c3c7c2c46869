/* SPDX-License-Identifier: ISC
 *
 * hooks: fault points and a movable clock for the tests, told by a file whose descriptor is
 * inherited (UNGCUU_HOOKS=number), so that they work in every jail.  Only builds with
 * UNGCUU_TEST_HOOKS have any of it; in others this file is empty.  Refuses (panic) names that
 * are not in its table: a test must not wait for a fault that no code has.
 */
#ifdef UNGCUU_TEST_HOOKS
#include "base/base.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#define HOOKS_MAX	16384	/* bytes of the file */

/* Each fault point, and the role that passes it on the way of one report (`ungcuud --fault list`,
 * which adds each verb to the first four).  Names ending in ".space" are asked by
 * FAULT_NOSPACE(). */
static const char *const points[] = {
	"frame.send.before hub", "frame.send.after hub",
	"frame.receive.before hub", "frame.receive.after hub",
	"file.sync.before hub", "file.sync.after hub", "file.link.after hub",
	"seal.space fetch", "seal.sync.before fetch", "seal.sync.after fetch",
	"maildir.settle.before fetch", "maildir.settle.after fetch",
	"schema.commit.before hub", "schema.commit.after hub",
	"pop3.quit.before fetch", "pop3.quit.after fetch",
	"store.commit.before hub", "store.commit.after hub",
	"blob.new.space hub", "blob.link.space hub",
	"blob.link.before hub", "blob.link.after hub",
	"spool.sync.before hub", "spool.sync.after hub",
	"hub.decide.before hub", "hub.decide.after hub",
	"hub.turn.before hub", "hub.turn.after hub",
	"letter.parse letter", "keys.sign keys",
	"keys.open keys", "keys.read keys",
	"program.exec supervisor",
	"maildir.deliver.space submit", "maildir.deliver.before submit",
	"maildir.deliver.after submit",
	"maildir.write.before submit", "maildir.write.after submit",
	"maildir.sync.before submit", "maildir.sync.after submit",
	"imap.list.before fetch", "imap.list.after fetch",
	"imap.take.before fetch", "imap.take.after fetch",
	"imap.move.before fetch", "imap.move.after fetch",
	"smtp.begin submit", "smtp.text.before submit", "smtp.text.after submit",
	NULL,
};

/* Those of ungcuuctl, which no report passes. */
static const char *const points_beside[] = {
	"backup.write.space ctl", "backup.snapshot ctl", "backup.sealed ctl",
	"restore.blob ctl", "restore.spooled ctl", "restore.changed ctl",
	NULL,
};

static char own_role[24] = "-";

const char *const *
fault_names(void)
{
	return points;
}

const char *const *
fault_names_beside(void)
{
	return points_beside;
}

static bool
is_listed(const char *const *list, const char *name)
{
	for (const char *const *point = list; *point; point++)
		if (strcspn(*point, " ") == strlen(name) && g_str_has_prefix(*point, name))
			return true;
	return false;
}

static bool
is_point(const char *name)
{
	return is_listed(points, name) || is_listed(points_beside, name);
}

void
hook_role(const char *role)
{
	g_strlcpy(own_role, role, sizeof own_role);
}

/* ---- the file ------------------------------------------------------------------------ */

static int
hooks_fd(void)
{
	static int fd = -2;
	const char *text;

	if (fd == -2) {
		text = getenv("UNGCUU_HOOKS");
		fd = text && *text ? atoi(text) : -1;
	}
	return fd;
}

/* Reads it anew; false without one.  No memory is asked for: fault points lie in odd places. */
static bool
hooks_read(char text[HOOKS_MAX + 1])
{
	ssize_t n = hooks_fd() < 0 ? -1 : pread(hooks_fd(), text, HOOKS_MAX, 0);

	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

/* The line beginning with `key` after `from` (NULL: the first), or NULL. */
static char *
hooks_line(char *text, char *from, const char *key)
{
	for (char *line = from ? strchr(from, '\n') : text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (g_str_has_prefix(line, key))
			return line;
	}
	return NULL;
}

bool
hook_sealing_off(void)
{
	char text[HOOKS_MAX + 1];

	return hooks_read(text) && hooks_line(text, NULL, "seal=off") != NULL;
}

gint64
hook_clock_offset(void)
{
	char text[HOOKS_MAX + 1];
	char *line = hooks_read(text) ? hooks_line(text, NULL, "clock=") : NULL;

	return line ? g_ascii_strtoll(line + strlen("clock="), NULL, 10) : 0;
}

guint
hook_patience(guint seconds)
{
	char text[HOOKS_MAX + 1];
	char *line = hooks_read(text) ? hooks_line(text, NULL, "patience=") : NULL;

	return line ? (guint)atoi(line + strlen("patience=")) : seconds;
}

/* ---- faults -------------------------------------------------------------------------- */

static void
act_kill(void)
{
	/* The one way to signal that is open in every jail. */
	(void)syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGKILL);
}

static void
act_stall(void)
{
	for (;;)
		(void)poll(NULL, 0, -1);
}

static const struct { const char *word; void (*act)(void); } actions[] = {
	{ "kill", act_kill }, { "abort", abort }, { "stall", act_stall }, { "nospace", NULL },
};

struct fault { char name[64], role[24], action[16]; guint nth; };

/* Erases the line, or counts its NTH down; true if the fault is due now. */
static bool
fault_is_due(const struct fault *fault, const char *text, char *line)
{
	gsize n = strcspn(line, "\n");
	char kept[256];
	int width = fault->nth > 1 ? snprintf(kept, sizeof kept, "fault=%s %s %s %u", fault->name,
		fault->role, fault->action, fault->nth - 1) : 0;

	if (width < 0 || (gsize)width > n || n > sizeof kept)
		panic("hooks: line too long");
	memset(kept + width, ' ', n - (gsize)width);
	if (pwrite(hooks_fd(), kept, n, line - text) != (ssize_t)n)
		panic("hooks: %s", g_strerror(errno));
	return width == 0;
}

/* The row of `actions` to do now at this point, or -1. */
static int
fault_take(const char *name, bool nospace)
{
	char text[HOOKS_MAX + 1];
	char *line = NULL;

	if (!hooks_read(text))
		return -1;
	while ((line = hooks_line(text, line, "fault="))) {
		struct fault fault = { .nth = 1 };

		int n = sscanf(line, "fault=%63s %23s %15s%*1[ ]%u", fault.name, fault.role,
			fault.action, &fault.nth);

		if (n < 3 || strcmp(fault.name, name) != 0 ||
		    (strcmp(fault.role, "*") != 0 && strcmp(fault.role, own_role) != 0))
			continue;
		for (int i = 0; i < (int)G_N_ELEMENTS(actions); i++)
			if (strcmp(fault.action, actions[i].word) == 0 &&
			    nospace == (actions[i].act == NULL))
				return fault_is_due(&fault, text, line) ? i : -1;
	}
	return -1;
}

static void
fault_act(const char *name)
{
	int row = fault_take(name, false);

	if (row < 0)
		return;
	log_event(LOG_NOTICE, "fault", "name=%s action=%s", name, actions[row].word);
	actions[row].act();
}

static void
must_be_point(const char *name)
{
	if (!is_point(name))
		panic("hooks: no such fault: %s", name);
}

void
fault_point(const char *name)
{
	must_be_point(name);
	fault_act(name);
}

void
fault_point_of(const char *name, const char *what)
{
	char full[64];

	fault_point(name);
	(void)snprintf(full, sizeof full, "%s.%s", name, what);
	fault_act(full);
}

bool
fault_nospace(const char *name)
{
	must_be_point(name);
	return fault_take(name, true) >= 0;
}
#else
typedef int hooks_are_absent;	/* ISO C wants something in a file */
#endif
