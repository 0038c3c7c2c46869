/* SPDX-License-Identifier: ISC
 *
 * given.h: what ungcuuctl gives to the hub besides requests: mails of an MTA's pipe.  Both sides of
 * the control socket agree here.
 */
#ifndef UNGCUU_ROLE_GIVEN_H
#define UNGCUU_ROLE_GIVEN_H

/* The mailbox of the ledger that no configured one may be called, and how its mails are named. */
#define INGEST_MAILBOX "ingest"
#define INGEST_IDENTITY "sha256"

#endif
