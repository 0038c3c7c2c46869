noinst_LIBRARIES += gateway/transport/libtransport.a
gateway_transport_libtransport_a_SOURCES = gateway/transport/transport.h \
	gateway/transport/source.h gateway/transport/source.c gateway/transport/delivery.c \
	gateway/transport/maildir.h gateway/transport/maildir.c gateway/transport/folder.c \
	gateway/transport/source-maildir.c \
	gateway/transport/smtp.h gateway/transport/smtp.c \
	gateway/transport/smtp-session.h gateway/transport/smtp-session.c \
	gateway/transport/stream.h gateway/transport/stream.c \
	gateway/transport/trust.h gateway/transport/trust.c \
	gateway/transport/sasl.h gateway/transport/sasl.c \
	gateway/transport/imap.h gateway/transport/imap.c gateway/transport/imap-folder.c \
	gateway/transport/imap-name.c \
	gateway/transport/account.h gateway/transport/source-imap.c \
	gateway/transport/imap-take.c gateway/transport/imap-batch.c \
	gateway/transport/imap-settle.c gateway/transport/imap-check.c gateway/transport/imap-room.c \
	gateway/transport/server.h gateway/transport/server.c \
	gateway/transport/pop3.h gateway/transport/pop3.c gateway/transport/pop3-login.c \
	gateway/transport/pop3-dots.c gateway/transport/maildrop.c gateway/transport/received.c \
	gateway/transport/source-pop3.c gateway/transport/pop3-check.c
