/* SPDX-License-Identifier: ISC
 *
 * control: the socket ungcuuctl changes things through.  One request, one answer, then the
 * connection ends. Only our own user and root are heard (SO_PEERCRED), and never one of our own
 * workers: a jail does not stop connect() by path.  Everything that only reads goes to the store
 * directly and not through here.
 */
#include "role/hub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define CLIENTS_MAX 16
#define ANCESTORS_MAX 64		/* of a caller; a longer line is not believed */
#define CLIENT_MS 10000			/* to send its request */

void
control_open(struct hub *hub)
{
	const char *path = options_text(hub->options, "control.socket");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd;

	if (path == NULL)
		return;
	if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
		fatal(EX_CONFIG, "control.socket: the path is too long");
	unlink(path);			/* the store lock says that no other hub lives */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(fd, CLIENTS_MAX) != 0)
		fatal(EX_OSERR, "control.socket: %s: %s", path, g_strerror(errno));
	umask(mask);
	hub->control_fd = fd;
}

/* The parent of pid, from /proc: 0 for one whose parent is outside of what we see; -1: cannot be
 * told. */
static pid_t
parent_of(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid), *text = NULL;
	const char *end;
	long parent = 0;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return -1;
	end = strrchr(text, ')');
	return end != NULL && sscanf(end, ") %*c %ld", &parent) == 1 ? (pid_t)parent : -1;
}

/* Our siblings, and what they started, are the supervisor's children like ourselves. */
static bool
is_ours(pid_t pid)
{
	for (guint depth = 0; pid > 1; depth++) {
		pid_t parent = parent_of(pid);

		if (parent < 0 || parent == getppid() || depth == ANCESTORS_MAX)
			return pid != getppid();
		pid = parent;
	}
	return false;
}

static bool
peer_allowed(int fd)
{
	struct ucred who;
	socklen_t size = sizeof who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
		return false;
	return (who.uid == 0 || who.uid == geteuid()) && !is_ours(who.pid);
}

/* Past the limit the one that has waited longest without asking goes. */
static void
client_make_room(struct hub *hub)
{
	struct link *oldest = NULL;
	guint n = 0;

	for (guint i = 0; i < hub->links->len; i++) {
		struct link *link = hub->links->pdata[i];

		if (link->role != ROLE_CONTROL || link->dropped)
			continue;
		n++;
		if (oldest == NULL || link->deadline < oldest->deadline)
			oldest = link;
	}
	if (n >= CLIENTS_MAX)
		hub_link_drop(oldest);
}

void
control_accept(struct hub *hub)
{
	int fd = accept4(hub->control_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (!peer_allowed(fd)) {
		log_event(LOG_WARNING, "control-refused", "why=not-allowed");
		close(fd);
		return;
	}
	client_make_room(hub);
	hub_link_new(hub, ROLE_CONTROL, 0, 0, fd)->deadline = clock_now() + CLIENT_MS;
}

/* ---- what may be asked --------------------------------------------------- */

/* Both texts are our own or a parsed id: nothing to escape. */
char *
control_refusal(const char *what, const char *why)
{
	return g_strdup_printf("{\"version\":1,\"error\":{\"what\":\"%s\",\"why\":\"%s\"}}",
		what, why);
}

char *
control_retried(const char *id)
{
	return g_strdup_printf("{\"version\":1,\"retried\":\"%s\"}", id);
}

static char *
hold_retry(struct hub *hub, const char *const *words, int *exit_code)
{
	char *json = job_retry(hub, words[2], exit_code);

	if (json == NULL)
		json = outbox_retry(hub, words[2], exit_code);
	if (json == NULL) {
		*exit_code = EX_DATAERR;
		json = control_refusal("hold retry", "no such mail");
	}
	return json;
}

static const struct {
	const char *noun, *verb;
	guint n_words;
	char *(*run)(struct hub *, const char *const *words, int *exit_code);
} requests[] = {
	/* noun    verb     words  what is done */
	{ "hold",  "retry", 3,     hold_retry },
};

void
control_request(struct hub *hub, struct link *link, struct frame *frame)
{
	g_autoptr(GVariant) list = g_variant_get_child_value(frame->body, 0);
	g_autofree const char **words = NULL;
	g_autofree char *json = NULL;
	int exit_code = EX_OK;
	gsize n;

	words = g_variant_get_strv(list, &n);
	for (guint i = 0; i < G_N_ELEMENTS(requests) && json == NULL; i++)
		if (n == requests[i].n_words && strcmp(words[0], requests[i].noun) == 0 &&
		    strcmp(words[1], requests[i].verb) == 0)
			json = requests[i].run(hub, words, &exit_code);
	if (json == NULL) {
		exit_code = EX_USAGE;
		json = control_refusal("control", "no such request");
	}
	hub_request(hub, link, VERB_CONTROLLED, g_variant_new("(us)", (guint32)exit_code, json),
		NULL, 0, CLIENT_MS);
}
