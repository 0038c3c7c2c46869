# What the linker made of the architecture, and what a source folder must hold to.

build_tests += tests/build/needed.py tests/build/hooks.py tests/build/lint.sh \
	tests/build/refuses.py tests/build/install.sh
EXTRA_DIST += $(build_tests) tests/build/binary.py
