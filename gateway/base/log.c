/* SPDX-License-Identifier: ISC
 *
 * log: one line of at most 1000 bytes per event, to stderr or to the system's log, and the two
 * ways a process ends itself.  Works inside every jail: nothing is opened later, no memory is
 * asked for, a line is one write. (Hence not syslog(3), which opens its socket anew when the log
 * daemon was restarted.)  Refuses control characters: a value can neither end a line nor begin
 * one.
 */
#include "base/base.h"

#include <errno.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define LOG_LINE	1000	/* bytes, the line end included */
#define QUOTE_MAX	200
#define FRAMES_MAX	32
#define LOG_SOCKET	"/dev/log"

static struct {
	char role[24];
	enum log_to to;
	int verbose;
	int fd;			/* stderr, or our socket to the log daemon */
	bool journal;		/* stderr is systemd's journal: it reads `<priority>` */
	bool frozen;		/* no connect() any more */
} logger = { .role = "-", .to = LOG_TO_STDERR, .fd = STDERR_FILENO };

/* ---- one line ------------------------------------------------------------------------ */

struct line { char text[LOG_LINE]; gsize n; };

G_GNUC_PRINTF(3, 0)
static void
line_add(struct line *line, gsize room, const char *format, va_list arguments)
{
	gsize space = LOG_LINE - room - line->n;
	int n = vsnprintf(line->text + line->n, space, format, arguments);

	if (n < 0)
		return;
	if ((gsize)n < space) {
		line->n += (gsize)n;
		return;
	}
	line->n += space - 1;
	memcpy(line->text + line->n - 3, "...", 3);
}

G_GNUC_PRINTF(2, 3)
static void
line_print(struct line *line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line_add(line, 0, format, arguments);
	va_end(arguments);
}

static void
line_prefix(struct line *line, int priority)
{
	if (logger.to == LOG_TO_SYSLOG)
		line_print(line, "<%d>ungcuu-%s[%d]: ", LOG_DAEMON | priority, logger.role,
			(int)getpid());
	else if (logger.journal)
		line_print(line, "<%d>", priority);
}

static void
syslog_connect(int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = LOG_SOCKET };

	(void)!connect(fd, (struct sockaddr *)&address, sizeof address);
}

static void
line_send(const struct line *line)
{
	ssize_t n = write(logger.fd, line->text, line->n);

	if (n < 0 && logger.to == LOG_TO_SYSLOG) {
		if (errno == EAGAIN)	/* the daemon is busy: give it a second, not for ever */
			(void)poll(&(struct pollfd){ .fd = logger.fd, .events = POLLOUT }, 1, 1000);
		else if (!logger.frozen) /* it was restarted: the same socket finds the new one */
			syslog_connect(logger.fd);
		n = write(logger.fd, line->text, line->n);
	}
	(void)n;	/* nobody left to tell */
}

void
log_event(int priority, const char *event, const char *fields, ...)
{
	int saved = errno;
	struct line line = { .n = 0 };
	va_list arguments;

	if (priority > LOG_NOTICE + logger.verbose)
		return;
	line_prefix(&line, priority);
	gsize start = line.n;
	line_print(&line, "event=%.64s ", event);
	va_start(arguments, fields);
	line_add(&line, sizeof logger.role + sizeof " role=\n", fields, arguments);
	va_end(arguments);
	if (line.text[line.n - 1] == ' ')
		line.n--;
	line_print(&line, " role=%s", logger.role);
	for (gsize i = start; i < line.n; i++)
		if (line.text[i] < ' ' || line.text[i] > '~')
			line.text[i] = '?';
	if (logger.to == LOG_TO_STDERR)
		line.text[line.n++] = '\n';
	line_send(&line);
	errno = saved;
}

char *
log_quote(const char *text)
{
	g_autoptr(GString) out = g_string_sized_new(64);

	if (!text)
		return g_strdup("-");
	for (; *text; text++) {
		bool plain = *text > ' ' && *text <= '~' && *text != '\\' && *text != '"';

		if (out->len + (plain ? 1 : 4) > QUOTE_MAX - 3) {
			g_string_append(out, "...");
			break;
		}
		if (plain)
			g_string_append_c(out, *text);
		else
			g_string_append_printf(out, "\\x%02x", (guint8)*text);
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- the end of a process ------------------------------------------------------------ */

/* A reason in people's words, put in quotes at the end of a line. */
G_GNUC_PRINTF(3, 0)
static void
log_reason(const char *event, int code, const char *format, va_list arguments)
{
	char why[LOG_LINE / 2];

	(void)vsnprintf(why, sizeof why, format, arguments);
	for (char *c = why; *c; c++)
		if (*c == '"')
			*c = '\'';
	if (code >= 0)
		log_event(LOG_CRIT, event, "exit=%d why=\"%s\"", code, why);
	else
		log_event(LOG_CRIT, event, "why=\"%s\"", why);
}

void
fatal(int exit_code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_reason("fatal", exit_code, format, arguments);
	va_end(arguments);
	exit(exit_code);
}

static void
log_backtrace(void)
{
	void *frames[FRAMES_MAX];
	int n = backtrace(frames, FRAMES_MAX);

	for (int i = 1; i < n; i++) {
		Dl_info info = { 0 };

		if (dladdr(frames[i], &info) == 0 || !info.dli_fname)
			continue;
		log_event(LOG_CRIT, "backtrace",
			"frame=%d object=%.200s offset=0x%zx symbol=%.100s", i, info.dli_fname,
			(gsize)((char *)frames[i] - (char *)info.dli_fbase),
			info.dli_sname ? info.dli_sname : "-");
	}
}

void
panic(const char *format, ...)
{
	static bool again;
	va_list arguments;

	va_start(arguments, format);
	log_reason("panic", -1, format, arguments);
	va_end(arguments);
	if (!again) {
		again = true;
		log_backtrace();
	}
	abort();
}

/* ---- GLib ---------------------------------------------------------------------------- */

static int
priority_of(GLogLevelFlags level)
{
	static const struct { GLogLevelFlags level; int priority; } rows[] = {
		{ G_LOG_LEVEL_ERROR, LOG_CRIT }, { G_LOG_LEVEL_CRITICAL, LOG_ERR },
		{ G_LOG_LEVEL_WARNING, LOG_WARNING }, { G_LOG_LEVEL_MESSAGE, LOG_INFO },
		{ G_LOG_LEVEL_INFO, LOG_INFO },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		if (level & rows[i].level)
			return rows[i].priority;
	return LOG_DEBUG;
}

/* GLib's own writer looks for the journal's socket, which a jail kills for; and it ends a
 * process by TRAP. */
static GLogWriterOutput
write_for_glib(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer unused)
{
	const char *domain = "-", *message = "-";

	(void)unused;
	for (gsize i = 0; i < n; i++) {
		if (fields[i].length >= 0)	/* not text */
			continue;
		if (strcmp(fields[i].key, "MESSAGE") == 0)
			message = fields[i].value;
		if (strcmp(fields[i].key, "GLIB_DOMAIN") == 0)
			domain = fields[i].value;
	}
	log_event(priority_of(level), "glib", "domain=%.40s why=\"%.300s\"", domain, message);
	if (level & (G_LOG_FLAG_FATAL | G_LOG_LEVEL_ERROR))
		abort();
	return G_LOG_WRITER_HANDLED;
}

/* ---- opening ------------------------------------------------------------------------- */

static bool
stderr_is_journal(void)
{
	const char *stream = g_getenv("JOURNAL_STREAM");
	struct stat status;

	if (!stream || fstat(STDERR_FILENO, &status) != 0)
		return false;
	g_autofree char *own = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
		(guint64)status.st_dev, (guint64)status.st_ino);
	return strcmp(stream, own) == 0;
}

static void
role_set(const char *role)
{
	g_strlcpy(logger.role, role, sizeof logger.role);
#ifdef UNGCUU_TEST_HOOKS
	hook_role(role);
#endif
}

void
log_open(const char *role, enum log_to to, int verbose)
{
	static bool writer_is_set;
	void *frames[1];

	if (logger.fd != STDERR_FILENO)
		close(logger.fd);
	role_set(role);
	logger.to = to;
	logger.verbose = verbose;
	logger.fd = STDERR_FILENO;
	logger.journal = to == LOG_TO_STDERR && stderr_is_journal();
	if (to == LOG_TO_SYSLOG) {
		logger.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (logger.fd < 0)
			fatal(EX_OSERR, "log socket: %s", g_strerror(errno));
		syslog_connect(logger.fd);
	}
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	(void)backtrace(frames, 1); /* loads what panic() needs while files can still be opened */
	if (!writer_is_set)
		g_log_set_writer_func(write_for_glib, NULL, NULL);
	writer_is_set = true;
}

void
log_freeze(const char *role)
{
	logger.frozen = true;
	role_set(role);
}
