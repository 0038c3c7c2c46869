# SPDX-License-Identifier: ISC
#
# trouble: what goes wrong around the gateway in chaos.py, by the seed always in the same order: processes of the
# gateway and of both servers are killed, disks are full or read-only, connections are cut with a reset.  Whoever
# would start a dead program again (systemd, for the supervisor and both masters) is played here.

import ctypes
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import flow
import realsite
import servers
from flow import alive, children, program

MB = 1 << 20
RESTART = 0.1			# s until a dead master is started again, systemd's RestartSec
FULL = (0, 4096, 65536, MB)	# bytes left on a full disk
libc = ctypes.CDLL(None, use_errno=True)

# Postfix would rest a minute after a process that died young; deferred mail is tried again soon.
HURRIED = """
service_throttle_time = 1s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 3s
"""


class HurriedServers(servers.Servers):
	def write_postfix(self):
		super().write_postfix()
		with open(self.path("postfix/main.cf"), "a", encoding="utf-8") as file:
			file.write(HURRIED)


# ---- disks ---------------------------------------------------------------------------------------------------

class Disk:
	"""A file system of its own at `path`, in our own mount namespace."""

	def __init__(self, path, megabytes):
		self.path, self.readonly = path, False
		self.mount("-t", "tmpfs", "-o", f"size={megabytes}M,mode=0700", "tmpfs", path)

	def mount(self, *words):
		return subprocess.run(["mount", *words], capture_output=True).returncode == 0

	def fill(self, leave):
		"""Leaves so many bytes."""
		with open(f"{self.path}/filler", "wb") as file:
			for size in (MB, 65536, 4096):
				while True:
					stat = os.statvfs(self.path)
					if stat.f_bavail * stat.f_frsize - leave < size:
						break
					try:
						os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, min(size *
							max(1, (stat.f_bavail * stat.f_frsize - leave) // size // 2), 64 * MB))
					except OSError:
						break

	def empty(self):
		if os.path.exists(f"{self.path}/filler"):
			os.remove(f"{self.path}/filler")

	def set_readonly(self, seconds=2):
		"""Not while a file there is open for writing; False: there was none of that time."""
		self.readonly = bool(flow.wait_until(lambda: self.mount("-o", "remount,ro", self.path), seconds))
		return self.readonly

	def set_writable(self):
		if self.readonly:
			self.mount("-o", "remount,rw", self.path)
		self.readonly = False


# ---- the network ---------------------------------------------------------------------------------------------

class Wire(realsite.Between):
	"""In the middle of a connection; cut() resets those there are."""

	def cut(self):
		living, self.living = self.living, []
		for each in living:
			try:
				libc.connect(each.fileno(), b"\0" * 16, 16)	# AF_UNSPEC: dissolved, with a reset
			except OSError:
				pass
		realsite.hang_up(*living)
		return len(living)


# ---- the trouble ---------------------------------------------------------------------------------------------

class Trouble:
	def __init__(self, site, world, wires, disks, seed):
		self.site, self.world, self.wires, self.disks = site, world, wires, disks
		self.chance = {name: random.Random(f"{name} {seed}") for name in ("kill", "cut", "disk")}
		self.kills, self.phases, self.exits, self.cuts, self.starts = {}, {}, {}, 0, 0
		self.stopping = threading.Event()
		self.lock = threading.RLock()	# around a master's death and its new start
		self.threads = [threading.Thread(target=guard, daemon=True, args=(self, work))
			for work in (self.keep_up, self.kill, self.cut, self.spoil)]
		self.failed = None
		self.down = False		# the gateway is not to be started now

	def start(self):
		for thread in self.threads[1:]:
			thread.start()

	def keep(self):
		self.threads[0].start()

	def stop(self):
		"""No more trouble; all servers and disks are well again."""
		self.stopping.set()
		for thread in self.threads[1:]:
			thread.join()
		for disk in self.disks.values():
			disk.set_writable()
			disk.empty()

	# -- systemd

	def keep_up(self):
		while self.failed is None:
			with self.lock:
				if not self.down and (self.site.daemon is None or self.site.daemon.poll() is not None):
					self.restart_gateway()
				for name in ("dovecot", "postfix"):
					if getattr(self.world, name) and getattr(self.world, name).poll() is not None:
						self.restart_server(name)
			time.sleep(RESTART)

	def restart_gateway(self):
		if self.starts:
			code = self.site.daemon.returncode
			self.exits[code] = self.exits.get(code, 0) + 1
			flow.wait_until(lambda: not self.left, 10)
			for pid in self.left:
				raise RuntimeError(f"left behind by a dead supervisor: {pid} {flow.command(pid)}")
		log = open(self.site.path("daemon.log"), "ab")
		self.site.daemon = self.site.start("ungcuud", "-f", self.site.path("ungcuu.conf"), "-d", "-v",
			stdout=subprocess.DEVNULL, stderr=log)
		log.close()
		self.starts += 1
		self.below = []

	@property
	def left(self):
		"""Living processes that were the last supervisor's."""
		return [pid for pid in self.below if alive(pid) and
			(program(pid).startswith("ungcuu") or "gpg-agent" in program(pid))]

	def restart_server(self, name):
		"""As a service manager would: whatever the dead master left, in its session, goes first."""
		master = getattr(self.world, name).pid
		for tries in range(5):
			for pid in of_session(master):
				os.kill(pid, signal.SIGKILL)
			try:
				getattr(self.world, f"{name}_start")()
				return
			except RuntimeError as error:
				why = error
				master = getattr(self.world, name).pid
				time.sleep(0.5)
		raise why

	below = []

	# -- kills

	def kill(self):
		chance = self.chance["kill"]
		while not self.stopping.wait(chance.uniform(0.1, 0.5)):
			group = chance.choice(("ungcuu", "dovecot", "postfix"))
			with self.lock:
				master = self.site.daemon if group == "ungcuu" else getattr(self.world, group)
				if master is None or master.poll() is not None:
					continue
				below = children(master.pid)
				pid = chance.choice([master.pid, *sorted(below)])
				name = program(pid)
				if pid == master.pid and group == "ungcuu":
					self.below = below
				try:
					os.kill(pid, signal.SIGKILL)
				except ProcessLookupError:
					continue
			name = f"{group}: {name.split('/')[-1]}"
			self.kills[name] = self.kills.get(name, 0) + 1

	# -- connections

	def cut(self):
		chance = self.chance["cut"]
		while not self.stopping.wait(chance.uniform(0.2, 2)):
			self.cuts += chance.choice(self.wires).cut()

	# -- disks

	def spoil(self):
		chance = self.chance["disk"]
		while not self.stopping.wait(chance.uniform(2, 5)):
			name = chance.choice(tuple(self.disks))
			phase = chance.choice(("full", "full", "read-only", "read-only from the start"))
			seconds = chance.uniform(0.5, 3)
			if getattr(self, "phase_" + phase.replace("-", "_").replace(" ", "_"))(self.disks[name], chance):
				self.phases[f"{name} {phase}"] = self.phases.get(f"{name} {phase}", 0) + 1
				self.stopping.wait(seconds)
			self.disks[name].set_writable()
			self.disks[name].empty()
			self.down = False

	def phase_full(self, disk, chance):
		disk.fill(chance.choice(FULL))
		return True

	def phase_read_only(self, disk, chance):
		return disk.set_readonly()

	def phase_read_only_from_the_start(self, disk, chance):
		"""The machine comes up with a disk that cannot be written."""
		with self.lock:
			self.down = True
			if self.site.daemon.poll() is None:
				self.below = children(self.site.daemon.pid)
				self.site.daemon.kill()
			self.site.daemon.wait()
		flow.wait_until(lambda: not self.left, 10)
		done = disk.set_readonly()
		self.down = False
		return done


def of_session(leader):
	found = []
	for name in os.listdir("/proc"):
		fields = flow.stat_fields(name) if name.isdigit() else None
		if fields and fields[0] != "Z" and int(fields[3]) == leader:
			found.append(int(name))
	return found


def guard(trouble, work):
	try:
		work()
	except Exception as error:	# told by the test in the end
		trouble.failed = f"{work.__name__}: {error!r}"
		trouble.stopping.set()


def in_own_namespace():
	"""Runs this program anew where its mounts are nobody else's."""
	if not os.environ.get("UNGCUU_CHAOS_INSIDE"):
		unshare = shutil.which("unshare", path="/usr/bin:/bin")
		os.execve(unshare, [unshare, "--mount", "--propagation", "private", sys.executable, "-B", *sys.argv],
			{**os.environ, "UNGCUU_CHAOS_INSIDE": "1"})
