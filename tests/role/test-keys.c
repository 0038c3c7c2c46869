/* SPDX-License-Identifier: ISC
 *
 * Tests of the program ungcuu-keys, in its jail, with a real agent and a fake hub: what it signs
 * verifies with plain gpg; a forged frame ends it; a dead agent is its agent's fault and nobody
 * else's.
 */
#include "../crypto/crypto-test.h"
#include "../crypto/peers.h"
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

/* One PROTECT without a recipient; the signed entity if it was DONE. */
static enum outcome
sign(struct keys *keys, const char *entity, bool *agent_fault, GBytes **out)
{
	g_autoptr(GBytes) bytes = g_bytes_new(entity, strlen(entity));
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
	const int fds[3] = { memfd_from_bytes(bytes), memfd_from_bytes(nothing),
		memfd_new("signed") };
	g_auto(frame_auto) frame = { 0 };
	guint32 how;
	const char *why;
	gboolean fault;

	g_assert_cmpint(
		peer_send(keys->hub, VERB_PROTECT,
			g_variant_new("(sssx)", bench.fingerprint, "", "bb", (gint64)0), fds, 3,
			NULL),
		==, DONE);
	receive(keys, &frame, VERB_PROTECTED);
	g_variant_get(frame.body, "(u&sb)", &how, &why, &fault);
	g_test_message("%s", why);
	*agent_fault = fault;
	*out = NULL;
	if (how == DONE) {
		g_assert_cmpint(memfd_freeze(fds[2], NULL), ==, DONE);
		*out = memfd_map(fds[2], LIMIT_MAIL_SIZE, NULL);
		g_assert_nonnull(*out);
	}
	for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
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
	static const char *const rows[] = { "x", "OPEN please",
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
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
	const int fds[3] = { memfd_new("entity"), memfd_from_bytes(nothing), memfd_new("signed") };
	guint32 how;

	keys_ready(&keys);
	g_assert_true(write_all(fds[0], ENTITY, strlen(ENTITY)));
	g_assert_cmpint(
		peer_send(keys.hub, VERB_PROTECT,
			g_variant_new("(sssx)", bench.fingerprint, "", "bb", (gint64)0), fds, 3,
			NULL),
		==, DONE);
	receive(&keys, &frame, VERB_PROTECTED);
	g_variant_get(frame.body, "(usb)", &how, NULL, NULL);
	g_assert_cmpuint(how, ==, NEVER);
	for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
	g_assert_cmpint(keys_end(&keys), ==, 0);
}

/* ---- a correspondent ------------------------------------------------------------------- */

static struct peers peers;
static char *alice;
static const char alice_address[] = "alice@example.org";

/* What alice wrote to us, encrypted and signed. */
static GBytes *
sealed_by_alice(const char *text)
{
	g_autoptr(GBytes) plain = peers_text(text);
	const char *const args[] = { "--armor", "--trust-model", "always", "--local-user", alice,
		"--recipient", bench.fingerprint, "--sign", "--encrypt", NULL };

	peers_import(&peers, bench.certificate);
	return peers_made(peers_gpg(&peers, plain, args));
}

struct answer { guint32 how; struct verdict verdict; char *plain; gsize n_missing; };

/* One OPEN of a ciphertext, with or without alice's certificate. */
static void
open_one(struct keys *keys, GBytes *sealed, GBytes *certificate, struct answer *answer)
{
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
	const int fds[4] = { memfd_from_bytes(sealed), memfd_from_bytes(nothing),
		memfd_from_bytes(certificate ? certificate : nothing), memfd_new("plain") };
	const char *const addresses[] = { alice_address, NULL };
	g_auto(frame_auto) frame = { 0 };
	GVariantBuilder parties, sizes;
	g_autoptr(GVariant) words = NULL, missing = NULL;

	g_variant_builder_init(&parties, G_VARIANT_TYPE("a(ssas)"));
	g_variant_builder_init(&sizes, G_VARIANT_TYPE("at"));
	if (certificate) {
		g_variant_builder_add(&parties, "(ss^as)", alice, "agency:alice", addresses);
		g_variant_builder_add(&sizes, "t", (guint64)g_bytes_get_size(certificate));
	}
	g_assert_cmpint(peer_send(keys->hub, VERB_OPEN, g_variant_new("(bsa(ssas)bxtat)", TRUE,
		alice_address, &parties, FALSE, clock_now(), (guint64)LIMIT_MAIL_SIZE, &sizes),
		fds, 4, NULL), ==, DONE);
	receive(keys, &frame, VERB_OPENED);
	g_variant_get(frame.body, "(usb@(uuumsmsmsxx)@as)", &answer->how, NULL, NULL, &words,
		&missing);
	g_assert_true(verdict_from_variant(words, &answer->verdict));
	answer->n_missing = g_variant_n_children(missing);
	g_assert_cmpint(memfd_freeze(fds[3], NULL), ==, DONE);
	g_autoptr(GBytes) plain = memfd_map(fds[3], LIMIT_MAIL_SIZE, NULL);
	answer->plain = g_strndup(g_bytes_get_data(plain, NULL), g_bytes_get_size(plain));
	for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
}

static void
answer_clear(struct answer *answer)
{
	verdict_clear(&answer->verdict);
	g_free(answer->plain);
}

/* First nobody is at hand, then alice is; no home of one mail is left for the next. */
static void
test_open(void)
{
	g_autoptr(GBytes) sealed = sealed_by_alice("Content-Type: text/plain\r\n\r\nxin chao\r\n");
	g_autoptr(GBytes) certificate = peers_certificate(&peers, alice);
	g_autofree char *left = g_build_filename(runtime, "k0", "home-mail", NULL);
	struct answer answer;
	struct keys keys;

	keys_ready(&keys);
	open_one(&keys, sealed, NULL, &answer);
	g_assert_cmpuint(answer.how, ==, DONE);
	g_assert_cmpint(answer.verdict.encryption, ==, ENCRYPTION_DECRYPTED);
	g_assert_cmpint(answer.verdict.signature, ==, SIGNATURE_UNVERIFIABLE);
	g_assert_cmpuint(answer.n_missing, ==, 1);
	answer_clear(&answer);
	open_one(&keys, sealed, certificate, &answer);
	g_assert_cmpint(answer.verdict.signature, ==, SIGNATURE_TRUSTED);
	g_assert_cmpstr(answer.verdict.party, ==, "agency:alice");
	g_assert_nonnull(strstr(answer.plain, "xin chao"));
	answer_clear(&answer);
	open_one(&keys, sealed, NULL, &answer);		/* nothing stays from the mail before */
	g_assert_cmpint(answer.verdict.signature, ==, SIGNATURE_UNVERIFIABLE);
	answer_clear(&answer);
	g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
	g_assert_cmpint(keys_end(&keys), ==, 0);
}

/* One PROTECT for alice. */
static guint32
encrypt(struct keys *keys, GBytes *certificate, GBytes **out)
{
	g_autoptr(GBytes) entity = g_bytes_new_static(ENTITY, sizeof ENTITY - 1);
	const int fds[3] = { memfd_from_bytes(entity), memfd_from_bytes(certificate),
		memfd_new("encrypted") };
	g_auto(frame_auto) frame = { 0 };
	guint32 how;

	g_assert_cmpint(peer_send(keys->hub, VERB_PROTECT, g_variant_new("(sssx)",
		bench.fingerprint, alice, "bb", (gint64)0), fds, 3, NULL), ==, DONE);
	receive(keys, &frame, VERB_PROTECTED);
	g_variant_get(frame.body, "(usb)", &how, NULL, NULL);
	g_assert_cmpint(memfd_freeze(fds[2], NULL), ==, DONE);
	*out = memfd_map(fds[2], LIMIT_MAIL_SIZE, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
	return how;
}

static void
test_encrypt(void)
{
	static const char *const args[] = { "--decrypt", NULL };
	g_autoptr(GBytes) certificate = peers_certificate(&peers, alice);
	g_autoptr(GBytes) out = NULL, nothing = NULL, back = NULL, armor = NULL;
	struct keys keys;

	keys_ready(&keys);
	g_assert_cmpuint(encrypt(&keys, certificate, &out), ==, DONE);
	const char *text = g_bytes_get_data(out, NULL);
	const char *begin = g_strstr_len(text, (gssize)g_bytes_get_size(out), "-----BEGIN PGP");
	g_assert_nonnull(begin);
	armor = g_bytes_new(begin, g_bytes_get_size(out) - (gsize)(begin - text));
	back = peers_gpg(&peers, armor, args);
	g_assert_nonnull(back);
	g_assert_cmpmem(g_bytes_get_data(back, NULL), g_bytes_get_size(back), ENTITY,
		sizeof ENTITY - 1);
	/* Of somebody else than it is for: nothing comes out. */
	g_assert_cmpuint(encrypt(&keys, bench.certificate, &nothing), ==, NEVER);
	g_assert_cmpuint(g_bytes_get_size(nothing), ==, 0);
	g_assert_cmpint(keys_end(&keys), ==, 0);
}

static void
test_read(void)
{
	g_autoptr(GBytes) certificate = peers_certificate(&peers, alice);
	gsize size;
	const void *bytes = g_bytes_get_data(certificate, &size);
	g_autoptr(GByteArray) all = g_byte_array_new();
	g_autoptr(GVariant) list = NULL;
	g_auto(frame_auto) frame = { 0 };
	GVariantBuilder sizes;
	struct keys keys;

	g_byte_array_append(all, bytes, (guint)size);
	g_byte_array_append(all, (const guint8 *)"garbage", 7);
	g_autoptr(GBytes) body = g_bytes_new(all->data, all->len);
	const int fds[2] = { memfd_from_bytes(body), memfd_new("readings") };
	g_variant_builder_init(&sizes, G_VARIANT_TYPE("at"));
	g_variant_builder_add(&sizes, "t", (guint64)size);
	g_variant_builder_add(&sizes, "t", (guint64)7);
	keys_ready(&keys);
	g_assert_cmpint(peer_send(keys.hub, VERB_READ, g_variant_new("(at)", &sizes), fds, 2, NULL),
		==, DONE);
	receive(&keys, &frame, VERB_READINGS);
	g_assert_cmpint(memfd_freeze(fds[1], NULL), ==, DONE);
	g_autoptr(GBytes) out = memfd_map(fds[1], LIMIT_MAIL_SIZE, NULL);
	list = g_variant_ref_sink(g_variant_new_from_bytes(
		G_VARIANT_TYPE("a(a(sasasxxbbay)as)"), out, FALSE));
	g_assert_true(g_variant_is_normal_form(list));
	g_assert_cmpuint(g_variant_n_children(list), ==, 2);
	g_autofree char *print = g_variant_print(list, FALSE);
	g_assert_nonnull(strstr(print, alice));
	g_autoptr(GVariant) second = g_variant_get_child_value(list, 1);
	g_autoptr(GVariant) rows = g_variant_get_child_value(second, 0);
	g_autoptr(GVariant) why = g_variant_get_child_value(second, 1);
	g_assert_cmpuint(g_variant_n_children(rows), ==, 0);
	g_assert_cmpuint(g_variant_n_children(why), ==, 1);
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
	g_test_add_func("/keys/open", test_open);
	g_test_add_func("/keys/encrypt", test_encrypt);
	g_test_add_func("/keys/read", test_read);
	g_test_add_func("/keys/dead-agent", test_dead_agent);
	peers_open(&peers, bench.folder);
	alice = peers_pair(&peers, "Alice <alice@example.org>", "0", NULL);
	int failed = g_test_run();
	peers_close(&peers);
	agent_stop(&agent);
	runtime_remove(runtime);
	options_free(options);
	bench_close(&bench);
	return failed;
}
