noinst_LIBRARIES += gateway/transport/libtransport.a
gateway_transport_libtransport_a_SOURCES = gateway/transport/transport.h \
	gateway/transport/maildir.h gateway/transport/maildir.c gateway/transport/folder.c \
	gateway/transport/source.c gateway/transport/delivery.c
