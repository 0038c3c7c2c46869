# SPDX-License-Identifier: ISC
#
# servers: a real mail site for the flow tests, on loopback, in a folder of its own: Dovecot (IMAP with and
# without implicit TLS, LMTP, a Maildir per user) and, for root, Postfix (submission with TLS and AUTH by
# Dovecot, and one port without TLS), which delivers into Dovecot.  Own configuration, certificates and free
# ports; nothing of the machine's own mail is read, and nothing leaves loopback.  Each server answers at
# several addresses, which differ in the certificate shown (CERTIFICATES).  Ended by pid at exit, or with us.

import atexit
import base64
import ctypes
import datetime
import grp
import hashlib
import http.server
import imaplib
import json
import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

import flow

DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/bin:/sbin")
POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin:/sbin")
OPENSSL = shutil.which("openssl", path="/usr/bin:/bin:/usr/local/bin")
PASSWORD = "mat-khau-thu"		# of every user made without one
USER = "ungcuu@example.vn"
MAILBOXES = ("Junk", "Done", "Held")
SIZE_LIMIT = 41943040			# bytes Postfix takes, and announces
SIZE_SMALL = 20000			# at the port "strict"

# name: the address it is shown at, CA that signs it, subject's names besides localhost, days it is good for
CERTIFICATES = {
	"good": ("127.0.0.1", "ca", "DNS:localhost,DNS:mail.example.vn,IP:127.0.0.1", (-1, 30)),
	"wrong-host": ("127.0.0.2", "ca", "DNS:other.example.org", (-1, 30)),
	"expired": ("127.0.0.3", "ca", "IP:127.0.0.3", (-30, -1)),
	"other-ca": ("127.0.0.4", "other", "IP:127.0.0.4", (-1, 30)),
}

libc = ctypes.CDLL(None, use_errno=True)


def end_with_us():
	libc.prctl(1, signal.SIGTERM)	# PR_SET_PDEATHSIG


def free_ports(n):
	"""Ports nobody listens at now, at any of our addresses."""
	addresses = [row[0] for row in CERTIFICATES.values()]
	held, ports = [], []
	while len(ports) < n:
		first = socket.socket()
		held.append(first)
		first.bind((addresses[0], 0))
		port = first.getsockname()[1]
		try:
			for address in addresses[1:]:
				held.append(socket.socket())
				held[-1].bind((address, port))
		except OSError:
			continue
		ports.append(port)
	for each in held:
		each.close()
	return ports


# ---- certificates ------------------------------------------------------------------------------------------

class Authority:
	"""A CA of two keys: ca.pem and other.pem, and a certificate per row of CERTIFICATES."""

	def __init__(self, folder):
		self.folder = folder
		os.makedirs(folder, mode=0o755)
		for name in ("ca", "other"):
			self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
				"-days", "60", "-subj", f"/O=Example/CN=Test {name}", "-keyout", self.path(name, "key"),
				"-out", self.path(name, "pem"), "-addext", "basicConstraints=critical,CA:TRUE",
				"-addext", "keyUsage=critical,keyCertSign,cRLSign")
		for name, (_, issuer, names, days) in CERTIFICATES.items():
			self.issue(name, issuer, names, days)

	def path(self, name, kind):
		return os.path.join(self.folder, f"{name}.{kind}")

	def openssl(self, *words):
		run = subprocess.run([OPENSSL, *words], capture_output=True, text=True, cwd=self.folder)
		if run.returncode:
			raise RuntimeError(f"openssl {words[0]}: {run.stderr}")
		return run.stdout

	def issue(self, name, issuer, names, days):
		"""`openssl ca`: the one command that takes a first and a last day in the past."""
		with open(self.path(name, "conf"), "w") as file:
			file.write(f"[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase={name}.index\nrand_serial=yes\n"
				"default_md=sha256\npolicy=p\nunique_subject=no\nx509_extensions=x\n[p]\n"
				"commonName=supplied\n[x]\nbasicConstraints=critical,CA:FALSE\n"
				"keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
				f"subjectAltName={names}\n[req]\ndistinguished_name=n\n[n]\n")
		open(self.path(name, "index"), "w").close()
		now = datetime.datetime.now(datetime.timezone.utc)
		first, last = ((now + datetime.timedelta(days=day)).strftime("%Y%m%d%H%M%SZ") for day in days)
		conf = self.path(name, "conf")
		self.openssl("req", "-config", conf, "-new", "-newkey", "ec", "-pkeyopt",
			"ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=mail.example.vn",
			"-keyout", self.path(name, "key"), "-out", self.path(name, "csr"))
		self.openssl("ca", "-batch", "-notext", "-config", conf, "-cert", self.path(issuer, "pem"),
			"-keyfile", self.path(issuer, "key"), "-startdate", first, "-enddate", last,
			"-in", self.path(name, "csr"), "-out", self.path(name, "pem"))

	def pin(self, name):
		"""tls_pin of this certificate's public key."""
		public = self.openssl("x509", "-in", self.path(name, "pem"), "-noout", "-pubkey")
		der = base64.b64decode("".join(public.strip().split("\n")[1:-1]))
		return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


# ---- Dovecot -----------------------------------------------------------------------------------------------

# What the two lines of versions call differently.
DOVECOT_2_3 = """
disable_plaintext_auth = yes
mail_location = maildir:~/Maildir
ssl_cert = <{tls}/good.pem
ssl_key = <{tls}/good.key
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
"""
DOVECOT_2_4 = """
auth_allow_cleartext = no
mail_driver = maildir
mail_path = ~/Maildir
ssl_server_cert_file = {tls}/good.pem
ssl_server_key_file = {tls}/good.key
passdb passwd-file {{
  passwd_file_path = {folder}/users
}}
userdb passwd-file {{
  passwd_file_path = {folder}/users
}}
"""
DOVECOT_QUOTA = {
	"2.3": "mail_plugins = quota\nprotocol imap {{\n  mail_plugins = quota imap_quota\n}}\n"
		"plugin {{\n  quota = count:User quota\n  quota_vsizes = yes\n  quota_rule = *:storage={quota}\n}}\n",
	"2.4": "mail_plugins {{\n  quota = yes\n}}\nprotocol imap {{\n  mail_plugins {{\n    imap_quota = yes\n  }}\n}}\n"
		'quota "User quota" {{\n  driver = count\n  storage_size = {quota}\n}}\n',
}
# Logins by token, which "introspection" (Tokens below) judges.
OAUTH_2_3 = """
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {folder}/oauth2.conf
}}
"""
OAUTH_2_3_FILE = """
introspection_mode = get
introspection_url = http://127.0.0.1:{tokens}/?token=
force_introspection = yes
username_attribute = email
active_attribute = active
active_value = true
"""
OAUTH_2_4 = """
oauth2 {{
  introspection_mode = get
  introspection_url = http://127.0.0.1:{tokens}/?token=
  force_introspection = yes
  username_attribute = email
  active_attribute = active
  active_value = true
}}
"""
DOVECOT_LOCAL = {
	"2.3": "local {address} {{\n  ssl_cert = <{tls}/{name}.pem\n  ssl_key = <{tls}/{name}.key\n}}\n",
	"2.4": "local {address} {{\n  ssl_server_cert_file = {tls}/{name}.pem\n"
		"  ssl_server_key_file = {tls}/{name}.key\n}}\n",
}
DOVECOT_BOTH = """
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot-state
log_path = {folder}/dovecot.log
listen = {addresses}
protocols = {protocols}
ssl = required
auth_mechanisms = {mechanisms}
auth_failure_delay = 0 secs
auth_verbose = yes
login_greeting = example mail
mail_max_userip_connections = 200
first_valid_uid = 1
namespace inbox {{
  inbox = yes
  separator = /
  {mailboxes}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
"""
DOVECOT_POP3 = """
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
  {chroot}
}}
"""
# An ordinary user's: everything runs as that user, in no chroot.
DOVECOT_ROOTLESS = """
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
}}
"""

# ---- Postfix -----------------------------------------------------------------------------------------------

POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/postfix-data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
multi_instance_name =
myhostname = mx.example.vn
mydomain = example.vn
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
biff = no
smtp_dns_support_level = disabled
default_transport = error:5.1.2 nothing leaves this test
relay_transport = error:5.1.2 nothing leaves this test
virtual_mailbox_domains = texthash:{folder}/postfix/domains
virtual_mailbox_maps = texthash:{folder}/postfix/recipients
virtual_alias_maps = texthash:{folder}/postfix/aliases
virtual_transport = lmtp:unix:{folder}/lmtp
message_size_limit = {size}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_peername_lookup = no
smtpd_tls_chain_files = {tls}/good.key, {tls}/good.pem
smtpd_tls_loglevel = 1
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
smtpd_sender_login_maps = texthash:{folder}/postfix/senders
smtpd_relay_restrictions = permit_sasl_authenticated, permit_mynetworks, reject
smtpd_recipient_restrictions =
  check_recipient_access regexp:{folder}/postfix/access, reject_unauth_destination
"""
# These answer before a mailbox is looked for; a name in no list is refused as unknown.
POSTFIX_ACCESS = """
/^later@/ 450 4.2.1 mailbox busy
"""
POSTFIX_SERVICES = """
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
SUBMISSION = "-o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes " \
	"-o smtpd_client_restrictions=permit_sasl_authenticated,reject "
# port: options of smtpd.  All but "plain" want a login, and that only under TLS; "strict" wants the envelope sender
# to be whoever logged in.
POSTFIX_PORTS = {
	"submissions": SUBMISSION + "-o smtpd_tls_wrappermode=yes",
	"submission": SUBMISSION + "-o smtpd_tls_security_level=encrypt",
	"strict": SUBMISSION + f"-o smtpd_tls_wrappermode=yes -o message_size_limit={SIZE_SMALL} "
		"-o smtpd_sender_restrictions=reject_sender_login_mismatch",
	"plain": "-o smtpd_tls_security_level=none",
}

running = []


class Tokens(http.server.ThreadingHTTPServer):
	"""Says whose a token is, on loopback: {token: user}; the others are nobody's."""

	daemon_threads = True

	def __init__(self):
		super().__init__(("127.0.0.1", 0), TokenAnswer)
		self.port, self.valid, self.asked = self.server_address[1], {}, []
		self.unauthorized = False	# 401 for a bad token, which Dovecot 2.3 calls a temporary failure
		threading.Thread(target=self.serve_forever, daemon=True).start()


class TokenAnswer(http.server.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"

	def do_GET(self):
		token = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("token", [""])[0]
		user = self.server.valid.get(token)
		self.server.asked.append((token, user))
		body = json.dumps({"email": user or USER, "active": "true" if user else "false"}).encode()
		self.send_response(200 if user or not self.server.unauthorized else 401)
		self.send_header("Content-Type", "application/json")
		self.send_header("Content-Length", str(len(body)))
		self.end_headers()
		self.wfile.write(body)

	def log_message(self, *words):
		pass


class Servers:
	"""imaps_port, imap_port (STARTTLS), with pop3 pop3s_port, pop3_port (STLS), submissions_port, submission_port
	(STARTTLS), strict_port, plain_port; ca_file; hosts: address by name of CERTIFICATES.  aliases: user by further
	address.  quota: of each mailbox, as "1M".  tokens: a Tokens, which judges logins by token.  Without
	Postfix the four last ports are None, why_no_postfix says why."""

	def __init__(self, folder=None, users=(USER,), postfix=True, aliases=None, quota=None, pop3=False,
			tokens=None):
		missing = [name for name, path in (("dovecot", DOVECOT), ("openssl", OPENSSL)) if not path]
		if missing:
			raise RuntimeError(f"missing: {' '.join(missing)}; ./test.sh installs them")
		self.folder = folder or tempfile.mkdtemp(prefix="ungcuu-servers-", dir=os.environ.get("TMPDIR", "/tmp"))
		os.makedirs(self.folder, exist_ok=True)
		os.chmod(self.folder, 0o755)
		running.append(self)
		self.dovecot = self.postfix = None
		self.quota, self.placed = quota, 0
		self.root = os.geteuid() == 0
		self.owner = pwd.getpwnam("nobody") if self.root else pwd.getpwuid(os.geteuid())
		self.why_no_postfix = None if postfix and POSTFIX and self.root else \
			"not asked for" if not postfix else "Postfix needs root" if POSTFIX else "postfix is not installed"
		self.tls = Authority(self.path("tls"))
		self.ca_file = self.tls.path("ca", "pem")
		self.hosts = {name: row[0] for name, row in CERTIFICATES.items()}
		self.imap_port, self.imaps_port, self.pop3_port, self.pop3s_port, *others = free_ports(4 + len(POSTFIX_PORTS))
		self.pop3 = pop3
		for name, port in zip(POSTFIX_PORTS, others):
			setattr(self, f"{name}_port", None if self.why_no_postfix else port)
		self.passwords, self.aliases, self.tokens = {}, aliases or {}, tokens
		os.makedirs(self.path("mail"), mode=0o700)
		os.chown(self.path("mail"), self.owner.pw_uid, self.owner.pw_gid)
		self.write_dovecot()
		if not self.why_no_postfix:
			self.write_postfix()
		self.enter_users(users, PASSWORD)
		self.dovecot_start()
		if not self.why_no_postfix:
			self.postfix_start()

	def path(self, *names):
		return os.path.join(self.folder, *names)

	def write(self, name, text):
		with open(self.path(name), "w", encoding="utf-8") as file:
			file.write(text)

	# -- configuration

	def write_dovecot(self, token_mechanisms="oauthbearer xoauth2"):
		said = subprocess.run([DOVECOT, "--version"], capture_output=True, text=True).stdout
		number = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
		line = "2.4" if number >= (2, 4) else "2.3"
		mechanisms = "plain login scram-sha-256 " + (token_mechanisms if self.tokens else "")
		names = {"mechanisms": mechanisms, "tokens": self.tokens.port if self.tokens else 0,
			"folder": self.folder, "tls": self.path("tls"), "imap": self.imap_port, "imaps": self.imaps_port,
			"addresses": ", ".join(self.hosts.values()), "user": self.owner.pw_name,
			"group": grp.getgrgid(self.owner.pw_gid).gr_name,
			"mailboxes": "\n  ".join(f"mailbox {name} {{\n    auto = create\n  }}" for name in MAILBOXES)}
		names["protocols"] = "imap lmtp pop3" if self.pop3 else "imap lmtp"
		text = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" if line == "2.4" else ""
		text += DOVECOT_BOTH.format(**names) + (DOVECOT_2_4 if line == "2.4" else DOVECOT_2_3).format(**names)
		if self.tokens:
			text += (OAUTH_2_4 if line == "2.4" else OAUTH_2_3).format(**names)
			self.write("oauth2.conf", OAUTH_2_3_FILE.format(**names))
		if not self.root:
			text += DOVECOT_ROOTLESS.format(**names)
		if self.quota:
			text += DOVECOT_QUOTA[line].format(quota=self.quota)
		if self.pop3:
			text += DOVECOT_POP3.format(pop3=self.pop3_port, pop3s=self.pop3s_port,
				chroot="" if self.root else "chroot =")
		for name, address in self.hosts.items():
			text += DOVECOT_LOCAL[line].format(name=name, address=address, **names)
		self.write("dovecot.conf", text)

	def write_postfix(self):
		os.makedirs(self.path("postfix"), mode=0o755)
		os.makedirs(self.path("postfix-data"), mode=0o700)
		shutil.chown(self.path("postfix-data"), "postfix")
		os.makedirs(self.path("queue"), mode=0o755)
		names = {"folder": self.folder, "tls": self.path("tls"), "size": SIZE_LIMIT}
		self.write("postfix/main.cf", POSTFIX_MAIN.format(**names))
		self.write("postfix/access", POSTFIX_ACCESS)
		text = POSTFIX_SERVICES
		for port, options in POSTFIX_PORTS.items():
			for name, address in self.hosts.items():
				text += f"{address}:{getattr(self, f'{port}_port')} inet n - n - - smtpd {options} " \
					f"-o smtpd_tls_chain_files={self.path('tls', name)}.key,{self.path('tls', name)}.pem " \
					f"-o syslog_name=postfix/{port}/{name}\n"
		self.write("postfix/master.cf", text)

	def enter_users(self, users, password):
		self.passwords.update({user: password for user in users})
		self.write("users", "".join(f"{name}:{{PLAIN}}{secret}:{self.owner.pw_uid}:{self.owner.pw_gid}::"
			f"{self.path('mail', name)}::\n" for name, secret in self.passwords.items()))
		os.chmod(self.path("users"), 0o644)
		for home in [self.path("mail", user) for user in users]:
			if not os.path.isdir(home):
				os.mkdir(home, 0o700)
				os.chown(home, self.owner.pw_uid, self.owner.pw_gid)
		if not self.why_no_postfix:
			self.write("postfix/recipients", "".join(f"{name} ok\n" for name in self.passwords))
			self.write("postfix/senders", "".join(f"{name} {name}\n" for name in self.passwords))
			self.write("postfix/aliases", "".join(f"{name} {user}\n" for name, user in self.aliases.items()))
			domains = {name.rpartition("@")[2] for name in self.passwords}
			self.write("postfix/domains", "".join(f"{name} ok\n" for name in sorted(domains)))

	def add_user(self, *users, password=PASSWORD):
		"""Makes mailboxes; returns once both servers know them."""
		self.enter_users(users, password)
		if self.postfix:
			self.postfix_command("reload")
			self.must(lambda: self.known_to_postfix(users[-1]), f"Postfix to know {users[-1]}")

	def known_to_postfix(self, user):
		try:
			with smtplib.SMTP(self.hosts["good"], self.plain_port, timeout=10) as client:
				client.ehlo("test")
				client.mail("")
				return client.rcpt(user)[0] == 250
		except (OSError, smtplib.SMTPException):
			return False

	# -- processes

	def must(self, condition, what):
		if not flow.wait_until(condition, 30):
			raise RuntimeError(f"waited in vain for {what}\n{self.logs()}")

	def listens(self, port):
		try:
			with socket.create_connection((self.hosts["good"], port), 5) as client:
				return bool(client.recv(1)) if port in (self.imap_port, self.plain_port) else True
		except OSError:
			return False

	def start(self, *words):
		return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
			stderr=open(self.path("servers.err"), "ab"), start_new_session=True, preexec_fn=end_with_us,
			env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"})

	def dovecot_start(self):
		self.dovecot = self.start(DOVECOT, "-F", "-c", self.path("dovecot.conf"))
		self.must(lambda: self.dovecot.poll() is not None or self.listens(self.imap_port) and
			os.path.exists(self.path("lmtp")), "Dovecot")
		if self.dovecot.poll() is not None:
			raise RuntimeError(f"Dovecot did not start\n{self.logs()}")

	def postfix_command(self, *words):
		run = subprocess.run([POSTFIX, "-c", self.path("postfix"), *words], capture_output=True, text=True,
			env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})
		if run.returncode:
			raise RuntimeError(f"postfix {words}: {run.stdout}{run.stderr}\n{self.logs()}")

	def postfix_start(self):
		self.postfix_command("check")	# makes the queue's folders
		programs = subprocess.run(["postconf", "-c", self.path("postfix"), "-h", "daemon_directory"],
			capture_output=True, text=True, check=True, env={"PATH": "/usr/sbin:/usr/bin"}).stdout.strip()
		self.postfix = self.start(f"{programs}/master", "-c", self.path("postfix"), "-d")
		self.must(lambda: self.postfix.poll() is not None or self.listens(self.plain_port), "Postfix")
		if self.postfix.poll() is not None:
			raise RuntimeError(f"Postfix did not start\n{self.logs()}")

	def end(self, process):
		if not process:
			return
		below = flow.children(process.pid)
		process.terminate()
		try:
			process.wait(20)
		except subprocess.TimeoutExpired:
			process.kill()
			process.wait()
		# A login process lives on as long as its client does.
		flow.wait_until(lambda: not any(flow.alive(pid) for pid in below), 1)
		for pid in filter(flow.alive, below):
			os.kill(pid, signal.SIGKILL)

	def dovecot_stop(self):
		self.end(self.dovecot)
		self.dovecot = None

	def postfix_stop(self):
		self.end(self.postfix)
		self.postfix = None

	def close(self):
		self.postfix_stop()
		self.dovecot_stop()
		if flow.KEEP:
			flow.note(f"kept: {self.folder}")
		else:
			shutil.rmtree(self.folder, ignore_errors=True)

	def logs(self, *names):
		"""What both servers have logged so far, or only "dovecot.log" or "postfix.log"."""
		text = ""
		for name in names or ("servers.err", "dovecot.log", "postfix.log"):
			if os.path.exists(self.path(name)):
				with open(self.path(name), encoding="utf-8", errors="replace") as file:
					text += file.read()
		return text

	# -- mail

	def imap(self, user=USER):
		"""A logged-in imaplib client, over verified TLS."""
		client = imaplib.IMAP4_SSL(self.hosts["good"], self.imaps_port, timeout=60,
			ssl_context=ssl.create_default_context(cafile=self.ca_file))
		client.login(user, self.passwords[user])
		return client

	def deliver(self, raw, user=USER, folder="INBOX", when=None):
		"""Into INBOX by LMTP, as an MTA does; into another folder, or with an arrival `when` (seconds), by APPEND."""
		raw = b"\r\n".join(raw.replace(b"\r\n", b"\n").split(b"\n"))
		if folder == "INBOX" and when is None:
			with smtplib.LMTP(self.path("lmtp")) as client:
				client.sendmail("reporter@reporter.example", [user], raw, mail_options=("BODY=8BITMIME",))
			return
		with self.imap(user) as client:
			status, what = client.append(folder, None, imaplib.Time2Internaldate(when or time.time()), raw)
		if status != "OK":
			raise RuntimeError(f"APPEND: {what}")

	def submit(self, mails):
		"""(raw, envelope sender, recipients) each, from outside, through Postfix into INBOX."""
		with smtplib.SMTP(self.hosts["good"], self.plain_port, timeout=120) as client:
			for raw, sender, recipients in mails:
				client.sendmail(sender, recipients, b"\r\n".join(raw.replace(b"\r\n", b"\n").split(b"\n")),
					mail_options=("BODY=8BITMIME",))

	def place(self, raws, user=USER, folder="INBOX", when=None):
		"""Straight into the Maildir of a user, for many; `when` they arrived."""
		self.count(user, folder)	# Dovecot makes it
		root = self.path("mail", user, "Maildir", *([] if folder == "INBOX" else ["." + folder]))
		for raw in raws:
			at = int(when or time.time())
			self.placed += 1
			name = f"{at}.P{os.getpid()}Q{self.placed}.mx"
			temporary = f"{root}/tmp/{name}"
			with open(temporary, "wb") as file:
				file.write(raw.replace(b"\r\n", b"\n"))
			os.chown(temporary, self.owner.pw_uid, self.owner.pw_gid)
			os.utime(temporary, (at, at))
			os.rename(temporary, f"{root}/new/{name}")

	def deliver_many(self, raws, user=USER, when=None):
		"""Many at once, by APPEND over one connection."""
		with self.imap(user) as client:
			for raw in raws:
				status, what = client.append("INBOX", None, imaplib.Time2Internaldate(when or time.time()),
					b"\r\n".join(raw.replace(b"\r\n", b"\n").split(b"\n")))
				if status != "OK":
					raise RuntimeError(f"APPEND: {what}")

	def fetch(self, user=USER, folder="INBOX"):
		"""The raw mails of a folder, oldest first; nothing is marked."""
		with self.imap(user) as client:
			if client.select(f'"{folder}"', readonly=True)[0] != "OK":
				return []
			uids = client.uid("SEARCH", "ALL")[1][0].split()
			raws = []
			for at in range(0, len(uids), 50):
				answer = client.uid("FETCH", b",".join(uids[at:at + 50]).decode(), "(BODY.PEEK[])")[1]
				raws += [item[1] for item in answer if isinstance(item, tuple)]
			return raws

	def count(self, user=USER, folder="INBOX"):
		with self.imap(user) as client:
			status, what = client.select(f'"{folder}"', readonly=True)
			return int(what[0]) if status == "OK" else 0


@atexit.register
def close_servers():
	for servers in running:
		servers.close()
