/* SPDX-License-Identifier: ISC
 *
 * given.h: what ungcuuctl gives to the hub besides requests: mails of an MTA's pipe, and evidence
 * handed over by a person.  Both sides of the control socket agree here.
 */
#ifndef UNGCUU_ROLE_GIVEN_H
#define UNGCUU_ROLE_GIVEN_H

#include "base/base.h"

/* The mailbox of the ledger that no configured one may be called, and how its mails are named. */
#define INGEST_MAILBOX "ingest"
#define INGEST_IDENTITY "sha256"

/* ---- given.c --------------------------------------------------------------------------- */

#define EVIDENCE_WORDS 9			/* of its request */
#define EVIDENCE_NAME_MOST 255		/* bytes of a file name, giver, taker */
#define EVIDENCE_NOTE_MOST 2000		/* bytes */
/* What keeps a text from being written down as a person typed it; NULL: nothing. */
const char *given_fault(const char *text, gsize most);

#endif
