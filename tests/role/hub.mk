check_PROGRAMS += tests/role/test-moves tests/role/test-readings
tests_role_test_moves_SOURCES = tests/role/test-moves.c gateway/role/moves.c gateway/role/hub.h
tests_role_test_moves_LDADD = $(ROLE_LIBS)
tests_role_test_readings_SOURCES = tests/role/test-readings.c gateway/role/opening.h
tests_role_test_readings_LDADD = $(HUB_LIBS)
EXTRA_DIST += tests/role/moves.txt
unit_tests += tests/role/test-moves tests/role/test-readings
golden_tests += tests/role/test-moves

check_PROGRAMS += tests/role/test-outgoing
tests_role_test_outgoing_SOURCES = tests/role/test-outgoing.c tests/store/scratch.h gateway/role/hub.h gateway/role/outbox.h \
	gateway/role/outbox.c gateway/role/composing.c gateway/role/gate.c gateway/role/drill.c \
	gateway/role/waiting.c gateway/role/fair.c gateway/role/moves.c
tests_role_test_outgoing_LDADD = $(HUB_LIBS)
unit_tests += tests/role/test-outgoing
