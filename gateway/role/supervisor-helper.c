/* SPDX-License-Identifier: ISC
 *
 * supervisor-helper: programs of the site the hub asks for by name (alarm, page): the words of the
 * configuration, then the hub's arguments, as they are: no shell.  Own uid, a deadline, 16 KB of
 * output.  A name that is not configured is answered, not run.
 */
#include "role/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define HELPER_MS	60000
#define OUTPUT_MAX	16384
#define HELPERS_MOST	8
#define NOT_FOUND	127	/* as a shell would say it */

struct helper {
	guint id, hub;		/* number of the request; generation of the hub that made it */
	pid_t pid;		/* 0 once reaped */
	int fd;			/* its output; -1 after the end of it */
	gint64 due;
	GByteArray *output;
	guint status;
};

static const struct {
	const char *name, *option;
	bool is_token;		/* standard output only; the argument says whose: not passed on */
} helpers[] = {
	{ "alarm",            "alarm.command",            false },
	{ "page",             "page.command",             false },
	{ "submission-token", "submission.token_command", true },
	{ "mailbox-token",    "mailboxes",                true },
};

static void
helper_free(void *data)
{
	struct helper *helper = data;

	if (helper->pid > 0) {
		kill(-helper->pid, SIGKILL);
		while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (helper->fd >= 0)
		close(helper->fd);
	wipe(helper->output->data, helper->output->len);
	g_byte_array_unref(helper->output);
	g_free(helper);
}

GPtrArray *
helper_list_new(void)
{
	return g_ptr_array_new_with_free_func(helper_free);
}

int
helper_fd(const struct helper *helper)
{
	return helper->fd;
}

gint64
helper_due(const struct helper *helper)
{
	return helper->due;
}

/* What a helper printed may be a secret: no copy stays. */
static void
tell_hub(struct supervisor *sup, guint id, guint status, const char *text)
{
	GVariant *output = g_variant_ref_sink(g_variant_new_string(text));
	GVariant *body = g_variant_ref_sink(g_variant_new("(uu@s)", id, status, output));

	(void)peer_send(sup->hub->peer, VERB_HELPED, body, NULL, 0, NULL);
	wipe((void *)g_variant_get_data(body), g_variant_get_size(body));
	wipe((void *)g_variant_get_data(output), g_variant_get_size(output));
	g_variant_unref(body);
	g_variant_unref(output);
}

/* The output as text of at most 16 KB. */
static void
answer(struct supervisor *sup, guint id, guint status, const void *output, gsize size)
{
	g_autofree char *text = g_utf8_make_valid(output, (gssize)size);
	gsize length = MIN(strlen(text), OUTPUT_MAX);

	while (length > 0 && ((guchar)text[length] & 0xc0) == 0x80)
		length--;
	text[length] = '\0';
	if (sup->hub->peer)
		tell_hub(sup, id, status, text);
	wipe(text, strlen(text));
}

/* The setting with the words of the command; g_free(), or NULL: no such mailbox. */
static char *
option_of(const struct supervisor *sup, guint row, const char *mailbox)
{
	if (strcmp(helpers[row].option, "mailboxes") != 0)
		return g_strdup(helpers[row].option);
	for (guint i = 0; mailbox && i < options_count(sup->options, "mailboxes"); i++)
		if (g_strcmp0(options_text(sup->options, "mailboxes.%u.name", i), mailbox) == 0)
			return g_strdup_printf("mailboxes.%u.token_command", i);
	return NULL;
}

static GPtrArray *
words_of(const struct supervisor *sup, guint row, const char *const *arguments)
{
	GPtrArray *words = g_ptr_array_new();
	g_autofree char *option = option_of(sup, row, arguments[0]);

	for (guint n = 0; option && n < options_count(sup->options, "%s", option); n++)
		g_ptr_array_add(words, (gpointer)options_text(sup->options, "%s.%u", option, n));
	if (words->len > 0 && !helpers[row].is_token)
		for (; *arguments; arguments++)
			g_ptr_array_add(words, (gpointer)*arguments);
	g_ptr_array_add(words, NULL);
	return words;
}

static guint
row_of(const char *name)
{
	guint row = 0;

	while (row < G_N_ELEMENTS(helpers) && strcmp(helpers[row].name, name) != 0)
		row++;
	return row;
}

void
helper_start(struct supervisor *sup, guint id, const char *name, const char *const *arguments)
{
	guint row = row_of(name);
	g_autoptr(GPtrArray) words = row < G_N_ELEMENTS(helpers) ? words_of(sup, row, arguments) :
		NULL;
	struct program program = { .path = words ? words->pdata[0] : NULL };
	int ends[2];

	if (!program.path) {
		answer(sup, id, NOT_FOUND, "not configured", strlen("not configured"));
		return;
	}
	if (sup->helpers->len >= HELPERS_MOST ||
	    role_user(sup->options, ROLE_SUPERVISOR, &program.uid, &program.gid, NULL) != DONE ||
	    pipe2(ends, O_CLOEXEC) != 0) {
		answer(sup, id, EX_TEMPFAIL, "busy", strlen("busy"));
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);	/* ours only: the helper writes as it always does */
	program.argv = (const char *const *)words->pdata;
	program.errors_too = !helpers[row].is_token;
	program.out = ends[1];
	pid_t pid = program_start(&program);
	close(ends[1]);
	log_event(LOG_NOTICE, "helper-start", "name=%s pid=%d", name, (int)pid);
	struct helper *helper = g_new0(struct helper, 1);
	helper->id = id;
	helper->hub = sup->hub->generation;
	helper->pid = MAX(pid, 0);
	helper->fd = ends[0];
	helper->due = program_clock() + HELPER_MS;
	helper->output = g_byte_array_new();
	helper->status = EX_OSERR;
	g_ptr_array_add(sup->helpers, helper);
}

static void
read_output(struct helper *helper)
{
	guint8 buffer[4096];
	ssize_t n;

	while (helper->fd >= 0 && (n = read(helper->fd, buffer, sizeof buffer)) != 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0)
			break;
		/* Read on past the cap, so that it does not block in writing. */
		if (helper->output->len < OUTPUT_MAX)
			g_byte_array_append(helper->output, buffer, (guint)n);
	}
	if (helper->fd >= 0)
		close(helper->fd);
	helper->fd = -1;
}

void
helper_work(struct supervisor *sup)
{
	for (guint i = 0; i < sup->helpers->len; ) {
		struct helper *helper = sup->helpers->pdata[i];

		read_output(helper);
		if (helper->pid > 0 && program_clock() >= helper->due) {
			kill(-helper->pid, SIGKILL);
			helper->due = G_MAXINT64;	/* its end will be reaped */
		}
		if (helper->pid > 0) {
			i++;
			continue;
		}
		/* The hub of today did not ask what the one before it wanted to know. */
		if (helper->hub == sup->hub->generation)
			answer(sup, helper->id, helper->status,
				helper->output->data ? helper->output->data : (const guint8 *)"",
				helper->output->len);
		g_ptr_array_remove_index(sup->helpers, i);
	}
}

void
helper_reaped(struct supervisor *sup, pid_t pid, int wait_status)
{
	for (guint i = 0; i < sup->helpers->len; i++) {
		struct helper *helper = sup->helpers->pdata[i];

		if (helper->pid != pid)
			continue;
		helper->pid = 0;
		helper->status = WIFEXITED(wait_status) ? (guint)WEXITSTATUS(wait_status) :
			128 + (guint)WTERMSIG(wait_status);
		log_event(LOG_NOTICE, "helper-end", "pid=%d status=%u", (int)pid, helper->status);
	}
}
