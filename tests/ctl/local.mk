check_PROGRAMS += tests/ctl/put-pins
tests_ctl_put_pins_SOURCES = tests/ctl/put-pins.c
tests_ctl_put_pins_LDADD = $(STORE_LIBS)
build_tests += tests/ctl/ctl-test.py tests/ctl/key-test.py
EXTRA_DIST += tests/ctl/ctl-test.py tests/ctl/key-test.py
