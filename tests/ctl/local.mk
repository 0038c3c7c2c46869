build_tests += tests/ctl/ctl-test.py
EXTRA_DIST += tests/ctl/ctl-test.py
