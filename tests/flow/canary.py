# SPDX-License-Identifier: ISC
#
# canary: strings planted in a report are searched wherever the gateway could leave them: database, WAL, spool, log,
# control and run-time folders, temporary folders, cores, files its processes hold open, outgoing mail; in plain,
# the three base64 alignments, quoted-printable, UTF-16 and hex.  No hit: of a plain report outside the mailbox, of
# an encrypted one anywhere at all, also while it is being opened and answered.  The control runs with sealing off
# (a hook that installed programs do not have) must hit each of them.

import atexit
import base64
import email.message
import email.utils
import glob
import os
import quopri
import re
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from flow import HOTLINE, Site, children, done, mail, note, ok, parse, program, same, sites, stat_fields, text_of, \
	wait_until

TOKEN = secrets.token_hex(4)		# no other file of this machine has it
BEGIN = time.time() - 2

# where it is planted: the string
CANARIES = {
	"subject": f"ChimHoangYenTieuDe{TOKEN}",
	"body": f"ChimHoangYenThanBai{TOKEN}",
	"diacritics": f"Chim hoàng yến {TOKEN} giữa đêm",
	"address": f"chimhoangyen{TOKEN}@reporter.example",
	"name": f"ChimHoangYenHoTen{TOKEN}",
	"attachment name": f"chimhoangyentep{TOKEN}.pdf",
	"attachment": f"ChimHoangYenTrongTep{TOKEN}",
	"message id": f"chimhoangyen.id.{TOKEN}@reporter.example",
	"indicator": f"chimhoangyen-{TOKEN}.example",
}
WHO = ("address", "name", "message id")		# what the outer header of any mail says
CONTENT = tuple(where for where in CANARIES if where not in WHO)

# file below the site's folder (the run-time folders begin with ../): what may stand there
PLAIN_ALLOWED = (
	(r"Maildir/", (*WHO, *CONTENT)),
	(r"sent/", ("address", "message id")),		# To and In-Reply-To of the acknowledgement
)
PROTECTED_ALLOWED = (
	(r"Maildir/", WHO),
	(r"sent/", ("address", "message id")),
	# the registered party: its address and its certificate, of which keys gets a copy
	(r"ungcuu\.conf|certificates/|db/ungcuu\.db\.certificates|.*/pubring\.kbx", ("address",)),
)

REPORT = mail(sender=f"{CANARIES['name']} <{CANARIES['address']}>", subject=CANARIES["subject"],
	message_id=CANARIES["message id"], content_type="multipart/mixed; boundary=b",
	body="--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
		f"{CANARIES['body']} {CANARIES['diacritics']} http://{CANARIES['indicator']}/x\n--b\n"
		"Content-Type: application/pdf\nContent-Transfer-Encoding: 7bit\n"
		f"Content-Disposition: attachment; filename={CANARIES['attachment name']}\n\n"
		f"{CANARIES['attachment']}\n--b--\n")


# ---- the reporter, with plain gpg -------------------------------------------------------------------------------

class Reporter:
	"""A home of their own; what is written and read passes through pipes, never through a file."""

	def __init__(self):
		self.home = tempfile.mkdtemp(prefix="reporter-")
		atexit.register(self.close)
		self.gpg("--quick-gen-key", CANARIES["address"], "ed25519", "sign,cert", "never")
		listing = self.gpg("--with-colons", "--list-keys").stdout.decode()
		self.key = re.search(r"^fpr:+(\w+):", listing, re.M).group(1)
		self.gpg("--quick-add-key", self.key, "cv25519", "encr", "never")

	def close(self):
		subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], capture_output=True)
		shutil.rmtree(self.home, ignore_errors=True)

	def gpg(self, *words, feed=b""):
		return subprocess.run(["gpg", "--homedir", self.home, "--batch", "--no-tty", "--pinentry-mode", "loopback",
			"--passphrase", "", "--trust-model", "always", *words], input=feed, capture_output=True, check=True)

	def meets(self, site):
		"""Each gets the other's certificate."""
		hotline = subprocess.run(["gpg", "--homedir", site.path("gnupg"), "--no-autostart", "--export",
			site.fingerprint], capture_output=True, check=True)
		self.gpg("--import", feed=hotline.stdout)
		with open(site.path("certificates/reporter.asc"), "wb") as file:
			file.write(self.gpg("--armor", "--export", self.key).stdout)

	def report(self, site):
		"""The report encrypted and signed, its header protected inside (RFC 3156, RFC 9788)."""
		outer = {"From": f"{CANARIES['name']} <{CANARIES['address']}>", "To": HOTLINE, "Subject": "[...]",
			"Date": email.utils.formatdate(), "Message-ID": f"<{CANARIES['message id']}>"}
		inner = {**outer, "Subject": CANARIES["subject"]}
		inside = [f"{name}: {value}" for name, value in inner.items()]
		inside += [f"HP-Outer: {name}: {value}" for name, value in outer.items()]
		inside += ["Content-Type: multipart/mixed; boundary=b; hp=\"cipher\"", ""]
		entity = ("\n".join(inside) + "\n").encode() + REPORT.partition(b"\n\n")[2]
		sealed = self.gpg("--armor", "--sign", "--encrypt", "--local-user", self.key, "--recipient",
			site.fingerprint, feed=entity.replace(b"\n", b"\r\n")).stdout
		outside = [f"{name}: {value}" for name, value in outer.items()]
		outside += ["MIME-Version: 1.0",
			"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=c", "", "--c",
			"Content-Type: application/pgp-encrypted", "", "Version: 1", "", "--c",
			"Content-Type: application/octet-stream", "", sealed.decode(), "--c--", ""]
		return "\n".join(outside).encode()

	def opens(self, raw):
		"""(the mail inside a multipart/encrypted or None, fingerprint of who signed it or None)."""
		message = parse(raw)
		if message.get_content_type() != "multipart/encrypted":
			return None, None
		sealed = message.get_payload()[1].get_payload(decode=True)
		run = self.gpg("--status-fd", "2", "--decrypt", feed=sealed)
		good = re.search(rb"VALIDSIG \S+ .* (\S+)$", run.stderr, re.M)
		return parse(run.stdout), good.group(1).decode() if good else None


# ---- the search -----------------------------------------------------------------------------------------------------

def forms(text):
	"""name: bytes under which the text would still be readable."""
	raw = text.encode()
	out = {"plain": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(),
		"UTF-16LE": text.encode("utf-16-le"), "UTF-16BE": text.encode("utf-16-be"),
		"quoted-printable": quopri.encodestring(raw).replace(b"=\n", b"").rstrip(b"\n"),
		"header quoted-printable": quopri.encodestring(raw, header=True).replace(b"=\n", b"").rstrip(b"\n")}
	for shift in range(3):
		code = base64.b64encode(b"\0" * shift + raw)
		# the first and last group mix with the neighbours' bits
		out[f"base64 {shift}"] = code[4 if shift else 0:(len(raw) + shift) // 3 * 4]
	return out


def needles(canaries):
	"""[(where planted, form, bytes, whatever the case is)]"""
	return [(where, form, needle.lower() if form == "plain" else needle, form == "plain")
		for where, text in canaries.items() for form, needle in forms(text).items()]


NEEDLES = needles(CANARIES)


def shown(content):
	"""What a mail program would show of a mail: fields and parts, decoded."""
	message = parse(content)
	pieces = [str(value).encode(errors="replace") for part in message.walk() for value in part.values()]
	return b"\n".join(pieces + [part.get_payload(decode=True) or b"" for part in message.walk()])


def found_in(content, looked_for=NEEDLES, is_mail=False):
	"""{(where planted, form)} of every hit: in the bytes with soft line breaks undone, with lines of base64
	joined, and in what is shown of a mail."""
	out = set()
	texts = [content.replace(b"=\r\n", b"").replace(b"=\n", b""), content.translate(None, b" \t\r\n")]
	for text in texts + ([shown(content)] if is_mail else []):
		low = text.lower()
		out |= {(where, form) for where, form, needle, folded in looked_for if needle in (low if folded else text)}
	return out


def below(*folders):
	return [os.path.join(base, name) for folder in folders for base, _, names in os.walk(folder) for name in names]


def run_time():
	return below(*glob.glob("/dev/shm/ungcuu*"), *glob.glob("/run/ungcuu*"),
		*glob.glob(os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/nowhere"), "ungcuu*")))


def is_new(path):
	try:
		status = os.lstat(path)
	except OSError:
		return False
	return max(status.st_mtime, status.st_ctime) > BEGIN


def strays():
	"""What has come into the temporary folders since the beginning, and cores of whoever ran here; not the sites
	of this test, nor the reporter's own home."""
	ours = [site.folder for site in sites]
	entries = [os.path.join(folder, name) for folder in {"/tmp", "/var/tmp", tempfile.gettempdir()}
		for name in os.listdir(folder)]
	fresh = [path for path in entries if is_new(path) and path not in ours and "/reporter-" not in path]
	inside = [path for path in below(*(path for path in fresh if not os.path.islink(path))) if is_new(path)]
	return [path for path in fresh if os.path.isfile(path)] + inside + glob.glob(os.path.join(os.getcwd(), "core*"))


def held_open(site):
	"""Files without a name that the gateway's processes hold; memory is no file."""
	out = []
	for pid in children(site.daemon.pid) if site.daemon else []:
		for path in glob.glob(f"/proc/{pid}/fd/*"):
			try:
				target = os.readlink(path)
			except OSError:
				continue
			if target.endswith(" (deleted)") and not target.startswith("/memfd:"):
				out.append(path)
	return out


def content_of(path):
	"""None: a socket, another user's, gone meanwhile."""
	try:
		if not os.path.isfile(path):
			return None
		with open(path, "rb") as file:
			return file.read()
	except OSError:
		return None


def search(site, paths, allowed, looked_for=NEEDLES):
	"""(where planted, form, file) of every hit that may not be."""
	out = []
	for path in paths:
		name = os.path.relpath(path, site.folder)
		may = [where for pattern, words in allowed if re.match(pattern, name) for where in words]
		is_mail = name.startswith(("sent/", "Maildir/"))
		out += [(where, form, name) for where, form in found_in(content_of(path) or b"", looked_for, is_mail)
			if where not in may]
	return sorted(out)


def everywhere(site, allowed, looked_for=NEEDLES):
	return search(site, below(site.folder) + run_time() + strays() + held_open(site), allowed, looked_for)


def masked(text, canaries=CANARIES):
	"""For our own output, which may lie where we look."""
	for where, canary in canaries.items():
		text = text.replace(canary, f"<{where}>")
	return text


def nothing(found, name):
	ok(not found, name, "\n".join(map(str, found[:20])))


def check_search():
	"""The search finds what a mail program would show."""
	same(sorted(form for form in forms("x" * 12) if not forms("x" * 12)[form]), [], "the search looks for something")
	for encoding in ("base64", "quoted-printable"):
		message = email.message.EmailMessage()
		message["Subject"] = f"{'à' * 30} {CANARIES['diacritics']}"
		message.set_content(f"{'à' * 70} {CANARIES['body']}\n", cte=encoding)
		same(sorted({where for where, form in found_in(bytes(message), is_mail=True)}), ["body", "diacritics"],
			f"the search reads {encoding}")


# ---- a plain report --------------------------------------------------------------------------------------------------

def full_run(site):
	"""A running daemon with the report decided and its WAL unfolded, then the store after its end."""
	site.deliver(REPORT)
	ok(site.daemon_start("-v"), "the daemon runs")
	ok(wait_until(lambda: len(site.acks()) == 1), "the report is acknowledged")
	site.ctl("ticket", "show", site.tickets()[0]["id"])
	found = everywhere(site, PLAIN_ALLOWED)
	wal = [path for path in below(site.path("db")) if path.endswith("-wal") and os.path.getsize(path)]
	same(site.daemon_stop(), 0, "it ends in order")
	return found + everywhere(site, PLAIN_ALLOWED), wal


def plain_reports():
	sealed = Site()
	found, wal = full_run(sealed)
	ok(wal, "the write-ahead log was there to be searched")
	nothing(found, "nothing readable outside the mailbox")
	names = [name for base, folders, files in os.walk(sealed.path("spool")) for name in folders + files]
	ok(not any(text in name for name in names for text in CANARIES.values()), "nor in a file name", names)
	same({where for where, form, name in search(sealed, below(sealed.path("sent")), ())}, {"address", "message id"},
		"the outgoing mail was searched: whom it is for, and what it answers")

	control = Site(hooked=True)
	control.hooks("seal=off")
	found, wal = full_run(control)
	for where in CANARIES:
		ok(any(hit[0] == where for hit in found), f"with sealing off the search finds: {where}")
	note(f"{len(found)} hits with sealing off")


# ---- an encrypted one ---------------------------------------------------------------------------------------------------

# fault, program that stands still there and is then ended; in the order in which the mail comes to them.  Each
# costs it an attempt, so the letter points are counted over attempts: the second process of an attempt has the
# plain text.
STOPS = (
	("keys.open keys stall", "ungcuu-keys"),
	("letter.parse letter stall 3", "ungcuu-mime"),
	("letter.parse letter abort 2", None),
	("hub.decide.before hub stall", "ungcuu-hub"),
	("keys.sign keys stall", "ungcuu-keys"),
	("maildir.deliver.before submit stall", "ungcuu-submit"),
)


def protected_site(reporter):
	site = Site(hooked=True, more=f"""directory = {{ agencies = ( {{ id = "bao-cao"; name = "Đơn vị báo cáo";
		addresses = [ "{CANARIES['address']}" ]; keys = [ "{reporter.key}" ]; language = "vi"; }} ); }};""")
	reporter.meets(site)
	site.deliver(reporter.report(site))
	return site


def stopped(site, name):
	"""The process of that program without children: of mime the letter's, not the zygote."""
	pids = [pid for pid in children(site.daemon.pid) if program(pid) == name]
	parents = {int(fields[1]) for fields in map(stat_fields, pids) if fields}
	return next((pid for pid in pids if pid not in parents), None)


def in_memory(pid):
	"""What its memfds hold."""
	out = set()
	for path in glob.glob(f"/proc/{pid}/fd/*"):
		try:
			if os.readlink(path).startswith("/memfd:"):
				out |= {where for where, form in found_in(content_of(path) or b"")}
		except OSError:
			pass
	return out


def version(path):
	"""(path, size, time of the last change), or None when it is gone."""
	try:
		status = os.lstat(path)
	except OSError:
		return None
	return path, status.st_size, status.st_mtime_ns


def watched(site, condition, seconds=45):
	"""Waits, and looks into the run-time folders all the while; (condition, hits)."""
	found, known = [], set()

	def look():
		changed = {version(path) for path in run_time()} - known - {None}
		known.update(changed)
		found.extend(search(site, [path for path, _, _ in changed], PROTECTED_ALLOWED))
		return condition()
	return wait_until(look, seconds), found


def stop_at(site, fault, name):
	"""Waits for one fault, searches while everything stands still, and ends what stands still."""
	words = fault.split()

	def is_there():
		return f"event=fault name={words[0]} action={words[2]}" in site.daemon_text()
	_, found = watched(site, lambda: is_there() or site.acks())
	there = ok(is_there(), f"{fault}: it came to that", site.daemon_text()[-2000:])
	nothing(found + everywhere(site, PROTECTED_ALLOWED), f"{fault}: nothing readable anywhere")
	pid = stopped(site, name) if there and name else None
	if pid and name == "ungcuu-mime" and os.geteuid() == 0:
		same(sorted(set(CONTENT) - in_memory(pid)), [], f"{fault}: though the plain text is in memory")
	if pid:
		os.kill(pid, signal.SIGKILL)


def answer_secrets(site, reporter):
	"""Opens the one acknowledgement; what must not be readable elsewhere."""
	raws = site.acks_raw()
	same(len(raws), 1, "protected: one acknowledgement")
	outer = parse(raws[0]) if raws else parse(b"")
	answer, signer = reporter.opens(raws[0]) if raws else (None, None)
	ok(answer is not None, "protected: it is encrypted, and the reporter can open it",
		masked(f"{outer.get_content_type()} {outer['Subject']}"))
	if answer is None:
		return {}
	same(signer, site.fingerprint, "protected: it is signed inside by the hotline")
	ok(outer["To"] == CANARIES["address"], "protected: it is for the reporter")
	ticket = site.tickets()[0]["id"]
	subject = str(answer["Subject"])
	ok(ticket in subject, "protected: inside, its subject has the ticket's number", subject)
	receipt = re.search(r"Mã biên nhận: ([0-9a-z-]+)", text_of(answer))
	ok(receipt, "protected: inside, its text has the receipt code", text_of(answer))
	words = subject.rpartition("] ")[2]
	ok(len(words) > 8 and words not in str(outer["Subject"]), "protected: outside, the subject is another",
		f"{subject!r} {str(outer['Subject'])!r}")
	# words of a template, which may lie elsewhere on this machine
	nothing(search(site, below(site.folder) + run_time(), (), needles({"subject of the answer": words})),
		"protected: nor is it anywhere else")
	code = receipt.group(1) if receipt else "no code"
	return {"receipt code as written": code, "receipt code": code.replace("-", "")}


def check_ticket(site, label):
	same([(masked(row["subject"]), row["encryption"], row["signature"]) for row in site.tickets()],
		[("<subject>", "decrypted", "good-trusted")], f"{label}: the ticket has what was encrypted")


def protected_report(reporter):
	site = protected_site(reporter)
	site.hooks(*(f"fault={fault}" for fault, name in STOPS))
	ok(site.daemon_start("-v"), "protected: the daemon runs")
	for fault, name in STOPS:
		stop_at(site, fault, name)
	there, found = watched(site, lambda: len(site.acks()) == 1, 90)
	ok(there, "protected: after all that the report is acknowledged", site.daemon_text()[-3000:])
	check_ticket(site, "protected")
	codes = answer_secrets(site, reporter)
	nothing(found + everywhere(site, PROTECTED_ALLOWED), "protected: nothing readable anywhere")
	nothing(everywhere(site, (), needles(codes)), "protected: nor of the answer")
	same(site.daemon_stop(), 0, "protected: it ends in order")
	nothing(everywhere(site, PROTECTED_ALLOWED) + everywhere(site, (), needles(codes)), "protected: nor afterwards")
	nothing([path for path in below(site.folder) if os.path.basename(path).startswith("core")],
		"protected: no core, though a process with the plain text crashed")
	site.balanced("protected: balanced", seen=1)


def protected_control(reporter):
	site = protected_site(reporter)
	site.hooks("seal=off")
	ok(site.daemon_start("-v"), "protected, sealing off: the daemon runs")
	ok(wait_until(lambda: len(site.acks()) == 1), "protected, sealing off: the report is acknowledged")
	check_ticket(site, "protected, sealing off")
	codes = answer_secrets(site, reporter)
	found = everywhere(site, PROTECTED_ALLOWED) + everywhere(site, (), needles(codes))
	same(site.daemon_stop(), 0, "protected, sealing off: it ends in order")
	# the attachment is nowhere but in the mail as it came
	for where in (*(where for where in CONTENT if where != "attachment"), "receipt code"):
		ok(any(hit[0] == where for hit in found), f"protected, sealing off: the search finds: {where}")


def allow_cores():
	"""As large as may be, for whoever does not give them up; says whether this machine leaves any as files."""
	hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
	resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
	with tempfile.TemporaryDirectory() as folder:
		subprocess.run([sys.executable, "-c", "import os; os.abort()"], cwd=folder)
		note(f"a crash of another program leaves here: {os.listdir(folder) or 'no core'}")


check_search()
allow_cores()
plain_reports()
somebody = Reporter()
protected_report(somebody)
protected_control(somebody)
done()
