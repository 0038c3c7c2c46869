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
check_PROGRAMS += tests/transport/test-sasl tests/transport/test-imap-name tests/transport/test-strings
tests_transport_test_strings_SOURCES = tests/transport/test-strings.c
tests_transport_test_strings_LDADD = $(TRANSPORT_LIBS)
tests_transport_test_sasl_SOURCES = tests/transport/test-sasl.c
tests_transport_test_sasl_LDADD = $(TRANSPORT_LIBS)
tests_transport_test_imap_name_SOURCES = tests/transport/test-imap-name.c
tests_transport_test_imap_name_LDADD = $(TRANSPORT_LIBS)
unit_tests += tests/transport/test-sasl tests/transport/test-imap-name tests/transport/test-strings
# The verbs of a mailbox for the scripts below, which start the servers.
check_PROGRAMS += tests/transport/imap-driver
tests_transport_imap_driver_SOURCES = tests/transport/imap-driver.c
tests_transport_imap_driver_LDADD = $(TRANSPORT_LIBS)
unit_tests += tests/transport/test-folder tests/transport/test-source tests/transport/test-delivery
build_tests += tests/transport/test-workers
# With a real Dovecot, and with servers that misbehave; both as root or not.
build_tests += tests/transport/imap.py tests/transport/imap-hostile.py
EXTRA_DIST += tests/transport/imap.py tests/transport/imap-hostile.py tests/transport/fetching.py
# The same of POP3.
check_PROGRAMS += tests/transport/test-pop3
tests_transport_test_pop3_SOURCES = tests/transport/test-pop3.c
tests_transport_test_pop3_LDADD = $(TRANSPORT_LIBS)
unit_tests += tests/transport/test-pop3
build_tests += tests/transport/pop3.py tests/transport/pop3-hostile.py
EXTRA_DIST += tests/transport/pop3.py tests/transport/pop3-hostile.py
# Driven by smtp.py (servers that misbehave) and smtp-servers.py (Postfix and Dovecot).
check_PROGRAMS += tests/transport/smtp-client
tests_transport_smtp_client_SOURCES = tests/transport/smtp-client.c
tests_transport_smtp_client_LDADD = gateway/role/librole.a gateway/desk/libdesk.a $(TRANSPORT_LIBS) \
	$(CONFIG_LIBS) $(JANSSON_LIBS)
build_tests += tests/transport/smtp.py
flow_tests += tests/transport/smtp-servers.py
EXTRA_DIST += tests/transport/smtp.py tests/transport/smtp-servers.py tests/transport/submitting.py
