check_PROGRAMS += tests/base/test-log tests/base/test-memfd tests/base/test-file tests/base/test-frame \
	tests/base/test-jail tests/base/test-jail-letter tests/base/test-clock \
	tests/base/test-digest tests/base/test-seal tests/base/test-hooks
tests_base_test_log_SOURCES = tests/base/test-log.c tests/base/child.h
tests_base_test_log_LDADD = $(BASE_LIBS)
tests_base_test_memfd_SOURCES = tests/base/test-memfd.c
tests_base_test_memfd_LDADD = $(BASE_LIBS)
tests_base_test_file_SOURCES = tests/base/test-file.c
tests_base_test_file_LDADD = $(BASE_LIBS)
tests_base_test_frame_SOURCES = tests/base/test-frame.c tests/base/child.h
tests_base_test_frame_LDADD = $(BASE_LIBS)
tests_base_test_jail_SOURCES = tests/base/test-jail.c tests/base/child.h tests/base/jail-child.h
tests_base_test_jail_LDADD = $(BASE_LIBS)
tests_base_test_jail_letter_SOURCES = tests/base/test-jail-letter.c tests/base/child.h \
	tests/base/jail-child.h
tests_base_test_jail_letter_LDADD = $(BASE_LIBS)
tests_base_test_clock_SOURCES = tests/base/test-clock.c
tests_base_test_clock_LDADD = $(BASE_LIBS)
tests_base_test_digest_SOURCES = tests/base/test-digest.c
tests_base_test_digest_LDADD = $(BASE_LIBS)
tests_base_test_seal_SOURCES = tests/base/test-seal.c
tests_base_test_seal_LDADD = $(BASE_LIBS)
# its own hooked objects of what has hooks: the library it links holds none
tests_base_test_hooks_SOURCES = tests/base/test-hooks.c tests/base/child.h gateway/base/hooks.c \
	gateway/base/clock.c gateway/base/seal.c
tests_base_test_hooks_CPPFLAGS = $(AM_CPPFLAGS) -DUNGCUU_TEST_HOOKS
tests_base_test_hooks_LDADD = $(BASE_LIBS)
unit_tests += tests/base/test-log tests/base/test-memfd tests/base/test-file tests/base/test-frame \
	tests/base/test-jail tests/base/test-jail-letter tests/base/test-clock \
	tests/base/test-digest tests/base/test-seal tests/base/test-hooks
