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

/* ---- verbs --------------------------------------------------------------------------------------- */
/*	name       from              to           body                   bytes  fds answers */
#define SUP	ROLE_SUPERVISOR
#define HUB	ROLE_HUB
#define WORKERS	(ROLE_FETCH | ROLE_MIME | ROLE_KEYS | ROLE_SUBMIT)
#define VERBS(X) \
	/* bytes of a frozen memfd holding a(ss): the slice of the configuration this role may know */ \
	X(SLICE,   "slice",   SUP|HUB,         HUB|WORKERS, "(t)",              64, 1, -1) \
	X(READY,   "ready",   HUB|WORKERS,     SUP|HUB,     "()",               64, 0, VERB_SLICE) \
	/* role bit, index, generation; the hub's end of a new worker's socket */ \
	X(WORKER,  "worker",  SUP,             HUB,         "(uuu)",            64, 1, -1) \
	/* role bit, index, generation, enum death, cause in words */ \
	X(GONE,    "gone",    SUP,             HUB,         "(uuuus)",        1024, 0, -1) \
	/* role bit, index, generation: end this one, start another (zygote after a crash or many letters; \
	 * a worker past its deadline: kill its process group) */ \
	X(RENEW,   "renew",   HUB,             SUP,         "(uuu)",            64, 0, -1) \
	X(STOP,    "stop",    SUP,             HUB,         "()",               64, 0, -1) \
	/* exit code; --once is through, or the hub has stopped in order */ \
	X(FINISHED,"finished",HUB,             SUP,         "(u)",              64, 0, -1) \
	/* helper name, arguments / exit status, output */ \
	X(HELPER,  "helper",  HUB,             SUP,         "(sas)",         16384, 0, -1) \
	X(HELPED,  "helped",  SUP,             HUB,         "(us)",          20480, 0, VERB_HELPER) \
	/* folder, after, max / outcome, why, identity, [(uid, arrived ms, size)], more, has holes */ \
	X(LIST,    "list",    HUB,             ROLE_FETCH,  "(ssu)",          2048, 0, -1) \
	X(LISTED,  "listed",  ROLE_FETCH,      HUB,         "(ussa(sxt)bb)", 65536, 0, VERB_LIST) \
	/* folder, [uid]: to be taken next, in this order */ \
	X(EXPECT,  "expect",  HUB,             ROLE_FETCH,  "(sas)",         65536, 0, -1) \
	/* folder, uid, max bytes, its header alone, blob id, key; the blob's O_TMPFILE \
	 * / outcome, why, size, sha256 */ \
	X(TAKE,    "take",    HUB,             ROLE_FETCH,  "(sstbayay)",     2048, 1, -1) \
	X(TAKEN,   "taken",   ROLE_FETCH,      HUB,         "(ustay)",        2048, 0, VERB_TAKE) \
	/* folder, to the held folder, [uid] / outcome of the whole, why, [(uid, outcome, why)] */ \
	X(SETTLE,  "settle",  HUB,             ROLE_FETCH,  "(sbas)",         65536, 0, -1) \
	X(SETTLED, "settled", ROLE_FETCH,      HUB,         "(usa(sus))",    65536, 0, VERB_SETTLE) \
	/* / outcome, why, bytes used, bytes there may be or 0 */ \
	X(ROOM,    "room",    HUB,             ROLE_FETCH,  "()",               64, 0, -1) \
	X(ROOMED,  "roomed",  ROLE_FETCH,      HUB,         "(ustt)",         2048, 0, VERB_ROOM) \
	/* folder, seconds / outcome, why, there are news.  It ends with the next request. */ \
	X(WAIT,    "wait",    HUB,             ROLE_FETCH,  "(su)",           2048, 0, -1) \
	X(WAITED,  "waited",  ROLE_FETCH,      HUB,         "(usb)",          2048, 0, VERB_WAIT) \
	X(FOLDERS, "folders", HUB,             ROLE_FETCH,  "()",               64, 0, -1) \
	X(FOLDERED,"foldered",ROLE_FETCH,      HUB,         "(as)",          65536, 0, VERB_FOLDERS) \
	/* job; the letter's own socket / job, pid (0: could not fork) */ \
	X(SPAWN,   "spawn",   HUB,             ROLE_MIME,   "(u)",              64, 1, -1) \
	X(SPAWNED, "spawned", ROLE_MIME,       HUB,         "(uu)",             64, 0, VERB_SPAWN) \
	/* job, enum death, cause in words; after the child is reaped */ \
	X(ENDED,   "ended",   ROLE_MIME,       HUB,         "(uus)",          1024, 0, -1) \
	/* has an outer letter; raw, outer letter (or an empty memfd), where to write the letter / outcome, why */ \
	X(PARSE,   "parse",   HUB,             ROLE_LETTER, "(b)",              64, 3, -1) \
	X(PARSED,  "parsed",  ROLE_LETTER,     HUB,         "(us)",           2048, 0, VERB_PARSE) \
	/* part number, or "" for what keys need of this layer; raw, where to write its bytes / outcome, why */ \
	X(EXTRACT, "extract", HUB,             ROLE_LETTER, "(s)",             256, 2, -1) \
	X(EXTRACTED,"extracted",ROLE_LETTER,   HUB,         "(us)",           2048, 0, VERB_EXTRACT) \
	/* boundary, outer subject if it will be encrypted, [(field, value)], From name, From, To, [(part type, \
	 * name or "", bytes)]; parts' bytes one after the other, where to write the entity, where to write the \
	 * header / outcome, why */ \
	X(COMPOSE, "compose", HUB,             ROLE_LETTER, "(ssa(ss)sssa(sst))", 49152, 3, -1) \
	X(COMPOSED,"composed",ROLE_LETTER,     HUB,         "(us)",           2048, 0, VERB_COMPOSE) \
	/* our fingerprint, recipient's or "" to sign only, boundary, now; entity, recipient's certificate (or an \
	 * empty memfd), where to write the protected entity / outcome, why, agent fault */ \
	X(PROTECT, "protect", HUB,             ROLE_KEYS,   "(sssx)",          512, 3, -1) \
	X(PROTECTED,"protected",ROLE_KEYS,     HUB,         "(usb)",          2048, 0, VERB_PROTECT) \
	/* is a ciphertext (else a detached signature), From or "", parties of these certificates [(fingerprint, \
	 * party, addresses)], more lies outside, now, most bytes of plain text, bytes of each certificate; \
	 * ciphertext or signed octets, signature (or an empty memfd), certificates one after the other, where to \
	 * write the plain text / outcome, why, agent fault, verdict, signers whose certificate would help */ \
	X(OPEN,    "open",    HUB,             ROLE_KEYS,   "(bsa(ssas)bxtat)", 49152, 4, -1) \
	X(OPENED,  "opened",  ROLE_KEYS,       HUB,         "(usb(uuumsmsmsxx)as)", 8192, 0, VERB_OPEN) \
	/* bytes of each file; files one after the other, where to write READINGS_TYPE (opening.h) \
	 * / outcome, why */ \
	X(READ,    "read",    HUB,             ROLE_KEYS,   "(at)",          16384, 2, -1) \
	X(READINGS,"readings",ROLE_KEYS,       HUB,         "(us)",           2048, 0, VERB_READ) \
	/* outgoing id, envelope from, to; the finished mail / outcome, reply code, enum scope, why */ \
	X(SEND,    "send",    HUB,             ROLE_SUBMIT, "(sss)",          2048, 1, -1) \
	X(SENT,    "sent",    ROLE_SUBMIT,     HUB,         "(uuus)",         2048, 0, VERB_SEND) \
	/* / lines "ok|warn|fail: what: fix" */ \
	X(CHECK,   "check",   HUB,             ROLE_FETCH|ROLE_SUBMIT|ROLE_KEYS, "()",   64, 0, -1) \
	X(CHECKED, "checked", ROLE_FETCH|ROLE_SUBMIT|ROLE_KEYS, HUB, "(as)",  65536, 0, VERB_CHECK) \
	/* words of an ungcuuctl call that changes something / exit code, JSON */ \
	X(CONTROL, "control", ROLE_CONTROL,    HUB,         "(as)",          32768, 0, -1) \
	X(CONTROLLED,"controlled",HUB,         ROLE_CONTROL,"(us)",          65536, 0, VERB_CONTROL) \
	/* one raw mail, in a frozen memfd / exit code, JSON; after the commit */ \
	X(INGEST,  "ingest",  ROLE_CONTROL,    HUB,         "()",               64, 1, -1) \
	X(INGESTED,"ingested",HUB,             ROLE_CONTROL,"(us)",           4096, 0, VERB_INGEST)
#define VERB_ENUM(n, ...) VERB_##n,
enum verb_index { VERBS(VERB_ENUM) N_VERBS };
#undef SUP
#undef HUB
#undef WORKERS
extern const struct verb verbs_table[];
/* peer_new() with the one table. */
struct peer *role_peer(int fd, enum role self, enum role other, const char *name);

/* ---- worker.c: what fetch, mime, keys and submit share ---------------------------------------------- */

/* argv: PROGRAM FD [--no-jail] [--verbose N] [--syslog] [--uid N] [--gid N] PATH...; PATH as in struct jail.
 * Opens the log, enters the jail of its row in the role table, receives its slice, answers READY, then calls
 * `serve` for each frame until the peer is gone (exit 0) or breaks the rules (exit 70). */
struct worker {
	enum role role;
	gsize memory;				/* RLIMIT_AS; 0: none */
	void (*prepare)(void);			/* before the jail; or NULL */
	/* After each slice; false: cannot work with it, error logged, exit 78. */
	bool (*configure)(const struct options *, GError **error);
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
