# SPDX-License-Identifier: ISC
#
# fetching: what the tests of IMAP share: a private CA by openssl, a real Dovecot on loopback with folders,
# users and ports of its own, a server that says whatever a test wants, and the driver program that asks.
# Works as root and as anybody; ends only what it started, by pid.

import atexit
import base64
import contextlib
import ctypes
import hashlib
import os
import pwd
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ["TOP_BUILDDIR"]
KEEP = bool(os.environ.get("FLOW_KEEP"))
PASSWORD = "Mật khẩu \"riêng\" \\ 4711"
results = 0
failures = 0
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"


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


def done():
	print(f"1..{results}")
	sys.exit(1 if failures else 0)


def skip_all(why):
	print(f"1..0 # SKIP {why}")
	sys.exit(0)


def wait_until(condition, seconds=30):
	end = time.monotonic() + seconds
	while True:
		value = condition()
		if value or time.monotonic() > end:
			return value
		time.sleep(0.02)


def folder():
	path = tempfile.mkdtemp(prefix="ungcuu-servers-")
	os.chmod(path, 0o755)
	if not KEEP:
		atexit.register(shutil.rmtree, path, ignore_errors=True)
	return path


def free_port():
	with socket.socket() as probe:
		probe.bind(("127.0.0.1", 0))
		return probe.getsockname()[1]


def living(pid):
	try:
		with open(f"/proc/{pid}/stat") as file:
			return file.read().rpartition(")")[2].split()[0] != "Z"
	except OSError:
		return False


def children(pid):
	found = []
	for name in os.listdir("/proc"):
		try:
			with open(f"/proc/{name}/stat") as file:
				if int(file.read().rpartition(")")[2].split()[1]) == pid:
					found.append(int(name))
		except (OSError, ValueError):
			pass
	return found


def name_of(pid):
	try:
		with open(f"/proc/{pid}/cmdline") as file:
			return file.read().split("\0")[0]
	except OSError:
		return ""


# ---- certificates ----------------------------------------------------------------------------------

CA_CONF = """
[ca]
default_ca = only
[only]
database = {base}.index
new_certs_dir = {place}
serial = {base}.serial
certificate = {base}.pem
private_key = {base}.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
	"""A CA of our own."""

	def __init__(self, place, name):
		self.base = os.path.join(place, name)
		self.pem = self.base + ".pem"
		openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
			"-keyout", self.base + ".key", "-out", self.pem, "-days", "30",
			"-subj", f"/O=Bên thử/CN=CA {name}", "-utf8", "-addext",
			"keyUsage=critical,keyCertSign,cRLSign")
		for suffix, text in ((".index", ""), (".serial", "1000\n"),
				(".conf", CA_CONF.format(base=self.base, place=place))):
			with open(self.base + suffix, "w") as file:
				file.write(text)

	def issue(self, name, names="DNS:localhost,IP:127.0.0.1", days=20):
		"""(certificate with chain, key), from a while ago until in `days`; < 0: expired."""
		base = f"{self.base}-{name}"
		with open(base + ".ext", "w") as file:
			file.write(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
		openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
			base + ".key", "-out", base + ".csr", "-subj", f"/CN={name}.example.vn")
		begin, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 86400 * n)) for n in (-30, days))
		openssl("ca", "-batch", "-notext", "-config", self.base + ".conf", "-in", base + ".csr", "-out", base + ".crt",
			"-startdate", begin, "-enddate", end, "-extfile", base + ".ext")
		with open(base + ".pem", "wb") as chain:
			for part in (base + ".crt", self.pem):
				with open(part, "rb") as file:
					chain.write(file.read())
		os.chmod(base + ".key", 0o644)	# read by a server that is not us
		return base + ".pem", base + ".key"


def openssl(*words):
	run = subprocess.run(["openssl", *words], capture_output=True)
	if run.returncode:
		raise RuntimeError(run.stderr.decode())
	return run.stdout


def pin(certificate):
	"""tls_pin of a certificate, by openssl alone."""
	key = openssl("x509", "-in", certificate, "-pubkey", "-noout")
	with tempfile.NamedTemporaryFile() as file:
		file.write(key)
		file.flush()
		der = openssl("pkey", "-pubin", "-in", file.name, "-outform", "DER")
	return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


libc = ctypes.CDLL(None)


def end_with_us():
	libc.prctl(1, signal.SIGTERM)	# PR_SET_PDEATHSIG


# ---- Dovecot ---------------------------------------------------------------------------------------

def dovecot_program():
	return shutil.which("dovecot", path=PATH)


COMMON = """
protocols = {protocols}
listen = 127.0.0.1
base_dir = {place}/run
state_dir = {place}/state
log_path = {place}/log
auth_verbose = yes
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
first_valid_uid = 1
ssl = {ssl}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
{more}service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
auth_failure_delay = 0
"""
POP3 = """
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
    ssl = yes
  }}
}}
"""
OLD = """
mail_location = maildir:{place}/mail/%u
auth_mechanisms = {auth}
disable_plaintext_auth = {no_clear}
ssl_cert = <{certificate}
ssl_key = <{key}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {place}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={place}/mail/%u
}}
mail_plugins = quota
protocol imap {{
  mail_plugins = quota imap_quota
{capability}
}}
plugin {{
  quota = count:User quota
  quota_rule = *:storage=1G
  quota_vsizes = yes
}}
"""
NEW = """
mail_driver = maildir
mail_path = {place}/mail/%{{user}}
mail_home = {place}/mail/%{{user}}
auth_mechanisms = {auth}
auth_allow_cleartext = {clear}
ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
passdb passwd-file {{
  default_password_scheme = PLAIN
  auth_username_format = %{{user}}
  passwd_file_path = {place}/users
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {place}/mail/%{{user}}
  }}
}}
mail_plugins {{
  quota = yes
}}
protocol imap {{
  mail_plugins {{
    imap_quota = yes
  }}
{capability}
}}
quota "User quota" {{
  storage_size = 1G
}}
"""


class Dovecot:
	"""One Dovecot 2.3 or 2.4; the mailbox of `user` is a Maildir in self.mail."""

	def __init__(self, certificate, key, auth="plain login scram-sha-256", capability="", clear=False,
			user="doi-ung-cuu", tls="yes", pop3=False):
		self.place = folder()
		self.port, self.tls_port = free_port(), free_port()
		self.pop3_port, self.pop3s_port = (free_port(), free_port()) if pop3 else (None, None)
		self.user = user
		self.mail = os.path.join(self.place, "mail", user)
		self.settings = dict(certificate=certificate, key=key, auth=auth, clear="yes" if clear else "no",
			no_clear="no" if clear else "yes", ssl=tls, protocols="imap pop3" if pop3 else "imap",
			more=POP3.format(pop3_port=self.pop3_port, pop3s_port=self.pop3s_port) if pop3 else "",
			capability=f"  imap_capability = {capability}" if capability else "")
		self.process = None
		os.makedirs(self.mail)
		with open(os.path.join(self.place, "users"), "w") as file:
			file.write(f"{user}:{{PLAIN}}{PASSWORD}\n")
		self.configure()
		for part in ("mail", self.mail):
			os.chown(os.path.join(self.place, part), self.uid, self.gid)
		atexit.register(self.stop)
		self.start()

	def configure(self):
		me = pwd.getpwuid(os.getuid())
		if os.getuid() == 0:
			owner = pwd.getpwnam("nobody")
			names = dict(internal="dovecot", internal_group="dovecot", login="dovenull")
		else:
			owner = me
			names = dict(internal=me.pw_name, internal_group=subprocess.run(["id", "-gn"], text=True,
				capture_output=True).stdout.strip(), login=me.pw_name)
		self.uid, self.gid = owner.pw_uid, owner.pw_gid
		version = subprocess.run([dovecot_program(), "--version"], text=True,
			capture_output=True).stdout.split()[0]
		self.is_new = tuple(int(n) for n in version.split(".")[:2]) >= (2, 4)
		head = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" if self.is_new else ""
		text = head + (COMMON + (NEW if self.is_new else OLD)).format(place=self.place, port=self.port,
			tls_port=self.tls_port, uid=self.uid, gid=self.gid, **names,
			**self.settings)
		self.conf = os.path.join(self.place, "dovecot.conf")
		with open(self.conf, "w") as file:
			file.write(text)

	def start(self):
		self.process = subprocess.Popen([dovecot_program(), "-F", "-c", self.conf],
			stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=end_with_us)

		def is_up():
			if self.process.poll() is not None:
				raise RuntimeError("dovecot: " + self.process.stderr.read().decode() + self.log())
			try:
				socket.create_connection(("127.0.0.1", self.port), 1).close()
				return True
			except OSError:
				return False
		if not wait_until(is_up):
			raise RuntimeError("dovecot does not answer: " + self.log())

	def stop(self):
		if self.process and self.process.poll() is None:
			below = children(self.process.pid)
			self.process.send_signal(signal.SIGTERM)
			for pid in below:	# sessions would live on for a while
				with contextlib.suppress(ProcessLookupError):
					os.kill(pid, signal.SIGTERM)
			self.process.wait(20)
			wait_until(lambda: not any(living(pid) for pid in below), 20)

	def log(self):
		try:
			with open(os.path.join(self.place, "log"), encoding="utf-8", errors="replace") as file:
				return file.read()
		except OSError:
			return ""

	def attempts(self):
		"""Log lines of connections that tried a login, whatever came of it."""
		return [line for line in self.log().splitlines() if re.search(
			r"(?:imap|pop3)-login: .*(Login:|Logged in:|auth failed|attempts in|Internal login)|auth(-worker)?(\(.*\))?: .*\(.*127\.0\.0\.1", line)
			and "no auth attempts" not in line]

	def ended(self):
		"""Connections that were over before a login (2.3 and 2.4 say it differently)."""
		return len(re.findall(r"(?:imap|pop3)-login: .*(?:Disconnected|Login aborted)", self.log()))

	def path(self, name):
		return self.mail if name == "INBOX" else os.path.join(self.mail, "." + name)

	def make(self, name):
		for part in ("", "new", "cur", "tmp"):
			path = os.path.join(self.path(name), part)
			os.makedirs(path, exist_ok=True)
			os.chown(path, self.uid, self.gid)

	def deliver(self, raw, name="INBOX", arrived=None):
		"""Into new/, as another program would; the base name."""
		self.make(name)
		Dovecot.count = getattr(Dovecot, "count", 0) + 1
		base = f"{1700000000 + Dovecot.count}.M{Dovecot.count}P{os.getpid()}.test"
		path = os.path.join(self.path(name), "tmp", base)
		with open(path, "wb") as file:
			file.write(raw)
		os.chown(path, self.uid, self.gid)
		if arrived is not None:
			os.utime(path, (arrived, arrived))
		os.rename(path, os.path.join(self.path(name), "new", base))
		return base

	def files(self, name):
		return sorted(os.path.join(self.path(name), part, file) for part in ("new", "cur")
			for file in (os.listdir(os.path.join(self.path(name), part))
				if os.path.isdir(os.path.join(self.path(name), part)) else []))

	def session(self, authority):
		"""Somebody else's mail program."""
		import imaplib
		client = imaplib.IMAP4_SSL("127.0.0.1", self.tls_port,
			ssl_context=ssl.create_default_context(cafile=authority.pem))
		client.authenticate("PLAIN", lambda challenge: f"\0{self.user}\0{PASSWORD}".encode())
		return client


# ---- a server that says what it is told ----------------------------------------------------------------

class Fake:
	"""script(Talk) plays one connection; another connection plays it again."""

	def __init__(self, script, context=None):
		self.script, self.context = script, context
		self.heard, self.faults, self.talks = [], [], 0
		self.listener = socket.socket()
		self.listener.bind(("127.0.0.1", 0))
		self.listener.listen(8)
		self.port = self.listener.getsockname()[1]
		threading.Thread(target=self.run, daemon=True).start()

	def run(self):
		while True:
			try:
				connection, _ = self.listener.accept()
			except OSError:
				return
			self.talks += 1
			threading.Thread(target=self.play, args=(connection,), daemon=True).start()

	def play(self, connection):
		talk = Talk(self, connection)
		try:
			if self.context:
				talk.start_tls(self.context)
			self.script(talk)
		except (OSError, EOFError, ssl.SSLError) as error:
			self.faults.append(repr(error))
		finally:
			talk.close()

	def close(self):
		self.listener.close()


class Talk:
	def __init__(self, server, connection):
		self.server, self.connection, self.buffer, self.tag = server, connection, b"", b""

	def start_tls(self, context):
		self.connection = context.wrap_socket(self.connection, server_side=True)

	def say(self, data):
		self.connection.sendall(data if isinstance(data, bytes) else data.encode())

	def hear(self):
		"""One line without its end; remembers the tag."""
		while b"\n" not in self.buffer:
			data = self.connection.recv(4096)
			if not data:
				raise EOFError("client gone")
			self.buffer += data
		line, self.buffer = self.buffer.split(b"\n", 1)
		line = line.rstrip(b"\r")
		self.server.heard.append(line)
		self.tag = line.split(b" ")[0]
		return line

	def ok(self, data=b"", words=b"OK done"):
		data = data if isinstance(data, bytes) else data.encode()
		self.say(data + self.tag + b" " + words + b"\r\n")

	def wait_gone(self, seconds=30):
		"""Until the client closes."""
		end = time.monotonic() + seconds
		while time.monotonic() < end:
			if select.select([self.connection], [], [], 0.1)[0] and not self.connection.recv(4096):
				return

	def close(self):
		try:
			self.connection.close()
		except OSError:
			pass


# ---- the driver --------------------------------------------------------------------------------------------

class Driver:
	def __init__(self, kind="imap", program="tests/transport/imap-driver"):
		self.kind = kind
		self.stderr = tempfile.TemporaryFile()
		self.process = subprocess.Popen([os.path.join(BUILD, program)], stdin=subprocess.PIPE,
			stdout=subprocess.PIPE, stderr=self.stderr)
		atexit.register(self.end)

	def ask(self, *words):
		"""(what came of it, the lines before)."""
		line = "\t".join("-" if word is None else str(word) for word in words)
		self.process.stdin.write(line.encode() + b"\n")
		self.process.stdin.flush()
		lines = []
		while True:
			answer = self.process.stdout.readline().decode(errors="replace")
			if not answer:
				return f"dead {self.process.wait()}", lines
			answer = answer.rstrip("\n")
			if re.match(r"done$|later: |never: ", answer):
				return answer, lines
			lines.append(answer)

	def settings(self, port, host="localhost", tls="implicit", ca=None, pin=None, user="doi-ung-cuu",
			password=PASSWORD, done_folder="Done", patience=10, folders=()):
		return self.ask("settings", self.kind, host, port, tls, ca, pin, user, password, done_folder, patience,
			*folders)[0]

	def open(self, *args, **kwargs):
		self.settings(*args, **kwargs)
		return self.ask("open")[0]

	def list(self, folder="INBOX", after="", most=100):
		"""(result, [(uid, arrived, size)], identity, more)"""
		result, lines = self.ask("list", folder, after or None, most)
		rows = [line.split("\t") for line in lines]
		facts = {row[0]: row[1] for row in rows if len(row) == 2}
		self.holes = facts.get("holes") == "1"
		return (result, [(row[0], int(row[1]), int(row[2])) for row in rows if len(row) == 3],
			facts.get("identity"), facts.get("more") == "1")

	def expect(self, uids, folder="INBOX"):
		return self.ask("expect", folder, *uids)[0]

	def take(self, uid, folder="INBOX", most=41943040, file=None):
		"""(result, size, sha256, largest piece)"""
		result, lines = self.ask("take", folder, uid, most, file)
		facts = dict(line.split("\t") for line in lines if "\t" in line)
		return result, int(facts.get("size", -1)), facts.get("sha256"), int(facts.get("largest", -1))

	def wait(self, seconds, folder="INBOX"):
		"""(result, were there news)"""
		result, lines = self.ask("wait", folder, seconds)
		return result, "news\t1" in lines

	def date(self, uid):
		"""(result, ms)"""
		result, lines = self.ask("date", uid)
		return result, int(lines[0].split("\t")[1]) if lines else None

	def settle(self, uids, folder="INBOX"):
		"""(result, [[uid, outcome, why, identity, uid there]])"""
		result, lines = self.ask("settle", folder, *uids)
		return result, [line.split("\t") for line in lines]

	def log(self):
		self.stderr.seek(0)
		return self.stderr.read().decode(errors="replace")

	def rss(self):
		"""Peak, in KB."""
		with open(f"/proc/{self.process.pid}/status") as file:
			return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))

	def end(self):
		if self.process.poll() is None:
			self.process.stdin.close()
			try:
				self.process.wait(20)
			except subprocess.TimeoutExpired:
				self.process.kill()
				self.process.wait()
		return self.process.returncode
