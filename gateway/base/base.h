/* SPDX-License-Identifier: ISC
 *
 * base: what every process of the gateway stands on: outcomes, log, frames, jail,
 * clock, sealing, digests.  Relies on GLib, GnuTLS and libseccomp only.  Knows nothing
 * of mail, tickets or configuration.
 */
#ifndef UNGCUU_BASE_H
#define UNGCUU_BASE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- error.c: outcomes ---------------------------------------------------------- */

/* What to do now, not what went wrong: finished; worth another try; a human must look. */
enum outcome { DONE, LATER, NEVER };

const char *outcome_word(enum outcome);			/* "done" "later" "never" */

/* The error domain of the whole program; the code is the outcome it means (LATER, NEVER). */
#define UNGCUU_ERROR (ungcuu_error_quark())
GQuark ungcuu_error_quark(void);

/* Sets *error (may be NULL) and returns `how`, so that a caller can `return fail(...)`. */
enum outcome fail(GError **error, enum outcome how, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* ---- log.c: one line per event, `event=NAME key=value ...` -------------------- */

enum log_to { LOG_TO_STDERR, LOG_TO_SYSLOG };

/* Call once, before anything else can log.  `role` is put on each line.  Also installs
 * GLib's log writer (the default one opens sockets a jail kills for), which ends by ABRT what
 * GLib calls fatal, and sets RLIMIT_CORE 0.  verbose: 0 notices, 1 info, 2 debug. */
void log_open(const char *role, enum log_to, int verbose);

/* `fields` is a printf format that yields `key=value` pairs, ids first.  Values from
 * outside go through log_quote().  Never subject, text, address or secret. */
void log_event(int syslog_priority, const char *event, const char *fields, ...)
	G_GNUC_PRINTF(3, 4);

/* For jail_letter(): another role from here on, and never a new connection to the log daemon. */
void log_freeze(const char *role);

/* Text safe as a value: printable ASCII, no blanks (escaped \xNN), at most 200 bytes. g_free(). */
char *log_quote(const char *text);

/* This process cannot go on: log, exit with a sysexits code (70, 71, 74, 75, 78). */
G_NORETURN void fatal(int exit_code, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Our own invariant broke: log with a backtrace, abort without a core.  Never for foreign input. */
G_NORETURN void panic(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* ---- memfd.c: bodies too large for a frame ------------------------------------ */

int memfd_new(const char *name);	/* empty, close-on-exec, accepts seals; fatal() without memory */
int memfd_from_bytes(GBytes *bytes);	/* holding `bytes`, already frozen */
int memfd_dup(int fd);			/* close-on-exec; fatal() without descriptors */
/* Adds F_SEAL_WRITE|SHRINK|GROW|SEAL: nobody can change it from here on.  LATER while a writer maps it. */
enum outcome memfd_freeze(int fd, GError **error);
/* The frozen content, mapped; NEVER if it is not a memfd with all four seals, or larger than max bytes.
 * The mapping lives as long as the bytes; the fd may be closed. */
GBytes *memfd_map(int fd, gsize max, GError **error);
/* Writes all of it, EINTR and short writes included; false with errno. */
bool write_all(int fd, const void *data, gsize size);

/* ---- file.c: durable small files ------------------------------------------------ */

/* Gives an O_TMPFILE descriptor (opened without O_EXCL, by this uid) a name, by /proc/self/fd: works for an
 * ordinary user, not dumpable, under Landlock (measured).  0, or -1 with errno.  Syncs nothing. */
int file_link(int fd, int dirfd, const char *name);
/* Whole new content or the old one, after any crash: temporary, fsync, rename, fsync of the folder.  LATER: as it was.
 * */
enum outcome file_write_durable(const char *path, const void *, gsize size, mode_t mode, GError **error);
/* The same for a file that must not exist yet: NEVER if it does (secret keys are never replaced). */
enum outcome file_create_durable(const char *path, const void *, gsize size, mode_t mode, GError **error);
/* Syncs a written file (fd; -1: synced already), renames it, syncs the folder.  Not replacing: NEVER if `to` is there.
 * */
enum outcome file_name_durable(int fd, const char *from, const char *to, bool replaces, GError **error);
/* A folder and all in it, never through a symbolic link; what cannot be removed stays. */
void file_remove_tree(const char *path);

/* ---- frame.c: typed frames with descriptors over SEQPACKET --------------------- */

#define FRAME_MAX	65536	/* bytes of a frame's body, inline */
#define FRAME_FDS_MAX	4
#define FRAME_ARRAY_MAX	1000	/* children of any array in a frame */

/* One row of the verb table (role/role.h has the table).  Roles are bits. */
struct verb {
	const char *name;
	unsigned from, to;	/* masks of role bits */
	const char *type;	/* GVariant type of the body; no `v` in it */
	guint32 max;		/* bytes of the body, <= FRAME_MAX */
	guint n_fds;		/* exact count of descriptors */
	int answers;		/* index of the request this answers, or -1: not an answer */
};

struct frame {
	int verb;		/* index into the table */
	GVariant *body;		/* owned, normal form, of the verb's type */
	int fds[FRAME_FDS_MAX];	/* owned; -1 once taken */
	guint n_fds;
};
void frame_clear(struct frame *);
typedef struct frame frame_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(frame_auto, frame_clear)	/* g_auto(frame_auto) f = {0}; */

enum receipt { RECEIVED, NOTHING_YET, PEER_GONE, PEER_VIOLATION };

/* Our end of a socketpair(AF_UNIX, SOCK_SEQPACKET). */
struct peer;
/* self/other: one role bit each; name for the log.  Takes the fd. */
struct peer *peer_new(int fd, unsigned self, unsigned other, const char *name,
	const struct verb *verbs, guint n_verbs);
void peer_free(struct peer *);
int peer_fd(const struct peer *);
/* Sinks a floating body.  fds stay the caller's.  A request is remembered: exactly one answer to it may
 * come back.  LATER: the peer is gone or does not read (1 s).  NEVER: more bytes than the table allows, or
 * an array too long (cut foreign text first); panic() if the table forbids this frame or it answers nothing. */
enum outcome peer_send(struct peer *, int verb, GVariant *body, const int *fds, guint n_fds,
	GError **error);
/* One frame.  wait_ms: 0 do not block, -1 for ever; NOTHING_YET also when a signal came while waiting.
 * PEER_VIOLATION (with error): unlisted verb, wrong direction, too large, truncated, wrong type, not in normal
 * form, an array too long, wrong count of descriptors, an answer nobody asked for.
 * The caller kills such a peer and logs the event. */
enum receipt peer_receive(struct peer *, struct frame *, int wait_ms, GError **error);
/* Requests sent and not yet answered. */
guint peer_pending(const struct peer *);

/* ---- jail.c -------------------------------------------------------------------- */

enum {
	JAIL_FORK  = 1 << 0,	/* may clone and wait */
	JAIL_EXEC  = 1 << 1,	/* may exec (only what Landlock's x: paths hold) */
	JAIL_UNIX  = 1 << 2,	/* may make AF_UNIX sockets */
	JAIL_INET  = 1 << 3,	/* may make AF_INET, AF_INET6 sockets (keeps the network namespace) */
};
struct jail {
	const char *role;
	unsigned allow;			/* JAIL_* */
	const char *const *paths;	/* "r:/a" read, "w:/b" read+write, "x:/usr" read+exec; NULL at the end.
					 * One that does not exist is skipped with a log line */
	gint64 uid, gid;		/* become these first; -1: stay */
	gsize memory;			/* RLIMIT_AS, bytes; 0: none */
	guint open_files;		/* RLIMIT_NOFILE; 0: 256 */
	guint cpu_seconds;		/* RLIMIT_CPU; 0: none */
	bool absent;			/* --no-jail: only core limit, not dumpable, PDEATHSIG */
};
/* First thing in main(): asserts one thread, drops ids, rlimits, RLIMIT_CORE 0, not dumpable, no new
 * privileges, PDEATHSIG SIGKILL, empty network namespace where permitted, Landlock, seccomp.  fatal(71)
 * if a required layer (no-new-privs, seccomp) fails; a missing optional one is logged as
 * `event=jail-missing feature=...`.  Not for the supervisor: PDEATHSIG would end the daemon with the shell that
 * started it, and filter and Landlock would pass to all its children. */
void jail_enter(const struct jail *);
/* In the zygote, before the first letter: compile the letter filter once. */
void jail_letter_prepare(void);
/* In the forked child, before it reads its letter: PDEATHSIG, alarm(wall_seconds), RLIMIT_CPU, RLIMIT_AS and
 * RLIMIT_FSIZE (memory), then the letter filter: no socket, exec, clone; openat and other looks at paths answer
 * ENOENT; anything unlisted kills.  With --no-jail everything but the filter. */
void jail_letter(guint wall_seconds, guint cpu_seconds, gsize memory);
/* Is this kernel able?  For `check`: name and yes/no, in order, name NULL at the end. */
struct jail_feature { const char *name; bool there; };
const struct jail_feature *jail_features(void);

/* ---- clock.c -------------------------------------------------------------------- */

/* Milliseconds since 1970, UTC.  Hub, supervisor and ungcuuctl only: others get `now` in a request. */
gint64 clock_now(void);
gint64 clock_ticks(void);			/* ms of a clock that nobody sets */
/* RFC 3339 in UTC, "2026-11-22T10:00:00Z"; g_free(). */
char *clock_rfc3339(gint64 ms);
gint64 clock_parse_rfc3339(const char *);		/* its inverse; -1 if it is none */

/* ---- digest.c --------------------------------------------------------------------- */

#define DIGEST_SIZE 32
struct id { guint8 b[16]; };		/* random 128-bit name of a row, blob or job */
struct id id_new(void);
bool id_equal(struct id, struct id);
bool id_is_null(struct id);
char *id_text(struct id);		/* 32 hex digits, g_free() */
bool id_parse(const char *text, struct id *);
void random_bytes(void *, gsize);
/* n letters of the case-free alphabet 0-9 a-z without i l o u (Crockford base 32, 5 bits each). g_free(). */
char *random_code(guint n);
/* Folds case, drops '-' and blanks, maps o→0 and i,l→1; NULL if a letter is none of the alphabet. g_free(). */
char *code_normalize(const char *text);

struct digest;				/* a running SHA-256 */
struct digest *digest_new(void);
void digest_put(struct digest *, const void *, gsize);
/* Same, but as mail text: each bare LF or bare CR becomes CRLF; line ends at the very end do not count. */
void digest_put_text(struct digest *, const void *, gsize);
void digest_end(struct digest *, guint8 out[DIGEST_SIZE]);	/* also frees */
void digest_bytes(const void *, gsize, guint8 out[DIGEST_SIZE]);
char *digest_hex(const guint8 digest[DIGEST_SIZE]);		/* 64 hex digits, g_free() */
bool digest_parse(const char *hex, guint8 out[DIGEST_SIZE]);
/* HMAC-SHA-256 over the parts, each preceded by its length; `purpose` keeps uses apart. */
struct hmac_part { const void *data; gsize size; };
void digest_keyed(const guint8 key[32], const char *purpose, const struct hmac_part *, guint n,
	guint8 out[DIGEST_SIZE]);
/* HKDF-SHA-256 of a 32-byte key for one purpose. */
void key_derive(const guint8 key[32], const char *purpose, guint8 out[32]);
bool equal_constant_time(const void *, const void *, gsize);
void wipe(void *, gsize);

/* ---- seal.c: AES-256-GCM, values and streams (design of the file format in seal.c) -- */

/* A short value: version | nonce | data | tag.  `context` ("mail.letter") and id are associated data. */
GBytes *seal_value(const guint8 key[32], const char *context, struct id, const void *, gsize);
/* NULL with NEVER: forged, torn, another row's, wrong key. */
GBytes *unseal_value(const guint8 key[32], const char *context, struct id, const void *, gsize,
	GError **error);

/* A file in segments of 64 KB, each version | key id | nonce counter | last flag | data | tag. */
struct sealer;
struct sealer *sealer_new(int fd, const guint8 key[32], struct id blob);	/* fd stays the caller's */
enum outcome sealer_put(struct sealer *, const void *, gsize, GError **error);
/* Writes the last segment and fsyncs.  Gives the count of plain bytes and their SHA-256. */
enum outcome sealer_end(struct sealer *, guint64 *size, guint8 sha256[DIGEST_SIZE], GError **error);
void sealer_free(struct sealer *);		/* also after sealer_end */
/* The plain bytes of a sealed file into a frozen memfd; -1 with NEVER (torn, forged, wrong key, cut off,
 * over max) or LATER (read error). */
int unseal_file(int fd, const guint8 key[32], struct id blob, guint64 max, GError **error);

#include "base/hooks.h"	/* the rest of what this folder shows */

#endif
