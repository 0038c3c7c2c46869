/* SPDX-License-Identifier: ISC
 *
 * Tests of the program ungcuu-keys, in its jail, with a real agent and a fake hub: what it signs
 * verifies with plain gpg; a forged frame ends it; a dead agent is its agent's fault and nobody
 * else's.
 */
#include "../crypto/crypto-test.h"
#include "role/role.h"

#define ENTITY "Content-Type: text/plain\r\n\r\nXin ch=C3=A0o\r\n"

static struct bench bench;
static struct agent agent;
static char *runtime;
static struct options *options;
static char *program_folder;

/* ---- one worker ------------------------------------------------------------------------- */

struct keys { pid_t pid; int fd; struct peer *hub; };

/* As spawn_role() does it, from the folder of the build. */
static void
keys_start(struct keys *keys)
{
	g_autofree char *program = g_build_filename(program_folder, "ungcuu-keys", NULL);
	g_autofree char *folder = g_build_filename(runtime, "k0", NULL);
	g_autofree char *home = g_strconcat("w:", folder, NULL);
	int pair[2];

	g_mkdir(folder, 0700);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	keys->pid = fork();
	if (keys->pid == 0) {
		const char *const argv[] = { "ungcuu-keys", "3", "x:/usr/bin/gpg", "x:/usr/lib",
			"r:/etc/ld.so.cache", "w:/dev/null", home, NULL };
		const char *const env[] = { "PATH=/usr/bin:/bin", NULL };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_WRONLY), 2);
		dup2(fcntl(pair[1], F_DUPFD_CLOEXEC, 10), 3);
		execve(program, (char *const *)(gpointer)argv, (char *const *)(gpointer)env);
		_exit(127);
	}
	close(pair[1]);
	keys->fd = pair[0];
	keys->hub = role_peer(dup(pair[0]), ROLE_HUB, ROLE_KEYS, "keys");
}

static int
keys_end(struct keys *keys)
{
	int status;

	peer_free(keys->hub);
	close(keys->fd);
	g_assert_cmpint(waitpid(keys->pid, &status, 0), ==, keys->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void
receive(struct keys *keys, struct frame *frame, int verb)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(peer_receive(keys->hub, frame, 20000, &error), ==, RECEIVED);
	g_assert_cmpint(frame->verb, ==, verb);
}

static void
keys_ready(struct keys *keys)
{
	g_autofree char *home = g_build_filename(runtime, "k0", "home", NULL);
	g_auto(frame_auto) frame = { 0 };
	gsize size;
	const void *bytes = g_bytes_get_data(bench.certificate, &size);
	g_autofree char *certificate = g_base64_encode(bytes, size);

	keys_start(keys);
	options_set(options, "run.home", home);
	options_set(options, "run.agent", agent.socket);
	options_set(options, "hotline.key", bench.fingerprint);
	options_set(options, "hotline.certificate", certificate);
	struct options *slice = options_slice(options, ROLE_KEYS);
	g_assert_true(role_send_slice(keys->hub, slice, NULL));
	options_free(slice);
	receive(keys, &frame, VERB_READY);
}

/* One SIGN; the signed entity if it was DONE. */
static enum outcome
sign(struct keys *keys, const char *entity, bool *agent_fault, GBytes **out)
{
	g_autoptr(GBytes) bytes = g_bytes_new(entity, strlen(entity));
	const int fds[2] = { memfd_from_bytes(bytes), memfd_new("signed") };
	g_auto(frame_auto) frame = { 0 };
	guint32 how;
	const char *why;
	gboolean fault;

	g_assert_cmpint(
		peer_send(keys->hub, VERB_SIGN,
			g_variant_new("(ssx)", bench.fingerprint, "bb", (gint64)0), fds, 2, NULL),
		==, DONE);
	receive(keys, &frame, VERB_SIGNED);
	g_variant_get(frame.body, "(u&sb)", &how, &why, &fault);
	g_test_message("%s", why);
	*agent_fault = fault;
	*out = NULL;
	if (how == DONE) {
		g_assert_cmpint(memfd_freeze(fds[1], NULL), ==, DONE);
		*out = memfd_map(fds[1], LIMIT_MAIL_SIZE, NULL);
		g_assert_nonnull(*out);
	}
	close(fds[0]);
	close(fds[1]);
	return (enum outcome)how;
}

static void
sign_and_verify(struct keys *keys)
{
	g_autoptr(GBytes) out = NULL, part = NULL;
	g_autofree char *detached = NULL;
	bool agent_fault;

	g_assert_cmpint(sign(keys, ENTITY, &agent_fault, &out), ==, DONE);
	g_assert_false(agent_fault);
	g_assert_true(bench_split(out, "bb", &part, &detached));
	g_assert_cmpuint(g_bytes_get_size(part), ==, strlen(ENTITY));
	g_assert_true(bench_gpg_verifies(&bench, part, detached));
}

/* ---- the tests -------------------------------------------------------------------------- */

static void
test_sign(void)
{
	struct keys keys;

	keys_ready(&keys);
	sign_and_verify(&keys);
	sign_and_verify(&keys);
	g_assert_cmpint(keys_end(&keys), ==, 0);
}

static void
test_refusal_is_not_the_agents(void)
{
	struct keys keys;
	g_autoptr(GBytes) out = NULL;
	bool agent_fault = true;

	keys_ready(&keys);
	g_assert_cmpint(sign(&keys, "a: b\n\nbare\n", &agent_fault, &out), ==, NEVER);
	g_assert_false(agent_fault);
	sign_and_verify(&keys);
	g_assert_cmpint(keys_end(&keys), ==, 0);
}

static void
test_check(void)
{
	struct keys keys;
	g_auto(frame_auto) frame = { 0 };
	g_autofree const char **lines = NULL;

	keys_ready(&keys);
	g_assert_cmpint(
		peer_send(keys.hub, VERB_CHECK, g_variant_new("()"), NULL, 0, NULL), ==, DONE);
	receive(&keys, &frame, VERB_CHECKED);
	g_variant_get(frame.body, "(^a&s)", &lines);
	g_assert_true(g_str_has_prefix(lines[0], "ok: "));
	g_assert_cmpint(keys_end(&keys), ==, 0);
}

static void
test_forged_frame(void)
{
	static const char *const rows[] = { "x", "SIGN please",
		"\xff\xff\xff\xff\xff\xff\xff\xff" };

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct keys keys;

		keys_ready(&keys);
		g_assert_cmpint(send(keys.fd, rows[i], strlen(rows[i]), MSG_NOSIGNAL), >, 0);
		/* It hangs up, and says nothing. */
		g_assert_cmpint(recv(keys.fd, &(char){ 0 }, 1, 0), <=, 0);
		g_assert_cmpint(keys_end(&keys), ==, 70);
	}
}

/* An entity that its sender could still change is not read. */
static void
test_unfrozen_entity(void)
{
	struct keys keys;
	g_auto(frame_auto) frame = { 0 };
	const int fds[2] = { memfd_new("entity"), memfd_new("signed") };
	guint32 how;

	keys_ready(&keys);
	g_assert_true(write_all(fds[0], ENTITY, strlen(ENTITY)));
	g_assert_cmpint(
		peer_send(keys.hub, VERB_SIGN,
			g_variant_new("(ssx)", bench.fingerprint, "bb", (gint64)0), fds, 2, NULL),
		==, DONE);
	receive(&keys, &frame, VERB_SIGNED);
	g_variant_get(frame.body, "(usb)", &how, NULL, NULL);
	g_assert_cmpuint(how, ==, NEVER);
	close(fds[0]);
	close(fds[1]);
	g_assert_cmpint(keys_end(&keys), ==, 0);
}

static void
test_dead_agent(void)
{
	struct keys keys;
	g_autoptr(GBytes) out = NULL;
	bool agent_fault = false;

	keys_ready(&keys);
	agent_stop(&agent);
	g_assert_cmpint(sign(&keys, ENTITY, &agent_fault, &out), ==, LATER);
	g_assert_true(agent_fault);
	g_assert_cmpint(agent_start(bench.home, runtime, 0, -1, -1, -1, &agent, NULL), ==, DONE);
	sign_and_verify(&keys);		/* a new one under the same path will do */
	g_assert_cmpint(keys_end(&keys), ==, 0);
}

int
main(int argc, char **argv)
{
	const char *build = g_getenv("TOP_BUILDDIR");

	g_test_init(&argc, &argv, NULL);
	program_folder = g_strdup(build ? build : ".");
	crypto_init();
	bench_open(&bench);
	runtime = runtime_new(bench.folder, NULL);
	g_assert_nonnull(runtime);
	options = options_new();
	g_assert_cmpint(agent_start(bench.home, runtime, 0, -1, -1, -1, &agent, NULL), ==, DONE);
	g_test_add_func("/keys/sign", test_sign);
	g_test_add_func("/keys/refusal-is-not-the-agents", test_refusal_is_not_the_agents);
	g_test_add_func("/keys/check", test_check);
	g_test_add_func("/keys/forged-frame", test_forged_frame);
	g_test_add_func("/keys/unfrozen-entity", test_unfrozen_entity);
	g_test_add_func("/keys/dead-agent", test_dead_agent);
	int failed = g_test_run();
	agent_stop(&agent);
	runtime_remove(runtime);
	options_free(options);
	bench_close(&bench);
	return failed;
}
