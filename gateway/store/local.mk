# SPDX-License-Identifier: ISC
noinst_LIBRARIES += gateway/store/libstore.a
gateway_store_libstore_a_SOURCES = \
	gateway/store/store.h gateway/store/certificates.h gateway/store/journal.h gateway/store/internal.h \
	gateway/store/store.c gateway/store/key.c gateway/store/schema.c gateway/store/query.c \
	gateway/store/column.c gateway/store/blob.c gateway/store/mailboxes.c gateway/store/mails.c \
	gateway/store/letters.c gateway/store/tickets.c gateway/store/threads.c \
	gateway/store/outbox.c gateway/store/caps.c gateway/store/journal.c gateway/store/certificates.c \
	gateway/store/pins.c gateway/store/waits.c gateway/store/archive.h gateway/store/archive.c \
	gateway/store/backup.h gateway/store/backup.c gateway/store/restore.c gateway/store/retention.c \
	gateway/store/alarms.c
