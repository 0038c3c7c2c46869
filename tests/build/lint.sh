# SPDX-License-Identifier: ISC
#
# lint: "make lint" as one test.

echo 1..1
if out=$("$PYTHON" -B "$TOP_SRCDIR/tools/lint" "$TOP_SRCDIR" 2>&1); then
	echo "ok 1 - lint"
else
	echo "not ok 1 - lint"
	printf '%s\n' "$out" | sed 's/^/# /'
	exit 1
fi
