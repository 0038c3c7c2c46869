# SPDX-License-Identifier: ISC
#
# hooks: what is installed has no clock, fault or sealing switch, not even by name; the twins of hooked/, which
# the flow tests use, have them all, so that their absence elsewhere means something.

from binary import BUILD, PROGRAMS, defined, done, ok, skip

FUNCTIONS = {"fault_point", "fault_point_of", "fault_nospace", "fault_names", "hook_sealing_off", "hook_clock_offset",
	"hook_role"}
VARIABLE = b"UNGCUU_HOOKS"
# a function every program with hooks must hold, and where the others must be
EVERYWHERE = {"hook_role"}


def contains(path, text):
	with open(path, "rb") as file:
		return text in file.read()


hooked_build = contains(f"{BUILD}/ungcuu-hub", VARIABLE)
for program in PROGRAMS:
	path = f"{BUILD}/{program}"
	if hooked_build:
		skip(f"{program} has no hooks", "configured with --enable-test-hooks")
		continue
	found = {name for name in defined(path) if name in FUNCTIONS or name.startswith("hook_")}
	ok(not found, f"{program} defines no hook", sorted(found))
	ok(not contains(path, VARIABLE), f"{program} does not know the variable that turns them on")
union = set()
for program in PROGRAMS:
	path = f"{BUILD}/hooked/{program}"
	found = defined(path) & FUNCTIONS
	union |= found
	ok(EVERYWHERE <= found, f"hooked {program} has hooks", sorted(EVERYWHERE - found))
	ok(contains(path, VARIABLE), f"hooked {program} knows the variable that turns them on")
ok(union == FUNCTIONS, "the twins together have every hook", sorted(FUNCTIONS - union))
done()
