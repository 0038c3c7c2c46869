# Tests of desk: all pure, against golden files; UNGCUU_GOLDEN=write (make golden) rewrites those.
check_PROGRAMS += tests/desk/test-acknowledge
tests_desk_test_acknowledge_SOURCES = tests/desk/test-acknowledge.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_acknowledge_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-answer
tests_desk_test_answer_SOURCES = tests/desk/test-answer.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_answer_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-authentication
tests_desk_test_authentication_SOURCES = tests/desk/test-authentication.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_authentication_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-classify
tests_desk_test_classify_SOURCES = tests/desk/test-classify.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_classify_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-clues
tests_desk_test_clues_SOURCES = tests/desk/test-clues.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_clues_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-fold
tests_desk_test_fold_SOURCES = tests/desk/test-fold.c
tests_desk_test_fold_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-policy
tests_desk_test_policy_SOURCES = tests/desk/test-policy.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_policy_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-render
tests_desk_test_render_SOURCES = tests/desk/test-render.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_render_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-returned
tests_desk_test_returned_SOURCES = tests/desk/test-returned.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_returned_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-rules
tests_desk_test_rules_SOURCES = tests/desk/test-rules.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_rules_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-settle
tests_desk_test_settle_SOURCES = tests/desk/test-settle.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_settle_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-template
tests_desk_test_template_SOURCES = tests/desk/test-template.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_template_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-values
tests_desk_test_values_SOURCES = tests/desk/test-values.c
tests_desk_test_values_LDADD = $(DESK_LIBS)
check_PROGRAMS += tests/desk/test-wording
tests_desk_test_wording_SOURCES = tests/desk/test-wording.c tests/desk/sample.c tests/desk/sample.h
tests_desk_test_wording_LDADD = $(DESK_LIBS)
unit_tests += tests/desk/test-acknowledge tests/desk/test-answer tests/desk/test-authentication \
	tests/desk/test-classify tests/desk/test-clues tests/desk/test-fold tests/desk/test-policy tests/desk/test-render \
	tests/desk/test-returned tests/desk/test-rules tests/desk/test-settle tests/desk/test-template tests/desk/test-values tests/desk/test-wording
golden_tests += tests/desk/test-answer tests/desk/test-classify tests/desk/test-policy tests/desk/test-render \
	tests/desk/test-rules \
	tests/desk/test-template tests/desk/test-wording
EXTRA_DIST += tests/desk/golden/T01.en.trusted.txt tests/desk/golden/T01.en.txt tests/desk/golden/T01.vi.advised.txt \
	tests/desk/golden/T01.vi.bare.txt tests/desk/golden/T01.vi.trusted.txt tests/desk/golden/T01.vi.txt \
	tests/desk/golden/T02.en.txt tests/desk/golden/T02.vi.txt tests/desk/golden/T03.en.txt \
	tests/desk/golden/T03.vi.bare.txt tests/desk/golden/T03.vi.txt tests/desk/golden/T04.en.txt \
	tests/desk/golden/T04.vi.txt tests/desk/golden/T32.en.txt tests/desk/golden/T32.vi.txt \
	tests/desk/golden/T33.en.txt tests/desk/golden/T33.vi.txt tests/desk/golden/T35.en.txt \
	tests/desk/golden/T35.vi.bare.txt tests/desk/golden/T35.vi.txt tests/desk/golden/T38.en.txt \
	tests/desk/golden/T38.vi.bare.txt tests/desk/golden/T38.vi.late.txt tests/desk/golden/T38.vi.txt \
	tests/desk/golden/answers.txt tests/desk/golden/classify.txt \
	tests/desk/golden/common.txt tests/desk/golden/held.txt tests/desk/golden/outer-subjects.txt \
	tests/desk/golden/plans.txt tests/desk/golden/policy-matrix.txt tests/desk/golden/policy.txt \
	tests/desk/golden/rules.txt tests/desk/golden/variables.txt tests/desk/golden/verdicts.txt
