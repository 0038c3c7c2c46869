/* SPDX-License-Identifier: ISC
 *
 * thief: what ungcuu-keys could do if a mail took it over.  Starts as ungcuu-keys does, by the same
 * code, with the same arguments, jail, slice and private home; then tries to get the secret key
 * out and logs what came of each attempt.  Relies on thief.conf beside itself, read before the
 * jail: whoever attacks knows all names.  Judges nothing, that is tests/flow/thief.py's; is never
 * installed.
 */
#include "crypto/crypto.h"
#include "role/role.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#define MEMORY		536870912	/* as ungcuu-keys */
#define ATTEMPT_SECONDS	5
#define LURK_SECONDS	60
#define RESULT_MAX	200
#define DESCRIPTORS	256		/* RLIMIT_NOFILE of the jail */

/* ---- what it knows --------------------------------------------------------------------------- */

static GHashTable *known;	/* word: value; "@word" in the table below */

static const char *
value_of(const char *word)
{
	const char *value = g_hash_table_lookup(known, word);

	return value ? value : "";
}

static void
know(const char *word, const char *value)
{
	g_hash_table_replace(known, g_strdup(word), g_strdup(value));
}

/* Each "@word" by its value; g_free(). */
static char *
expand(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p;) {
		if (*p != '@') {
			g_string_append_c(out, *p++);
			continue;
		}
		gsize n = strspn(++p, letters);
		g_autofree char *word = g_strndup(p, n);

		g_string_append(out, value_of(word));
		p += n;
	}
	return g_string_free(out, FALSE);
}

/* The agent beside us: a child of our parent. */
static void
find_agent(void)
{
	g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
	g_autofree char *parent = g_strdup_printf("PPid:\t%d\n", (int)getppid());
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename("/proc", name, "status", NULL);
		g_autofree char *text = NULL;

		if (g_file_get_contents(path, &text, NULL, NULL) &&
		    g_str_has_prefix(text, "Name:\tgpg-agent\n") && strstr(text, parent))
			know("pid", name);
	}
}

/* The dynamic loader runs what it can read: a way around the right to execute. */
static int
find_loader(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	if (strstr(info->dlpi_name, "/ld-"))
		know("loader", info->dlpi_name);
	return 0;
}

static void
prepare(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = g_path_get_dirname(self);
	g_autofree char *file = g_build_filename(folder, "thief.conf", NULL);
	g_autoptr(GKeyFile) conf = g_key_file_new();
	g_autoptr(GError) error = NULL;

	crypto_init();
	known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (!g_key_file_load_from_file(conf, file, G_KEY_FILE_NONE, &error))
		fatal(EXIT_FAILURE, "%s: %s", file, error->message);
	g_auto(GStrv) words = g_key_file_get_keys(conf, "known", NULL, NULL);
	for (char **word = words; word && *word; word++) {
		g_autofree char *value = g_key_file_get_string(conf, "known", *word, NULL);

		know(*word, value);
	}
	find_agent();
	dl_iterate_phdr(find_loader, NULL);
}

/* ---- saying what happened, in the child of one attempt --------------------------------------- */

static int result_fd;

G_GNUC_PRINTF(1, 2)
static void
say(const char *format, ...)
{
	char text[RESULT_MAX];
	va_list arguments;

	va_start(arguments, format);
	g_vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	(void)write_all(result_fd, text, strlen(text));
}

/* After a call that gives -1 and errno, or else worked. */
static void
say_call(long returned)
{
	if (returned < 0)
		say("%s", strerrorname_np(errno) ? strerrorname_np(errno) : "?");
	else
		say("worked");
}

/* ---- the agent ------------------------------------------------------------------------------- */

/* Lines up to OK or ERR; the second with the error's code, without its source. */
static char *
answer(FILE *agent)
{
	g_autofree char *line = NULL;
	gsize room = 0, data = 0;
	ssize_t n;

	while ((n = getline(&line, &room, agent)) > 0) {
		if (g_str_has_prefix(line, "ERR "))
			return g_strdup_printf("ERR %lu", strtoul(line + 4, NULL, 10) & 0xffff);
		if (g_str_has_prefix(line, "OK"))
			return data ? g_strdup_printf("OK data=%" G_GSIZE_FORMAT, data) :
				g_strdup("OK");
		if (g_str_has_prefix(line, "D "))
			data += (gsize)n - 3;
		else if (g_str_has_prefix(line, "INQUIRE"))
			fputs("CAN\n", agent);
	}
	return g_strdup("hung up");
}

static FILE *
agent_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
		int why = errno;

		if (fd >= 0)
			close(fd);
		errno = why;
		return NULL;
	}
	FILE *agent = fdopen(fd, "r+");
	setvbuf(agent, NULL, _IONBF, 0);
	return agent;
}

/* The answer to the last command, or to the first that fails. */
static char *
conversation(FILE *agent, char **commands)
{
	char *last = answer(agent);

	for (; *commands && g_str_has_prefix(last, "OK"); commands++) {
		fprintf(agent, "%s\n", *commands);
		g_free(last);
		last = answer(agent);
	}
	return last;
}

/* "SOCKET|COMMAND|…" */
static void
try_agent(const char *argument)
{
	g_auto(GStrv) part = g_strsplit(argument, "|", 10);
	FILE *agent = agent_connect(part[0]);
	g_autofree char *last = agent ? conversation(agent, part + 1) : NULL;

	if (agent)
		say("%s", last);
	else
		say_call(-1);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void
try_read(const char *path)
{
	say_call(open(path, O_RDONLY | O_CLOEXEC));
}

static void
try_create(const char *path)
{
	say_call(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

/* Under a name of its own. */
static void
try_symlink(const char *path)
{
	g_autofree char *own = expand("@home/symlink");

	(void)unlink(own);
	if (symlink(path, own) == 0)
		try_read(own);
	else
		say_call(-1);
}

/* What it would be told: the names others give to what they make. */
static void
try_watch(const char *folder)
{
	int fd = inotify_init1(IN_CLOEXEC);

	say_call(fd < 0 ? fd : inotify_add_watch(fd, folder, IN_CREATE));
}

static void
try_mount(const char *path)
{
	g_autofree char *own = expand("@home/mounted");

	(void)mkdir(own, 0700);
	say_call(mount(path, own, NULL, MS_BIND, NULL));
	(void)umount2(own, MNT_DETACH);		/* before somebody removes what lies in it */
}

/* The disk below all rights of files. */
static void
try_device(const char *name)
{
	say_call(mknod(name, S_IFBLK | 0600, makedev(8, 0)));
	(void)unlink(name);
}

static void
try_handle(const char *path)
{
	struct { struct file_handle head; unsigned char bytes[MAX_HANDLE_SZ]; } handle = {
		.head.handle_bytes = MAX_HANDLE_SZ };
	int mount_id;

	say_call(name_to_handle_at(AT_FDCWD, path, &handle.head, &mount_id, 0));
}

/* What is open beside 0, 1, 2 and the pipe of this attempt. */
static void
try_descriptors(const char *unused)
{
	g_autoptr(GString) list = g_string_new(NULL);
	struct stat st;

	(void)unused;
	for (int fd = 3; fd < DESCRIPTORS; fd++) {
		if (fd == result_fd || fstat(fd, &st) != 0)
			continue;
		g_string_append(list, list->len ? " " : "");
		g_string_append(list, S_ISSOCK(st.st_mode) ? "socket" :
			st.st_nlink == 0 && fcntl(fd, F_GET_SEALS) >= 0 ? "memfd" : "other");
	}
	say("%s", list->str);
}

/* ---- the agent's process --------------------------------------------------------------------- */

static pid_t
agent_pid(void)
{
	return (pid_t)g_ascii_strtoll(value_of("pid"), NULL, 10);
}

static void
try_ptrace(const char *unused)
{
	(void)unused;
	say_call(ptrace(PTRACE_SEIZE, agent_pid(), NULL, NULL));
}

/* EFAULT, nothing lies there, means that looking was permitted. */
static void
try_memory(const char *unused)
{
	char there[16];
	struct iovec own = { there, sizeof there }, other = { (void *)4096, sizeof there };

	(void)unused;
	say_call(process_vm_readv(agent_pid(), &own, 1, &other, 1, 0));
}

/* Its standard socket is its descriptor 3. */
static void
try_descriptor(const char *unused)
{
	int fd = pidfd_open(agent_pid(), 0);

	(void)unused;
	say_call(fd < 0 ? fd : pidfd_getfd(fd, 3, 0));
}

/* A core of the agent would hold the key. */
static void
try_core(const char *unused)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	(void)unused;
	say_call(prlimit(agent_pid(), RLIMIT_CORE, &all, NULL));
}

/* ---- the kernel's other doors ---------------------------------------------------------------- */

static void
try_socket(const char *family)
{
	static const struct { const char *name; int family, type; } families[] = {
		{ "inet", AF_INET, SOCK_STREAM }, { "inet6", AF_INET6, SOCK_DGRAM },
		{ "netlink", AF_NETLINK, SOCK_RAW }, { "packet", AF_PACKET, SOCK_RAW },
		{ "vsock", AF_VSOCK, SOCK_STREAM },
	};

	for (guint i = 0; i < G_N_ELEMENTS(families); i++)
		if (strcmp(families[i].name, family) == 0)
			say_call(socket(families[i].family, families[i].type, 0));
}

static void
try_ring(const char *unused)
{
	char parameters[256] = { 0 };

	(void)unused;
	say_call(syscall(SYS_io_uring_setup, 8, parameters));
}

/* The same calls under the numbers of another convention, which a filter could have forgotten. */
static void
try_convention(const char *which)
{
#ifdef __x86_64__
	long out;

	if (strcmp(which, "x32") == 0) {
		say_call(syscall(0x40000000 + 521, PTRACE_SEIZE, agent_pid(), NULL, NULL));
		return;
	}
	__asm__ volatile("int $0x80" : "=a"(out) : "a"(26L), "b"((long)PTRACE_SEIZE),
		"c"((long)agent_pid()), "d"(0L), "S"(0L) : "memory");
	errno = out < 0 ? (int)-out : 0;
	say_call(out);
#else
	(void)which;
	say("absent");
#endif
}

/* ---- other programs -------------------------------------------------------------------------- */

/* "PROGRAM|ARGUMENT|…" in place of this process; its exit code is seen by the parent. */
static void
try_execute(const char *argument)
{
	g_auto(GStrv) words = g_strsplit(argument, "|", 10);
	int null = open("/dev/null", O_RDWR);

	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execv(words[0], words);
	say_call(-1);
}

/* gpg with these words: how many bytes it writes. */
static void
try_gpg(const char *argument)
{
	g_autofree char *line = g_strconcat(GPG_PROGRAM "|--batch|--no-tty|", argument, NULL);
	g_auto(GStrv) words = g_strsplit(line, "|", 20);
	char buffer[4096];
	gsize size = 0;
	ssize_t n;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0) {
		say_call(-1);
		return;
	}
	if (fork() == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execv(words[0], words);
		_exit(EXIT_FAILURE);
	}
	close(ends[1]);
	while ((n = read(ends[0], buffer, sizeof buffer)) > 0)
		size += (gsize)n;
	say("bytes=%" G_GSIZE_FORMAT, size);
}

/* ---- the attempts ---------------------------------------------------------------------------- */

#define EXPORT "|KEYWRAP_KEY --export|EXPORT_KEY @grip"
#define NOBODY "0000000000000000000000000000000000000000"

static const struct attempt {
	const char *name;		/* in the log, and in tests/flow/thief.py */
	void (*try)(const char *argument);
	const char *argument;
} attempts[] = {
	{ "descriptors", try_descriptors, "" },

	{ "extra: restricted", try_agent, "@extra|GETINFO restricted" },
	{ "extra: HAVEKEY", try_agent, "@extra|HAVEKEY @grip" },
	{ "extra: READKEY", try_agent, "@extra|READKEY @grip" },
	{ "extra: KEYINFO", try_agent, "@extra|KEYINFO @grip" },
	{ "extra: KEYWRAP_KEY", try_agent, "@extra|KEYWRAP_KEY --export" },
	{ "extra: EXPORT_KEY", try_agent, "@extra|EXPORT_KEY @grip" },
	{ "extra: EXPORT_KEY --openpgp", try_agent, "@extra|EXPORT_KEY --openpgp @grip" },
	{ "extra: PASSWD", try_agent, "@extra|PASSWD @grip" },
	{ "extra: DELETE_KEY", try_agent, "@extra|DELETE_KEY --force " NOBODY },
	{ "extra: IMPORT_KEY", try_agent, "@extra|IMPORT_KEY" },
	{ "extra: KEYTOCARD", try_agent,
		"@extra|KEYTOCARD --force @grip D27600012401 OPENPGP.1 20260101T000000" },
	{ "extra: SCD", try_agent, "@extra|SCD SERIALNO" },
	{ "extra: GET_PASSPHRASE", try_agent, "@extra|GET_PASSPHRASE X X X X" },
	{ "extra: PRESET_PASSPHRASE", try_agent, "@extra|PRESET_PASSPHRASE @grip -1 00" },
	{ "extra: RELOADAGENT", try_agent, "@extra|RELOADAGENT" },
	{ "extra: KILLAGENT", try_agent, "@extra|KILLAGENT" },
	{ "extra: still there", try_agent, "@extra|HAVEKEY @grip" },
	{ "standard socket", try_agent, "@standard" EXPORT },
	{ "socket of the home", try_agent, "@home_socket" EXPORT },

	{ "folder of the sockets", try_read, "@sockets" },
	{ "folder of the sockets watched", try_watch, "@sockets" },

	{ "key file", try_read, "@key_file" },
	{ "key folder", try_read, "@key_folder" },
	{ "key file around", try_read, "@home/../../../../../../@key_file" },
	{ "key file by symlink", try_symlink, "@key_file" },
	{ "key file by /proc", try_read, "/proc/@pid/root@key_file" },
	{ "key file by handle", try_handle, "@key_file" },
	{ "keys.home", try_read, "@keys_home" },
	{ "keys.home written", try_create, "@keys_home/gpg-agent.conf" },
	{ "keys.home mounted", try_mount, "@keys_home" },
	{ "key of the store", try_read, "@store_key" },
	{ "database", try_read, "@database" },
	{ "device", try_device, "@home/device" },
	{ "/dev/mem", try_read, "/dev/mem" },
	{ "/proc/1/environ", try_read, "/proc/1/environ" },
	{ "agent: mem", try_read, "/proc/@pid/mem" },
	{ "agent: fd", try_read, "/proc/@pid/fd" },
	{ "agent: maps", try_read, "/proc/@pid/maps" },

	{ "agent: ptrace", try_ptrace, "" },
	{ "agent: process_vm_readv", try_memory, "" },
	{ "agent: pidfd_getfd", try_descriptor, "" },
	{ "agent: core", try_core, "" },
	{ "ptrace by int 0x80", try_convention, "i386" },
	{ "ptrace by x32", try_convention, "x32" },
	{ "io_uring", try_ring, "" },
	{ "socket: inet", try_socket, "inet" },
	{ "socket: inet6", try_socket, "inet6" },
	{ "socket: netlink", try_socket, "netlink" },
	{ "socket: packet", try_socket, "packet" },
	{ "socket: vsock", try_socket, "vsock" },

	{ "shell", try_execute, "/bin/sh|-c|exit 0" },
	{ "shell by the loader", try_execute, "@loader|/bin/sh|-c|exit 0" },
	{ "another agent", try_execute, GPG_AGENT_PROGRAM "|--version" },
	{ "gpg: certificate", try_gpg, "--homedir|@home|--export" },
	{ "gpg: secret keys", try_gpg, "--homedir|@home|--export-secret-keys" },
	{ "gpg: secret subkeys", try_gpg, "--homedir|@home|--export-secret-subkeys" },
	{ "gpg: secret keys of keys.home", try_gpg,
		"--homedir|@keys_home|--no-autostart|--export-secret-keys" },
};

/* In a child: what kills it is a result like another. */
static char *
result_of(const struct attempt *attempt)
{
	char text[RESULT_MAX + 1] = "";
	int ends[2], status = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return g_strdup_printf("no pipe: %s", g_strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		result_fd = ends[1];
		alarm(ATTEMPT_SECONDS);
		g_autofree char *argument = expand(attempt->argument);
		attempt->try(argument);
		_exit(EXIT_SUCCESS);
	}
	close(ends[1]);
	ssize_t n = pid < 0 ? -1 : read(ends[0], text, RESULT_MAX);
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return g_strdup_printf("no process: %s", g_strerror(errno));
	if (WIFSIGNALED(status))
		return g_strdup_printf("killed %s", sigabbrev_np(WTERMSIG(status)));
	return n > 0 ? g_strdup(text) : g_strdup_printf("exit %d", WEXITSTATUS(status));
}

static void
try_all(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(attempts); i++) {
		g_autofree char *result = result_of(&attempts[i]);

		log_event(LOG_NOTICE, "theft", "attempt=\"%s\" result=\"%s\"", attempts[i].name,
			result);
	}
}

/* ---- an agent's start ------------------------------------------------------------------------ */

/* Until the next agent stands, which the next ungcuu-keys shows by taking the mark away. */
static char *
wait_for_standard(const char *mark)
{
	while (access(mark, F_OK) == 0) {
		FILE *agent = agent_connect(value_of("standard"));

		if (agent) {
			g_autofree char *commands = expand("KEYWRAP_KEY --export|EXPORT_KEY @grip");
			g_auto(GStrv) list = g_strsplit(commands, "|", 10);

			return conversation(agent, list);
		}
	}
	return g_strdup("never there");
}

/* A process that a kill of the group does not reach ends the agent and is about when another one is
 * started in its place. */
static void
lurk(void)
{
	g_autofree char *mark = expand("@home/../lurking");

	if (unlink(mark) == 0)
		return;
	close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (fork() > 0)
		return;
	bool has_left = setsid() >= 0;
	log_event(LOG_NOTICE, "theft", "attempt=\"leave the group that is killed\" result=\"%s\"",
		has_left ? "done" : g_strerror(errno));
	alarm(LURK_SECONDS);
	kill(agent_pid(), SIGKILL);
	g_autofree char *result = wait_for_standard(mark);
	log_event(LOG_NOTICE, "theft",
		"attempt=\"standard socket of the next agent\" result=\"%s\"", result);
	_exit(EXIT_SUCCESS);
}

/* ---- the program ----------------------------------------------------------------------------- */

static bool
configure(const struct options *options, GError **error)
{
	const char *home = options_text(options, "run.home");
	const char *agent = options_text(options, "run.agent");
	const char *certificate = options_text(options, "hotline.certificate");
	gsize size;
	g_autofree guchar *decoded = g_base64_decode(certificate ? certificate : "", &size);
	g_autoptr(GBytes) bytes = g_bytes_new(decoded, size);
	g_autofree char *folder = g_path_get_dirname(agent);
	g_autofree char *standard = g_build_filename(folder, "std", NULL);

	if (home_make(home, agent, &bytes, 1, error) != DONE)
		return false;
	know("home", home);
	know("extra", agent);
	know("sockets", folder);
	know("standard", standard);
	if (*value_of("lurk"))
		lurk();
	else
		try_all();
	return true;
}

static void
serve(struct peer *hub, struct frame *frame)
{
	(void)hub;
	(void)frame;		/* no mail is delivered to a site with a thief */
}

int
main(int argc, char **argv)
{
	static const struct worker thief = {
		.role = ROLE_KEYS, .memory = MEMORY, .prepare = prepare, .configure = configure,
		.serve = serve,
	};

	return worker_main(&thief, argc, argv);
}
