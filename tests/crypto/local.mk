check_PROGRAMS += \
	tests/crypto/test-agent \
	tests/crypto/test-certificate \
	tests/crypto/test-certificates \
	tests/crypto/test-decrypt \
	tests/crypto/test-encrypt \
	tests/crypto/test-forged \
	tests/crypto/test-keyring \
	tests/crypto/test-open \
	tests/crypto/test-packets \
	tests/crypto/test-protect \
	tests/crypto/test-verdict
tests_crypto_test_agent_SOURCES = tests/crypto/test-agent.c \
	tests/crypto/crypto-test.h tests/crypto/peers.h
tests_crypto_test_agent_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_certificate_SOURCES = tests/crypto/test-certificate.c \
	tests/crypto/crypto-test.h tests/crypto/peers.h
tests_crypto_test_certificate_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_certificates_SOURCES = tests/crypto/test-certificates.c \
	tests/crypto/crypto-test.h tests/crypto/peers.h
tests_crypto_test_certificates_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_decrypt_SOURCES = tests/crypto/test-decrypt.c \
	tests/crypto/crypto-test.h tests/crypto/peers.h tests/crypto/people.h
tests_crypto_test_decrypt_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_encrypt_SOURCES = tests/crypto/test-encrypt.c \
	tests/crypto/crypto-test.h tests/crypto/peers.h
tests_crypto_test_encrypt_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_forged_SOURCES = tests/crypto/test-forged.c \
	tests/crypto/crypto-test.h tests/crypto/forge.h tests/crypto/peers.h
tests_crypto_test_forged_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_keyring_SOURCES = tests/crypto/test-keyring.c tests/crypto/crypto-test.h
tests_crypto_test_keyring_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_open_SOURCES = tests/crypto/test-open.c \
	tests/crypto/crypto-test.h tests/crypto/peers.h tests/crypto/people.h
tests_crypto_test_open_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_packets_SOURCES = tests/crypto/test-packets.c
tests_crypto_test_packets_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_protect_SOURCES = tests/crypto/test-protect.c tests/crypto/crypto-test.h
tests_crypto_test_protect_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_verdict_SOURCES = tests/crypto/test-verdict.c
tests_crypto_test_verdict_LDADD = $(CRYPTO_LIBS)
EXTRA_DIST += tests/crypto/make-fixed.py tests/crypto/fixed.key tests/crypto/aead.gpg tests/crypto/bomb.gpg
unit_tests += \
	tests/crypto/test-agent \
	tests/crypto/test-certificate \
	tests/crypto/test-certificates \
	tests/crypto/test-decrypt \
	tests/crypto/test-encrypt \
	tests/crypto/test-forged \
	tests/crypto/test-keyring \
	tests/crypto/test-open \
	tests/crypto/test-packets \
	tests/crypto/test-protect \
	tests/crypto/test-verdict
