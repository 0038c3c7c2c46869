#!/bin/sh
# SPDX-License-Identifier: ISC
#
# test.sh: every test on this machine: packages, build in build/, make check-all (lint included), the flow tests
# once more as an ordinary user when run as root, make distcheck.  UNGCUU_QUICK=1 leaves distcheck out.
# The last line is "N passed, N failed, N skipped"; exit 0 only if nothing failed.
set -eu
cd "$(dirname "$0")"
CI=true
export CI
. tools/packages.sh

packages_need $BUILD_PACKAGES $TEST_PACKAGES
packages_build --enable-werror
jobs=$(nproc)
passed=0
failed=0
skipped=0

count() {	# FOLDER STATUS NAME: adds the results below FOLDER; a failure without a failed test is one, too
	set -- "$@" $(tools/count-tests "$1")
	passed=$((passed + $4))
	failed=$((failed + $5))
	skipped=$((skipped + $6))
	if [ "$2" != 0 ] && [ "$5" = 0 ]; then
		echo "FAIL: $3 ended with $2" >&2
		failed=$((failed + 1))
	fi
}

echo "== make check-all"
status=0
make -C build -k -j "$jobs" check-all || status=$?
count build "$status" "make check-all"

if [ "$(id -u)" = 0 ]; then
	echo "== flow tests as an ordinary user"
	# A copy that this user can read, wherever the tree lies; results are written by root.
	place=$(mktemp -d /tmp/ungcuu-user.XXXXXX)
	mkdir "$place/src" "$place/build" "$place/results" "$place/tmp"
	cp -r templates tests conf "$place/src"
	cp -r build/ungcuu* build/hooked "$place/build"
	(cd build && find tests -type f -perm -u+x | tar cf - -T -) | tar xf - -C "$place/build"
	chmod -R a+rX "$place"
	chown nobody "$place/tmp"
	for test in $(make -C build -s print-flow-tests); do
		name=$(basename "$test" .py)
		status=0
		env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 TZ=UTC TMPDIR="$place/tmp" HOME="$place/tmp" \
			TOP_SRCDIR="$place/src" TOP_BUILDDIR="$place/build" \
			sh build-aux/tap-driver.sh --test-name "$test (nobody)" \
			--log-file "$place/results/$name.log" --trs-file "$place/results/$name.trs" \
			--color-tests no --expect-failure no -- \
			setpriv --reuid=nobody --regid=nogroup --clear-groups \
			python3 -B "$place/src/$test" || status=$?
		grep -A 20 '^not ok' "$place/results/$name.log" || :
		[ "$status" = 0 ] || { echo "$test as nobody: $status" >&2; failed=$((failed + 1)); }
	done
	count "$place/results" 0 "flow tests as nobody"
	rm -rf "$place"
fi

if [ -z "${UNGCUU_QUICK:-}" ]; then
	echo "== make distcheck"
	if make -C build -s -j "$jobs" distcheck TESTS="$(make -C build -s print-quick-tests)" >build/distcheck.log 2>&1
	then
		passed=$((passed + 1))
	else
		tail -n 60 build/distcheck.log
		failed=$((failed + 1))
	fi
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
