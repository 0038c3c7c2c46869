# SPDX-License-Identifier: ISC
#
# ctl-test: what ungcuuctl can do without a store or a daemon: parsing of calls and their errors, the shape of
# the JSON, inspect (in its jail, side by side, on hostile input), keys, and the refusals where a store or a
# daemon is needed.  Verbs on a filled store are tests/flow's.  Prints TAP; standard library only.

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

BUILD = os.environ["TOP_BUILDDIR"]
CTL = os.path.join(BUILD, "ungcuuctl")
count = failed = 0


def ok(condition, name, detail=None):
	global count, failed
	count += 1
	failed += not condition
	print(("ok" if condition else "not ok"), count, "-", name, flush=True)
	if not condition and detail is not None:
		print("# " + str(detail).replace("\n", "\n# "), flush=True)
	return condition


def same(found, expected, name):
	return ok(found == expected, name, f"found    {found!r}\nexpected {expected!r}")


folder = tempfile.mkdtemp(prefix="ungcuu-ctl-")


def path(*names):
	return os.path.join(folder, *names)


CONF = """
hotline = {{ id = "NBH"; name = {{ vi = "Đội thử nghiệm"; en = "Test team"; }};
  address = "ungcuu@example.vn"; languages = [ "vi", "en" ]; phone = "+84 000 000 000"; key = "{key}"; }};
mailboxes = ( {{ name = "main"; type = "maildir"; path = "Maildir"; done_folder = "Done";
  held_folder = "Held"; }} );
submission = {{ type = "maildir"; path = "sent"; }};
store = {{ engine = "sqlite"; path = "ungcuu.db"; spool = "spool"; key_file = "store.key"; }};
keys = {{ home = "gnupg"; certificates = "certificates"; workers = 1; }};
control = {{ socket = "control"; }};
policy = {{ max_size = "{size}"; }};
"""


def configure(key="", size="1MB"):
	with open(path("ungcuu.conf"), "w") as file:
		file.write(CONF.format(key=key, size=size))


def run(*words, data=b"", conf=True, cwd="/"):
	words = [CTL] + (["-f", path("ungcuu.conf")] if conf else []) + list(words)
	done = subprocess.run(words, input=data, capture_output=True, timeout=120, cwd=cwd)
	return done.returncode, done.stdout.decode(), done.stderr.decode()


def ask(*words, data=b""):
	"""Exit status and the JSON object, which must be alone on stdout."""
	code, out, err = run("--json", *words, data=data)
	try:
		answer = json.loads(out)
	except ValueError:
		answer = {"unreadable": out}
	ok(answer.get("version") == 1, f"{' '.join(words[:2])[:40]!r}: one JSON object, version 1", out + err)
	return code, answer


def write(name, data):
	with open(path(name), "wb") as file:
		file.write(data)
	return path(name)


for name in ("Maildir/new", "Maildir/cur", "Maildir/tmp", "sent/new", "sent/cur", "sent/tmp", "certificates"):
	os.makedirs(path(name), mode=0o700)
configure()

# ---- wrong calls ---------------------------------------------------------------------------

# words, what the one line on stderr must hold
WRONG = [
	([], "none given"),
	(["tiket", "list"], "did you mean ticket?"),
	(["ticket", "lst"], "did you mean ticket list?"),
	(["ticket"], "list, show, export"),
	(["journal", "verfy"], "did you mean journal verify?"),
	(["hold", "rety", "1"], "did you mean hold retry?"),
	(["zzzzzzzzzz"], "no such command"),
	(["ticket", "show"], "something is missing"),
	(["ticket", "show", "1", "2"], "too many words"),
	(["status", "now"], "too many words"),
	(["--jsn", "status"], "did you mean --json?"),
	(["-x", "status"], "no such option"),
	(["ticket", "list", "--limit"], "a value is needed"),
	(["ticket", "list", "--limit", "0"], "a number from 1 to 1000"),
	(["ticket", "list", "--limit=many"], "a number from 1 to 1000"),
	(["ticket", "list", "--all=yes"], "takes no value"),
	(["ticket", "list", "--to", "x"], "--to has no meaning here"),
	(["inspect", "--state", "held", "x"], "--state has no meaning here"),
	(["hold", "retry", "--", "-5"], "no id"),
	(["key"], "generate, list, show, check, import, enrol, retire, forget, accept"),
	(["key", "enroll", "x"], "did you mean key enrol?"),
	(["key", "import"], "something is missing"),
	(["key", "show", "an@example.vn"], "no fingerprint"),
	(["key", "show", "x", "--limit", "1"], "--limit has no meaning here"),
	(["key", "enrol", "x", "--address", "a@b.example"], "--address has no meaning here"),
	(["key", "forget", "x", "--expire", "1"], "--expire has no meaning here"),
	(["a\x1b[31m\nb"], "no such command"),
]
for words, expected in WRONG:
	code, out, err = run(*words)
	name = repr(" ".join(words))
	same(code, 64, f"{name}: 64")
	ok(expected in err, f"{name}: says {expected!r}", err)
	ok(err.count("\n") == 1 and err.startswith("ungcuuctl: ") and "\x1b" not in err and not out,
		f"{name}: one clean line on stderr, none on stdout", err + out)
for words in (["tiket"], ["ticket", "list", "--limit", "x"], ["--jsn"]):
	code, out, err = run(*words, "--json")
	answer = json.loads(out)
	same((code, sorted(answer), sorted(answer["error"])), (64, ["error", "version"], ["what", "why"]),
		f"{words}: the error as JSON")
	same(err.count("\n"), 1, "and one line on stderr")

for words in (["help"], ["-h"], ["--help"], ["ticket", "--help"]):
	code, out, err = run(*words, conf=False)
	ok(code == 0 and not err and "receipt verify FILE|-" in out and "--limit N" in out, f"{words}: help", out)
code, out, _ = run("-V", conf=False)
ok(code == 0 and out.startswith("ungcuuctl "), "-V", out)

# ---- configuration, store, daemon that are not there ------------------------------------------

for words in (["inspect", "/dev/null"], ["ticket", "list"], ["key", "list"]):
	code, out, err = run("-f", path("absent.conf"), *words, conf=False)
	same(code, 78, f"{words}: 78 without a configuration")
write("bad.conf", b'hotline = { idd = "X"; };\n')
code, out, err = run("-f", path("bad.conf"), "ticket", "list", conf=False)
ok(code == 78 and "hotline.id" in err and err.count("\n") == 1, "a fault of the configuration is named", err)
for words in (["ticket", "list"], ["queue", "list"], ["hold", "list"], ["ledger"], ["status"],
		["journal", "verify"], ["explain", "NBH-2026-000001"]):
	code, answer = ask(*words)
	ok(code in (75, 78) and "error" in answer, f"{words}: refused without a store", (code, answer))
ok(not os.path.exists(path("ungcuu.db")), "and none is made by reading")
code, answer = ask("hold", "retry", "0123456789abcdef0123456789abcdef")
ok(code == 69 and "not running" in answer["error"]["why"], "hold retry: 69 without a daemon", (code, answer))

# ---- inspect -------------------------------------------------------------------------------------

PLAIN = """From: Nguyễn An <an@reporter.example>
To: ungcuu@example.vn
Subject: Báo cáo sự cố [NBH-2026-000012]
Message-ID: <m1@reporter.example>
Date: Sun, 22 Nov 2026 10:00:00 +0700
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Máy chủ của chúng tôi bị mã hoá.
--b
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="mẫu.bin"

x
--b--
""".encode()
KEYS = {"version", "sha256", "size", "outcome", "reason", "kind", "encryption", "signature", "signer", "from",
	"subject", "date", "message_id", "header_protection", "language", "text", "quoted", "outside_signature",
	"ticket", "indicators", "attachments", "commands", "bounce", "feedback", "acknowledge", "acknowledge_why"}
plain = write("plain.eml", PLAIN)
code, answer = ask("inspect", plain)
same(code, 0, "inspect: 0")
same(KEYS - set(answer), set(), "inspect: every key of the contract")
EXPECTED = {"size": len(PLAIN), "outcome": "opened", "reason": None, "encryption": "none", "signature": "none",
	"signer": None, "from": {"address": "an@reporter.example", "name": "Nguyễn An"},
	"subject": "Báo cáo sự cố [NBH-2026-000012]", "date": "2026-11-22T03:00:00Z",
	"message_id": "m1@reporter.example", "header_protection": "none", "language": "vi",
	"text": "Máy chủ của chúng tôi bị mã hoá.", "quoted": "", "outside_signature": "",
	"ticket": "NBH-2026-000012", "indicators": [], "commands": [], "bounce": None, "feedback": None}
for name, expected in EXPECTED.items():
	same(answer.get(name, "absent"), expected, f"inspect: {name}")
same(sorted(answer["attachments"][0]), ["covered", "name", "sha256", "size", "type"], "inspect: an attachment's keys")
same(ask("inspect", "-", data=PLAIN)[1], answer, "the same from stdin")
code, out, err = run("inspect", plain)
ok(code == 0 and "Báo cáo sự cố" in out and not err, "inspect as text", out + err)

with ThreadPoolExecutor(8) as pool:
	together = list(pool.map(lambda _: run("--json", "inspect", plain), range(8)))
ok(all(row[0] == 0 and json.loads(row[1]) == answer for row in together), "eight at once answer the same", together)

# Everything that can be read is an answer.
nested = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b0\n\n" + b"".join(
	b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (n, n + 1) for n in range(10000))
# name, mail, outcome, what the reason holds
ODD = [
	("empty", b"", None, ""),
	("zeros", b"\0" * 5000, None, ""),
	("no mail", b"hello world", None, ""),
	("bytes", bytes(range(256)) * 40, None, ""),
	("10 000 nested multiparts", nested, "held", "mime: depth limit 32"),
	("a line of 900 KB", b"From: a@b.example\n\n" + b"x" * 900000, None, ""),
	("larger than max_size", b"From: a@b.example\n\n" + b"x" * 1100000, "held", "mail size limit 1048576"),
	("escapes", "From: a@b.example\nSubject: \x1b[31m đỏ \u202e gnp.exe\n\n\x1b[2J\u202e\x9b\n".encode(), "opened", ""),
]
for name, data, outcome, reason in ODD:
	code, answer = ask("inspect", write("odd.eml", data))
	ok(code == 0 and answer["outcome"] == (outcome or answer["outcome"]) and reason in (answer["reason"] or ""),
		f"{name}: an answer", (code, answer))
	same((KEYS - set(answer), answer["size"]), (set(), len(data)), f"{name}: every key, and the size")
	code, out, err = run("inspect", path("odd.eml"))
	ok(code == 0 and not any(c in out for c in "\x1b\x9b\u202e"), f"{name}: nothing that moves a terminal", out)
same(ask("inspect", plain)[1]["outcome"], "opened", "and the next mail is opened")

for name in (folder, path("absent.eml"), "/proc/self/mem"):
	code, answer = ask("inspect", name)
	same((code, sorted(answer.get("error", {}))), (65, ["what", "why"]), f"inspect {os.path.basename(name)}: 65")
if os.geteuid() != 0:
	os.chmod(plain, 0)
	same(run("inspect", plain)[0], 65, "inspect of a file that may not be read: 65")
	os.chmod(plain, 0o600)
else:
	same(run("inspect", "/proc/self/clear_refs")[0], 65, "inspect of a file that may not be read: 65")

# ---- check ------------------------------------------------------------------------------------------

code, answer = ask("check")
rows = answer.get("checks", [])
ok(code == 1 and answer["ok"] is False, "check: 1 without a key", (code, answer))
ok(rows and all(sorted(row) == ["fix", "level", "what"] and row["level"] in ("ok", "warn", "fail") for row in rows),
	"check: each line has level, what and fix", rows)
ok(all(row["fix"] for row in rows if row["level"] == "fail"), "check: each failure says what mends it", rows)
ok(any("hotline.key" in row["what"] and row["level"] == "fail" for row in rows), "check: the key is missed", rows)
ok(any("Maildir" in row["what"] and row["level"] == "ok" for row in rows), "check: fetch was asked", rows)
ok(any("submission" in row["what"] and row["level"] == "ok" for row in rows), "check: submit was asked", rows)
os.rename(path("sent"), path("sent.away"))
code, answer = ask("check")
rows = answer["checks"]
for name, place in (("submission.path", "sent"), ("store.spool", "spool")):
	ok([row["level"] for row in rows if row["what"].startswith(name)] == ["warn"] and
		any(f"{place} is not made yet; ungcuud makes it" in row["what"] for row in rows),
		f"check: a missing {name} is made by ungcuud", rows)
ok(not any(row["level"] == "fail" and "submission" in row["what"] for row in rows), "check: and is no failure", rows)
os.rename(path("sent.away"), path("sent"))
with open(path("ungcuu.conf")) as file:
	text = file.read()
write("store.away", b"a file")
write("ungcuu.conf", text.replace('path = "sent"', 'path = "store.away/sent"').encode())
code, answer = ask("check")
ok(any(row["level"] == "fail" and row["what"].startswith("submission.path") and row["fix"] for row in answer["checks"]),
	"check: one that cannot be made is a failure", answer)
configure()
shutil.rmtree(path("Maildir", "cur"))
code, answer = ask("check")
ok(any(row["level"] == "fail" and "no Maildir" in row["what"] for row in answer["checks"]), "check: no Maildir", answer)
os.mkdir(path("Maildir", "cur"), 0o700)

# ---- keys -----------------------------------------------------------------------------------------------

same(ask("key", "list"), (0, {"version": 1, "keys": [], "parties": [], "others": [], "unreadable": [], "pins": [],
	"all_files_read": True, "more": False, "last": None}), "no keys before there are any")
code, made = ask("key", "generate", "--expire", "10")
fingerprint = made.get("fingerprint", "")
ok(code == 0 and len(fingerprint) == 40, "key generate", (code, made))
same(made.get("configuration"), f'hotline.key = "{fingerprint}"', "the line for the configuration")
ok("BEGIN PGP PUBLIC KEY BLOCK" in made.get("revocation", ""), "the revocation certificate", made)
same(stat.S_IMODE(os.stat(path("gnupg")).st_mode), 0o700, "keys.home is 0700")
code, answer = ask("key", "generate")
ok(code == 65 and fingerprint in answer["error"]["why"], "a second one for the address is refused", (code, answer))
configure(key=fingerprint)
code, answer = ask("key", "list")
same([(row["fingerprint"], row["hotline"], row["days_left"] in (9, 10)) for row in answer["keys"]],
	[(fingerprint, True, True)], "key list knows the hotline's own")
code, answer = ask("key", "show", fingerprint)
ok("BEGIN PGP PUBLIC KEY BLOCK" in answer.get("public_key", ""), "key show", answer)
same(ask("key", "show", "0" * 40)[0], 65, "key show of none: 65")
code, answer = ask("check")
ok(any(row["level"] == "warn" and "expires in" in row["what"] for row in answer["checks"]), "check warns of the end", answer)

# ---- nothing left ------------------------------------------------------------------------------------------

def mentions(pid):
	try:
		with open(f"/proc/{pid}/cmdline", "rb") as file:
			return folder.encode() in file.read()
	except OSError:
		return False


same([name for name in os.listdir("/proc") if name.isdigit() and mentions(name)], [], "no process is left behind")
shutil.rmtree(folder)
print(f"1..{count}")
sys.exit(1 if failed else 0)
