# crypto: OpenPGP; the only user of GPGME
noinst_LIBRARIES += gateway/crypto/libcrypto.a
gateway_crypto_libcrypto_a_SOURCES = \
	gateway/crypto/agent.c \
	gateway/crypto/certificate.c \
	gateway/crypto/certificates.c \
	gateway/crypto/crypto.h \
	gateway/crypto/encrypt.c \
	gateway/crypto/engine.c \
	gateway/crypto/engine.h \
	gateway/crypto/keyring.c \
	gateway/crypto/open.c \
	gateway/crypto/packets.c \
	gateway/crypto/packets.h \
	gateway/crypto/protect.c \
	gateway/crypto/verdict.c \
	gateway/crypto/verdict.h
