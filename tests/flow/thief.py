# SPDX-License-Identifier: ISC
#
# thief: ungcuu-keys in foreign hands.  tests/role/thief.c stands in its place and in its jail, and tries to get
# the secret key out: over the agent's sockets, from the files, from the agent's process, with gpg, with other
# programs.  Each attempt must be refused.  Without a jail, and at a standard socket, the same attempts must
# succeed: else this test would look at nothing.

import hashlib
import os
import pwd
import re
import shutil
import subprocess

from flow import BUILD, PROGRAMS, Site, alive, children, command, done, mail, note, ok, program, same, skip, \
	status_fields, wait_until

FORBIDDEN = "ERR 251"			# GPG_ERR_FORBIDDEN
CLOSED = "EACCES"			# Landlock
CLOSED_OR_NONE = "EACCES|ENOENT"	# not every machine has it
FILTERED = "EPERM"			# seccomp
NO_FAMILY = "EAFNOSUPPORT"
NO_NUMBER = "killed SYS|absent"		# seccomp; absent where the processor has no such thing
EXPORTED = r"OK data=[1-9]\d+"
# An agent may be not dumpable, and Yama may forbid to look into others' children; not so for root.
TRACED = "worked|EFAULT" if os.geteuid() == 0 else "worked|EFAULT|EPERM|EACCES"
NOTED = None				# decides nothing, or depends on the machine

# attempt of thief.c: what must come of it in the jail, and without one (an agent of a person listening in keys.home)
ATTEMPTS = {
	"descriptors": ("socket memfd", "socket memfd"),	# the hub, and the slice it sent
	"extra: restricted": ("OK", "OK"),
	"extra: HAVEKEY": ("OK", "OK"),
	"extra: READKEY": (NOTED, NOTED),
	"extra: KEYINFO": (NOTED, NOTED),
	**{f"extra: {name}": (FORBIDDEN, FORBIDDEN) for name in ("KEYWRAP_KEY", "EXPORT_KEY", "EXPORT_KEY --openpgp",
		"PASSWD", "DELETE_KEY", "IMPORT_KEY", "KEYTOCARD", "PRESET_PASSPHRASE", "RELOADAGENT", "KILLAGENT")},
	# GnuPG 2.4 has other reasons: no scdaemon, no pinentry
	"extra: SCD": (r"ERR \d+", r"ERR \d+"),
	"extra: GET_PASSPHRASE": (r"ERR \d+", r"ERR \d+"),
	"extra: still there": ("OK", "OK"),
	"standard socket": ("ENOENT", "ENOENT"),
	"folder of the sockets": (CLOSED, "worked"),	# what cannot be listed or watched cannot be named
	"folder of the sockets watched": (FILTERED, "worked|EMFILE"),	# a user has few
	"socket of the home": ("ENOENT|EACCES|ECONNREFUSED", EXPORTED),
	**{name: (CLOSED, "worked") for name in ("key file", "key folder", "key file around", "key file by symlink",
		"keys.home", "keys.home written", "key of the store", "database")},
	**{name: (CLOSED, TRACED) for name in ("key file by /proc", "agent: mem", "agent: fd", "agent: maps")},
	"/dev/mem": (CLOSED_OR_NONE, NOTED),
	"/proc/1/environ": (CLOSED, NOTED),
	"device": (CLOSED, NOTED),
	"key file by handle": (FILTERED, NOTED),
	"keys.home mounted": (FILTERED, NOTED),
	"agent: ptrace": (FILTERED, TRACED),
	"agent: process_vm_readv": (FILTERED, TRACED),	# EFAULT: nothing lies where it looks, but it may look
	"agent: pidfd_getfd": (FILTERED, TRACED),
	"agent: core": (FILTERED, NOTED),
	"ptrace by int 0x80": (f"{NO_NUMBER}|killed SEGV", NOTED),	# a kernel without it
	"ptrace by x32": (NO_NUMBER, NOTED),
	"io_uring": (FILTERED, NOTED),
	"socket: inet": (NO_FAMILY, "worked"),
	**{f"socket: {name}": (NO_FAMILY, NOTED) for name in ("inet6", "netlink", "packet", "vsock")},
	"shell": (CLOSED, "exit 0"),
	"shell by the loader": ("exit 127", "exit 0"),
	"another agent": (CLOSED, "exit 0"),
	"gpg: certificate": (r"bytes=[1-9]\d+", r"bytes=[1-9]\d+"),	# gpg runs, in the home it is given
	"gpg: secret keys": ("bytes=0", "bytes=0"),
	"gpg: secret subkeys": ("bytes=0", "bytes=0"),
	"gpg: secret keys of keys.home": ("bytes=0", r"bytes=[1-9]\d+"),
}
JAILED, FREE = 0, 1
CAP_SYS_RESOURCE = 24


def gpg(site, *words):
	return subprocess.run(["gpg", "--homedir", site.path("gnupg"), "--batch", "--no-autostart", *words],
		capture_output=True, check=True).stdout


def home_socket(site):
	return subprocess.run(["gpgconf", "--homedir", site.path("gnupg"), "--list-dirs", "agent-socket"],
		capture_output=True, text=True, check=True).stdout.strip()


def loot(site, **more):
	"""Where everything is, for thief.conf."""
	listing = gpg(site, "--with-colons", "--with-keygrip", "--list-keys", site.fingerprint).decode()
	grip = re.search(r"^grp:+(\w+):", listing, re.M).group(1)
	folder = site.path("gnupg/private-keys-v1.d")
	return {"grip": grip, "keys_home": site.path("gnupg"), "key_folder": folder, "key_file": f"{folder}/{grip}.key",
		"home_socket": home_socket(site), "store_key": site.path("db/store.key"),
		"database": site.path("db/ungcuu.db"), **more}


def secrets(site):
	"""name: digest of each file of secret keys, read as anybody outside the jail can."""
	folder = site.path("gnupg/private-keys-v1.d")
	out = {}
	for name in sorted(os.listdir(folder)):
		with open(f"{folder}/{name}", "rb") as file:
			content = file.read()
		ok(b"private-key" in content, f"outside the jail {name[:8]}….key can be read")
		out[name] = hashlib.sha256(content).hexdigest()
	return out


def let_in(site, **more):
	"""From here on the site runs copies of the programs, the thief in the place of ungcuu-keys."""
	site.bin = site.path("programs")
	os.makedirs(site.bin, exist_ok=True)
	for name in PROGRAMS:
		shutil.copy(f"{BUILD}/{name}", f"{site.bin}/{name}")
	shutil.copy(f"{BUILD}/tests/role/thief", f"{site.bin}/ungcuu-keys")
	with open(f"{site.bin}/thief.conf", "w", encoding="utf-8") as file:
		file.write("[known]\n" + "".join(f"{word}={value}\n" for word, value in loot(site, **more).items()))


def worker(site):
	"""How the kernel sees ungcuu-keys: arguments without the random folder, ids, jail, limits."""
	pid = next((pid for pid in children(site.daemon.pid) if program(pid) == "ungcuu-keys"), None)
	if pid is None:
		return f"not there: {site.daemon_text()[-2000:]}"
	fields = status_fields(pid)
	with open(f"/proc/{pid}/limits", encoding="utf-8") as file:
		limits = file.read()
	words = [re.sub(r"/ungcuu-[0-9a-f]{8}-\w{6}/", "/ungcuu/", word) for word in command(pid)]
	return [words, limits, *(fields[name] for name in ("Uid", "Gid", "Groups", "CapEff", "NoNewPrivs", "Seccomp",
		"Seccomp_filters", "Threads"))]


def judge(site, label, column, spared=()):
	with open(site.path("daemon.log"), encoding="utf-8", errors="replace") as file:
		found = dict(re.findall(r'event=theft attempt="([^"]*)" result="([^"]*)"', file.read()))
	same(sorted(found), sorted(ATTEMPTS), f"{label}: every attempt was made, and is known here")
	for name, result in found.items():
		expected = ATTEMPTS.get(name, (NOTED, NOTED))[column]
		if expected is NOTED or name in spared:
			note(f"{label}: {name}: {result}")
		else:
			ok(re.fullmatch(expected, result), f"{label}: {name}: {expected}", f"found {result!r}")


def agents(site):
	return [pid for pid in children(site.daemon.pid) if program(pid) == "gpg-agent"]


def break_in(site, label):
	"""The jailed thief, and what is left of key, agent and gateway."""
	kept = secrets(site)
	ok(site.daemon_start(), f"{label}: the daemon runs")
	real = worker(site)
	site.daemon_stop()
	os.remove(site.path("daemon.log"))
	let_in(site)
	ok(site.daemon_start(), f"{label}: the daemon runs, with a thief in it")
	same(worker(site), real, f"{label}: which has the arguments, ids, limits and filter of ungcuu-keys")
	# root with all its power may lift any limit; process.user is there for that
	with open("/proc/self/status", encoding="utf-8") as file:
		powers = int(re.search(r"CapEff:\s+(\w+)", file.read()).group(1), 16)
	mighty = powers >> CAP_SYS_RESOURCE & 1 and real[2].split()[0] == "0"
	judge(site, label, JAILED, {"agent: core"} if mighty else ())
	ok(agents(site) and all(alive(pid) for pid in agents(site)), f"{label}: the agent lives on")
	ok("event=agent-gone" not in site.daemon_text(), f"{label}: and never went", site.daemon_text()[-2000:])
	same(site.daemon_stop(), 0, f"{label}: SIGTERM ends in order")
	same(secrets(site), kept, f"{label}: the secret keys are as they were")
	ok(not os.path.exists(site.path("gnupg/gpg-agent.conf")), f"{label}: nothing was left in keys.home")
	site.use(hooked=False)


def lie_in_wait(site, label):
	"""A process the thief leaves behind ends the agent and waits for the standard socket of the next one."""
	let_in(site, lurk="yes")
	ok(site.daemon_start(), f"{label}: the daemon runs, with a thief that waits")
	left = wait_until(lambda: re.search(r'"leave the group that is killed" result="([^"]*)"', site.daemon_text()))
	ok(wait_until(lambda: "event=agent-gone" in site.daemon_text()), f"{label}: the agent was ended, and is there again")
	same(left and left.group(1), "Operation not permitted", f"{label}: it cannot leave the group that is killed")
	found = re.search(r'"standard socket of the next agent" result="([^"]*)"', site.daemon_text())
	ok(not found or found.group(1) == "never there", f"{label}: the standard socket was at no moment to be found", found)
	same(site.daemon_stop(), 0, f"{label}: SIGTERM ends in order")
	site.use(hooked=False)


def sign_again(site, label, owner=None):
	site.deliver(mail(), owner=owner)
	same((site.once(), len(site.acks())), (0, 1), f"{label}: afterwards a report is acknowledged")
	same(site.verify(site.acks_raw()[0]) if site.acks() else None, site.fingerprint, f"{label}: and that is signed")


def standard_agent(site, **who):
	"""What a person who runs gpg on keys.home leaves behind: an agent at its standard socket."""
	run = subprocess.run(["gpg-connect-agent", "--homedir", site.path("gnupg"), "GETINFO restricted", "/bye"],
		capture_output=True, text=True, **who)
	ok(os.path.exists(home_socket(site)) and "ERR" in run.stdout, "an agent listens at the standard socket of keys.home",
		run.stdout + run.stderr)


# -- all roles with one uid: nothing but the jail is between

one = Site()
same(one.once(), 0, "a store is made")
ok(not os.path.exists(home_socket(one)), "no agent of a person is about")
break_in(one, "one uid")
lie_in_wait(one, "one uid")
sign_again(one, "one uid")

# -- the same thief without a jail gets everything but what the agent's extra socket forbids

free = Site()
same(free.once(), 0, "a store is made")
let_in(free)
standard_agent(free)
ok(free.daemon_start("--no-jail"), "--no-jail: the daemon runs, with a thief in it")
judge(free, "--no-jail", FREE)
free.daemon_stop()
ok(gpg(free, "--export-secret-keys"), "gpg itself exports the key over the standard socket")

# -- a uid of its own: not even the agent of a person who looks after the keys is in reach

if os.geteuid() != 0:
	skip("uids of their own", "only root can start processes of other users")
	done()
# Users every Debian has.
owner, keeper = pwd.getpwnam("daemon"), pwd.getpwnam("man")


def hand_out(site):
	os.chmod(site.folder, 0o755)
	for base, folders, files in os.walk(site.folder):
		for name in folders + files:
			os.chown(os.path.join(base, name), owner.pw_uid, owner.pw_gid)


apart = Site(prepare=hand_out,
	more=f'process = {{ user = "{owner.pw_name}"; users = {{ keys = "{keeper.pw_name}"; }}; }};')
same(apart.once(), 0, "a store is made")
standard_agent(apart, user=owner.pw_uid, group=owner.pw_gid, extra_groups=[])
break_in(apart, "own uids")
sign_again(apart, "own uids", owner)
done()
