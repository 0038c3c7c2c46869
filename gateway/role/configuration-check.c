/* SPDX-License-Identifier: ISC
 *
 * configuration-check: what needs more than the file: settings that contradict each other, parties
 * that share an address or key, our own address as a recipient (a loop), templates, folders, the
 * hotline's key.  Relies on a configuration without faults of its own.  Refuses honestly what this
 * version cannot do yet, where silence would make a team rely on it.
 */
#include "role/configuration.h"
#include "role/role.h"

#include <pwd.h>
#include <string.h>

#ifndef PKGDATADIR
#define PKGDATADIR "/usr/local/share/ungcuu"
#endif
#define SOCKET_PATH_MAX 100		/* bytes; sun_path has 108 */

struct checking {
	struct options *options;
	GPtrArray *faults;
	struct site *site;
};

static void G_GNUC_PRINTF(3, 4)
fault(struct checking *c, const char *path, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *what = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	fault_at(c->faults, c->options, path, what);
}

static const char *
text(const struct checking *c, const char *path)
{
	return options_text(c->options, "%s", path);
}

/* ---- not yet in this version ---------------------------------------------------------- */

/* setting, the value that changes nothing (NULL: must not be given), what to say besides */
static const struct {
	const char *name, *harmless, *what;
} later[] = {
	{ "hotline.smime_key",		"",		"" },
	{ "hotline.smime_old_keys",	NULL,		"" },
	{ "page.command",		NULL,		"" },
	{ "forms",			NULL,		"" },
};

static void
check_later_at(struct checking *c, guint row, const char *path)
{
	const char *value = text(c, path), *harmless = later[row].harmless;
	bool is_given = value != NULL || options_count(c->options, "%s", path) > 0;

	if (is_given && (harmless == NULL || g_strcmp0(value, harmless) != 0))
		fault(c, path, "not yet in this version%s", later[row].what);
}

static void
check_later(struct checking *c)
{
	for (guint row = 0; row < G_N_ELEMENTS(later); row++) {
		const char *end = strstr(later[row].name, "[].");

		if (end == NULL) {
			check_later_at(c, row, later[row].name);
			continue;
		}
		g_autofree char *list = g_strndup(later[row].name, (gsize)(end - later[row].name));

		for (guint i = 0; i < options_count(c->options, "%s", list); i++) {
			g_autofree char *path = g_strdup_printf("%s.%u.%s", list, i, end + 3);

			check_later_at(c, row, path);
		}
	}
}

/* ---- servers and mailboxes ------------------------------------------------------------ */

/* What each type cannot do without. */
static const struct {
	const char *type, *setting;
} needs[] = {
	{ "maildir", "path" }, { "imap", "host" }, { "imap", "user" }, { "pop3", "host" },
	{ "pop3", "user" }, { "smtp", "host" },
};

/* A login needs a user and one secret. */
static void
check_secret(struct checking *c, const char *group, const char *type)
{
	g_autofree char *user = g_strconcat(group, ".user", NULL);
	g_autofree char *secret = g_strconcat(group, ".password_file", NULL);
	g_autofree char *token = g_strconcat(group, ".token_command", NULL);
	bool has_user = text(c, user) != NULL, has_secret = text(c, secret) != NULL;
	bool has_token = options_count(c->options, "%s", token) > 0;

	if (has_user && !has_secret && !has_token)
		fault(c, secret, "is missing, user needs it, or token_command");
	if (!has_user && has_token && g_strcmp0(type, "maildir") != 0)
		fault(c, user, "is missing, token_command needs it");
	if (has_secret && has_token)
		fault(c, token, "is given beside password_file: only one of them");
}

static void
check_server(struct checking *c, const char *group)
{
	const char *type = options_text(c->options, "%s.type", group);

	for (guint i = 0; i < G_N_ELEMENTS(needs); i++)
		if (g_strcmp0(type, needs[i].type) == 0 &&
		    options_text(c->options, "%s.%s", group, needs[i].setting) == NULL) {
			g_autofree char *path = g_strdup_printf("%s.%s", group, needs[i].setting);

			fault(c, path, "is missing, type \"%s\" needs it", type);
		}
	check_secret(c, group, type);
}

/* A Maildir++ folder is a directory named "." and its name. */
static void
check_folder(struct checking *c, const char *path, bool is_maildir)
{
	const char *folder = text(c, path);

	if (folder != NULL && is_maildir && (*folder == '.' || strpbrk(folder, "/") != NULL))
		fault(c, path, "\"%s\" cannot be a folder of a Maildir", folder);
}

/* A maildrop is all there is (RFC 1939). */
static void
check_drop(struct checking *c, guint index)
{
	for (guint i = 0; i < options_count(c->options, "mailboxes.%u.folders", index); i++) {
		g_autofree char *path = g_strdup_printf("mailboxes.%u.folders.%u", index, i);

		if (g_ascii_strcasecmp(text(c, path), "INBOX") != 0)
			fault(c, path, "\"%s\": type \"pop3\" has no folder but INBOX",
			    text(c, path));
	}
}

static void
check_folders(struct checking *c, guint index)
{
	bool is_maildir = g_strcmp0(options_text(c->options, "mailboxes.%u.type", index),
	    "maildir") == 0;
	g_autofree char *done = g_strdup_printf("mailboxes.%u.done_folder", index);
	g_autofree char *held = g_strdup_printf("mailboxes.%u.held_folder", index);

	check_folder(c, done, is_maildir);
	check_folder(c, held, is_maildir);
	if (g_strcmp0(text(c, done), text(c, held)) == 0)
		fault(c, held, "is the same folder as done_folder");
	for (guint i = 0; i < options_count(c->options, "mailboxes.%u.folders", index); i++) {
		g_autofree char *path = g_strdup_printf("mailboxes.%u.folders.%u", index, i);

		check_folder(c, path, is_maildir);
		if (g_strcmp0(text(c, path), text(c, done)) == 0)
			fault(c, done, "is one of folders, mail would go in circles");
		if (g_strcmp0(text(c, path), text(c, held)) == 0)
			fault(c, held, "is one of folders, mail would go in circles");
	}
}

/* Tells if `value` was seen under another path before; each is remembered. */
static void
check_unique(struct checking *c, GHashTable *seen, const char *path, const char *value)
{
	const char *first = value == NULL ? NULL : g_hash_table_lookup(seen, value);

	if (first != NULL)
		fault(c, path, "\"%s\" is that of %s already", value, first);
	else if (value != NULL)
		g_hash_table_insert(seen, g_strdup(value), g_strdup(path));
}

static GHashTable *
seen_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static void
check_mailboxes(struct checking *c)
{
	g_autoptr(GHashTable) names = seen_new(), paths = seen_new();

	for (guint i = 0; i < options_count(c->options, "mailboxes"); i++) {
		g_autofree char *group = g_strdup_printf("mailboxes.%u", i);
		g_autofree char *name = g_strconcat(group, ".name", NULL);
		g_autofree char *path = g_strconcat(group, ".path", NULL);

		bool is_drop = g_strcmp0(options_text(c->options, "%s.type", group), "pop3") == 0;

		check_server(c, group);
		(is_drop ? check_drop : check_folders)(c, i);
		check_unique(c, names, name, text(c, name));
		if (g_strcmp0(text(c, name), INGEST_MAILBOX) == 0)
			fault(c, name, "\"" INGEST_MAILBOX "\" is the mailbox of ungcuuctl ingest");
		check_unique(c, paths, path, text(c, path));
	}
	check_server(c, "submission");
	check_unique(c, paths, "submission.path", text(c, "submission.path"));
}

/* ---- parties -------------------------------------------------------------------------- */

static const char *const party_lists[] = { "responders", "directory.agencies", "directory.isps",
	"directory.authorities" };

struct seen_parties { GHashTable *ids, *addresses, *keys; };

/* A party may repeat its own address or key; two parties may not share one. */
static void
check_shared(struct checking *c, GHashTable *seen, const char *party, const char *path)
{
	const char *value = text(c, path);
	g_autofree char *folded = value == NULL ? NULL : g_ascii_strdown(value, -1);
	const char *first = folded == NULL ? NULL : g_hash_table_lookup(seen, folded);

	if (first != NULL && strcmp(first, party) != 0)
		fault(c, path, "\"%s\" is that of %s already", value, first);
	else if (folded != NULL)
		g_hash_table_replace(seen, g_strdup(folded), g_strdup(party));
}

static void
check_party_address(struct checking *c, GHashTable *seen, const char *party, const char *path)
{
	if (site_is_own(c->site, text(c, path)))
		fault(c, path, "\"%s\" is the hotline itself, mail would go in circles",
		    text(c, path));
	else
		check_shared(c, seen, party, path);
}

static void
check_party(struct checking *c, struct seen_parties *seen, const char *party)
{
	g_autofree char *id = g_strconcat(party, ".id", NULL);
	g_autofree char *address = g_strconcat(party, ".address", NULL);

	check_shared(c, seen->ids, party, id);
	check_party_address(c, seen->addresses, party, address);
	for (guint i = 0; i < options_count(c->options, "%s.addresses", party); i++) {
		g_autofree char *path = g_strdup_printf("%s.addresses.%u", party, i);

		check_party_address(c, seen->addresses, party, path);
	}
	for (guint i = 0; i < options_count(c->options, "%s.keys", party); i++) {
		g_autofree char *path = g_strdup_printf("%s.keys.%u", party, i);

		if (g_strcmp0(text(c, path), text(c, "hotline.key")) == 0)
			fault(c, path, "is the key of the hotline itself");
		else
			check_shared(c, seen->keys, party, path);
	}
}

static void
check_addresses(struct checking *c)
{
	configuration_check_addresses(c->options, c->site, c->faults);
}

static void
check_parties(struct checking *c)
{
	g_autoptr(GHashTable) ids = seen_new(), addresses = seen_new(), keys = seen_new();
	struct seen_parties seen = { ids, addresses, keys };

	for (guint i = 0; i < G_N_ELEMENTS(party_lists); i++)
		for (guint j = 0; j < options_count(c->options, "%s", party_lists[i]); j++) {
			g_autofree char *party = g_strdup_printf("%s.%u", party_lists[i], j);

			check_party(c, &seen, party);
		}
}

/* ---- templates ------------------------------------------------------------------------ */

/* Ours: beside the programs in a build tree, else where they were installed. */
static char *
shipped_templates(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *here = self == NULL ? g_strdup(".") : g_path_get_dirname(self);
	g_autofree char *beside = g_build_filename(here, "templates", "vi", NULL);
	g_autofree char *above = g_build_filename(here, "..", "templates", "vi", NULL);

	if (g_file_test(beside, G_FILE_TEST_IS_DIR))
		return g_path_get_dirname(beside);
	if (g_file_test(above, G_FILE_TEST_IS_DIR))
		return g_path_get_dirname(above);
	return g_build_filename(PKGDATADIR, "templates", NULL);
}

/* False if there is no such file; a fault if it cannot be used. */
static bool
take_template(struct checking *c, const char *folder, const char *language, const char *name)
{
	g_autofree char *file = g_strdup_printf("%s/%s/%s.txt", folder, language, name);
	g_autofree char *content = NULL;
	g_autoptr(GError) error = NULL;
	gsize size;

	if (!g_file_test(file, G_FILE_TEST_EXISTS))
		return false;
	if (!g_file_get_contents(file, &content, &size, &error))
		fault(c, "templates", "%s", error->message);
	else if (size > LIMIT_TEMPLATE_SIZE)
		fault(c, "templates", "%s: larger than %d bytes", file, LIMIT_TEMPLATE_SIZE);
	else if (!g_utf8_validate(content, (gssize)size, NULL))
		fault(c, "templates", "%s: is not valid UTF-8", file);
	else {
		g_autofree char *path = g_strdup_printf("template.%s.%s", language, name);

		options_set(c->options, path, content);
	}
	return true;
}

/* The site's folder may hold some; the rest are ours. */
static void
take_templates(struct checking *c)
{
	static const char *const languages[] = { "vi", "en" };
	g_autofree char *shipped = shipped_templates();
	const char *own = text(c, "templates");

	if (own != NULL && !g_file_test(own, G_FILE_TEST_IS_DIR)) {
		fault(c, "templates", "%s is no directory", own);
		return;
	}
	for (const struct template_use *use = template_uses; use->name != NULL; use++)
		for (guint i = 0; i < G_N_ELEMENTS(languages); i++)
			if (own == NULL || !take_template(c, own, languages[i], use->name))
				take_template(c, shipped, languages[i], use->name);
}

static void
check_templates(struct checking *c)
{
	take_templates(c);
	struct site *site = site_new(c->options);
	g_auto(GStrv) lines = templates_check(site);

	for (char **line = lines; line != NULL && *line != NULL; line++)
		fault(c, "templates", "%s", *line);
	site_free(site);
}

/* ---- files, sockets, users ------------------------------------------------------------ */

/* setting, whether the daemon makes the folders above it when it starts */
static const struct {
	const char *name;
	bool is_made;
} places[] = {
	{ "store.path",		true },
	{ "store.spool",	true },
	{ "control.socket",	true },
	{ "submission.path",	true },
	{ "store.key_file",	false },
	{ "keys.home",		false },
};

/* The folder a path lies in, or the nearest one above that there is. */
static void
check_places(struct checking *c)
{
	for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
		const char *path = text(c, places[i].name);
		g_autofree char *parent = path == NULL ? g_strdup("/") : g_path_get_dirname(path);

		while (places[i].is_made && !g_file_test(parent, G_FILE_TEST_EXISTS)) {
			char *above = g_path_get_dirname(parent);

			g_free(parent);
			parent = above;
		}
		if (!g_file_test(parent, G_FILE_TEST_IS_DIR))
			fault(c, places[i].name, "there is no directory %s", parent);
	}
}

static void
check_maildirs(struct checking *c)
{
	for (guint i = 0; i < options_count(c->options, "mailboxes"); i++) {
		g_autofree char *setting = g_strdup_printf("mailboxes.%u.path", i);
		const char *type = options_text(c->options, "mailboxes.%u.type", i);
		const char *path = text(c, setting);

		if (g_strcmp0(type, "maildir") == 0 && path != NULL &&
		    !g_file_test(path, G_FILE_TEST_IS_DIR))
			fault(c, setting, "there is no directory %s", path);
	}
}

static void
check_users(struct checking *c)
{
	static const char *const settings[] = { "process.user", "process.users.hub",
		"process.users.fetch", "process.users.mime", "process.users.keys",
		"process.users.submit" };

	for (guint i = 0; i < G_N_ELEMENTS(settings); i++) {
		const char *user = text(c, settings[i]);

		if (user != NULL && getpwnam(user) == NULL)
			fault(c, settings[i], "there is no user \"%s\"", user);
	}
}

static void
check_paths(struct checking *c)
{
	static const char *const settings[] = { "store.path", "store.spool", "store.key_file",
		"keys.home", "keys.certificates", "control.socket" };
	g_autoptr(GHashTable) seen = seen_new();
	const char *socket = text(c, "control.socket");

	for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
		check_unique(c, seen, settings[i], text(c, settings[i]));
	if (strlen(socket) > SOCKET_PATH_MAX)
		fault(c, "control.socket", "%s is longer than %d bytes", socket, SOCKET_PATH_MAX);
}

/* ---- the hotline's key ---------------------------------------------------------------- */

static void
check_old_keys(struct checking *c)
{
	for (guint i = 0; i < options_count(c->options, "hotline.old_keys"); i++) {
		g_autofree char *path = g_strdup_printf("hotline.old_keys.%u", i);

		if (g_strcmp0(text(c, path), text(c, "hotline.key")) == 0)
			fault(c, path, "is hotline.key itself");
	}
}

static char *
base64_of(GBytes *certificate)
{
	gsize size;
	const void *data = g_bytes_get_data(certificate, &size);

	return g_base64_encode(data, size);
}

/* An old key that is not there any more is no fault: mail to it is told by that. */
static enum outcome
take_old_keys(struct options *o, const char *home, GError **error)
{
	guint n = options_count(o, "hotline.old_keys"), n_there = 0, n_gone = 0;

	for (guint i = 0; i < n; i++) {
		const char *key = options_text(o, "hotline.old_keys.%u", i);
		g_auto(own_key_auto) own = { 0 };
		g_autoptr(GError) why = NULL;
		enum outcome how = agent_certificate(home, key, &own, &why);

		if (how == LATER) {	/* not "gone": mail to it would be called unreadable */
			g_propagate_error(error, g_steal_pointer(&why));
			return LATER;
		}
		if (how == DONE) {
			g_autofree char *path = g_strdup_printf("hotline.old_certificates.%u",
				n_there++);
			g_autofree char *base64 = base64_of(own.certificate);

			options_set(o, path, base64);
		}
		if (!own.decrypts) {
			g_autofree char *path = g_strdup_printf("hotline.gone_keys.%u", n_gone++);

			options_set(o, path, key);
		}
	}
	return DONE;
}

enum outcome
configuration_own_keys(struct options *o, bool *has_secret, GError **error)
{
	const char *key = options_text(o, "hotline.key"), *home = options_text(o, "keys.home");
	g_auto(own_key_auto) own = { 0 };
	g_autofree char *whole = NULL, *minimal = NULL;

	*has_secret = false;
	enum outcome how = take_old_keys(o, home, error);
	if (how == DONE && *key != '\0')
		how = agent_certificate(home, key, &own, error);
	if (how != DONE || *key == '\0')
		return how;
	*has_secret = own.signs;
	whole = base64_of(own.certificate);
	minimal = base64_of(own.minimal);
	options_set(o, "hotline.certificate", whole);
	options_set(o, "hotline.autocrypt", minimal);
	return DONE;
}

static void
check_key(struct checking *c)
{
	g_autoptr(GError) error = NULL;
	bool has_secret;

	if (*text(c, "hotline.key") == '\0') {
		fault(c, "hotline.key", "is empty; `ungcuuctl key generate` makes one");
		return;
	}
	enum outcome how = configuration_own_keys(c->options, &has_secret, &error);
	if (how == LATER)
		options_set(c->options, "run.later", "true");
	if (how != DONE)
		fault(c, "hotline.key", "%s", error->message);
	else if (!has_secret)
		fault(c, "hotline.key", "its secret key is not in %s", text(c, "keys.home"));
}

/* ---- all of it ------------------------------------------------------------------------ */

static const struct {
	void (*check)(struct checking *);
	bool only_daemon;	/* what has to exist before it runs, not before it is looked at */
} checks[] = {
	{ check_later,		false },
	{ check_mailboxes,	false },
	{ check_parties,	false },
	{ check_addresses,	false },
	{ check_paths,		false },
	{ check_old_keys,	false },
	{ check_templates,	false },
	{ check_places,		true },
	{ check_maildirs,	true },
	{ check_users,		true },
	{ check_key,		true },
};

char **
configuration_check(struct options *o, bool for_daemon)
{
	struct checking c = { .options = o, .faults = g_ptr_array_new(), .site = site_new(o) };

	for (guint i = 0; i < G_N_ELEMENTS(checks); i++)
		if (for_daemon || !checks[i].only_daemon)
			checks[i].check(&c);
	site_free(c.site);
	return faults_take(c.faults);
}

/* What the running hub cannot change under itself. */
char **
configuration_restart_needed(const struct options *old, const struct options *now)
{
	GPtrArray *lines = g_ptr_array_new();

	for (const struct option *row = options_table; row->name != NULL; row++) {
		const char *name = row->name;

		if (strcmp(name, "hotline.id") != 0 && !g_str_has_prefix(name, "store.") &&
		    !g_str_has_prefix(name, "control."))
			continue;
		if (g_strcmp0(options_text(old, "%s", name), options_text(now, "%s", name)) != 0)
			g_ptr_array_add(lines, g_strdup_printf("%s: needs restart", name));
	}
	return faults_take(lines);
}
