/* SPDX-License-Identifier: ISC
 *
 * check: everything that can be tested before it is needed, one line each: ok, warn or fail, and
 * what mends it.  Servers and folders are tested by fetch and submit in their jails, as they
 * will run.  Changes nothing but what a start of the daemon would make (a missing done folder, a
 * missing Maildir for outgoing mail).
 */
#include "crypto/crypto.h"
#include "ctl/ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sysexits.h>
#include <unistd.h>

#define DISK_LEAST	G_GUINT64_CONSTANT(104857600)	/* bytes: below this mail is refused soon */
#define DISK_FEW	G_GUINT64_CONSTANT(1073741824)
#define YEAR_2026	G_GINT64_CONSTANT(1767225600000)
#define KEY_DAYS_FEW	30
#define KEY_FILES_MOST	1000

struct checking { struct ctl *ctl; json_t *lines; bool failed; };

static void
add(struct checking *checking, const char *level, const char *what, const char *fix)
{
	json_t *line = add_object(checking->lines);

	put_text(line, "level", level);
	put_text(line, "what", what);
	put_text(line, "fix", fix ? fix : "");
	checking->failed |= strcmp(level, "fail") == 0;
}

static void
say(struct checking *checking, const char *level, const char *fix, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

static void
say(struct checking *checking, const char *level, const char *fix, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);

	g_autofree char *what = g_strdup_vprintf(format, arguments);

	va_end(arguments);
	add(checking, level, what, fix);
}

/* A worker's line "ok|warn|fail: what: fix"; only the last ": " is a separator, and an ok has no
 * fix. */
static void
add_line(struct checking *checking, const char *line)
{
	static const char *const levels[] = { "ok", "warn", "fail", NULL };
	g_auto(GStrv) parts = g_strsplit(line, ": ", 2);
	bool is_known = parts[0] && parts[1] && g_strv_contains(levels, parts[0]);
	g_autofree char *what = g_strdup(is_known ? parts[1] : line);
	char *colon = is_known && strcmp(parts[0], "ok") != 0 ? g_strrstr(what, ": ") : NULL;

	if (colon)
		*colon = '\0';
	add(checking, is_known ? parts[0] : "warn", what, colon ? colon + 2 : NULL);
}

/* ---- configuration -------------------------------------------------------------------- */

static void
add_faults(struct checking *checking, char **faults)
{
	for (gsize i = 0; faults && faults[i]; i++)
		say(checking, "fail", "correct the configuration", "%s", faults[i]);
}

static bool
check_configuration(struct checking *checking)
{
	struct ctl *ctl = checking->ctl;
	g_auto(GStrv) wrong = configuration_read(ctl->file, &ctl->options);

	if (wrong) {
		add_faults(checking, wrong);
		return false;
	}

	g_auto(GStrv) faults = configuration_check(ctl->options, true);

	add_faults(checking, faults);
	if (!faults)
		say(checking, "ok", NULL, "configuration %s", ctl->file);
	return true;
}

/* ---- folders ungcuud makes at its start ---------------------------------------------- */

/* The nearest folder above path that is there. */
static char *
existing_parent(const char *path)
{
	char *parent = g_path_get_dirname(path);

	while (access(parent, F_OK) != 0 && strcmp(parent, "/") != 0 &&
	    strcmp(parent, ".") != 0) {
		char *above = g_path_get_dirname(parent);

		g_free(parent);
		parent = above;
	}
	return parent;
}

/* Is it there?  If not, says whether the daemon can make it. */
static bool
check_folder(struct checking *checking, const char *option)
{
	const char *path = options_text(checking->ctl->options, "%s", option);

	if (!path || access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
		return true;	/* whoever works in it says the rest */

	g_autofree char *parent = existing_parent(path);

	errno = ENOTDIR;
	if (g_file_test(parent, G_FILE_TEST_IS_DIR) && access(parent, W_OK | X_OK) == 0)
		say(checking, "warn", NULL, "%s: %s is not made yet; ungcuud makes it", option,
			path);
	else
		say(checking, "fail", "make it, or its parent writable",
			"%s: %s is not there, and cannot be made in %s: %s", option, path, parent,
			g_strerror(errno));
	return false;
}

/* ---- servers -------------------------------------------------------------------------- */

static void
check_worker(struct checking *checking, enum role role, guint index, const char *name)
{
	g_auto(frame_auto) frame = { 0 };
	g_autofree const char **lines = NULL;
	g_autoptr(GError) error = NULL;
	struct helper helper;
	struct question question = { .verb = VERB_CHECK, .body = g_variant_new("()") };
	enum outcome how = helper_start(checking->ctl, role, index, &helper, &error);

	if (how == DONE) {
		how = helper_ask(&helper, &question, &frame, &error);
		helper_stop(&helper);
	}
	if (how != DONE) {
		say(checking, "fail", "see its log: ungcuuctl -v check", "%s: %s", name,
			error->message);
		return;
	}
	g_variant_get(frame.body, "(^a&s)", &lines);
	for (gsize i = 0; lines[i]; i++)
		add_line(checking, lines[i]);
}

static void
check_servers(struct checking *checking)
{
	const struct options *options = checking->ctl->options;

	for (guint i = 0; i < options_count(options, "mailboxes"); i++)
		check_worker(checking, ROLE_FETCH, i,
			options_text(options, "mailboxes.%u.name", i));
	if (check_folder(checking, "submission.path"))
		check_worker(checking, ROLE_SUBMIT, 0, "submission");
}

/* ---- keys ----------------------------------------------------------------------------- */

/* gpg-agent writes "(21:protected-private-key": the gateway has nobody to ask. */
static guint
protected_keys(const char *home)
{
	g_autofree char *path = g_build_filename(home, "private-keys-v1.d", NULL);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;
	guint n = 0;

	for (guint i = 0; dir && i < KEY_FILES_MOST && (name = g_dir_read_name(dir)) != NULL; i++) {
		g_autofree char *file = g_build_filename(path, name, NULL), *text = NULL;
		gsize size;

		if (!g_file_get_contents(file, &text, &size, NULL))
			continue;
		n += g_strstr_len(text, (gssize) size, "protected-private-key") != NULL;
		wipe(text, size);
	}
	if (dir)
		g_dir_close(dir);
	return n;
}

static void
check_expiry(struct checking *checking, const struct key_info *info)
{
	gint64 days = days_until(info->expires, checking->ctl->now);
	static const char fix[] = "prolong it with gpg --quick-set-expire and publish it again";

	if (info->revoked)
		say(checking, "fail", "ungcuuctl key generate", "hotline key is revoked");
	else if (info->expired || (info->expires >= 0 && days < 0))
		say(checking, "fail", fix, "hotline key has expired");
	else if (info->expires >= 0 && days < KEY_DAYS_FEW)
		say(checking, "warn", fix, "hotline key expires in %" G_GINT64_FORMAT " days",
			days);
	else
		say(checking, "ok", NULL, "hotline key %s", info->fingerprint);
	if (!info->can_sign)
		say(checking, "fail", "ungcuuctl key generate", "hotline key cannot sign");
}

static void
check_secret(struct checking *checking, const char *home, const char *fingerprint)
{
	g_auto(own_key_auto) own = { 0 };
	g_autoptr(GError) error = NULL;
	if (agent_certificate(home, fingerprint, &own, &error) != DONE)
		say(checking, "fail", "ungcuuctl key generate, or import it with gpg",
			"hotline key: %s", error->message);
	else if (!own.signs)
		say(checking, "fail", "import its secret part into keys.home",
			"hotline key has no secret part");
}

static void
check_keys(struct checking *checking)
{
	const char *home = options_text(checking->ctl->options, "keys.home");
	const char *own = options_text(checking->ctl->options, "hotline.key");
	g_autoptr(GPtrArray) keys = NULL;
	g_autoptr(GError) error = NULL;

	if (!own || !*own) {
		say(checking, "fail", "ungcuuctl key generate", "hotline.key is not set");
		return;
	}
	crypto_init();
	if (key_list(home, own, false, &keys, &error) != DONE)
		say(checking, "fail", "correct keys.home", "hotline key: %s", error->message);
	else if (keys->len == 0)
		say(checking, "fail", "ungcuuctl key generate", "hotline key is not in keys.home");
	if (!keys || keys->len == 0)
		return;
	check_secret(checking, home, own);
	check_worker(checking, ROLE_KEYS, 0, "keys");
	check_expiry(checking, keys->pdata[0]);

	guint n = protected_keys(home);

	if (n > 0)
		say(checking, "fail", "remove it with gpg --change-passphrase",
			"%u secret keys in keys.home have a passphrase", n);
}

/* ---- files ---------------------------------------------------------------------------- */

/* option, bits nobody else may have, what it is, whether ungcuud makes it as a folder */
static const struct { const char *name; mode_t refused; const char *what; bool is_folder; }
guarded[] = {
	{ "store.key_file", 0077, "key of the store", false },
	{ "store.path",     0007, "database", false },
	{ "store.spool",    0007, "spool", true },
	{ "keys.home",      0077, "keys.home", false },
};

static void
check_modes(struct checking *checking)
{
	for (gsize i = 0; i < G_N_ELEMENTS(guarded); i++) {
		const char *path = options_text(checking->ctl->options, "%s", guarded[i].name);
		struct stat st;

		if (guarded[i].is_folder && !check_folder(checking, guarded[i].name))
			continue;
		if (!path || stat(path, &st) != 0)
			say(checking, errno == ENOENT ? "ok" : "fail", NULL, "%s %s",
				guarded[i].what,
				errno == ENOENT ? "is not made yet" : g_strerror(errno));
		else if (st.st_mode & guarded[i].refused)
			say(checking, "fail", "chmod go-rwx", "%s: others may read or change %s",
				guarded[i].what, path);
		else
			say(checking, "ok", NULL, "%s is private", guarded[i].what);
	}
}

static void
check_disk(struct checking *checking)
{
	const char *path = options_text(checking->ctl->options, "store.path");
	g_autofree char *directory = path ? existing_parent(path) : g_strdup(".");
	struct statvfs fs;

	if (statvfs(directory, &fs) != 0) {
		say(checking, "fail", "make it", "%s: %s", directory, g_strerror(errno));
		return;
	}

	guint64 left = (guint64) fs.f_bavail * fs.f_frsize;
	const char *level = left < DISK_LEAST ? "fail" : left < DISK_FEW ? "warn" : "ok";

	say(checking, level, *level == 'o' ? NULL : "make room",
		"%" G_GUINT64_FORMAT " MB free for the store", left / 1048576);
}

/* ---- machine -------------------------------------------------------------------------- */

static void
check_clock(struct checking *checking)
{
	struct timex state = { 0 };

	if (checking->ctl->now < YEAR_2026)
		say(checking, "fail", "set the clock", "the clock says a year before 2026");
	else if (adjtimex(&state) == TIME_ERROR || state.status & STA_UNSYNC)
		say(checking, "warn", "run an NTP client",
			"the kernel says that nobody sets its clock");
	else
		say(checking, "ok", NULL, "the clock is kept right");
}

/* Without the first two no role starts; the others are further walls. */
static void
check_jail(struct checking *checking)
{
	guint n = 0;

	for (const struct jail_feature *feature = jail_features(); feature->name; feature++) {
		bool is_needed = strcmp(feature->name, "no-new-privs") == 0 ||
			strcmp(feature->name, "seccomp") == 0;

		n += feature->there;
		if (!feature->there)
			say(checking, is_needed ? "fail" : "warn",
				"a newer kernel, or a container that permits it",
				"jail: no %s", feature->name);
	}
	say(checking, "ok", NULL, "jail: %u features", n);
}

static void
check_helper(struct checking *checking, const char *option)
{
	const char *program = options_text(checking->ctl->options, "%s.command.0", option);

	if (!program)
		return;
	if (access(program, X_OK) == 0)
		say(checking, "ok", NULL, "%s helper %s", option, program);
	else
		say(checking, "fail", "correct its path or mode", "%s helper %s: %s", option,
			program, g_strerror(errno));
}

/* Roles of their own uids are what keeps them apart where a file mode decides. */
static void
check_users(struct checking *checking)
{
	if (!options_text(checking->ctl->options, "process.user"))
		say(checking, "warn", "set process.user and process.users",
			"all roles run as the user that starts the daemon");
}

int
run_check(struct ctl *ctl, json_t *out)
{
	struct checking checking = { .ctl = ctl };

	checking.lines = put_array(out, "checks");
	if (check_configuration(&checking)) {
		check_servers(&checking);
		check_keys(&checking);
		check_modes(&checking);
		check_disk(&checking);
		check_users(&checking);
		check_helper(&checking, "alarm");
		check_helper(&checking, "page");
	}
	check_clock(&checking);
	check_jail(&checking);
	put_bool(out, "ok", !checking.failed);
	return checking.failed ? 1 : EX_OK;
}

void
print_check(const json_t *out)
{
	const json_t *line;
	gsize i;

	json_array_foreach(json_object_get(out, "checks"), i, line) {
		g_autofree char *what = print_value(json_object_get(line, "what"));
		const char *fix = json_string_value(json_object_get(line, "fix"));

		print_line("%-5s %s%s%s", json_string_value(json_object_get(line, "level")), what,
			*fix ? ": " : "", fix);
	}
}
