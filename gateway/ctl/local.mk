bin_PROGRAMS += ungcuuctl
ungcuuctl_SOURCES = gateway/ctl/ctl.h gateway/ctl/verbs.h gateway/ctl/verbs.c gateway/ctl/main.c gateway/ctl/json.c gateway/ctl/print.c \
	gateway/ctl/worker.c gateway/ctl/letter.c gateway/ctl/inspect.c gateway/ctl/tickets.c \
	gateway/ctl/export.c gateway/ctl/queue.c gateway/ctl/queue-one.c gateway/ctl/history.c gateway/ctl/ledger.c \
	gateway/ctl/status.c gateway/ctl/check.c gateway/ctl/keys.h gateway/ctl/keys.c \
	gateway/ctl/key-folder.c gateway/ctl/key-list.c gateway/ctl/key-check.c \
	gateway/ctl/key-trial.c gateway/ctl/key-change.c gateway/ctl/mailbox.c \
	gateway/ctl/ingest.c gateway/ctl/evidence.c gateway/ctl/drill.c gateway/ctl/backup.c gateway/ctl/replay.c
ungcuuctl_LDADD = $(CTL_LIBS)
