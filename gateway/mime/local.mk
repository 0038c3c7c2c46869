noinst_LIBRARIES += gateway/mime/libmime.a
gateway_mime_libmime_a_SOURCES = gateway/mime/mime.h gateway/mime/internal.h \
	gateway/mime/charset.c gateway/mime/compose.c gateway/mime/content.c gateway/mime/encode.c \
	gateway/mime/envelope.c gateway/mime/header.c gateway/mime/html.c gateway/mime/layers.c \
	gateway/mime/offered.c gateway/mime/parse.c gateway/mime/protected.c gateway/mime/quote.c gateway/mime/report.c gateway/mime/scan.c \
	gateway/mime/text.c gateway/mime/walk.c
