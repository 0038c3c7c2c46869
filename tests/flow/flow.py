# SPDX-License-Identifier: ISC
#
# flow: what the flow tests share.  A Site is a private folder with a configuration, a hotline key made by
# ungcuuctl and Maildirs, run by the real programs of this build: the ordinary ones, jailed, or (hooked=True)
# their twins with clock and fault points.  Conditions are waited for with a deadline; nothing sleeps for
# luck; only processes started here are ended, by pid.

import atexit
import calendar
import email
import email.policy
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["TOP_BUILDDIR"]
SOURCE = os.environ["TOP_SRCDIR"]
KEEP = bool(os.environ.get("FLOW_KEEP"))	# keep the folders to look into them
HOTLINE = "ungcuu@example.vn"

# ---- TAP -------------------------------------------------------------------------------------------

results = 0
failures = 0


def ok(condition, name, detail=""):
	global results, failures
	results += 1
	failures += not condition
	print(f"{'ok' if condition else 'not ok'} {results} - {name}", flush=True)
	if not condition and detail != "":
		print("# " + str(detail).rstrip().replace("\n", "\n# "), flush=True)
	return bool(condition)


def same(found, expected, name):
	return ok(found == expected, name, f"found    {found!r}\nexpected {expected!r}")


def skip(name, why):
	global results
	results += 1
	print(f"ok {results} - {name} # SKIP {why}", flush=True)


def done():
	print(f"1..{results}")
	sys.exit(1 if failures else 0)


def note(text):
	print("# " + str(text).rstrip().replace("\n", "\n# "), flush=True)


# ---- waiting and processes ----------------------------------------------------------------------------

def wait_until(condition, seconds=45):
	"""What `condition()` returns once it is true; its last value after the deadline."""
	end = time.monotonic() + seconds
	while True:
		value = condition()
		if value or time.monotonic() > end:
			return value
		time.sleep(0.02)


def stat_fields(pid):
	"""The fields of /proc/PID/stat behind the name, or None when it is gone."""
	try:
		with open(f"/proc/{pid}/stat") as file:
			return file.read().rpartition(")")[2].split()
	except OSError:
		return None


def children(pid):
	"""All living descendants."""
	parents = {}
	for name in os.listdir("/proc"):
		if name.isdigit():
			fields = stat_fields(name)
			if fields and fields[0] != "Z":
				parents.setdefault(int(fields[1]), []).append(int(name))
	found, look = [], [pid]
	while look:
		below = parents.get(look.pop(), [])
		found += below
		look += below
	return found


def command(pid):
	try:
		with open(f"/proc/{pid}/cmdline", "rb") as file:
			return [word.decode(errors="replace") for word in file.read().split(b"\0")[:-1]]
	except OSError:
		return []


def program(pid):
	words = command(pid)
	return os.path.basename(words[0]) if words else ""


def status_fields(pid):
	with open(f"/proc/{pid}/status") as file:
		return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def alive(pid):
	fields = stat_fields(pid)
	return fields is not None and fields[0] != "Z"


# ---- mails -----------------------------------------------------------------------------------------------

mail_number = 0


def mail(body="Máy chủ của chúng tôi bị mã hoá.\n", sender="Nguyễn An <an@reporter.example>", to=HOTLINE,
		subject="Báo cáo sự cố", message_id=None, headers=(), content_type="text/plain; charset=utf-8"):
	"""One raw mail with LF line ends, as an MTA writes it into a Maildir."""
	global mail_number
	mail_number += 1
	message_id = message_id or f"m{mail_number}.{os.getpid()}@reporter.example"
	lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Message-ID: <{message_id}>",
		f"Date: {email.utils.formatdate(localtime=False)}", "MIME-Version: 1.0",
		f"Content-Type: {content_type}", "Content-Transfer-Encoding: 8bit", *headers, "", body]
	return "\n".join(lines).encode()


def parse(raw):
	return email.message_from_bytes(raw, policy=email.policy.default)


def text_of(message):
	"""The readable text of one of our acknowledgements."""
	return "\n".join(part.get_content() for part in message.walk() if part.get_content_type() == "text/plain")


def signed_parts(raw):
	"""The exact octets (CRLF) a multipart/signed covers, and the detached signature."""
	raw = raw.replace(b"\r\n", b"\n")
	header, _, body = raw.partition(b"\n\n")
	boundary = re.search(rb'boundary="?([^"\n;]+)"?', header.replace(b"\n\t", b" ").replace(b"\n ", b" "))
	pieces = (b"\n" + body).split(b"\n--" + boundary.group(1))
	covered = pieces[1].partition(b"\n")[2]
	signature = pieces[2].partition(b"\n\n")[2]
	return covered.replace(b"\n", b"\r\n"), signature


# ---- a site ------------------------------------------------------------------------------------------------

CONF = """
hotline = {{
  id = "NBH";
  name = {{ vi = "Đội Ứng cứu sự cố thử nghiệm"; en = "Test Incident Response Team"; }};
  address = "{hotline}"; aliases = [ "report@example.vn" ];
  languages = [ "vi", "en" ]; phone = "+84 000 000 000"; portal = "https://example.vn/bao-cao";
  key = "{key}";
}};
mailboxes = ( {{ name = "main"; type = "maildir"; path = "Maildir"; done_folder = "Done";
  held_folder = "Held"; poll = "5s"; {mailbox} }} );
submission = {{ type = "maildir"; path = "sent"; }};
store = {{ engine = "sqlite"; path = "db/ungcuu.db"; spool = "spool"; key_file = "db/store.key"; }};
keys = {{ home = "gnupg"; certificates = "certificates"; workers = 1; }};
control = {{ socket = "run/control"; }};
templates = "{source}/templates";
policy = {{ mode = "{mode}"; {caps} }};
{more}
"""

# Tests deliver many mails of few senders; those about caps set their own.
NO_CAPS = 'cap_address = "0"; cap_party = "0"; cap_domain = "0"; cap_total = "0";'

sites = []


class Site:
	"""`settings`: mode, mailbox, caps and more of CONF.  `prepare(site)` runs before the key is made."""

	def __init__(self, hooked=False, prepare=None, **settings):
		self.use(hooked)
		self.daemon, self.log = None, ""
		self.settings = {"hotline": HOTLINE, "key": "", "mailbox": "", "mode": "answer", "more": "",
			"caps": NO_CAPS,
			"source": SOURCE, **settings}
		self.folder = tempfile.mkdtemp(prefix="ungcuu-", dir=os.environ.get("TMPDIR", "/tmp"))
		sites.append(self)
		for name in ("Maildir/cur", "Maildir/new", "Maildir/tmp", "certificates", "run", "db", "spool"):
			os.makedirs(self.path(name), mode=0o700)
		for name in ("cur", "new", "tmp"):
			os.makedirs(self.path("sent", name), mode=0o700)
		self.hooks_file = open(self.path("hooks"), "w+")
		self.configure()
		if prepare:
			prepare(self)
		made = self.ctl("key", "generate")
		self.settings["key"] = self.fingerprint = made["fingerprint"]
		self.configure()

	def path(self, *names):
		return os.path.join(self.folder, *names)

	def use(self, hooked):
		"""Which programs run from here on."""
		self.bin, self.hooked = f"{BUILD}/hooked" if hooked else BUILD, hooked

	def configure(self, **settings):
		self.settings.update(settings)
		with open(self.path("ungcuu.conf"), "w", encoding="utf-8") as file:
			file.write(CONF.format(**self.settings))

	# -- hooks

	def hooks(self, *lines):
		"""Sets the hook file to these lines, at once; the programs read it at each call."""
		text = "".join(line + "\n" for line in lines).encode()
		fd = self.hooks_file.fileno()
		os.pwrite(fd, text.ljust(os.fstat(fd).st_size, b"\n"), 0)

	def hooks_left(self):
		"""Lines that have not fired; one that has is blanked."""
		with open(self.path("hooks")) as file:
			return [line for line in file.read().split("\n") if line.strip()]

	# -- programs

	def start(self, *words, **more):
		env = {name: value for name, value in os.environ.items() if name != "UNGCUU_HOOKS"}
		fds = ()
		if self.hooked:
			env["UNGCUU_HOOKS"] = str(self.hooks_file.fileno())
			fds = (self.hooks_file.fileno(),)
		return subprocess.Popen([f"{self.bin}/{words[0]}", *words[1:]], env=env, pass_fds=fds,
			cwd=self.folder, **{"stdin": subprocess.DEVNULL, **more})

	def run(self, *words, seconds=120):
		"""(exit code, stdout, stderr); 124 after the deadline."""
		process = self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
			encoding="utf-8", errors="replace")
		try:
			out, err = process.communicate(timeout=seconds)
		except subprocess.TimeoutExpired:
			process.terminate()
			try:
				out, err = process.communicate(timeout=15)
			except subprocess.TimeoutExpired:
				process.kill()
				out, err = process.communicate()
			self.log += err
			return 124, out, err
		self.log += err
		return process.returncode, out, err

	def once(self, *words, seconds=120):
		"""Runs the gateway until idle; its exit code."""
		return self.run("ungcuud", "-f", self.path("ungcuu.conf"), "-d", "-v", "--once", *words,
			seconds=seconds)[0]

	def ctl(self, *words, seconds=60):
		"""The JSON answer with `exit` added."""
		code, out, err = self.run("ungcuuctl", "-f", self.path("ungcuu.conf"), "--json", *words,
			seconds=seconds)
		try:
			answer = json.loads(out)
		except ValueError:
			answer = {"unreadable": out, "stderr": err}
		answer["exit"] = code
		return answer

	def daemon_start(self, *words):
		"""ungcuud in the foreground, its log in daemon.log; returns when the control socket answers."""
		self.daemon_log = open(self.path("daemon.log"), "ab")
		self.daemon = self.start("ungcuud", "-f", self.path("ungcuu.conf"), "-d", "-v", *words,
			stdout=subprocess.DEVNULL, stderr=self.daemon_log)
		ready = wait_until(lambda: self.daemon.poll() is not None or self.answers(), 30)
		if not ready or self.daemon.poll() is not None:
			note(f"the daemon did not start: {self.daemon_text()}")
			return False
		return True

	def answers(self):
		"""Does somebody listen at the control socket?"""
		with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
			try:
				client.connect(self.path("run/control"))
			except OSError:
				return False
			return True

	def daemon_text(self):
		with open(self.path("daemon.log"), encoding="utf-8", errors="replace") as file:
			return file.read()

	def daemon_stop(self, number=signal.SIGTERM, seconds=30):
		"""Its exit code; None if it had to be killed."""
		if not self.daemon:
			return None
		process, self.daemon = self.daemon, None
		below = children(process.pid)
		if process.poll() is None:
			process.send_signal(number)
		try:
			code = process.wait(seconds)
		except subprocess.TimeoutExpired:
			note("the daemon did not end; killed")
			process.kill()
			process.wait()
			code = None
		for pid in below:
			if not wait_until(lambda pid=pid: not alive(pid), 10):
				note(f"left behind: {pid} {command(pid)}")
				os.kill(pid, signal.SIGKILL)
		return code

	# -- the world around

	def deliver(self, raw, hours_old=0, name=None, owner=None):
		"""Puts a mail into the mailbox as an MTA does; its base name.  `owner`: a passwd entry."""
		global mail_number
		mail_number += 1
		name = name or f"{int(time.time())}.M{mail_number:06d}P{os.getpid()}.mx.example.vn"
		temporary = self.path("Maildir/tmp", name)
		with open(temporary, "wb") as file:
			file.write(raw)
		then = time.time() - hours_old * 3600
		os.utime(temporary, (then, then))
		if owner:
			os.chown(temporary, owner.pw_uid, owner.pw_gid)
		os.rename(temporary, self.path("Maildir/new", name))
		return name

	def in_folder(self, *folder):
		"""Base names of the mails of a Maildir folder."""
		names = []
		for part in ("new", "cur"):
			try:
				names += [name.split(":2,")[0] for name in os.listdir(self.path(*folder, part))]
			except FileNotFoundError:
				pass
		return sorted(names)

	def ack_files(self):
		return sorted((self.path("sent", part, name) for part in ("new", "cur")
			for name in os.listdir(self.path("sent", part))), key=os.path.getmtime)

	def acks_raw(self):
		raws = []
		for path in self.ack_files():
			with open(path, "rb") as file:
				raws.append(file.read())
		return raws

	def acks(self):
		return [parse(raw) for raw in self.acks_raw()]

	def verify(self, raw):
		"""Plain gpg over one acknowledgement: the fingerprint of a good signature, or what gpg said."""
		home = self.path("verifier")
		if not os.path.isdir(home):
			os.mkdir(home, 0o700)
			with open(f"{home}/gpg.conf", "w") as file:
				file.write("no-autostart\n")
			export = subprocess.run(["gpg", "--homedir", self.path("gnupg"), "--no-autostart",
				"--export", self.fingerprint], capture_output=True, check=True)
			subprocess.run(["gpg", "--homedir", home, "--batch", "--import"], input=export.stdout,
				capture_output=True, check=True)
		covered, signature = signed_parts(raw)
		for name, content in (("covered", covered), ("covered.asc", signature)):
			with open(f"{home}/{name}", "wb") as file:
				file.write(content)
		run = subprocess.run(["gpg", "--homedir", home, "--batch", "--status-fd", "1", "--verify",
			f"{home}/covered.asc", f"{home}/covered"], capture_output=True, text=True)
		good = re.search(r"VALIDSIG \S+ .* (\S+)$", run.stdout, re.M)
		return good.group(1) if good and run.returncode == 0 else run.stdout + run.stderr

	def balanced(self, name, seen=None):
		"""The ledger explains every mail of the mailbox."""
		ledger = self.ctl("ledger")
		boxes = ledger.get("mailboxes", [])
		right = ledger["exit"] == 0 and len(boxes) == 1 and boxes[0]["unexplained"] == 0 and \
			sum(boxes[0]["accounted"].values()) == boxes[0]["seen"]
		if seen is not None:
			right = right and boxes[0]["seen"] == seen
		ok(right, name, json.dumps(ledger, indent=1))
		return boxes[0] if boxes else {"accounted": {}}

	def tickets(self):
		return self.ctl("ticket", "list", "--all", "--limit", "500").get("tickets", [])

	def close(self):
		self.daemon_stop(signal.SIGKILL)
		subprocess.run(["gpgconf", "--homedir", self.path("gnupg"), "--kill", "all"], capture_output=True)
		self.hooks_file.close()
		if KEEP:
			note(f"kept: {self.folder}")
		else:
			shutil.rmtree(self.folder, ignore_errors=True)


@atexit.register
def close_sites():
	for site in sites:
		site.close()


def rfc3339(text):
	return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


PROGRAMS = ("ungcuud", "ungcuuctl", "ungcuu-hub", "ungcuu-fetch", "ungcuu-mime", "ungcuu-keys", "ungcuu-submit")


def replace(site, name, script):
	"""From here on the site runs copies of the programs, one of them this script."""
	site.bin = site.path("programs")
	os.makedirs(site.bin, exist_ok=True)
	for other in PROGRAMS:
		shutil.copy(f"{BUILD}/{other}", f"{site.bin}/{other}")
	os.remove(f"{site.bin}/{name}")
	with open(f"{site.bin}/{name}", "w", encoding="utf-8") as file:
		file.write(script)
	os.chmod(f"{site.bin}/{name}", 0o755)
