check_PROGRAMS += tests/role/test-moves
tests_role_test_moves_SOURCES = tests/role/test-moves.c gateway/role/moves.c gateway/role/hub.h
tests_role_test_moves_LDADD = $(ROLE_LIBS)
EXTRA_DIST += tests/role/moves.txt
unit_tests += tests/role/test-moves
golden_tests += tests/role/test-moves
