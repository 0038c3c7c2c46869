/* SPDX-License-Identifier: ISC
 *
 * stream: private to transport/.  One connection to one server, clear or under TLS, driven by
 * libetpan's protocol code through a mailstream.  The certificate is judged inside the handshake:
 * nothing is ever sent to a server that was not proven.  Each command has one absolute deadline
 * and one bound on the bytes received; the end of the connection is always an error.
 */
#ifndef UNGCUU_STREAM_H
#define UNGCUU_STREAM_H

#include "transport/transport.h"

#include <libetpan/mailstream.h>

struct stream;

/* Connects to the first address that answers; with tls "implicit" also the handshake.  Ports:
 * used where settings->port is 0, the first for "implicit", the second for the others.  The
 * settings must outlive the stream. LATER: not reachable now.  NEVER: settings wrong,
 * certificate refused (the text says why, what to add to the configuration, and the presented
 * chain), "none-loopback-only" for a host that is not this one. */
enum outcome stream_open(const struct server_settings *, guint implicit_port, guint clear_port,
	struct stream **, GError **error);
/* After the protocol's session is freed: that closes the mailstream, this frees what lies
 * under it. */
void stream_close(struct stream *);

/* The one mailstream over it, for mailimap_connect(), mailsmtp_connect(): the session owns it. */
mailstream *stream_mail(struct stream *);

/* Before each command, greeting and TLS start: it must be through within `seconds`, and may
 * bring at most `bytes` from the server (what we send is not counted). */
void stream_begin(struct stream *, guint seconds, guint64 bytes);

/* After the server said yes to STARTTLS: refuses whatever it sent ahead, then the handshake.  Ask
 * for its capabilities again afterwards.  LATER, NEVER as stream_open(). */
enum outcome stream_starttls(struct stream *, GError **error);
/* Is what is sent now safe from others: TLS, or loopback where the settings say so? */
bool stream_is_protected(const struct stream *);
bool stream_is_tls(const struct stream *);

/* Waits until there is something to read, the stream has ended (both true), `fd` can be read,
 * SIGTERM came, or the time is over. */
bool stream_wait(struct stream *, guint seconds, int fd);
/* LATER with "WHAT: " and why the stream ended (deadline, bytes, closed by the server), or,
 * where it did not end, that the answer was none of the protocol's. */
enum outcome stream_failed(const struct stream *, const char *what, GError **error);
bool stream_has_ended(const struct stream *);
/* For `check`: "TLS1.3, certificate valid until 2027-01-31".  g_free(). */
char *stream_describe(const struct stream *);

/* Overwrites what is left of a password in the stream's write buffer. */
void stream_wipe(struct stream *);

/* NEVER where a text that goes into a protocol line has CR, LF or another control character;
 * NULL passes. */
enum outcome text_refuse(const char *what, const char *text, GError **error);

#endif
