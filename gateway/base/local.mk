# base: what every process stands on; GLib, GnuTLS, libseccomp
noinst_LIBRARIES += gateway/base/libbase.a
gateway_base_libbase_a_SOURCES = \
	gateway/base/base.h gateway/base/hooks.h \
	gateway/base/error.c \
	gateway/base/log.c \
	gateway/base/memfd.c \
	gateway/base/file.c \
	gateway/base/frame.c \
	gateway/base/jail.c \
	gateway/base/jail-filter.c \
	gateway/base/jail-filter.h \
	gateway/base/clock.c \
	gateway/base/hooks.c \
	gateway/base/digest.c \
	gateway/base/seal.c
