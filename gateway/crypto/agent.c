/* SPDX-License-Identifier: ISC
 *
 * agent: the few lines that crypto/ itself says to a gpg-agent: who are you, and could you use this
 * key?  What gpg reports of a failed decryption cannot tell a dead agent, a lost key and a message
 * made to look like either.  Relies on the agent's extra socket, which answers this and lends no
 * key out.  Refuses to wait for an agent that does not speak, and gives it nothing of any mail.
 */
#include "crypto/engine.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT		3	/* seconds an agent has for each answer */
#define LINES_MAX	32	/* of one answer */
#define LINE_MAX_SIZE	1100	/* the protocol's is 1000 */

/* gpg's two ways: a socket in the home, or a file there that says where it is. */
static char *
socket_path(const char *home)
{
	g_autofree char *path = g_build_filename(home, "S.gpg-agent", NULL);
	g_autofree char *text = NULL;
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
	    !g_file_get_contents(path, &text, NULL, NULL))
		return g_steal_pointer(&path);
	char *begin = strstr(text, "\nsocket=");
	char *end = begin ? strchr(begin + 1, '\n') : NULL;
	if (!end)
		return g_steal_pointer(&path);
	begin += strlen("\nsocket=");
	return g_strndup(begin, (gsize)(end - begin));
}

static bool
read_line(int fd, char *line, gsize size)
{
	gsize n = 0;

	while (n < size - 1 && recv(fd, line + n, 1, 0) == 1)
		if (line[n++] == '\n') {
			line[n] = '\0';
			return true;
		}
	return false;
}

static int
connect_to(const char *home)
{
	g_autofree char *path = socket_path(home);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = WAIT };

	if (g_strlcpy(addr.sun_path, path, sizeof addr.sun_path) >= sizeof addr.sun_path)
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
		return fd;
	close(fd);
	return -1;
}

/* -1: nobody, or nobody who says hello. */
static int
open_agent(const char *home)
{
	char line[LINE_MAX_SIZE];
	int fd = connect_to(home);

	if (fd < 0 || (read_line(fd, line, sizeof line) && g_str_has_prefix(line, "OK")))
		return fd;
	close(fd);
	return -1;
}

/* The first line of the answer that begins with one of these words. */
static bool
ask(int fd, const char *question, const char *const *words, char *line, gsize size)
{
	gsize n = strlen(question);

	if (send(fd, question, n, MSG_NOSIGNAL) != (ssize_t)n)
		return false;
	for (guint i = 0; i < LINES_MAX && read_line(fd, line, size); i++)
		for (const char *const *word = words; *word; word++)
			if (g_str_has_prefix(line, *word))
				return true;
	return false;
}

bool
agent_listens(const char *home)
{
	int fd = connect_to(home);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

pid_t
agent_pid(const char *home)
{
	static const char *const words[] = { "D ", "ERR", NULL };
	char line[LINE_MAX_SIZE];
	int fd = open_agent(home);

	if (fd < 0)
		return -1;
	bool answered = ask(fd, "GETINFO pid\n", words, line, sizeof line);
	close(fd);
	return answered && line[0] == 'D' ? (pid_t)g_ascii_strtoll(line + 2, NULL, 10) : -1;
}

/* Something sealed for an algorithm that no key has.  That it does not fit the key is seen only
 * after the key was found, read and unlocked: then it is a conflict, and before that another error.
 * So the key is tried without being used. */
bool
agent_can_use(const char *home, const char *keygrip)
{
	static const char *const end[] = { "OK", "ERR", NULL }, *const sealed[] = { "INQUIRE",
		"OK", "ERR", NULL };
	static const char misfit[] = "D (7:enc-val(5:check(1:a1:x)))\nEND\n";
	g_autofree char *choice = g_strdup_printf("SETKEY %s\n", keygrip);
	char line[LINE_MAX_SIZE];
	int fd = open_agent(home);

	if (fd < 0)
		return false;
	bool answered = ask(fd, choice, end, line, sizeof line) && line[0] == 'O' &&
		ask(fd, "PKDECRYPT\n", sealed, line, sizeof line) && line[0] == 'I' &&
		ask(fd, misfit, end, line, sizeof line) && line[0] == 'E';
	close(fd);
	gpgme_error_t why = answered ?
		(gpgme_error_t)g_ascii_strtoull(line + strlen("ERR "), NULL, 10) : 0;
	return gpgme_err_source(why) == GPG_ERR_SOURCE_GCRYPT &&
		gpgme_err_code(why) == GPG_ERR_CONFLICT;
}
