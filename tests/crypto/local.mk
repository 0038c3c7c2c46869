check_PROGRAMS += tests/crypto/test-keyring tests/crypto/test-protect
tests_crypto_test_keyring_SOURCES = tests/crypto/test-keyring.c tests/crypto/crypto-test.h
tests_crypto_test_keyring_LDADD = $(CRYPTO_LIBS)
tests_crypto_test_protect_SOURCES = tests/crypto/test-protect.c tests/crypto/crypto-test.h
tests_crypto_test_protect_LDADD = $(CRYPTO_LIBS)
unit_tests += tests/crypto/test-keyring tests/crypto/test-protect
