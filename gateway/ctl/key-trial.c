/* SPDX-License-Identifier: ISC
 *
 * key-trial: do our keys work?  The way the daemon uses them: an agent of its own on keys.home, as
 * the user the agents run as, reached through its extra socket from a private home on tmpfs.  A
 * passphrase, a file of somebody else or a missing secret part shows as what it is: a failure.
 * Changes nothing in keys.home.
 */
#include "ctl/keys.h"

#include <string.h>

#define BOUNDARY	"ungcuu-key-check"
#define PLAIN_MOST	4096		/* bytes that may come out of our own text */
#define PGP_BEGIN	"-----BEGIN PGP MESSAGE-----"
#define PGP_END		"-----END PGP MESSAGE-----"

static const char entity_text[] = "Content-Type: text/plain\r\n\r\ncheck\r\n";

struct trial {
	char *runtime, *home;
	struct agent agent;
	struct protector *protector;
};

void
trial_end(struct trial *trial)
{
	if (!trial)
		return;
	if (trial->protector)
		protector_free(trial->protector);
	agent_stop(&trial->agent);
	if (trial->runtime)
		runtime_remove(trial->runtime);
	g_free(trial->home);
	g_free(trial->runtime);
	g_free(trial);
}

static enum outcome
start(struct trial *trial, const struct ctl *ctl, GError **error)
{
	gint64 uid, gid;

	if (role_user(ctl->options, ROLE_SUPERVISOR, &uid, &gid, error) != DONE)
		return NEVER;
	trial->runtime = runtime_new(options_text(ctl->options, "store.path"), error);
	if (!trial->runtime)
		return NEVER;
	trial->home = g_build_filename(trial->runtime, "home", NULL);
	return agent_start(keys_home(ctl), trial->runtime, 0, uid, gid, -1, &trial->agent, error);
}

enum outcome
trial_begin(const struct ctl *ctl, GPtrArray *certificates, struct trial **out, GError **error)
{
	g_autoptr(trial_auto) trial = g_new0(struct trial, 1);

	trial->agent = (struct agent) { .pid = -1, .watch_fd = -1 };

	enum outcome how = start(trial, ctl, error);

	if (how == DONE)
		how = home_make(trial->home, trial->agent.socket,
			(GBytes *const *) certificates->pdata, certificates->len, error);
	if (how != DONE)
		return how;
	trial->protector = protector_new(trial->home);
	*out = g_steal_pointer(&trial);
	return DONE;
}

enum outcome
trial_sign(struct trial *trial, const char *fingerprint, GError **error)
{
	g_autoptr(GBytes) entity = g_bytes_new_static(entity_text, sizeof entity_text - 1);
	g_autoptr(GBytes) out = NULL;
	bool agent_fault = false;

	return protect_sign(trial->protector, entity, fingerprint, BOUNDARY, &out, &agent_fault,
		error);
}

/* What stands in the second part of our own multipart/encrypted. */
static GBytes *
ciphertext_of(GBytes *entity)
{
	gsize size;
	const char *data = g_bytes_get_data(entity, &size);
	const char *begin = g_strstr_len(data, (gssize) size, PGP_BEGIN);
	const char *end = begin ? g_strstr_len(begin, (gssize) (size - (gsize) (begin - data)),
		PGP_END) : NULL;

	return end ? g_bytes_new(begin, (gsize) (end - begin) + strlen(PGP_END)) : NULL;
}

static enum outcome
open_again(struct trial *trial, GBytes *ciphertext, const char *fingerprint, gint64 now,
	GError **error)
{
	const char *const own[] = { fingerprint, NULL };
	const struct open_request request = { .data = ciphertext, .own_keys = own, .now = now,
		.max_plain = PLAIN_MOST, .limit_name = "check" };
	struct opener *opener = opener_new(trial->home);
	struct opened opened = { 0 };
	enum outcome how = open_decrypt(opener, &request, &opened, error);

	if (how == DONE && opened.verdict.encryption != ENCRYPTION_DECRYPTED)
		how = fail(error, NEVER, "%s", encryption_word(opened.verdict.encryption));
	opened_clear(&opened);
	opener_free(opener);
	return how;
}

enum outcome
trial_decrypt(struct trial *trial, const char *signer, const char *fingerprint, gint64 now,
	GError **error)
{
	const struct protection protection = { signer, fingerprint, BOUNDARY };
	g_autoptr(GBytes) entity = g_bytes_new_static(entity_text, sizeof entity_text - 1);
	g_autoptr(GBytes) sealed = NULL;
	g_autoptr(GBytes) ciphertext = NULL;
	bool agent_fault = false;
	enum outcome how = protect_encrypt(trial->protector, entity, &protection, &sealed,
		&agent_fault, error);

	if (how != DONE)
		return how;
	ciphertext = ciphertext_of(sealed);
	if (!ciphertext)
		return fail(error, NEVER, "no ciphertext came out");
	return open_again(trial, ciphertext, fingerprint, now, error);
}
