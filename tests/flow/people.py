# SPDX-License-Identifier: ISC
#
# people: the invented people who write to the gateway, with keys of their own in a GnuPG home of their own, and
# the mails their programs would make: signed, encrypted, both, nested, with a protected header, and damaged.
# Everything is made by plain gpg or put together here, never by the gateway's code: what the gateway says of
# such a mail is compared with how the mail was made.  Entities are octets with CRLF, beginning with their
# Content-Type; the wrappers take one and give one, so that they nest; mail() puts the outer header before it.

import base64
import email.header
import email.utils
import os
import quopri
import re
import shutil
import signal
import subprocess
import tempfile
import time

import packets

HOTLINE = "ungcuu@example.vn"
CRLF = b"\r\n"


class Failed(Exception):
	"""gpg said no."""


# ---- entities ----------------------------------------------------------------------------------------

counter = 0


def fresh(word):
	"""A boundary or a local part nobody else has."""
	global counter
	counter += 1
	return f"{word}{counter:04d}.{os.getpid()}"


def canonical(text):
	"""CRLF, whatever the line ends were."""
	data = text.encode() if isinstance(text, str) else text
	return data.replace(CRLF, b"\n").replace(b"\n", CRLF)


def text_entity(text, content_type="text/plain; charset=utf-8"):
	"""Quoted-printable, as RFC 3156 §3 asks of what is signed."""
	body = b"".join(quopri.encodestring(line) + b"\n" for line in text.encode().split(b"\n"))
	return canonical(f"Content-Type: {content_type}\nContent-Transfer-Encoding: quoted-printable\n\n".encode() +
		body.removesuffix(b"\n"))


def file_entity(name, data, content_type="application/octet-stream"):
	return canonical(f"Content-Type: {content_type}; name=\"{name}\"\nContent-Transfer-Encoding: base64\n"
		f"Content-Disposition: attachment; filename=\"{name}\"\n\n".encode() + base64.encodebytes(data))


def multipart(kind, *entities):
	"""`kind`: the subtype and any parameters but the boundary."""
	boundary = fresh("b").encode()
	out = b"Content-Type: multipart/" + kind.encode() + b";\r\n boundary=\"" + boundary + b"\"\r\n\r\n"
	for entity in entities:
		out += b"--" + boundary + CRLF + entity + CRLF
	return out + b"--" + boundary + b"--\r\n"


def wrap_signed(entity, signature, digest="SHA256"):
	"""RFC 3156 §5: exactly these octets and this detached signature."""
	return multipart(f"signed; micalg=pgp-{digest.lower()}; protocol=\"application/pgp-signature\"", entity,
		b"Content-Type: application/pgp-signature; name=signature.asc\r\n\r\n" + canonical(signature))


def wrap_encrypted(message):
	"""RFC 3156 §4: an armoured message; any other goes as base64."""
	head = b"Content-Type: application/octet-stream; name=encrypted.asc\r\n"
	if not message.startswith(b"-----BEGIN"):
		head += b"Content-Transfer-Encoding: base64\r\n"
		message = base64.encodebytes(message)
	return multipart("encrypted; protocol=\"application/pgp-encrypted\"",
		b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1", head + CRLF + canonical(message))


def armour(message, checksum=True):
	"""Packets as ASCII armour; newer programs leave the checksum out (RFC 9580 §6.1)."""
	crc = 0xB704CE
	for octet in message:
		crc ^= octet << 16
		for _ in range(8):
			crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
	last = b"=" + base64.b64encode(crc.to_bytes(3, "big")) + CRLF if checksum else b""
	return b"-----BEGIN PGP MESSAGE-----\r\n\r\n" + canonical(base64.encodebytes(message)) + last + \
		b"-----END PGP MESSAGE-----\r\n"


# ---- headers -----------------------------------------------------------------------------------------

def encoded(value):
	"""RFC 2047 where it must be."""
	return value if value.isascii() else email.header.Header(value, "utf-8", maxlinelen=900).encode()


def fields(sender, subject, name="", to=HOTLINE, message_id=None, **more):
	"""Header fields of one mail by name, in order; more: In_Reply_To="…".  None leaves one out."""
	domain = sender.rpartition("@")[2]
	found = {"From": email.utils.formataddr((name, sender)), "To": to, "Subject": encoded(subject),
		"Message-ID": f"<{message_id or fresh('p') + '@' + domain}>",
		"Date": email.utils.formatdate(localtime=False)}
	found.update({field.replace("_", "-"): value for field, value in more.items()})
	return {field: value for field, value in found.items() if value is not None}


def lines(some):
	return "".join(f"{name}: {value}\r\n" for name, value in some.items()).encode()


def protect(entity, some, hp="clear", outside=None):
	"""The header inside (RFC 9788 "clear" or "cipher", or the older "v1").  `outside`: what the outer header
	will say of the fields, for HP-Outer."""
	parameter = b"protected-headers=\"v1\"" if hp == "v1" else f"hp=\"{hp}\"".encode()
	head, _, body = entity.partition(CRLF + CRLF)
	head = re.sub(rb"(?im)^(content-type:[^\r]*(?:\r\n[ \t][^\r]*)*)", rb"\1;\r\n " + parameter, head, count=1)
	outer = b"".join(f"HP-Outer: {name}: {value}\r\n".encode() for name, value in (outside or {}).items())
	return lines(some) + outer + head + CRLF + CRLF + body


def autocrypt(certificate, address):
	"""The value of an Autocrypt field (Level 1), folded."""
	data = base64.b64encode(certificate).decode()
	return f"addr={address}; prefer-encrypt=mutual; keydata=" + \
		"".join("\r\n " + data[at:at + 72] for at in range(0, len(data), 72))


def mail(some, entity, crlf=False):
	"""A raw mail as it came from the wire, or (LF) as it lies in a Maildir."""
	raw = lines(some) + b"MIME-Version: 1.0\r\n" + entity
	return raw if crlf else raw.replace(CRLF, b"\n")


def changed(octets, old, new):
	"""Exactly one place changed."""
	if octets.count(old) < 1:
		raise Failed(f"nothing to change: {old!r}")
	return octets.replace(old, new, 1)


def flipped(octets, at):
	at %= len(octets)
	return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1:]


# ---- people ------------------------------------------------------------------------------------------

class People:
	"""A home of its own below `folder`, with an agent that ends with close().  A key is named by its primary
	fingerprint.  `folder` may be one of an earlier run: its keys are there again."""

	def __init__(self, folder):
		self.folder = folder
		self.home = os.path.join(folder, "gnupg")
		os.makedirs(self.home, mode=0o700, exist_ok=True)
		self.probe = self.agent = None

	def start(self):
		"""The agent: not left to gpg, which on a busy machine starts a second one and forgets the first."""
		subprocess.run(["gpg-agent", "--homedir", self.home, "--daemon"], stdin=subprocess.DEVNULL,
			stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
		run = subprocess.run(["gpg-connect-agent", "--homedir", self.home, "--no-autostart", "getinfo pid", "/bye"],
			capture_output=True, text=True, timeout=60)
		found = re.search(r"^D (\d+)", run.stdout, re.M)
		if not found:
			raise Failed(f"no agent for {self.home}: {run.stderr}")
		self.agent = int(found.group(1))

	def gpg(self, *words, feed=b"", at=None, home=None, may_fail=False):
		"""Runs gpg; its CompletedProcess.  `at`: what it is told the time is."""
		if not self.agent and not home:
			self.start()
		command = ["gpg", "--homedir", home or self.home, "--batch", "--yes", "--no-tty", "--no-autostart",
			"--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always",
			"--disable-dirmngr", "--no-auto-key-locate"]
		if at:
			command += ["--faked-system-time", at + "!"]	# it stands still, however long gpg takes
		env = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
		run = subprocess.run([*command, *words], input=feed, capture_output=True, env=env, timeout=120)
		if run.returncode and not may_fail:
			raise Failed(f"{' '.join(run.args)}\n{run.stderr.decode(errors='replace')}")
		return run

	def close(self):
		"""Ends the agent; may be called again."""
		if not self.agent:
			return
		pid, self.agent = self.agent, None
		limit = time.monotonic() + 10
		try:
			os.kill(pid, signal.SIGTERM)
			while time.monotonic() < limit:
				os.kill(pid, 0)
				time.sleep(0.01)
			os.kill(pid, signal.SIGKILL)
		except ProcessLookupError:
			pass
		subprocess.run(["gpgconf", "--homedir", self.home, "--remove-socketdir"], capture_output=True, timeout=60)

	# -- keys

	def key(self, user_id, *others, algorithm="ed25519", seal="cv25519", expires="never",
			made="20240101T000000", subkey=None, subkey_expires="never"):
		"""A new key without passphrase; its fingerprint.  `seal`: what to encrypt to, None: nothing.
		`subkey`: signs with one of this algorithm instead of the primary key, while that is good."""
		run = self.gpg("--status-fd", "1", "--quick-gen-key", user_id, algorithm, "sign,cert", expires, at=made)
		key = re.search(rb"KEY_CREATED . ([0-9A-F]{40})", run.stdout).group(1).decode()
		for other in others:
			self.gpg("--quick-add-uid", key, other, at=made)
		if seal:
			self.gpg("--quick-add-key", key, seal, "encr", expires, at=made)
		if subkey:
			self.gpg("--quick-add-key", key, subkey, "sign", subkey_expires, at=made)
		return key

	def find(self, user_id):
		"""The fingerprint of the key with exactly this user id, or None."""
		run = self.gpg("--with-colons", "--list-secret-keys", "=" + user_id, may_fail=True)
		found = re.search(rb"^fpr:+([0-9A-F]{40})", run.stdout, re.M)
		return found.group(1).decode() if found else None

	def certificate(self, key, armoured=True):
		run = self.gpg(*(["--armor"] if armoured else []), "--export", key)
		if not run.stdout:
			raise Failed(f"no certificate of {key}")
		return run.stdout

	def revoked(self, key):
		"""The certificate as it is after revocation; the key here stays as it is."""
		with open(os.path.join(self.home, "openpgp-revocs.d", key + ".rev"), "rb") as file:
			revocation = file.read().replace(b"\n:-----BEGIN", b"\n-----BEGIN")
		with tempfile.TemporaryDirectory(dir=self.folder) as home:
			self.gpg("--trust-model", "pgp", "--import", home=home,
				feed=self.certificate(key) + revocation)
			return self.gpg("--armor", "--export", key, home=home).stdout

	def secret(self, key):
		return self.gpg("--armor", "--export-secret-keys", key).stdout

	def receive(self, certificate):
		"""Somebody else's certificate into this home."""
		self.gpg("--import", feed=certificate)

	def hotline(self, home, key):
		"""The hotline's certificate out of the site's home (its agent is left alone); the key."""
		run = self.gpg("--export", key, home=home)
		self.receive(run.stdout)
		return key

	def subkeys(self, key):
		"""16 hex digits of the primary key, then of its subkeys."""
		run = self.gpg("--with-colons", "--list-keys", key)
		return [line.split(":")[4] for line in run.stdout.decode().split("\n") if line[:4] in ("pub:", "sub:")]

	# -- what their mail programs do

	def detached(self, octets, key, digest="SHA256", at=None):
		return self.gpg("--armor", "--allow-weak-digest-algos", "--digest-algo", digest, "--local-user", key,
			"--detach-sign", feed=octets, at=at).stdout

	def signed(self, entity, key, digest="SHA256", at=None):
		"""RFC 3156 multipart/signed."""
		return wrap_signed(entity, self.detached(entity, key, digest, at), digest)

	def sealed(self, octets, to=(), sign=None, hidden=(), password=None, options=(), at=None):
		"""Packets of an encrypted message; `sign`: signed inside, too."""
		words = ["--no-encrypt-to", *options]
		for name in to:
			words += ["--recipient", name]
		for name in hidden:
			words += ["--hidden-recipient", name]
		if sign:
			words += ["--local-user", sign, "--sign"]
		if password:
			words += ["--passphrase", password, "--symmetric"]
		if to or hidden:
			words.append("--encrypt")
		return self.gpg(*words, feed=octets, at=at).stdout

	def encrypted(self, entity, to=(), sign=None, armoured=True, **more):
		"""RFC 3156 multipart/encrypted; more: as for sealed()."""
		message = self.sealed(entity, to, sign, **more)
		return wrap_encrypted(armour(message) if armoured else message)

	def session(self, to, size=64):
		"""(session-key packets for `to` alone, session key): for messages put together here."""
		if not self.probe:
			user_id = "Probe <probe@example.org>"
			self.probe = self.find(user_id) or self.key(user_id)
		message = self.sealed(b"x" * size, [to, self.probe], options=("--rfc4880", "--cipher-algo", "AES256"))
		run = self.gpg("--show-session-key", "--decrypt", feed=message)
		key = bytes.fromhex(re.search(rb"session key: '9:([0-9A-F]+)'", run.stderr).group(1).decode())
		ids = self.subkeys(to)
		return b"".join(packets.packet(1, body) for tag, body in packets.packets(message)
			if tag == 1 and body[1:9].hex().upper() in ids), key

	def without_integrity(self, octets, to):
		"""The plain text is whole, and an old gpg would show it."""
		head, key = self.session(to)
		return head + packets.no_integrity(key, packets.literal(octets))

	def aead(self, octets, to, final=True):
		head, key = self.session(to)
		return head + packets.aead(key, packets.literal(octets), final=final)

	def bomb(self, to):
		"""2 KB that are 2 GiB."""
		return self.sealed(packets.bomb(), [to], options=("--no-literal", "--compress-algo", "none"))

	def opened(self, message):
		"""(plain text, fingerprint of the good signature inside or None, key ids it is for), by plain gpg.
		(None, …) where it cannot be decrypted."""
		run = self.gpg("--status-fd", "2", "--decrypt", feed=message, may_fail=True)
		status = run.stderr.decode(errors="replace")
		good = re.search(r"^\[GNUPG:\] VALIDSIG \S+ .* ([0-9A-F]{40})$", status, re.M)
		plain = run.stdout if run.returncode == 0 and "[GNUPG:] DECRYPTION_OKAY" in status else None
		return plain, good.group(1) if good else None, re.findall(r"^\[GNUPG:\] ENC_TO (\S+)", status, re.M)

	def verified(self, octets, signature):
		"""The primary fingerprint of a good detached signature, or None."""
		with tempfile.TemporaryDirectory(dir=self.folder) as place:
			path = os.path.join(place, "signature.asc")
			with open(path, "wb") as file:
				file.write(signature)
			run = self.gpg("--status-fd", "1", "--verify", path, "-", feed=octets, may_fail=True)
		good = re.search(rb"^\[GNUPG:\] VALIDSIG \S+ .* ([0-9A-F]{40})$", run.stdout, re.M)
		return good.group(1).decode() if good and run.returncode == 0 else None

	def remove(self):
		self.close()
		shutil.rmtree(self.folder, ignore_errors=True)
