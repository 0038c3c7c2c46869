/* SPDX-License-Identifier: ISC
 *
 * stream: our own sockets and TLS under libetpan's protocol code, whose own know no certificates
 * and no bounds.  Non-blocking with poll() under one absolute deadline and one byte count per
 * command; the first thing that goes wrong ends the stream for good.  Relies on trust.c for the
 * verdict on the server.  Refuses clear text to any machine but this one.
 */
#include "transport/stream.h"
#include "transport/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_SECONDS	30		/* all addresses together, and again the handshake */
#define ADDRESS_SECONDS	10		/* one address, while there are others */
#define HANDSHAKE_BYTES	262144
#define BUFFER		8192		/* libetpan's read and write buffer */
#define NAME_SERVERS	"/etc/resolv.conf"
#define PRIORITY	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct stream {
	const struct server_settings *settings;
	int fd;
	mailstream *mail;		/* the protocol's session frees it */
	struct trust *trust;
	gnutls_session_t tls;		/* NULL: clear */
	bool to_myself;			/* the peer's address is a loopback one */
	guint seconds;			/* of this command */
	gint64 deadline;		/* us, monotonic */
	guint64 bytes, left;		/* of this command */
	char *ended;			/* why, or NULL */
};

/* ---- waiting ------------------------------------------------------------------------------- */

G_GNUC_PRINTF(2, 3) static void
end(struct stream *stream, const char *format, ...)
{
	va_list arguments;

	if (stream->ended)
		return;
	va_start(arguments, format);
	stream->ended = g_strdup_vprintf(format, arguments);
	va_end(arguments);
}

static bool
is_overdue(struct stream *stream)
{
	if (g_get_monotonic_time() >= stream->deadline)
		end(stream, "not through within %u s", stream->seconds);
	return stream->ended != NULL;
}

/* False: the deadline passed, or the stream ended before. */
static bool
wait_for(struct stream *stream, short events)
{
	struct pollfd poller = { .fd = stream->fd, .events = events };

	while (!is_overdue(stream)) {
		gint64 left = (stream->deadline - g_get_monotonic_time()) / 1000 + 1;
		int n = poll(&poller, 1, (int) CLAMP(left, 0, 60000));

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			end(stream, "poll: %s", g_strerror(errno));
	}
	return false;
}

/* SIGTERM is let in here alone: to a process that waits it may come. */
bool
stream_wait(struct stream *stream, guint seconds, int fd)
{
	struct pollfd pollers[] = {
		{ .fd = stream->fd, .events = POLLIN }, { .fd = fd, .events = POLLIN },
	};
	const struct timespec time = { .tv_sec = seconds };
	sigset_t waiting;

	if (stream->ended || (stream->mail && stream->mail->read_buffer_len > 0) ||
	    (stream->tls && gnutls_record_check_pending(stream->tls) > 0))
		return true;
	sigprocmask(SIG_SETMASK, NULL, &waiting);
	sigdelset(&waiting, SIGTERM);
	return ppoll(pollers, 2, &time, &waiting) > 0 && pollers[0].revents != 0;
}

void
stream_begin(struct stream *stream, guint seconds, guint64 bytes)
{
	stream->seconds = seconds;
	stream->deadline = g_get_monotonic_time() + (gint64) seconds * G_USEC_PER_SEC;
	stream->bytes = stream->left = bytes;
}

/* ---- libetpan's driver --------------------------------------------------------------------- */

/* What a call of GnuTLS said, when it was no count of bytes.  True: try again. */
static bool
try_again(struct stream *stream, int said)
{
	if (said == GNUTLS_E_INTERRUPTED)
		return !is_overdue(stream);
	if (said == GNUTLS_E_AGAIN)
		return wait_for(stream, gnutls_record_get_direction(stream->tls) == 1 ? POLLOUT :
			POLLIN);
	if (said == GNUTLS_E_PREMATURE_TERMINATION || said == GNUTLS_E_PULL_ERROR ||
	    said == GNUTLS_E_PUSH_ERROR)
		end(stream, "the server closed the connection");
	else
		end(stream, "TLS: %s", gnutls_strerror(said));
	return false;
}

static bool
try_socket_again(struct stream *stream, short events)
{
	if (errno == EINTR)
		return !is_overdue(stream);
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return wait_for(stream, events);
	end(stream, "%s", g_strerror(errno));
	return false;
}

/* The end of the connection is an error: libetpan 1.9.4 takes it for "more to come" or for the
 * end of a line. */
static ssize_t
low_read(mailstream_low *low, void *buffer, size_t size)
{
	struct stream *stream = low->data;
	bool again = !is_overdue(stream);

	if (again && stream->left == 0) {
		end(stream, "more than %" G_GUINT64_FORMAT " bytes in one answer", stream->bytes);
		again = false;
	}
	size = (size_t) MIN((guint64) size, stream->left);
	while (again) {
		ssize_t n = stream->tls ? gnutls_record_recv(stream->tls, buffer, size) :
			recv(stream->fd, buffer, size, 0);

		if (n > 0) {
			stream->left -= (guint64) n;
			return n;
		}
		if (n == 0)
			end(stream, "the server closed the connection");
		again = n < 0 && (stream->tls ? try_again(stream, (int) n) :
			try_socket_again(stream, POLLIN));
	}
	return -1;
}

static ssize_t
low_write(mailstream_low *low, const void *buffer, size_t size)
{
	struct stream *stream = low->data;
	bool again = !is_overdue(stream);
	size_t done = 0;

	while (again && done < size) {
		const char *at = (const char *) buffer + done;
		ssize_t n = stream->tls ? gnutls_record_send(stream->tls, at, size - done) :
			send(stream->fd, at, size - done, MSG_NOSIGNAL);

		if (n >= 0) {
			done += (size_t) n;
			again = !is_overdue(stream);
		} else {
			again = stream->tls ? try_again(stream, (int) n) :
				try_socket_again(stream, POLLOUT);
		}
	}
	return done == size ? (ssize_t) size : -1;
}

/* The connection lives until stream_close(). */
static int
low_close(mailstream_low *low)
{
	(void) low;
	return 0;
}

static int
low_fd(mailstream_low *low)
{
	const struct stream *stream = low->data;

	return stream->fd;
}

static void
low_free(mailstream_low *low)
{
	struct stream *stream = low->data;

	stream->mail = NULL;
	free(low);	/* libetpan's own memory; it leaves this to the driver */
}

static mailstream_low_driver driver = {
	.mailstream_read = low_read, .mailstream_write = low_write,
	.mailstream_close = low_close, .mailstream_get_fd = low_fd, .mailstream_free = low_free,
};

mailstream *
stream_mail(struct stream *stream)
{
	mailstream_low *low;

	if (stream->mail)
		return stream->mail;
	low = mailstream_low_new(stream, &driver);
	stream->mail = low ? mailstream_new(low, BUFFER) : NULL;
	if (!stream->mail)
		fatal(71, "no memory for a connection");
	return stream->mail;
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static void
tls_new(struct stream *stream)
{
	if (gnutls_init(&stream->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
		fatal(71, "no memory for TLS");
	if (gnutls_priority_set_direct(stream->tls, PRIORITY, NULL) < 0)
		panic("TLS priorities");
	gnutls_transport_set_int(stream->tls, stream->fd);
	trust_attach(stream->trust, stream->tls);
}

static enum outcome
handshake(struct stream *stream, GError **error)
{
	const char *refusal, *host = stream->settings->host;
	int said;

	tls_new(stream);
	stream_begin(stream, CONNECT_SECONDS, HANDSHAKE_BYTES);
	do {
		said = gnutls_handshake(stream->tls);
	} while (said < 0 && (gnutls_error_is_fatal(said) == 0 ? try_again(stream, said) : false));
	if (said == 0)
		return DONE;
	refusal = trust_refusal(stream->trust);
	if (refusal) {
		end(stream, "certificate refused");
		return fail(error, NEVER, "%s: %s", host, refusal);
	}
	if (said == GNUTLS_E_FATAL_ALERT_RECEIVED)
		end(stream, "the server ended TLS: %s",
			gnutls_alert_get_name(gnutls_alert_get(stream->tls)));
	if (!stream->ended)
		end(stream, "no TLS 1.2 or 1.3 here (%s): right port and tls setting?",
			gnutls_strerror(said));
	return fail(error, LATER, "%s: %s", host, stream->ended);
}

enum outcome
stream_starttls(struct stream *stream, GError **error)
{
	if (stream->tls)
		panic("TLS twice on one stream");
	/* Sent in clear behind its "yes": whoever sent it wants it to be taken for the
	 * server's. */
	if (stream->mail && stream->mail->read_buffer_len > 0) {
		end(stream, "clear text behind the answer to STARTTLS");
		return fail(error, NEVER, "%s: %s: somebody may sit in between",
			stream->settings->host, stream->ended);
	}
	return handshake(stream, error);
}

bool
stream_is_tls(const struct stream *stream)
{
	return stream->tls != NULL;
}

bool
stream_is_protected(const struct stream *stream)
{
	return stream->tls != NULL || (stream->to_myself &&
		strcmp(stream->settings->tls, "none-loopback-only") == 0);
}

char *
stream_describe(const struct stream *stream)
{
	g_autofree char *when = NULL;

	if (!stream->tls)
		return g_strdup("no TLS, the server is this machine");
	when = clock_rfc3339(trust_until(stream->trust) * 1000);
	return g_strdup_printf("%s, certificate valid until %.10s%s",
		gnutls_protocol_get_name(gnutls_protocol_get_version(stream->tls)),
		when ? when : "?", trust_is_pinned(stream->trust) ? ", key pinned" : "");
}

/* ---- connecting ---------------------------------------------------------------------------- */

static bool
is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *four = (const void *) address;
	const struct sockaddr_in6 *six = (const void *) address;

	if (address->sa_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return address->sa_family == AF_INET6 && (IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
		(IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && six->sin6_addr.s6_addr[12] == 127));
}

/* The stream's deadline bounds it.  False: errno. */
static bool
connect_to(struct stream *stream, const struct addrinfo *address)
{
	int why = 0, on = 1;
	socklen_t size = sizeof why;

	stream->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (stream->fd < 0)
		return false;
	if (connect(stream->fd, address->ai_addr, address->ai_addrlen) != 0) {
		if (errno != EINPROGRESS)
			return false;
		errno = ETIMEDOUT;
		if (!wait_for(stream, POLLOUT))
			return false;
		if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0)
			return false;
		errno = why;
		if (why != 0)
			return false;
	}
	/* A command is one small packet that waits for its answer. */
	setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(stream->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	stream->to_myself = is_loopback(address->ai_addr);
	return true;
}

static void
disconnect(struct stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
	g_clear_pointer(&stream->ended, g_free);
}

static enum outcome
connect_any(struct stream *stream, const struct addrinfo *list, guint port, GError **error)
{
	bool only_here = strcmp(stream->settings->tls, "none-loopback-only") == 0, tried = false;
	gint64 all = g_get_monotonic_time() + CONNECT_SECONDS * G_USEC_PER_SEC;
	int why = ETIMEDOUT;

	for (const struct addrinfo *at = list; at && g_get_monotonic_time() < all;
	     at = at->ai_next) {
		gint64 left = (all - g_get_monotonic_time()) / G_USEC_PER_SEC + 1;

		if (only_here && !is_loopback(at->ai_addr))
			continue;
		tried = true;
		stream_begin(stream, (guint) (at->ai_next ? MIN(left, ADDRESS_SECONDS) : left), 0);
		if (connect_to(stream, at))
			return DONE;
		why = errno;
		disconnect(stream);
	}
	if (!tried)
		return fail(error, NEVER, "%s: tls = \"none-loopback-only\" is for a server on "
			"this machine alone", stream->settings->host);
	return fail(error, LATER, "%s port %u: %s", stream->settings->host, port,
		g_strerror(why));
}

/* A jail is made for the file that was there at the start.  Where that was replaced, every
 * name is unknown from here on; a new process gets the new file. */
static void
check_resolver(void)
{
	static bool was_readable;
	int fd = open(NAME_SERVERS, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		was_readable = true;
		close(fd);
	} else if (errno == EACCES && was_readable) {
		fatal(75, NAME_SERVERS " was replaced: to be read by a new process");
	}
}

static enum outcome
look_up(struct stream *stream, guint port, GError **error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	g_autofree char *service = g_strdup_printf("%u", port);
	struct addrinfo *list = NULL;
	enum outcome how;
	int said;

	check_resolver();
	said = getaddrinfo(stream->settings->host, service, &hints, &list);
	if (said != 0)
		return fail(error, LATER, "%s: %s", stream->settings->host, said == EAI_SYSTEM ?
			g_strerror(errno) : gai_strerror(said));
	how = connect_any(stream, list, port, error);
	freeaddrinfo(list);
	return how;
}

static enum outcome
check_settings(const struct server_settings *settings, GError **error)
{
	static const char *const words[] = { "implicit", "starttls", "none-loopback-only", NULL };

	if (!settings->host || *settings->host == '\0')
		return fail(error, NEVER, "a server needs host");
	if (!settings->tls || !g_strv_contains(words, settings->tls))
		return fail(error, NEVER, "tls = \"%s\" is not built in",
			settings->tls ? settings->tls : "(none)");
	return text_refuse("host", settings->host, error);
}

enum outcome
stream_open(const struct server_settings *settings, guint implicit_port, guint clear_port,
	struct stream **out, GError **error)
{
	enum outcome how = check_settings(settings, error);
	bool implicit = how == DONE && strcmp(settings->tls, "implicit") == 0;
	struct stream *stream;

	*out = NULL;
	if (how != DONE)
		return how;
	stream = g_new0(struct stream, 1);
	stream->settings = settings;
	stream->fd = -1;
	if (strcmp(settings->tls, "none-loopback-only") != 0)
		how = trust_new(settings, &stream->trust, error);
	if (how == DONE)
		how = look_up(stream, settings->port ? settings->port :
			implicit ? implicit_port : clear_port, error);
	if (how == DONE && implicit)
		how = handshake(stream, error);
	if (how == DONE)
		*out = stream;
	else
		stream_close(stream);
	return how;
}

void
stream_close(struct stream *stream)
{
	if (!stream)
		return;
	if (stream->mail)	/* no session took it */
		mailstream_close(stream->mail);
	if (stream->tls) {
		if (!stream->ended)
			gnutls_bye(stream->tls, GNUTLS_SHUT_WR);
		gnutls_deinit(stream->tls);
	}
	disconnect(stream);
	trust_free(stream->trust);
	g_free(stream);
}

/* ---- the rest ------------------------------------------------------------------------------ */

bool
stream_has_ended(const struct stream *stream)
{
	return stream->ended != NULL;
}

enum outcome
stream_failed(const struct stream *stream, const char *what, GError **error)
{
	return fail(error, LATER, "%s: %s", what, stream->ended ? stream->ended :
		"the server's answer cannot be understood");
}

void
stream_wipe(struct stream *stream)
{
	if (stream->mail && stream->mail->write_buffer)
		wipe(stream->mail->write_buffer + stream->mail->write_buffer_len,
			stream->mail->buffer_max_size - stream->mail->write_buffer_len);
}

enum outcome
text_refuse(const char *what, const char *text, GError **error)
{
	for (const char *p = text; p && *p != '\0'; p++)
		if ((guchar) *p < ' ' || *p == 0x7f)
			return fail(error, NEVER, "%s holds a control character", what);
	return DONE;
}
