check_PROGRAMS += tests/role/test-configuration
tests_role_test_configuration_SOURCES = tests/role/test-configuration.c
tests_role_test_configuration_LDADD = $(ROLE_LIBS)
EXTRA_DIST += tests/role/conf/many.conf tests/role/conf/parties.inc tests/role/conf/many.faults
unit_tests += tests/role/test-configuration
golden_tests += tests/role/test-configuration
