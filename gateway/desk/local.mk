# desk: pure decisions, templates, wording.  GLib only.
noinst_LIBRARIES += gateway/desk/libdesk.a
gateway_desk_libdesk_a_SOURCES = gateway/desk/desk.h gateway/desk/internal.h \
	gateway/desk/acknowledge.c gateway/desk/answer.c gateway/desk/authentication.c \
	gateway/desk/burst.c gateway/desk/classify.c gateway/desk/clues.c \
	gateway/desk/fold.c gateway/desk/marks.c gateway/desk/plan.c gateway/desk/policy.c gateway/desk/render.c \
	gateway/desk/returned.c gateway/desk/rules.c gateway/desk/settle.c gateway/desk/template.c gateway/desk/thanks.c \
	gateway/desk/values.c gateway/desk/variables.c gateway/desk/wording.c

# The texts of our own mails; a site's copies stand beside its configuration and win.
templatesvidir = $(pkgdatadir)/templates/vi
dist_templatesvi_DATA = templates/vi/T01.txt templates/vi/T02.txt templates/vi/T03.txt \
	templates/vi/T04.txt templates/vi/T32.txt templates/vi/T33.txt templates/vi/T35.txt templates/vi/T38.txt \
	templates/vi/T39.txt
templatesendir = $(pkgdatadir)/templates/en
dist_templatesen_DATA = templates/en/T01.txt templates/en/T02.txt templates/en/T03.txt \
	templates/en/T32.txt templates/en/T33.txt templates/en/T35.txt templates/en/T38.txt \
	templates/en/T39.txt
