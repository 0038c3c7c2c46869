/* SPDX-License-Identifier: ISC
 *
 * worker: starts a role for the length of one call, in the same jail as the daemon's, asks it
 * and ends it. ungcuuctl takes the hub's part of the conversation, with the same checks on every
 * frame.  Each call has processes of its own, so calls side by side do not meet.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS	20000
#define ANSWER_MS	300000
#define END_MS		2000
#define TOKENS_MOST	3	/* asked for in one answer */

/* No worker may know another mailbox's password. */
static struct options *
slice_of(const struct options *all, enum role role, guint index)
{
	if (role == ROLE_FETCH)
		return options_for_mailbox(all, role, index);
	return options_slice(all, role == ROLE_MIME ? ROLE_MIME | ROLE_LETTER : role);
}

enum outcome
helper_ended(struct helper *helper, GError **error)
{
	int status = 0;
	g_autofree char *cause = NULL;

	for (int waited = 0; waited < END_MS; waited += 10) {
		pid_t pid = waitpid(helper->pid, &status, WNOHANG);

		if (pid == helper->pid) {
			helper->pid = 0;
			death_of(status, &cause);
			return fail(error, LATER, "%s ended: %s (its log: -v)",
				role_row(helper->role)->name, cause);
		}
		g_usleep(10000);
	}
	return fail(error, LATER, "%s hung up", role_row(helper->role)->name);
}

/* Its login needs an access token: the hub's part, without a supervisor. */
static void
give_token(const struct helper *helper)
{
	g_autoptr(GError) error = NULL;
	char *token = token_run(helper->ctl->options, helper->role, helper->index, &error);
	g_autoptr(GBytes) bytes = g_bytes_new(token ? token : "", token ? strlen(token) : 0);
	int fd = memfd_from_bytes(bytes);

	if (token)
		wipe(token, strlen(token));
	g_free(token);
	/* Where this fails it is gone, which the next frame tells. */
	(void) peer_send(helper->peer, VERB_TOKEN, g_variant_new("(us)", (guint32) (error ? LATER :
		DONE), error ? error->message : ""), &fd, 1, NULL);
	close(fd);
}

/* The next frame, which must be `verb`. */
static enum outcome
expect(struct helper *helper, int verb, int wait_ms, struct frame *frame, GError **error)
{
	g_autoptr(GError) fault = NULL;
	const char *name = role_row(helper->role)->name;
	enum receipt receipt = peer_receive(helper->peer, frame, wait_ms, &fault);

	for (guint i = 0; i < TOKENS_MOST && receipt == RECEIVED && frame->verb == VERB_WANT; i++) {
		frame_clear(frame);
		give_token(helper);
		receipt = peer_receive(helper->peer, frame, wait_ms, &fault);
	}
	switch (receipt) {
	case RECEIVED:
		if (frame->verb == verb)
			return DONE;
		return fail(error, LATER, "%s: unexpected answer %s", name,
			verbs_table[frame->verb].name);
	case NOTHING_YET:
		return fail(error, LATER, "%s: no answer within %d s", name, wait_ms / 1000);
	case PEER_GONE:
		return helper_ended(helper, error);
	default:
		return fail(error, LATER, "%s broke the rules: %s", name,
			fault ? fault->message : "?");
	}
}

/* An agent only where there is a key for it: a verdict needs none. */
static enum outcome
start_agent(const struct ctl *ctl, struct helper *helper, GError **error)
{
	const char *home = options_text(ctl->options, "keys.home");
	gint64 uid, gid, worker_uid, worker_gid;
	bool has_secret;
	enum outcome how;

	helper->runtime = runtime_new(options_text(ctl->options, "store.path"), error);
	if (!helper->runtime)
		return LATER;
	how = configuration_own_keys(ctl->options, &has_secret, error);
	if (how != DONE || !options_text(ctl->options, "hotline.certificate"))
		return how;
	how = role_user(ctl->options, ROLE_SUPERVISOR, &uid, &gid, error);
	if (how == DONE)
		how = role_user(ctl->options, ROLE_KEYS, &worker_uid, &worker_gid, error);
	return how != DONE ? how : agent_start(home, helper->runtime, 0, uid, gid, worker_uid,
		&helper->agent, error);
}

static struct options *
slice_for(const struct ctl *ctl, const struct helper *helper, guint index)
{
	struct options *slice = slice_of(ctl->options, helper->role, index);

	if (helper->role == ROLE_KEYS) {
		g_autofree char *home = g_strdup_printf("%s/k0/home", helper->runtime);

		options_set(slice, "run.home", home);
		options_set(slice, "run.agent", helper->agent.socket ? helper->agent.socket :
			"/nonexistent");
	}
	return slice;
}

static enum outcome
start_program(const struct ctl *ctl, struct helper *helper, guint index, GError **error)
{
	const struct spawn_settings settings = { .syslog = !ctl->verbose,
		.verbose = ctl->verbose ? 1 : 0, .options = ctl->options,
		.runtime = helper->runtime };
	struct spawned child = { 0 };
	g_auto(frame_auto) ready = { 0 };
	enum outcome how = spawn_role(&settings, helper->role, index, NULL, &child, error);

	if (how != DONE)
		return how;
	helper->pid = child.pid;
	helper->peer = role_peer(child.fd, ROLE_HUB, helper->role, role_row(helper->role)->name);

	struct options *slice = slice_for(ctl, helper, index);
	bool sent = role_send_slice(helper->peer, slice, error);

	options_free(slice);
	return sent ? expect(helper, VERB_READY, START_MS, &ready, error) : LATER;
}

enum outcome
helper_start(const struct ctl *ctl, enum role role, guint index, struct helper *helper,
	GError **error)
{
	*helper = (struct helper) { .ctl = ctl, .role = role, .index = index,
		.agent = { .pid = -1, .watch_fd = -1 } };

	enum outcome how = role == ROLE_KEYS ? start_agent(ctl, helper, error) : DONE;

	if (how == DONE)
		how = start_program(ctl, helper, index, error);
	if (how != DONE)
		helper_stop(helper);
	return how;
}

enum outcome
helper_ask(struct helper *helper, const struct question *question, struct frame *answer,
	GError **error)
{
	int wanted = 0;

	while (wanted < N_VERBS && verbs_table[wanted].answers != question->verb)
		wanted++;
	if (wanted == N_VERBS)
		panic("verb %s has no answer", verbs_table[question->verb].name);
	if (peer_send(helper->peer, question->verb, question->body, question->fds,
		question->n_fds, error) != DONE)
		return LATER;
	return expect(helper, wanted, ANSWER_MS, answer, error);
}

void
helper_stop(struct helper *helper)
{
	if (helper->peer)
		peer_free(helper->peer);
	helper->peer = NULL;
	/* It holds nothing that an orderly end would save: all it does durably is done by then. */
	if (helper->pid > 0) {
		kill(-helper->pid, SIGKILL);
		kill(helper->pid, SIGKILL);
		while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	helper->pid = 0;
	if (helper->role == ROLE_KEYS)
		agent_stop(&helper->agent);
	if (helper->runtime)
		runtime_remove(helper->runtime);
	g_clear_pointer(&helper->runtime, g_free);
}
