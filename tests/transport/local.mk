check_PROGRAMS += tests/transport/test-folder tests/transport/test-source \
	tests/transport/test-delivery tests/transport/test-workers
tests_transport_test_folder_SOURCES = tests/transport/test-folder.c tests/transport/tree.h
tests_transport_test_folder_LDADD = $(TRANSPORT_LIBS)
tests_transport_test_source_SOURCES = tests/transport/test-source.c tests/transport/tree.h
tests_transport_test_source_LDADD = $(TRANSPORT_LIBS)
tests_transport_test_delivery_SOURCES = tests/transport/test-delivery.c tests/transport/tree.h
tests_transport_test_delivery_LDADD = $(TRANSPORT_LIBS)
# Starts ungcuu-fetch and ungcuu-submit of this build.
tests_transport_test_workers_SOURCES = tests/transport/test-workers.c tests/transport/tree.h
tests_transport_test_workers_LDADD = $(ROLE_LIBS)
unit_tests += tests/transport/test-folder tests/transport/test-source tests/transport/test-delivery
build_tests += tests/transport/test-workers
