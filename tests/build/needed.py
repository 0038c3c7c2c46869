# SPDX-License-Identifier: ISC
#
# needed: the linker's proof of the role table: which libraries each program loads directly, and which calls it
# cannot even make.  Transitive loads are not looked at (libgmime pulls libgpgme in, inert behind the jail).

import re

from binary import BUILD, PROGRAMS, done, needed, ok, undefined

LIBRARIES = ("libsqlite3", "libgmime-3.0", "libgumbo", "libgpgme", "libconfig", "libetpan", "libjansson")

# program: of LIBRARIES, the ones it must load, the ones it may load besides; every other is forbidden
TABLE = {
	"ungcuud":       ({"libconfig"}, {"libjansson"}),
	"ungcuu-hub":    ({"libsqlite3"}, {"libjansson"}),
	"ungcuu-fetch":  ({"libetpan"}, set()),
	"ungcuu-mime":   ({"libgmime-3.0", "libgumbo"}, set()),
	"ungcuu-keys":   ({"libgpgme"}, set()),
	"ungcuu-submit": ({"libetpan"}, set()),
	"ungcuuctl":     ({"libsqlite3", "libgpgme", "libconfig", "libjansson"}, set()),
}

# what it may not: (calls, programs)
CALLS = {
	"open a database": (r"sqlite3_\w+", set(PROGRAMS) - {"ungcuu-hub", "ungcuuctl"}),
	"touch a private key": (r"gpgme_\w+", set(PROGRAMS) - {"ungcuu-keys", "ungcuuctl"}),
	"parse MIME": (r"g_mime_\w+|gumbo_\w+", set(PROGRAMS) - {"ungcuu-mime"}),
	"read the configuration file": (r"config_\w+", set(PROGRAMS) - {"ungcuud", "ungcuuctl"}),
	# connect() itself is in all of them: base/log.c reaches the system's log with it, before the jail.
	"listen to or look up a host": (r"bind|listen|accept4?|getaddrinfo|gethostbyname\w*|res_\w+|gnutls_handshake",
		{"ungcuu-mime", "ungcuu-keys"}),
	"start a program": (r"exec[lv]\w*|fexecve|posix_spawnp?|system|popen|g_spawn_\w+",
		{"ungcuu-mime", "ungcuu-hub", "ungcuu-fetch", "ungcuu-submit"}),
	"fork": (r"v?fork|clone3?|pthread_create", {"ungcuu-hub", "ungcuu-fetch", "ungcuu-submit"}),
	"run a shell": (r"system|popen|wordexp", set(PROGRAMS)),
}

for program in PROGRAMS:
	loads = {name.split(".so")[0] for name in needed(f"{BUILD}/{program}")}
	must, may = TABLE[program]
	ours = loads & set(LIBRARIES)
	ok(must <= ours, f"{program} loads {', '.join(sorted(must)) or 'none of the guarded libraries'}",
		f"missing: {sorted(must - ours)}")
	ok(not ours - must - may, f"{program} loads no other guarded library", sorted(ours - must - may))
for what, (calls, programs) in CALLS.items():
	for program in sorted(programs):
		found = sorted(name for name in undefined(f"{BUILD}/{program}") if re.fullmatch(calls, name))
		ok(not found, f"{program} cannot {what}", found)
done()
