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

/* Past the limit the one that has waited longest without asking goes; false: each has a mail here
 * that is not answered yet. */
static bool
client_make_room(struct hub *hub)
{
	struct link *oldest = NULL;
	guint n = 0;

	for (guint i = 0; i < hub->links->len; i++) {
		struct link *link = hub->links->pdata[i];

		if (link->role != ROLE_CONTROL || link->dropped)
			continue;
		n++;
		if (link->ingest < 0 && (oldest == NULL || link->deadline < oldest->deadline))
			oldest = link;
	}
	if (n >= CLIENTS_MAX && oldest != NULL)
		hub_link_drop(oldest);
	return n < CLIENTS_MAX || oldest != NULL;
}

void
control_accept(struct hub *hub)
{
	int fd = accept4(hub->control_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	bool is_allowed = peer_allowed(fd);

	if (!is_allowed || !client_make_room(hub)) {
		log_event(LOG_WARNING, "control-refused", "why=%s",
			is_allowed ? "too-many" : "not-allowed");
		close(fd);
		return;
	}
	hub_link_new(hub, ROLE_CONTROL, 0, 0, fd)->deadline = clock_ticks() + CLIENT_MS;
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

/* ---- certificates that came by mail ------------------------------------------------------- */

#define PINS_READ 1000			/* rows of the store at a time */
#define ADDRESSES_NAMED 5		/* in the journal */

/* What a request about pins is about, and what it meets. */
struct pin_request {
	const char *fingerprint, *address;	/* address: NULL: whoever */
	bool takes_forgotten;
	guint affected, forgotten, current;
	GString *addresses;			/* of those affected, the first few */
};

static void
pin_match(struct pin_request *request, const struct pin *pin)
{
	if (strcmp(pin->fingerprint, request->fingerprint) != 0 ||
	    (request->address != NULL && g_ascii_strcasecmp(pin->address, request->address) != 0))
		return;
	request->forgotten += pin->state == PIN_FORGOTTEN;
	request->current += pin->state == PIN_CURRENT;
	if (pin->state == PIN_FORGOTTEN && !request->takes_forgotten)
		return;
	if (request->affected++ < ADDRESSES_NAMED)
		g_string_append_printf(request->addresses, " %s", pin->address);
}

/* Looked at beforehand: a change that meets no row would end the turn, and with it the hub. */
static void
pins_match(struct hub *hub, struct pin_request *request)
{
	g_autofree char *after = NULL;
	guint n = PINS_READ;

	while (n == PINS_READ) {
		g_autoptr(GPtrArray) pins = pin_list(hub->store, -1, PINS_READ, after);

		n = pins->len;
		for (guint i = 0; i < n; i++)
			pin_match(request, pins->pdata[i]);
		g_clear_pointer(&after, g_free);
		if (n > 0)
			after = id_text(((const struct pin *)pins->pdata[n - 1])->id);
	}
}

/* Why nothing is to be done; NULL: something is. */
static const char *
forget_refusal(const struct pin_request *request)
{
	if (request->affected > 0)
		return NULL;
	if (request->forgotten > 0)
		return "it is forgotten already";
	return request->address != NULL ? "it is not pinned for this address" :
		"it is pinned for nobody";
}

static const char *
accept_refusal(const struct pin_request *request)
{
	if (request->affected > 1)
		return "it is pinned for several addresses: name one with --address";
	return request->current > 0 ? "it is the current one already" : forget_refusal(request);
}

static const struct pin_verb {
	const char *verb, *what, *event, *answer;
	bool takes_forgotten;
	const char *(*refusal)(const struct pin_request *);
	enum outcome (*change)(struct store *, const char *address, const char *fingerprint,
		GError **error);
} pin_verbs[] = {
	/* verb, name in a refusal, event of journal and log, key of the answer, ... */
	{ "forget", "key forget", "key-forgotten", "forgotten", false, forget_refusal, pin_forget },
	{ "accept", "key accept", "key-accepted", "accepted", true, accept_refusal, pin_accept },
};

static bool
is_fingerprint(const char *text)
{
	gsize n = strlen(text);

	return (n == 40 || n == 64) && strspn(text, "0123456789ABCDEF") == n;
}

static char *
pin_change(struct hub *hub, const struct pin_verb *verb, const struct pin_request *request)
{
	static const struct id nothing = { { 0 } };
	g_autofree char *why = g_strdup_printf("%s for %u:%s%s", request->fingerprint,
		request->affected, request->addresses->str,
		request->affected > ADDRESSES_NAMED ? " ..." : "");
	g_autoptr(GError) error = NULL;

	hub_must(verb->change(hub->store, request->address, request->fingerprint, &error), &error,
		verb->what);
	hub_journal(hub, nothing, nothing, verb->event, why);
	log_event(LOG_NOTICE, verb->event, "fingerprint=%s correspondents=%u",
		request->fingerprint, request->affected);
	return g_strdup_printf("{\"version\":1,\"%s\":\"%s\",\"correspondents\":%u}",
		verb->answer, request->fingerprint, request->affected);
}

static char *
pin_decide(struct hub *hub, const struct pin_verb *verb, const char *const *words, int *exit_code)
{
	g_autoptr(GString) addresses = g_string_new(NULL);
	struct pin_request request = { .fingerprint = words[2], .address = words[3],
		.takes_forgotten = verb->takes_forgotten, .addresses = addresses };
	const char *why = "no full fingerprint";

	if (is_fingerprint(request.fingerprint)) {
		pins_match(hub, &request);
		why = verb->refusal(&request);
	}
	if (why == NULL)
		return pin_change(hub, verb, &request);
	*exit_code = EX_DATAERR;
	return control_refusal(verb->what, why);
}

/* key forget|accept FINGERPRINT [ADDRESS] */
static char *
key_decide(struct hub *hub, const char *const *words, int *exit_code)
{
	for (guint i = 0; i < G_N_ELEMENTS(pin_verbs); i++)
		if (strcmp(words[1], pin_verbs[i].verb) == 0)
			return pin_decide(hub, &pin_verbs[i], words, exit_code);
	return NULL;
}

/* mailbox adopt NAME SINCE_MS silent|answered */
static char *
mailbox_adopt(struct hub *hub, const char *const *words, int *exit_code)
{
	gint64 since;

	if (g_ascii_string_to_signed(words[3], 10, 0, G_MAXINT64, &since, NULL))
		return intake_adopt(hub, words[2], since, strcmp(words[4], "silent") == 0,
			exit_code);
	*exit_code = EX_USAGE;
	return control_refusal("mailbox adopt", "no time");
}

static const struct {
	const char *noun, *verb;
	guint n_words;
	char *(*run)(struct hub *, const char *const *words, int *exit_code);
} requests[] = {
	/* noun    verb      words  what is done */
	{ "hold",  "retry",  3,     hold_retry },
	{ "key",   "forget", 3,     key_decide },
	{ "key",   "forget", 4,     key_decide },
	{ "key",   "accept", 3,     key_decide },
	{ "key",   "accept", 4,     key_decide },
	{ "mailbox", "adopt", 5,    mailbox_adopt },
	{ "evidence", "add", EVIDENCE_WORDS, evidence_add },
	{ "queue", "retry",  3,     queue_request },
	{ "queue", "cancel", 3,     queue_request },
	{ "backup", "made", 3,      backup_made },
	{ "ticket", "drill", 4,     drill_set },
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
