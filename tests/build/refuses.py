# SPDX-License-Identifier: ISC
#
# refuses: lint itself is tested: every rule is broken once in a copy of the tree, and must be reported with its
# file and line.

import os
import re
import shutil
import subprocess
import sys
import tempfile

from binary import SOURCE, done, ok

HEAD = "/* SPDX-License-Identifier: ISC\n *\n * bad: breaks one rule, for the test of lint.  Relies on nothing.\n */\n"
LONG = "int\nbad_long(void)\n{\n" + "\treturn 0;\n" * 61 + "}\n"

# file, text behind the head ("" begins without one), line that is reported, what it says
CASES = (
	("gateway/desk/bad1.c", '#include "store/store.h"\n', 5, "desk must not include store"),
	("gateway/base/bad2.c", '#include "model/model.h"\n', 5, "base must not include model"),
	("gateway/mime/bad3.c", '#include "role/hub.h"\n', 5, "public header alone"),
	("gateway/role/bad4.c", "#include <sqlite3.h>\n", 5, "belongs to gateway/store/"),
	("gateway/role/bad5.c", "#include <libconfig.h>\n", 5, "belongs to gateway/role/configuration.c"),
	("gateway/desk/bad6.c", "#include <stdio.h>\n", 5, "desk is pure"),
	("gateway/store/bad7.c", "int x = fsync(1);\n", 5, "fsync outside its wrapper"),
	("gateway/store/bad8.c", "int x = renameat2(1);\n", 5, "rename outside its wrapper"),
	("gateway/role/bad9.c", 'char x[] = "COMMIT";\n', 5, "COMMIT outside its wrapper"),
	("gateway/role/bad30.c", 'char x[] = "commit";\n', 5, "COMMIT outside its wrapper"),
	("gateway/store/bad31.c", 'char x[] = "Commit;";\n', 5, "COMMIT outside its wrapper"),
	("gateway/store/bad32.c", 'char x[] = "RELEASE a; end transaction";\n', 5, "COMMIT outside its wrapper"),
	("gateway/role/bad33.c", 'int x = (rename)("a", "b");\n', 5, "rename outside its wrapper"),
	("gateway/role/bad34.c", "int (*x)(const char *, const char *) = rename;\n", 5, "rename outside its wrapper"),
	("gateway/role/bad35.c", "#define MOVE &rename\n", 5, "rename outside its wrapper"),
	("gateway/role/bad36.c", "struct link *link;\nint x = (link)(1);\n", 6, "link outside its wrapper"),
	("gateway/role/bad37.c", "int (*x[])(int) = { fsync };\n", 5, "fsync outside its wrapper"),
	("gateway/role/bad38.c", "int (*x)(const char *) = system;\n", 5, "no shell, ever"),
	("gateway/role/bad39.c", "int x = (system)(1);\n", 5, "no shell, ever"),
	("gateway/desk/bad40.c", "long (*x)(void) = clock_now;\n", 5, "only the hub asks the time"),
	("gateway/role/bad41.c", "int x = clock_gettime(CLOCK_REALTIME, 0);\n", 5, "wall clock outside its wrapper"),
	("gateway/role/bad10.c", "int x = sendmsg(1);\n", 5, "frame send outside its wrapper"),
	("gateway/role/bad11.c", "int x = system(1);\n", 5, "no shell, ever"),
	("gateway/role/bad12.c", 'char x[] = "/bin/sh";\n', 5, "no shell, ever"),
	("gateway/role/bad13.c", "int x = strcpy(1);\n", 5, "no bound"),
	("gateway/desk/bad14.c", "int x = clock_now();\n", 5, "only the hub asks the time"),
	("gateway/role/bad15.c", LONG, 7, "function of 61 lines"),
	("gateway/role/bad16.c", "\n" * 600, 604, "604 lines"),
	("gateway/role/bad17.c", "int\n" + "a" * 101 + ";\n", 6, "102 columns"),
	("gateway/role/bad18.c", "    int x;\n", 5, "indent with tabs"),
	("gateway/role/bad19.c", "int x; \n", 5, "trailing blanks"),
	("gateway/role/bad20.c", "int bad(void)\n{\n}\n", 5, "return type on its own line"),
	("gateway/role/bad21.c", "int x; // why\n", 5, "// comment"),
	("gateway/role/bad22.c", "/* TO" "DO */\n", 5, "unfinished"),
	("gateway/role/bad23.c", "", 1, "opens with"),
	("gateway/role/bad24.h", "struct thing *take(GBytes *);\n", 1, "does not compile alone"),
	("gateway/role/bad28.c", 'int x = log_event(LOG_INFO,\n\t"no-such-event", "");\n', 5, "is not listed in"),
	("tests/desk/bad25.txt", "data\n", 1, "not distributed"),
	("man/bad26.8", ".Dd now\n.Nope\n", None, "bad26.8"),
	("templates/vi/bad27.txt", "E\u0302\n", 5, "not in Unicode NFC"),
)
# In comments and strings all is well, as are members and words of the file's own.
QUIET = "/* fsync( system( COMMIT */\nchar x[] = \"fsync(1) // commit it\";\n" \
	"int y = x->rename + x.system;\nstruct link *link;\nvoid *z = link;\n"

with tempfile.TemporaryDirectory() as top:
	for name in ("gateway", "tests", "templates", "conf", "man", "tools", ".ci"):
		shutil.copytree(os.path.join(SOURCE, name), os.path.join(top, name),
			ignore=shutil.ignore_patterns("*.o", "*.a", "build", "asan"))
	for name in ("configure.ac", "Makefile.am", "README.md", "NEWS", "autogen.sh", "test.sh", "try.sh"):
		shutil.copy(os.path.join(SOURCE, name), top)
	subprocess.run(["chmod", "-R", "u+w", top], check=True)
	for path, text, line, what in (*CASES, ("gateway/role/good.c", QUIET, None, None)):
		with open(os.path.join(top, path), "w", encoding="utf-8") as file:
			file.write(HEAD + text if text else "int x;\n")
	run = subprocess.run([sys.executable, "-B", os.path.join(top, "tools/lint"), top], text=True, capture_output=True)
	ok(run.returncode == 1, "faults give exit 1", run.stderr)
	lines = run.stdout.splitlines()
	for path, text, line, what in CASES:
		place = f"{path}:{line}: " if line else f"{path}:"
		ok(any(found.startswith(place) and what in found for found in lines), f"{what} ({os.path.basename(path)})",
			"\n".join(found for found in lines if found.startswith(path)))
	good = [found for found in lines if found.startswith("gateway/role/good.c") and "not distributed" not in found]
	ok(not good, "words in comments and strings are not calls", good)
done()
