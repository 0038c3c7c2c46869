# SPDX-License-Identifier: ISC
#
# install: what "make install" lays where, with which modes; no twin, no test, no configuration overwritten;
# "make uninstall" takes all of it away.  Installs below a folder of its own.

echo 1..5
n=0
failed=0
result() {	# STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi
}

root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
run() { make -C "$TOP_BUILDDIR" "$@" DESTDIR="$root" prefix=/usr sysconfdir=/etc >"$root.log" 2>&1; }

run install
result $? "make install"
[ -s "$root.log" ] && sed 's/^/# /' "$root.log" | tail -5
rm -f "$root.log"

expected="etc/ungcuu/ungcuu.conf.sample usr/bin/ungcuuctl usr/sbin/ungcuud
usr/libexec/ungcuu/ungcuu-fetch usr/libexec/ungcuu/ungcuu-hub usr/libexec/ungcuu/ungcuu-keys
usr/libexec/ungcuu/ungcuu-mime usr/libexec/ungcuu/ungcuu-submit
usr/share/man/man5/ungcuu.conf.5 usr/share/man/man8/ungcuuctl.8 usr/share/man/man8/ungcuud.8
usr/share/ungcuu/templates/vi/T01.txt usr/share/ungcuu/templates/en/T01.txt"
missing=
for path in $expected; do [ -f "$root/$path" ] || missing="$missing $path"; done
[ -z "$missing" ] || echo "# missing:$missing"
[ -z "$missing" ]
result $? "every program, page and template is in its place"

extra=$(cd "$root" && find . -type f ! -path './usr/share/ungcuu/templates/*' | sed 's,^\./,,' | sort)
extra=$(printf '%s\n' $expected $extra | grep -v '/templates/' | sort | uniq -u)
[ -z "$extra" ] || echo "# extra:" $extra
[ -z "$extra" ]
result $? "nothing else is"

odd=$(find "$root" -type f \( -perm /6022 -o ! -perm -0444 \))
[ -z "$odd" ] || echo "# modes:" $odd
[ -z "$odd" ]
result $? "no set-id bit, nothing writable by others, all readable"

run uninstall
left=$(find "$root" ! -type d)
[ -z "$left" ] || echo "# left:" $left
[ -z "$left" ]
result $? "make uninstall leaves nothing"
rm -f "$root.log"
exit $failed
