#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Makes configure and Makefile.in from configure.ac and Makefile.am.  Needs autoconf, automake, pkgconf.
set -eu
cd "$(dirname "$0")"
for tool in autoreconf automake pkg-config; do
	command -v "$tool" >/dev/null || {
		echo "autogen.sh: $tool is needed (Debian: autoconf automake pkgconf)" >&2
		exit 1
	}
done
mkdir -p build-aux
exec autoreconf --install --force --warnings=all
