/* SPDX-License-Identifier: ISC
 *
 * role: the processes.  Two tables are the architecture: roles (who exists, what each may touch) and verbs
 * (who may ask whom for what).  The hub asks, everyone else answers.  `make tables` prints both.
 */
#ifndef UNGCUU_ROLE_H
#define UNGCUU_ROLE_H

#include "base/base.h"
#include "desk/desk.h"
#include "model/model.h"

/* ---- roles.c ------------------------------------------------------------------------------------ */

enum role {
	ROLE_SUPERVISOR	= 1 << 0,
	ROLE_HUB	= 1 << 1,
	ROLE_FETCH	= 1 << 2,
	ROLE_MIME	= 1 << 3,	/* the zygote: never sees a letter */
	ROLE_LETTER	= 1 << 4,	/* its forked child: sees one */
	ROLE_KEYS	= 1 << 5,
	ROLE_SUBMIT	= 1 << 6,
	ROLE_CONTROL	= 1 << 7,	/* ungcuuctl at the hub's control socket */
};
struct role_row {
	enum role role;
	const char *name, *program, *count, *sees, *network, *database, *keys, *life;
	unsigned jail;			/* JAIL_* */
};
extern const struct role_row roles_table[];		/* name NULL at the end */
const struct role_row *role_row(enum role);
char *roles_print(void);				/* make tables; g_free() */
char *verbs_print(void);

#include "role/verbs.h"	/* who may ask whom for what */

/* ---- worker.c: what fetch, mime, keys and submit share ---------------------------------------------- */

/* argv: PROGRAM FD [--no-jail] [--verbose N] [--syslog] [--uid N] [--gid N] PATH...; PATH as in struct jail.
 * Opens the log, enters the jail of its row in the role table, receives its slice, answers READY, then calls
 * `serve` for each frame until the peer is gone (exit 0) or breaks the rules (exit 70). */
struct worker {
	enum role role;
	gsize memory;				/* RLIMIT_AS; 0: none */
	void (*prepare)(void);			/* before the jail; or NULL */
	bool (*configure)(const struct options *, GError **error);	/* each slice; false: logged, exit 78 */
	void (*serve)(struct peer *hub, struct frame *);
	int (*extra_fd)(void);			/* also polled (zygote: child deaths); or NULL */
	void (*extra)(struct peer *hub);
};
int worker_main(const struct worker *, int argc, char **argv);
/* The part of it the hub's main shares: arguments (also --no-network), log, prepare(), jail; the peer is the
 * supervisor for the hub, the hub for all others.  Exits 64 on wrong arguments. */
struct peer *role_start(enum role self, gsize memory, void (*prepare)(void), int argc, char **argv);
/* The caller cuts the slice (options_slice) and adds its run.* values. */
bool role_send_slice(struct peer *, const struct options *, GError **error);
struct options *role_read_slice(struct frame *, GError **error);

/* ---- spawn.c: starting a jailed role (supervisor, ungcuuctl) ------------------------------------------- */

struct spawned { enum role role; guint index, generation; pid_t pid; int fd; };
struct spawn_settings { bool no_jail, syslog; int verbose; const struct options *options; const char *runtime; };
/* fork + exec of the role's program from the directory of our own executable if it holds all of them, else
 * from the installed one; own process group; our end of the socketpair in out->fd; paths worked out from
 * the options and the role.  `fds` are inherited (the store lock), -1 at the end or NULL. */
enum outcome spawn_role(const struct spawn_settings *, enum role, guint index, const int *fds,
	struct spawned *out, GError **error);
/* The ids a role runs as, from process.users.ROLE or process.user (ROLE_SUPERVISOR: the latter, for agents and
 * helpers); -1: the starting one, also where we are not root.  NEVER: no such user. */
enum outcome role_user(const struct options *, enum role, gint64 *uid, gint64 *gid, GError **error);

/* token-run.c: runs the token_command of a mailbox (ROLE_FETCH) or of submission, waits for it; NULL: LATER, NEVER. */
char *token_run(const struct options *, enum role, guint index, GError **error);

/* ---- death.c -------------------------------------------------------------------------------------- */

/* Crash signals (SEGV ABRT TRAP SYS XCPU ALRM ...) and exit 70, 71 are counted; exit 0 is orderly; the rest is
 * unexplained.  cause: g_free(). */
enum death death_of(int wait_status, char **cause);

/* ---- agent.c: one gpg-agent per keys worker (supervisor, ungcuuctl) -------------------------------------- */

struct agent { pid_t pid; int watch_fd; char *socket; };	/* socket: path of the extra socket */
/* The directory on tmpfs for homes and sockets of this store, 0700, emptied; short path.  g_free(). */
char *runtime_new(const char *store_path, GError **error);
void runtime_remove(const char *path);
enum outcome agent_start(const char *keys_home, const char *runtime, guint index, gint64 uid, gint64 gid,
	gint64 socket_uid, struct agent *out, GError **error);
void agent_stop(struct agent *);
/* One key of keys.home: its public certificate, whole, and as others need it (without other people's signatures and
 * expired subkeys); what its secret part there is good for (by keygrip files): an expired key still decrypts. */
struct own_key { GBytes *certificate, *minimal; bool signs, decrypts; };
void own_key_clear(struct own_key *);
typedef struct own_key own_key_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(own_key_auto, own_key_clear)
enum outcome agent_certificate(const char *keys_home, const char *fingerprint, struct own_key *out, GError **error);

/* ---- configuration.c (the only user of libconfig) ---------------------------------------------------------- */

/* All faults at once as "file:line: key: what, did you mean …", g_strfreev(); NULL and *out when there are
 * none.  Secrets are read from their files here; paths become absolute. */
char **configuration_read(const char *file, struct options **out);
/* The same for a user who may not read the files of secrets: they are left out. */
char **configuration_read_public(const char *file, struct options **out);
/* What needs more than the file: templates (read into "template.vi.T01"), hotline key present in keys.home,
 * certificates, own addresses as recipients, modes of secret files.  As above; "run.later" is set where gpg was
 * killed or too slow, which another start may mend. */
char **configuration_check(struct options *, bool for_daemon);
/* Our certificates (hotline.key, old_keys) out of keys.home into internal settings, and which old ones have lost
 * their secret part.  NEVER: hotline.key is set, and its certificate is not there.  LATER: gpg was killed. */
enum outcome configuration_own_keys(struct options *, bool *has_secret, GError **error);
/* Changes a reload refuses, as lines "hotline.id: needs restart"; NULL: none. */
char **configuration_restart_needed(const struct options *old, const struct options *now);

/* ---- compile.c, opening.c: machines that say what to ask next: the hub asks without waiting, `inspect` waits ----- */

/* One request to a letter process or to keys.  result: the one of fds to be frozen when the answer is DONE; -1 */
struct question { int verb; GVariant *body; int fds[FRAME_FDS_MAX]; guint n_fds; int result; };	/* body: floating */
void question_clear(struct question *);		/* closes its descriptors */

/* keys.certificates into the index, which lies beside the store (path: g_free()). */
struct certificates;
struct compile;
char *directory_index_path(const struct options *);
/* Looks at the folder: forgets what is gone, queues what is new or changed.  LATER: cannot be read or written. */
enum outcome compile_new(const char *folder, struct certificates *, struct compile **, GError **error);
void compile_free(struct compile *);
bool compile_is_current(const char *folder, struct certificates *);	/* nothing would be queued */
bool compile_left(const struct compile *);
bool compile_ask(struct compile *, struct question *);	/* the next files; false: none are left */
enum outcome compile_take(struct compile *, int fd, GError **error);	/* LATER: the index does not take it */
/* Nobody answered: fewer files at once; one that was alone twice is passed over, and the log says so. */
void compile_failed(struct compile *, const char *why);

/* A raw mail to its letter and verdict. */
struct world {				/* what an opening may look at; borrowed */
	const struct site *site;
	struct certificates *certificates;
	gint64 now;			/* ms */
	guint64 max_plain;		/* bytes that may come out of a ciphertext */
};
enum opening_step { OPENING_LETTER, OPENING_KEYS, OPENING_END };	/* who is asked next */
struct opening {
	enum opening_step step;
	struct letter *letter;		/* at the end: of the innermost layer that could be read */
	struct verdict verdict;		/* over all layers */
	int raw;			/* frozen memfd of the entity `letter` was read from */
	bool header_only;		/* set after opening_new(): there is no body, hence nothing to open */
	GPtrArray *offered;		/* struct reading of each of letter->offered; NULL: not asked for */
	struct opening_state *state;
};
/* Takes raw.  reads_offered: certificates that came with the mail are read, too. */
struct opening *opening_new(int raw, bool reads_offered);
void opening_free(struct opening *);
void opening_ask(struct opening *, const struct world *, struct question *);
/* An answer of outcome DONE; `body` of OPENED.  NEVER: a named limit.  *has_lied: the answer broke the rules, which
 * counts as the death of who gave it. */
enum outcome opening_take(struct opening *, const struct world *, GVariant *body, bool *has_lied, GError **error);

#include "role/given.h"	/* what ungcuuctl hands over */

#endif
