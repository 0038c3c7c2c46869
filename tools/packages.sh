# SPDX-License-Identifier: ISC
#
# packages: what try.sh and test.sh need of Debian 12 or 13, and how they get it: nothing at all when everything is
# there (also offline, also without rights), otherwise apt-get as root or through sudo, with no service started.
# Sourced, not run.

# build and run
BUILD_PACKAGES="autoconf automake gcc libc6-dev linux-libc-dev make pkgconf
	libglib2.0-dev libgnutls28-dev libseccomp-dev libsqlite3-dev libetpan-dev libgmime-3.0-dev libgumbo-dev
	libgpgme-dev libconfig-dev libjansson-dev gpg gpg-agent gpgconf gpgsm python3"
# tests besides
TEST_PACKAGES="binutils mandoc util-linux xz-utils openssl dovecot-imapd dovecot-lmtpd dovecot-pop3d postfix"

packages_missing() {	# PACKAGE...: those not installed
	for package in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
		installed) ;;
		*) printf '%s\n' "$package" ;;
		esac
	done
}

# Installing a package may start its service; invoke-rc.d asks this file first.  It is put in place for the
# time of apt-get alone, and what was there before comes back.
POLICY=/usr/sbin/policy-rc.d
policy_end() {
	if $SUDO test -e "$POLICY.ungcuu"; then
		$SUDO mv -f "$POLICY.ungcuu" "$POLICY"
	else
		$SUDO rm -f "$POLICY"
	fi
}
policy_begin() {
	if $SUDO test -e "$POLICY" && ! $SUDO test -e "$POLICY.ungcuu"; then
		$SUDO cp -p "$POLICY" "$POLICY.ungcuu"
	fi
	trap policy_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	printf '#!/bin/sh\nexit 101\n' | $SUDO tee "$POLICY" >/dev/null
	$SUDO chmod 755 "$POLICY"
}

packages_need() {	# PACKAGE...
	missing=$(packages_missing "$@")
	[ -n "$missing" ] || return 0
	SUDO=
	if [ "$(id -u)" != 0 ]; then
		SUDO=sudo
		command -v sudo >/dev/null || {
			echo "missing packages, and neither root nor sudo to install them:" $missing >&2
			exit 1
		}
	fi
	echo "installing:" $missing
	log=$(mktemp)
	policy_begin
	for step in "update" "install --yes --no-install-recommends $(echo $missing)"; do
		$SUDO env DEBIAN_FRONTEND=noninteractive apt-get -q $step >"$log" 2>&1 || {
			tail -n 20 "$log" >&2
			echo "apt-get $step failed" >&2
			exit 1
		}
	done
	rm -f "$log"
	policy_end
	trap - EXIT INT TERM
}

# Configures build/ where that was not done, and builds.  $@: for configure
packages_build() {
	mkdir -p build
	if [ ! -f configure ] || [ configure.ac -nt configure ] || [ ! -f build-aux/tap-driver.sh ]; then
		./autogen.sh >build/autogen.log 2>&1 || { cat build/autogen.log >&2; exit 1; }
	fi
	if [ ! -f build/Makefile ]; then
		(cd build && ../configure -q "$@" >configure.log 2>&1) || {
			tail -n 20 build/configure.log >&2
			exit 1
		}
	fi
	make -C build -s -j "$(nproc)" all
}
