# SPDX-License-Identifier: ISC
#
# binary: what the build tests ask of an ELF file, through readelf and nm, and TAP lines.  A missing tool is
# a failure, never a skip.

import os
import subprocess
import sys

BUILD = os.environ["TOP_BUILDDIR"]
SOURCE = os.environ["TOP_SRCDIR"]
PROGRAMS = ("ungcuud", "ungcuu-hub", "ungcuu-fetch", "ungcuu-mime", "ungcuu-keys", "ungcuu-submit",
	"ungcuuctl")
results = 0
failed = 0


def ok(condition, name, detail=""):
	global results, failed
	results += 1
	failed += not condition
	print(f"{'ok' if condition else 'not ok'} {results} - {name}")
	if not condition and detail:
		print("# " + str(detail).replace("\n", "\n# "))


def skip(name, why):
	global results
	results += 1
	print(f"ok {results} - {name} # SKIP {why}")


def done():
	print(f"1..{results}")
	sys.exit(1 if failed else 0)


def output(*words):
	return subprocess.run(words, check=True, text=True, capture_output=True).stdout


def needed(path):
	"""Direct DT_NEEDED entries."""
	lines = output(os.environ.get("READELF") or "readelf", "-dW", path).splitlines()
	return {line.split("[")[1].rstrip("]") for line in lines if "(NEEDED)" in line}


def undefined(path):
	"""Names the dynamic linker must find, without their versions."""
	lines = output(os.environ.get("NM") or "nm", "-D", "--undefined-only", path).splitlines()
	return {line.split()[-1].split("@")[0] for line in lines}


def defined(path):
	lines = output(os.environ.get("NM") or "nm", "--defined-only", path).splitlines()
	return {line.split()[-1] for line in lines}
