/* SPDX-License-Identifier: ISC
 *
 * key check: will every key do its work?  One line each, ok, warn or fail, and what mends it: our
 * own keys by a real signature and a real decryption, the parties' certificates, the folders both
 * lie in.  Needs neither store nor daemon, changes nothing.
 */
#include "ctl/keys.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define KEY_DAYS_FEW	60
#define RSA_LEAST	2048	/* bits */

struct checking {
	struct ctl *ctl;
	json_t *lines;
	bool failed;
	struct folder *folder;
	struct site *site;
};

static void
say(struct checking *checking, const char *level, const char *fix, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

static void
say(struct checking *checking, const char *level, const char *fix, const char *format, ...)
{
	json_t *line = add_object(checking->lines);
	va_list arguments;

	va_start(arguments, format);

	g_autofree char *what = g_strdup_vprintf(format, arguments);

	va_end(arguments);
	put_text(line, "level", level);
	put_text(line, "what", what);
	put_text(line, "fix", fix ? fix : "");
	checking->failed |= strcmp(level, "fail") == 0;
}

/* ---- keys.home ------------------------------------------------------------------------------ */

static void
check_owner(struct checking *checking, const char *home, uid_t owner)
{
	const char *user = options_text(checking->ctl->options, "process.user");
	g_autofree char *fix = g_strdup_printf("chown -R %s %s", user ? user : "USER", home);
	g_autoptr(GError) error = NULL;
	gint64 uid, gid;

	if (role_user(checking->ctl->options, ROLE_SUPERVISOR, &uid, &gid, &error) != DONE)
		say(checking, "fail", "make that user, or correct process.user", "%s",
			error->message);
	else if (uid >= 0 && owner != (uid_t) uid)
		say(checking, "fail", fix, "keys.home: %s does not belong to %s", home, user);
	else if (uid < 0 && owner != geteuid())
		say(checking, geteuid() == 0 ? "warn" : "fail",
			"run this as its owner, who starts the daemon, or as root with "
			"process.user set", "keys.home: %s belongs to another user", home);
	else
		say(checking, "ok", NULL, "keys.home is private to the user of the agents");
}

static bool
check_home(struct checking *checking)
{
	const char *home = keys_home(checking->ctl);
	g_autofree char *fix = g_strdup_printf("chmod 0700 %s", home);
	struct stat st;

	if (stat(home, &st) != 0) {
		say(checking, "fail", errno == ENOENT ? "ungcuuctl key generate, or key import" :
			"run this as root or as its owner", "keys.home: %s: %s", home,
			g_strerror(errno));
		return false;
	}
	if (!S_ISDIR(st.st_mode) || (st.st_mode & 0777) != 0700) {
		say(checking, "fail", fix, "keys.home: %s is not a folder of mode 0700", home);
		return false;
	}
	check_owner(checking, home, st.st_uid);
	return true;
}

/* ---- any certificate ------------------------------------------------------------------------ */

/* The algorithms crypto/ calls strong in a verdict; signatures by others are good-weak-algo. */
static bool
is_strong(const char *algorithm)
{
	static const char *const strong[] = { "ed25519", "ed448", "nistp256", "nistp384",
		"nistp521", NULL };

	if (g_str_has_prefix(algorithm, "rsa"))
		return g_ascii_strtoull(algorithm + 3, NULL, 10) >= RSA_LEAST;
	return g_strv_contains(strong, algorithm);
}

/* The earlier of the ends of signing and encrypting: what ends first is what is missed. */
static void
check_end(struct checking *checking, const char *what, const struct certificate *certificate,
	const char *fix)
{
	gint64 ends = certificate->encrypt_expires >= 0 ? certificate->encrypt_expires :
		certificate->expires;
	gint64 days = days_until(ends, checking->ctl->now);

	if (ends >= 0 && days <= KEY_DAYS_FEW)
		say(checking, "warn", fix, "%s expires in %" G_GINT64_FORMAT " days", what, days);
	else if (!is_strong(certificate->algorithm))
		say(checking, "warn", "a new key, ed25519 or RSA of 3072 bits", "%s: %s is weak",
			what, certificate->algorithm);
	else
		say(checking, "ok", NULL, "%s (%s)", what, certificate->user_id);
}

static bool
check_certificate(struct checking *checking, const char *what,
	const struct certificate *certificate, const char *fix)
{
	const char *fault = certificate_fault(certificate);

	if (fault)
		say(checking, "fail", fix, "%s: %s", what, fault);
	else
		check_end(checking, what, certificate, fix);
	return !fault;
}

/* ---- our own -------------------------------------------------------------------------------- */

#define FIX_OWN		"prolong it with gpg --quick-set-expire and publish it again, or " \
			"ungcuuctl key generate"
#define FIX_SECRET	"ungcuuctl key import its secret part, without a passphrase"
#define FIX_OLD		FIX_SECRET ", or take it out of hotline.old_keys"

struct own {
	const char *fingerprint;
	struct certificate *certificate;
	struct own_key key;
};

static void
own_clear(struct own *own)
{
	certificate_free(own->certificate);
	own_key_clear(&own->key);
}
typedef struct own own_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(own_auto, own_clear)

static enum outcome
own_read(const struct ctl *ctl, const char *fingerprint, struct own *own, GError **error)
{
	g_autoptr(GPtrArray) keys = NULL;
	enum outcome how = key_list(keys_home(ctl), fingerprint, false, &keys, error);

	if (how == DONE && keys->len != 1)
		how = fail(error, NEVER, "%s: no such key in keys.home", fingerprint);
	if (how == DONE)
		how = agent_certificate(keys_home(ctl), fingerprint, &own->key, error);
	own->fingerprint = fingerprint;
	return how == DONE ? certificate_parse(own->key.certificate, &own->certificate, error) :
		how;
}

static void
add_bytes(GPtrArray *certificates, GBytes *bytes)
{
	g_ptr_array_add(certificates, g_bytes_ref(bytes));
}

static struct trial *
begin_trial(const struct ctl *ctl, const struct own *one, const struct own *other, GError **error)
{
	g_autoptr(GPtrArray) certificates = g_ptr_array_new_with_free_func(
		(GDestroyNotify) (void (*)(void)) g_bytes_unref);
	struct trial *trial = NULL;

	add_bytes(certificates, one->key.certificate);
	if (other)
		add_bytes(certificates, other->key.certificate);
	return trial_begin(ctl, certificates, &trial, error) == DONE ? trial : NULL;
}

/* Does it sign?  Only then others can be tried with it. */
static bool
check_present_work(struct checking *checking, const struct own *own)
{
	const char *key = own->fingerprint;
	g_autoptr(GError) error = NULL;
	g_autoptr(trial_auto) trial = begin_trial(checking->ctl, own, NULL, &error);

	if (!trial || trial_sign(trial, key, &error) != DONE) {
		say(checking, "fail", "it must have no passphrase, and its files must belong to "
			"the user of the agents; else " FIX_SECRET,
			"hotline.key does not sign: %s", error->message);
		return false;
	}
	say(checking, "ok", NULL, "hotline.key signs");
	if (trial_decrypt(trial, key, key, checking->ctl->now, &error) != DONE)
		say(checking, "fail", FIX_SECRET, "hotline.key does not decrypt: %s",
			error->message);
	else
		say(checking, "ok", NULL, "hotline.key decrypts");
	return true;
}

static bool
check_present(struct checking *checking, struct own *own)
{
	const char *key = key_present(checking->ctl);
	g_autoptr(GError) error = NULL;

	if (!key) {
		say(checking, "fail", "ungcuuctl key generate", "hotline.key is not set");
		return false;
	}
	if (own_read(checking->ctl, key, own, &error) != DONE) {
		say(checking, "fail", "ungcuuctl key generate, or key import", "hotline.key: %s",
			error->message);
		return false;
	}
	g_autofree char *what = g_strdup_printf("hotline.key %s", key);

	if (!check_certificate(checking, what, own->certificate, FIX_OWN))
		return false;
	if (!own->key.signs)
		say(checking, "fail", FIX_SECRET, "%s: the secret part that signs is not there",
			what);
	return own->key.signs && check_present_work(checking, own);
}

/* An expired key cannot be tried: nothing can be encrypted to it. */
static void
check_old_work(struct checking *checking, const struct own *old, const struct own *present)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(trial_auto) trial = NULL;

	if (!present || certificate_fault(old->certificate)) {
		say(checking, "ok", NULL, "old key %s: its secret part is there",
			old->fingerprint);
		return;
	}
	trial = begin_trial(checking->ctl, old, present, &error);
	if (trial && trial_decrypt(trial, present->fingerprint, old->fingerprint,
	    checking->ctl->now, &error) == DONE)
		say(checking, "ok", NULL, "old key %s decrypts", old->fingerprint);
	else
		say(checking, "warn", FIX_OLD, "old key %s does not decrypt, mails to it stay "
			"unreadable: %s", old->fingerprint, error->message);
}

static void
check_old(struct checking *checking, const char *fingerprint, const struct own *present)
{
	g_auto(own_auto) old = { 0 };
	g_autoptr(GError) error = NULL;

	if (own_read(checking->ctl, fingerprint, &old, &error) != DONE)
		say(checking, "warn", FIX_OLD, "old key, mails to it stay unreadable: %s",
			error->message);
	else if (!old.key.decrypts)
		say(checking, "warn", FIX_OLD, "old key %s: its secret part is gone, mails to it "
			"stay unreadable", fingerprint);
	else
		check_old_work(checking, &old, present);
}

static void
check_own(struct checking *checking)
{
	const struct options *options = checking->ctl->options;
	g_auto(own_auto) present = { 0 };

	if (!check_home(checking)) {
		if (!key_present(checking->ctl))
			say(checking, "fail", "ungcuuctl key generate", "hotline.key is not set");
		return;
	}

	bool works = check_present(checking, &present);

	for (guint i = 0; i < options_count(options, "hotline.old_keys"); i++)
		check_old(checking, options_text(options, "hotline.old_keys.%u", i),
			works ? &present : NULL);
}

/* ---- parties -------------------------------------------------------------------------------- */

#define FIX_PARTY	"ungcuuctl key enrol a new certificate of the party"

static void
check_party_key(struct checking *checking, const struct party *party, const char *key)
{
	g_autofree char *who = party_text(party), *what = g_strdup_printf("%s: %s", who, key);
	const struct key_file *file;
	const struct certificate *certificate = folder_find(checking->folder, key, &file);

	if (certificate)
		check_certificate(checking, what, certificate, FIX_PARTY);
	else if (strlen(key) == 64)
		say(checking, "warn", "an OpenPGP key for now", "%s: " SMIME_NOT_YET, what);
	else
		say(checking, "fail", FIX_PARTY, "%s: %s", what,
			folder_lacks(checking->folder, key));
}

static void
check_parties(struct checking *checking)
{
	for (guint i = 0; i < checking->site->parties->len; i++) {
		const struct party *party = checking->site->parties->pdata[i];

		for (char **key = party->keys; *key; key++)
			check_party_key(checking, party, *key);
	}
}

/* ---- the folder ----------------------------------------------------------------------------- */

/* Certificates that are there twice; `seen`: fingerprint, name of the first file. */
static void
check_copies(struct checking *checking, const struct key_file *file, GHashTable *seen)
{
	for (guint i = 0; i < file->certificates->len; i++) {
		const struct certificate *certificate = file->certificates->pdata[i];
		const char *first = g_hash_table_lookup(seen, certificate->fingerprint);

		if (first)
			say(checking, "warn", "keep the newer one",
				"keys.certificates: %s holds %s once more, as %s does", file->name,
				certificate->fingerprint, first);
		else
			g_hash_table_insert(seen, certificate->fingerprint, file->name);
	}
}

static void
check_files(struct checking *checking)
{
	struct folder *folder = checking->folder;
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < folder->files->len; i++) {
		struct key_file *file = folder->files->pdata[i];

		if (!folder_read(folder, file))
			break;
		if (file->why)
			say(checking, "warn", "correct it, or move it away",
				"keys.certificates: %s: %s", file->name, file->why);
		check_copies(checking, file, seen);
	}
	if (folder->is_cut)
		say(checking, "warn", "take out what is not needed",
			"keys.certificates: more files than one call reads: not all were checked");
}

/* Runs in a child of its own: becomes that user for good, and asks the kernel. */
static void
ask_kernel(int fd, gint64 uid, gint64 gid, const GPtrArray *paths)
{
	if (uid >= 0 && (setgroups(0, NULL) != 0 ||
	    setresgid((gid_t) gid, (gid_t) gid, (gid_t) gid) != 0 ||
	    setresuid((uid_t) uid, (uid_t) uid, (uid_t) uid) != 0))
		_exit(EX_OSERR);
	for (guint i = 0; i < paths->len; i++) {
		char answer = access(paths->pdata[i], i == 0 ? R_OK | X_OK : R_OK) == 0;

		if (write(fd, &answer, 1) != 1)
			_exit(EX_IOERR);
	}
	_exit(EX_OK);
}

/* One byte a path; NULL: it could not be asked. */
static GByteArray *
may_read(gint64 uid, gint64 gid, const GPtrArray *paths)
{
	g_autoptr(GByteArray) answers = g_byte_array_new();
	guint8 answer;
	int ends[2], status;

	if (pipe(ends) != 0)
		return NULL;

	pid_t pid = fork();

	if (pid == 0)
		ask_kernel(ends[1], uid, gid, paths);
	close(ends[1]);
	while (pid > 0 && read(ends[0], &answer, 1) == 1)
		g_byte_array_append(answers, &answer, 1);
	close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return answers->len == paths->len ? g_steal_pointer(&answers) : NULL;
}

/* The folder, then every file with certificates in it. */
static GPtrArray *
paths_of(const struct folder *folder)
{
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(paths, g_strdup(folder->path));
	for (guint i = 0; i < folder->files->len; i++) {
		const struct key_file *file = folder->files->pdata[i];

		if (file->is_read && file->certificates->len > 0)
			g_ptr_array_add(paths, g_build_filename(folder->path, file->name, NULL));
	}
	return paths;
}

static void
check_reader(struct checking *checking, enum role role)
{
	g_autoptr(GPtrArray) paths = paths_of(checking->folder);
	const char *name = role_row(role)->name;
	g_autoptr(GByteArray) answers = NULL;
	gint64 uid, gid;
	guint n = 0;

	if (role_user(checking->ctl->options, role, &uid, &gid, NULL) != DONE)
		return;			/* said of keys.home already */
	answers = may_read(uid, gid, paths);
	if (!answers) {
		say(checking, "fail", "run it again", "keys.certificates: cannot act as the user "
			"of %s", name);
		return;
	}
	for (guint i = 0; i < paths->len; i++) {
		if (answers->data[i])
			continue;
		n++;
		say(checking, "fail", i == 0 ? "chmod a+rx it, and a+x the folders above" :
			"chmod a+r", "keys.certificates: the user of %s cannot read %s", name,
			(const char *) paths->pdata[i]);
		if (i == 0)
			break;			/* then all of them */
	}
	if (n == 0)
		say(checking, "ok", NULL, "keys.certificates: the user of %s can read all %u "
			"files", name, paths->len - 1);
}

static void
check_folder(struct checking *checking)
{
	const struct folder *folder = checking->folder;

	if (folder->is_missing)
		say(checking, "warn", "ungcuuctl key enrol makes it", "keys.certificates: there is "
			"no %s", folder->path);
	else if (folder->why)
		say(checking, "fail", "correct its mode or keys.certificates",
			"keys.certificates: %s: %s", folder->path, folder->why);
	if (folder->why)
		return;
	check_files(checking);
	check_reader(checking, ROLE_HUB);
	check_reader(checking, ROLE_KEYS);
}

int
run_key_check(struct ctl *ctl, json_t *out)
{
	g_autoptr(folder_auto) folder = folder_open(ctl);
	g_autoptr(site_auto) site = site_new(ctl->options);
	struct checking checking = { .ctl = ctl, .folder = folder, .site = site };

	checking.lines = put_array(out, "checks");
	crypto_init();
	check_own(&checking);
	check_parties(&checking);
	check_folder(&checking);
	put_bool(out, "ok", !checking.failed);
	return checking.failed ? 1 : EX_OK;
}
