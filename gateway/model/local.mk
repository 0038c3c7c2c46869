# model: plain structs and word tables; no library but GLib
noinst_LIBRARIES += gateway/model/libmodel.a
gateway_model_libmodel_a_SOURCES = \
	gateway/model/model.h gateway/model/options.h \
	gateway/model/words.c \
	gateway/model/limits.c \
	gateway/model/letter.c \
	gateway/model/letter-new.c \
	gateway/model/letter-print.c \
	gateway/model/verdict.c \
	gateway/model/options.c \
	gateway/model/options-table.c \
	gateway/model/option-accept.c \
	gateway/model/site.c
