# Flow tests start the whole program: the ordinary one, jailed, or, where a clock or a fault is needed, its
# twin of hooked/, made from the same sources with UNGCUU_TEST_HOOKS and never installed.

HOOKED_CPPFLAGS = $(AM_CPPFLAGS) -DUNGCUU_TEST_HOOKS

check_LIBRARIES += hooked/libbase.a hooked/libmodel.a hooked/libstore.a hooked/libtransport.a \
	hooked/libmime.a hooked/libcrypto.a hooked/libdesk.a hooked/librole.a
hooked_libbase_a_SOURCES = $(gateway_base_libbase_a_SOURCES)
hooked_libbase_a_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_libmodel_a_SOURCES = $(gateway_model_libmodel_a_SOURCES)
hooked_libmodel_a_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_libstore_a_SOURCES = $(gateway_store_libstore_a_SOURCES)
hooked_libstore_a_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_libtransport_a_SOURCES = $(gateway_transport_libtransport_a_SOURCES)
hooked_libtransport_a_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_libmime_a_SOURCES = $(gateway_mime_libmime_a_SOURCES)
hooked_libmime_a_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_libcrypto_a_SOURCES = $(gateway_crypto_libcrypto_a_SOURCES)
hooked_libcrypto_a_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_libdesk_a_SOURCES = $(gateway_desk_libdesk_a_SOURCES)
hooked_libdesk_a_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_librole_a_SOURCES = $(gateway_role_librole_a_SOURCES)
hooked_librole_a_CPPFLAGS = $(HOOKED_CPPFLAGS)

# The same layers as in Makefile.am, hooked.
HOOKED_MODEL = hooked/libmodel.a hooked/libbase.a $(BASE_EXTERNAL)
HOOKED_SUPERVISOR_LIBS = hooked/librole.a hooked/libdesk.a $(HOOKED_MODEL) $(CONFIG_LIBS) $(JANSSON_LIBS)
HOOKED_HUB_LIBS = hooked/librole.a hooked/libdesk.a hooked/libstore.a $(HOOKED_MODEL) $(SQLITE_LIBS) \
	$(JANSSON_LIBS)
HOOKED_FETCH_LIBS = hooked/librole.a hooked/libtransport.a $(HOOKED_MODEL) $(ETPAN_LIBS)
HOOKED_ZYGOTE_LIBS = hooked/librole.a hooked/libmime.a $(HOOKED_MODEL) $(GMIME_LIBS) $(GUMBO_LIBS)
HOOKED_KEYS_LIBS = hooked/librole.a hooked/libcrypto.a $(HOOKED_MODEL) $(GPGME_LIBS)
HOOKED_SUBMIT_LIBS = $(HOOKED_FETCH_LIBS)
HOOKED_CTL_LIBS = hooked/librole.a hooked/libdesk.a hooked/libstore.a hooked/libcrypto.a \
	$(HOOKED_MODEL) $(GPGME_LIBS) $(SQLITE_LIBS) $(CONFIG_LIBS) $(JANSSON_LIBS)

check_PROGRAMS += hooked/ungcuud hooked/ungcuu-hub hooked/ungcuu-fetch hooked/ungcuu-mime \
	hooked/ungcuu-keys hooked/ungcuu-submit hooked/ungcuuctl
hooked_ungcuud_SOURCES = $(ungcuud_SOURCES)
hooked_ungcuud_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_ungcuud_LDADD = $(HOOKED_SUPERVISOR_LIBS)
hooked_ungcuu_hub_SOURCES = $(ungcuu_hub_SOURCES)
hooked_ungcuu_hub_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_ungcuu_hub_LDADD = $(HOOKED_HUB_LIBS)
hooked_ungcuu_fetch_SOURCES = $(ungcuu_fetch_SOURCES)
hooked_ungcuu_fetch_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_ungcuu_fetch_LDADD = $(HOOKED_FETCH_LIBS)
hooked_ungcuu_mime_SOURCES = $(ungcuu_mime_SOURCES)
hooked_ungcuu_mime_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_ungcuu_mime_LDADD = $(HOOKED_ZYGOTE_LIBS)
hooked_ungcuu_keys_SOURCES = $(ungcuu_keys_SOURCES)
hooked_ungcuu_keys_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_ungcuu_keys_LDADD = $(HOOKED_KEYS_LIBS)
hooked_ungcuu_submit_SOURCES = $(ungcuu_submit_SOURCES)
hooked_ungcuu_submit_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_ungcuu_submit_LDADD = $(HOOKED_SUBMIT_LIBS)
hooked_ungcuuctl_SOURCES = $(ungcuuctl_SOURCES)
hooked_ungcuuctl_CPPFLAGS = $(HOOKED_CPPFLAGS)
hooked_ungcuuctl_LDADD = $(HOOKED_CTL_LIBS)

flow_tests += tests/flow/main.py tests/flow/threads.py tests/flow/clock.py tests/flow/processes.py \
	tests/flow/ledger.py tests/flow/ledger2.py tests/flow/again.py tests/flow/forged.py \
	tests/flow/protected.py tests/flow/thief.py tests/flow/opening.py tests/flow/budget.py \
	tests/flow/keys.py tests/flow/review3.py tests/flow/real.py tests/flow/arriving.py \
	tests/flow/oversize.py tests/flow/adopt.py tests/flow/evidence.py tests/flow/hosted.py \
	tests/flow/outage.py tests/flow/outqueue.py tests/flow/bounces.py tests/flow/starved.py \
	tests/flow/points.py tests/flow/backup.py tests/flow/digest.py tests/flow/replay.py \
	tests/flow/retention.py tests/flow/keep.py tests/flow/pop3.py tests/flow/alarm.py \
	tests/flow/dmarc.py tests/flow/copies.py tests/flow/drill.py tests/flow/loops.py tests/flow/flood.py
# Those that take longest, or mostly wait: make check-long.
long_tests += tests/flow/faults.py tests/flow/canary.py tests/flow/deaths.py tests/flow/hostile.py \
	tests/flow/service.py tests/flow/real-faults.py tests/flow/real-kill.py tests/flow/real-stall.py \
	tests/flow/ingest.py tests/flow/bearer.py tests/flow/pop3-kill.py
EXTRA_DIST += $(flow_tests) $(long_tests) tests/flow/flow.py tests/flow/servers.py tests/flow/people.py tests/flow/packets.py \
	tests/flow/realsite.py tests/flow/popsite.py tests/flow/mailset.py tests/flow/hosting.py \
	tests/corpus/protected/make-protected.py

# Ten thousand forged senders, or N; writes flood.json.
flood: all
	@$(AM_TESTS_ENVIRONMENT) FLOOD_SENDERS=$${N:-10000}; FLOOD_JSON='$(abs_builddir)/flood.json'; \
	export FLOOD_SENDERS FLOOD_JSON; $(PYTHON) -B '$(srcdir)/tests/flow/flood.py'
CLEANFILES += flood.json
.PHONY: flood
