# crypto: OpenPGP; the only user of GPGME
noinst_LIBRARIES += gateway/crypto/libcrypto.a
gateway_crypto_libcrypto_a_SOURCES = \
	gateway/crypto/crypto.h \
	gateway/crypto/engine.h \
	gateway/crypto/keyring.c \
	gateway/crypto/protect.c
