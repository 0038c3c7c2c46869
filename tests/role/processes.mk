check_PROGRAMS += tests/role/test-roles tests/role/test-spawn tests/role/test-worker tests/role/test-program \
	tests/role/test-agent tests/role/test-helper tests/role/test-keys tests/role/test-token
tests_role_test_token_SOURCES = tests/role/test-token.c
tests_role_test_token_LDADD = $(ROLE_LIBS)
tests_role_test_roles_SOURCES = tests/role/test-roles.c
tests_role_test_roles_LDADD = $(ROLE_LIBS)
tests_role_test_spawn_SOURCES = tests/role/test-spawn.c
tests_role_test_spawn_LDADD = $(ROLE_LIBS)
tests_role_test_worker_SOURCES = tests/role/test-worker.c
tests_role_test_worker_LDADD = $(ROLE_LIBS)
tests_role_test_program_SOURCES = tests/role/test-program.c
tests_role_test_program_LDADD = $(ROLE_LIBS)
tests_role_test_agent_SOURCES = tests/role/test-agent.c tests/crypto/crypto-test.h
tests_role_test_agent_LDADD = $(KEYS_LIBS)
tests_role_test_helper_SOURCES = tests/role/test-helper.c gateway/role/supervisor.h \
	gateway/role/supervisor-helper.c
tests_role_test_helper_LDADD = $(ROLE_LIBS)
# Starts ungcuu-keys of this build.
tests_role_test_keys_SOURCES = tests/role/test-keys.c tests/crypto/crypto-test.h
tests_role_test_keys_LDADD = $(KEYS_LIBS)
# In the place of ungcuu-keys, for tests/flow/thief.py; never installed.
check_PROGRAMS += tests/role/thief
tests_role_thief_SOURCES = tests/role/thief.c
tests_role_thief_LDADD = $(KEYS_LIBS)
unit_tests += tests/role/test-roles tests/role/test-spawn tests/role/test-worker tests/role/test-program \
	tests/role/test-agent tests/role/test-helper tests/role/test-token
build_tests += tests/role/test-keys
