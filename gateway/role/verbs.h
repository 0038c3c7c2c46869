/* SPDX-License-Identifier: ISC
 *
 * verbs: every frame that may travel, from whom, to whom, with what.  One row a verb; what is not here is refused, and
 * the peer that sent it is ended.  The second half of role.h, which includes it.
 */
#ifndef UNGCUU_ROLE_VERBS_H
#define UNGCUU_ROLE_VERBS_H

#include "role/role.h"

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
	/* number, helper name, arguments / number, exit status, output; several run side by side */ \
	X(HELPER,  "helper",  HUB,             SUP,         "(usas)",        16384, 0, -1) \
	X(HELPED,  "helped",  SUP,             HUB,         "(uus)",         20480, 0, VERB_HELPER) \
	/* folder, after, max / outcome, why, identity, [(uid, arrived ms, size)], more, has holes */ \
	X(LIST,    "list",    HUB,             ROLE_FETCH,  "(ssu)",          2048, 0, -1) \
	X(LISTED,  "listed",  ROLE_FETCH,      HUB,         "(ussa(sxt)bb)", 65536, 0, VERB_LIST) \
	/* folder, [uid]: to be taken next, in this order */ \
	X(EXPECT,  "expect",  HUB,             ROLE_FETCH,  "(sas)",         65536, 0, -1) \
	/* folder, uid, max bytes, its header alone, blob id, key; the blob's O_TMPFILE \
	 * / outcome, why, size, sha256 */ \
	X(TAKE,    "take",    HUB,             ROLE_FETCH,  "(sstbayay)",     2048, 1, -1) \
	X(TAKEN,   "taken",   ROLE_FETCH,      HUB,         "(ustay)",        2048, 0, VERB_TAKE) \
	/* uid of a POP3 mail / outcome, why, when it arrived, ms; -1: not known */ \
	X(DATE,    "date",    HUB,             ROLE_FETCH,  "(s)",            1024, 0, -1) \
	X(DATED,   "dated",   ROLE_FETCH,      HUB,         "(usx)",          2048, 0, VERB_DATE) \
	/* folder, to the held folder, [uid] / outcome of the whole, why, [(uid, outcome, why, \
	 * identity and uid of the copy there, or "" "")] */ \
	X(SETTLE,  "settle",  HUB,             ROLE_FETCH,  "(sbas)",         65536, 0, -1) \
	X(SETTLED, "settled", ROLE_FETCH,      HUB,         "(usa(susss))",  65536, 0, VERB_SETTLE) \
	/* done folder, [uid], to be removed for good / outcome of the whole, why, [(uid, outcome)] */ \
	X(REMOVE,  "remove",  HUB,             ROLE_FETCH,  "(sas)",         65536, 0, -1) \
	X(REMOVED, "removed", ROLE_FETCH,      HUB,         "(usa(su))",     65536, 0, VERB_REMOVE) \
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
	/* the last one was refused / outcome, why not; the access token (or an empty memfd) */ \
	X(WANT,    "want",    ROLE_FETCH|ROLE_SUBMIT, HUB,   "(b)",             64, 0, -1) \
	X(TOKEN,   "token",   HUB, ROLE_FETCH|ROLE_SUBMIT,   "(us)",          2048, 1, VERB_WANT) \
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

#endif
