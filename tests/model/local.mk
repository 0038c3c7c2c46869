check_PROGRAMS += tests/model/test-words tests/model/test-letter tests/model/test-verdict \
	tests/model/test-options tests/model/test-option-accept tests/model/test-site
tests_model_test_words_SOURCES = tests/model/test-words.c
tests_model_test_words_LDADD = $(MODEL_LIBS)
tests_model_test_letter_SOURCES = tests/model/test-letter.c
tests_model_test_letter_LDADD = $(MODEL_LIBS)
tests_model_test_verdict_SOURCES = tests/model/test-verdict.c
tests_model_test_verdict_LDADD = $(MODEL_LIBS)
tests_model_test_options_SOURCES = tests/model/test-options.c
tests_model_test_options_LDADD = $(MODEL_LIBS)
tests_model_test_option_accept_SOURCES = tests/model/test-option-accept.c
tests_model_test_option_accept_LDADD = $(MODEL_LIBS)
tests_model_test_site_SOURCES = tests/model/test-site.c
tests_model_test_site_LDADD = $(MODEL_LIBS)
unit_tests += tests/model/test-words tests/model/test-letter tests/model/test-verdict \
	tests/model/test-options tests/model/test-option-accept tests/model/test-site
