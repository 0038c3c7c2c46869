#!/bin/sh
# SPDX-License-Identifier: ISC
#
# try.sh: the main job on the embedded default, to look at.  Installs what is missing, builds into build/, and
# under build/try makes a mailbox, a hotline with a throw-away key and a handful of sample reports: plain, signed,
# encrypted, forged, unreadable, a command; runs the gateway until idle; shows tickets, ledger and acknowledgements,
# opened by plain gpg.  The keys of the people in it stay in build/try-keys.  Starts no service, uses no network but
# apt's.
set -eu
cd "$(dirname "$0")"
. tools/packages.sh

packages_need $BUILD_PACKAGES
if [ -e build ] && [ ! -w build ]; then
	echo "build/ belongs to someone else: remove it, or run as its owner" >&2
	exit 1
fi
packages_build

try=$PWD/build/try
keys=$PWD/build/try-keys
if [ "${#try}" -gt 75 ]; then	# gpg-agent's sockets stand below $keys
	echo "$try is too long for the path of a socket; move the tree" >&2
	exit 1
fi
PATH=$PWD/build:$PATH
rm -rf "$try"
for folder in Maildir sent; do
	mkdir -p "$try/$folder/cur" "$try/$folder/new" "$try/$folder/tmp"
done
mkdir -p "$try/certificates" "$try/run" "$try/db" "$try/spool"
chmod -R go= "$try"

configure_site() {	# FINGERPRINT
	cat >"$try/ungcuu.conf" <<-END
	hotline = {
	  id = "THU";
	  name = { vi = "Đội Ứng cứu sự cố chạy thử"; en = "Trial Incident Response Team"; };
	  address = "ungcuu@example.vn";
	  languages = [ "vi", "en" ];
	  phone = "+84 000 000 000";
	  key = "$1";
	};
	mailboxes = ( { name = "main"; type = "maildir"; path = "Maildir"; done_folder = "Done"; held_folder = "Held"; } );
	submission = { type = "maildir"; path = "sent"; };
	store = { engine = "sqlite"; path = "db/ungcuu.db"; spool = "spool"; key_file = "db/store.key"; };
	keys = { home = "gnupg"; certificates = "certificates"; workers = 1; };
	control = { socket = "run/control"; };
	templates = "../../templates";
	@include "parties.conf"
	END
}
ctl() { ungcuuctl -f "$try/ungcuu.conf" "$@"; }
gateway() {
	ungcuud -f "$try/ungcuu.conf" -d --once 2>>"$try/log" || {
		echo "ungcuud ended with $?; the end of its log ($try/log):" >&2
		tail -n 20 "$try/log" >&2
		exit 1
	}
}

tools/try-helper people "$try" "$keys"
configure_site ""
key=$(ctl --json key generate | tools/try-helper fingerprint)
configure_site "$key"
ungcuud -f "$try/ungcuu.conf" -n

echo "== delivering sample reports to $try/Maildir"
tools/try-helper samples "$try" "$keys" "$key"
gateway
tools/try-helper reply "$try" "$keys" "$key"
gateway

echo
echo "== tickets            (ungcuuctl -f $try/ungcuu.conf ticket list)"
ctl ticket list
echo
echo "== ledger             (ungcuuctl -f $try/ungcuu.conf ledger)"
ctl ledger
echo
echo "== acknowledgements   ($try/sent/new)"
tools/try-helper acknowledgements "$try" "$keys" "$key"
echo
echo "More to look at, each also with --json:"
first=$(ctl --json ticket list | tools/try-helper first-ticket)
for words in "ticket show $first" "explain $first" "queue list" "hold list" "status" "check" "journal verify"; do
	echo "  build/ungcuuctl -f build/try/ungcuu.conf $words"
done
