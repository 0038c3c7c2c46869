# role: what every process shares, and one program for each role.  The library is static: a program takes
# from it only the objects it calls, so that no role gets libconfig for being started by one that has it.
noinst_LIBRARIES += gateway/role/librole.a
gateway_role_librole_a_SOURCES = \
	gateway/role/role.h gateway/role/verbs.h \
	gateway/role/roles.c \
	gateway/role/worker.c \
	gateway/role/spawn.c \
	gateway/role/death.c \
	gateway/role/program.h \
	gateway/role/program.c \
	gateway/role/agent.c \
	gateway/role/configuration.h \
	gateway/role/configuration.c \
	gateway/role/configuration-check.c \
	gateway/role/configuration-faults.c \
	gateway/role/configuration-addresses.c \
	gateway/role/opening.h \
	gateway/role/readings.c \
	gateway/role/given.h gateway/role/given.c \
	gateway/role/compile.c \
	gateway/role/opening.c \
	gateway/role/token-text.c \
	gateway/role/token-run.c \
	gateway/role/token-ask.c \
	gateway/role/token.h

sbin_PROGRAMS += ungcuud
ungcuud_SOURCES = \
	gateway/role/supervisor.h \
	gateway/role/supervisor.c \
	gateway/role/supervisor-slot.c \
	gateway/role/supervisor-set.c \
	gateway/role/supervisor-helper.c
ungcuud_LDADD = $(SUPERVISOR_LIBS)

pkglibexec_PROGRAMS += ungcuu-hub ungcuu-fetch ungcuu-mime ungcuu-keys ungcuu-submit
ungcuu_hub_SOURCES = \
	gateway/role/hub.h \
	gateway/role/hub.c \
	gateway/role/link.c \
	gateway/role/directory.c \
	gateway/role/moves.c \
	gateway/role/intake.h \
	gateway/role/intake.c \
	gateway/role/settle.c \
	gateway/role/drop.c \
	gateway/role/adopt.c gateway/role/idle.c gateway/role/oversize.c gateway/role/room.c gateway/role/keep.c \
	gateway/role/job.c \
	gateway/role/fair.c \
	gateway/role/decide.c \
	gateway/role/outbox.h \
	gateway/role/outbox.c \
	gateway/role/composing.c \
	gateway/role/waiting.c \
	gateway/role/returned.c \
	gateway/role/queue.c \
	gateway/role/alarm.c \
	gateway/role/gate.c \
	gateway/role/drill.c \
	gateway/role/child.c \
	gateway/role/ingest.c gateway/role/evidence.c \
	gateway/role/helper.c \
	gateway/role/token.c \
	gateway/role/watch.c \
	gateway/role/control.c
ungcuu_hub_SOURCES += gateway/role/covered.c gateway/role/balance.c gateway/role/again.c gateway/role/digest.c \
	gateway/role/retention.c
ungcuu_hub_LDADD = $(HUB_LIBS)
ungcuu_fetch_SOURCES = gateway/role/fetch.c
ungcuu_fetch_LDADD = $(FETCH_LIBS)
ungcuu_mime_SOURCES = gateway/role/mime.c
ungcuu_mime_LDADD = $(ZYGOTE_LIBS)
ungcuu_keys_SOURCES = gateway/role/keys.c
ungcuu_keys_LDADD = $(KEYS_LIBS)
ungcuu_submit_SOURCES = gateway/role/submit.c
ungcuu_submit_LDADD = $(SUBMIT_LIBS)
