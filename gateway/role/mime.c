/* SPDX-License-Identifier: ISC
 *
 * mime: the role that reads hostile mail.  The zygote opens every converter, then only forks: it
 * never sees a letter.  Each child has its own socket to the hub, enters the letter's jail before
 * it reads a byte, answers one request (parse, extract or compose) and ends.  Relies on the
 * supervisor for descriptors 0 to 2 on /dev/null.
 */
#include "mime/mime.h"
#include "role/role.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define WHY_MAX 1000		/* bytes of a reason in an answer */
#define PARTS_MAX 100		/* of one mail of ours */
#define RAW_MAX (2 * LIMIT_MAIL_SIZE)	/* mapped; the scan names its own limit before that */

static int child_signals = -1;
static GHashTable *children;	/* pid → job */

/* What mail that names no charset is tried in (policy.fallback_charsets); own strings for good. */
static struct parse_settings settings;

/* ---- test hooks: mails that misbehave on request ------------------------------------------- */

#ifdef UNGCUU_TEST_HOOKS
static void
misbehave(GBytes *raw)
{
	gsize size;
	const char *data = g_bytes_get_data(raw, &size);
	g_autofree char *top = g_strndup(data != NULL ? data : "", MIN(size, 4096));
	if (strstr(top, "X-Ungcuu-Test: crash-mime") != NULL)
		raise(SIGSEGV);
	if (strstr(top, "X-Ungcuu-Test: spin-mime") != NULL)
		for (volatile bool spin = true; spin; )
			continue;
	if (strstr(top, "X-Ungcuu-Test: sys-mime") != NULL)
		(void)!chdir("/");
	while (strstr(top, "X-Ungcuu-Test: eat-mime") != NULL)
		memset(g_malloc(1 << 20), 1, 1 << 20);
}
#else
#define misbehave(raw) ((void)(raw))
#endif

/* ---- the child: one request ---------------------------------------------------------------- */

static void
answer(struct peer *hub, int verb, enum outcome how, const GError *error)
{
	g_autofree char *why = g_utf8_make_valid(error != NULL ? error->message : "", -1);
	if (strlen(why) > WHY_MAX)
		*g_utf8_find_prev_char(why, why + WHY_MAX) = '\0';
	peer_send(hub, verb, g_variant_new("(us)", (guint32)how, why), NULL, 0, NULL);
}

static enum outcome
bytes_write(int fd, GBytes *bytes, GError **error)
{
	gsize size;
	const void *data = g_bytes_get_data(bytes, &size);
	if (write_all(fd, data, size))
		return DONE;
	return fail(error, errno == EFBIG ? NEVER : LATER, "mime: cannot write the result: %s",
		g_strerror(errno));
}

static enum outcome
parse(struct frame *frame, GError **error)
{
	gboolean has_outer = FALSE;
	g_variant_get(frame->body, "(b)", &has_outer);
	g_autoptr(GBytes) raw = memfd_map(frame->fds[0], RAW_MAX, error);
	if (raw == NULL)
		return NEVER;
	FAULT("letter.parse");
	misbehave(raw);
	g_autoptr(letter_auto) outer = NULL, letter = NULL;
	if (has_outer) {
		g_autoptr(GBytes) bytes = memfd_map(frame->fds[1], LIMIT_LETTER_BODY, error);
		outer = bytes != NULL ? letter_from_bytes(bytes, error) : NULL;
		if (outer == NULL)
			return NEVER;
	}
	enum outcome how = parse_mail(raw, outer, &settings, &letter, error);
	if (how != DONE)
		return how;
	g_autoptr(GBytes) bytes = letter_to_bytes(letter);
	if (g_bytes_get_size(bytes) > LIMIT_LETTER_BODY)
		return limit_reached(error, "mime", "letter", LIMIT_LETTER_BODY);
	return bytes_write(frame->fds[2], bytes, error);
}

static enum outcome
extract(struct frame *frame, GError **error)
{
	const char *number;
	g_variant_get(frame->body, "(&s)", &number);
	g_autoptr(GBytes) raw = memfd_map(frame->fds[0], RAW_MAX, error);
	g_autoptr(GBytes) part = NULL;
	if (raw == NULL)
		return NEVER;
	enum outcome how = *number != '\0' ? parse_part(raw, number, &part, error)
		: parse_sealed(raw, &part, error);
	return how == DONE ? bytes_write(frame->fds[1], part, error) : how;
}

/* The parts, each its own piece of the one body; NULL if the sizes do not add up. */
static struct compose_part *
parts_cut(GVariant *list, GBytes *all, GError **error)
{
	gsize n = g_variant_n_children(list), at = 0;
	if (n > PARTS_MAX) {
		limit_reached(error, "compose", "parts", PARTS_MAX);
		return NULL;
	}
	struct compose_part *parts = g_new0(struct compose_part, n + 1);
	for (gsize i = 0; i < n; i++) {
		guint64 size;
		g_variant_get_child(list, i, "(&s&st)", &parts[i].type, &parts[i].name, &size);
		if (size > g_bytes_get_size(all) - at) {
			fail(error, NEVER, "compose: a part is larger than the body");
			return NULL;
		}
		parts[i].bytes = g_bytes_new_from_bytes(all, at, size);
		at += size;
	}
	return parts;
}

static enum outcome
compose(struct frame *frame, GError **error)
{
	const char *boundary, *subject;
	struct compose_protection p = { 0 };
	g_autoptr(GVariant) fields = NULL, list = NULL;
	g_variant_get(frame->body, "(&s&s@a(ss)&s&s&s@a(sst))", &boundary, &subject, &fields,
		&p.from_name, &p.from, &p.to, &list);
	g_autoptr(GBytes) all = memfd_map(frame->fds[0], RAW_MAX, error);
	struct compose_part *parts = all != NULL ? parts_cut(list, all, error) : NULL;
	if (parts == NULL)
		return NEVER;
	gsize n = g_variant_n_children(fields);
	g_autofree struct compose_header *header = g_new0(struct compose_header, n + 1);
	for (gsize i = 0; i < n; i++)
		g_variant_get_child(fields, i, "(&s&s)", &header[i].name, &header[i].value);
	p.fields = header;
	p.n_fields = (guint)n;
	p.outer_subject = *subject != '\0' ? subject : NULL;
	g_autoptr(GBytes) entity = NULL, outer = NULL;
	enum outcome how = compose_protected(parts, (guint)g_variant_n_children(list), boundary,
		&p, &entity, error);
	if (how == DONE)
		how = compose_outer(&p, &outer, error);
	if (how == DONE)
		how = bytes_write(frame->fds[1], entity, error);
	return how == DONE ? bytes_write(frame->fds[2], outer, error) : how;
}

static const struct {
	int request, answer;
	enum outcome (*serve)(struct frame *, GError **error);
} requests[] = {
	{ VERB_PARSE,	VERB_PARSED,	parse },
	{ VERB_EXTRACT,	VERB_EXTRACTED,	extract },
	{ VERB_COMPOSE,	VERB_COMPOSED,	compose },
};

/* The descriptor of the test hooks, or -1. */
static int
hooks_fd(void)
{
	gint64 fd = -1;
#ifdef UNGCUU_TEST_HOOKS
	const char *text = g_getenv("UNGCUU_HOOKS");

	if (text == NULL || !g_ascii_string_to_signed(text, 10, 3, G_MAXINT, &fd, NULL))
		fd = -1;
#endif
	return (int)fd;
}

/* Nothing of the zygote's is the letter's: all but its socket goes. */
static void
close_others(int fd)
{
	int hooks = hooks_fd(), low = hooks < 0 ? fd : MIN(fd, hooks), high = MAX(fd, hooks);

	if (low > 3)
		close_range(3, (unsigned)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0u, 0);
}

static G_NORETURN void
child_run(int fd)
{
	close_others(fd);
	struct peer *hub = role_peer(fd, ROLE_LETTER, ROLE_HUB, "hub");
	jail_letter(LIMIT_LETTER_WALL, LIMIT_LETTER_CPU, LIMIT_LETTER_MEMORY);
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;
	enum receipt receipt = peer_receive(hub, &frame, -1, &error);
	if (receipt != RECEIVED)
		_exit(receipt == PEER_VIOLATION ? EX_SOFTWARE : EXIT_SUCCESS);
	for (guint i = 0; i < G_N_ELEMENTS(requests); i++)
		if (requests[i].request == frame.verb) {
			enum outcome how = requests[i].serve(&frame, &error);
			answer(hub, requests[i].answer, how, error);
		}
	_exit(EXIT_SUCCESS);
}

/* ---- the zygote ---------------------------------------------------------------------------- */

/* Before the jail: what needs files, and the descriptor that tells of children's ends. */
static void
prepare(void)
{
	sigset_t set;
	mime_init();
	jail_letter_prepare();
	children = g_hash_table_new(NULL, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child_signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (child_signals < 0)
		fatal(EX_OSERR, "signalfd: %s", g_strerror(errno));
}

/* Only what mime_init() opened can be used: a charset outside of that is passed over. */
static bool
configure(const struct options *options, GError **error)
{
	guint n = options_count(options, "policy.fallback_charsets");
	char **charsets = g_new0(char *, n + 1);

	(void)error;
	for (guint i = 0; i < n; i++)
		charsets[i] = g_strdup(options_text(options, "policy.fallback_charsets.%u", i));
	settings.fallback_charsets = (const char *const *)charsets;
	return true;
}

static void
serve(struct peer *hub, struct frame *frame)
{
	guint32 job;
	if (frame->verb != VERB_SPAWN)
		return;
	g_variant_get(frame->body, "(u)", &job);
	int fd = frame->fds[0];
	pid_t pid = fork();
	if (pid == 0) {
		frame->fds[0] = -1;
		child_run(fd);
	}
	if (pid > 0)
		g_hash_table_insert(children, GINT_TO_POINTER(pid), GUINT_TO_POINTER(job));
	guint32 told = pid > 0 ? (guint32)pid : 0;
	if (peer_send(hub, VERB_SPAWNED, g_variant_new("(uu)", job, told), NULL, 0, NULL) != DONE)
		exit(EXIT_SUCCESS);
}

static int
signals_fd(void)
{
	return child_signals;
}

static void
reap(struct peer *hub)
{
	struct signalfd_siginfo info;
	while (read(child_signals, &info, sizeof info) > 0)
		continue;
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0; ) {
		gpointer job;
		g_autofree char *cause = NULL;
		if (!g_hash_table_steal_extended(children, GINT_TO_POINTER(pid), NULL, &job))
			continue;
		enum death death = death_of(status, &cause);
		GVariant *told = g_variant_new("(uus)", GPOINTER_TO_UINT(job), (guint32)death,
			cause);
		if (peer_send(hub, VERB_ENDED, told, NULL, 0, NULL) != DONE)
			exit(EXIT_SUCCESS);
	}
}

int
main(int argc, char **argv)
{
	static const struct worker worker = {
		.role = ROLE_MIME, .prepare = prepare, .configure = configure, .serve = serve,
		.extra_fd = signals_fd, .extra = reap,
	};
	return worker_main(&worker, argc, argv);
}
