# SPDX-License-Identifier: ISC
#
# ingest: mail by the pipe of an MTA.  Exit 0 only for what is durable, whatever dies or is full; what never can be
# taken is told apart from what another try may cure; the same bytes again are nothing new.  At the end a real
# Postfix delivers into it.

import hashlib
import json
import os
import pwd
import re
import signal
import smtplib
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import servers
from flow import HOTLINE, Site, children, done, mail, ok, program, same, skip, wait_until

TEMPFAIL, NEVER, EMPTY = 75, 69, 65


class Quiet(Site):
	"""Its own mailbox is not polled but once: what moves the hub is the pipe."""

	def configure(self, **settings):
		super().configure(**settings)
		with open(self.path("ungcuu.conf"), encoding="utf-8") as file:
			text = file.read()
		with open(self.path("ungcuu.conf"), "w", encoding="utf-8") as file:
			file.write(text.replace('poll = "5s"', 'poll = "1d"'))


def ingest(site, raw, *words):
	"""(exit code, stdout, stderr) of one call by the MTA."""
	process = site.start("ungcuuctl", "-f", site.path("ungcuu.conf"), *words, "ingest", stdin=subprocess.PIPE,
		stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	out, err = process.communicate(raw, timeout=100)
	return process.returncode, out.decode(), err.decode()


def until_taken(site, raw):
	"""Tries again as an MTA does; how it ended."""
	return wait_until(lambda: ingest(site, raw)[0] == 0, 60)


def box(site, name="ingest"):
	boxes = site.ctl("ledger", "--mailbox", name).get("mailboxes", [])
	return boxes[0] if boxes else {}


def balanced(site, label, seen):
	found = box(site)
	ok(found.get("unexplained") == 0 and found.get("seen") == seen and found.get("identity") == "sha256" and
		sum(found["accounted"].values()) == seen, f"{label}: the ledger balances", found)
	return found


def one_line(err):
	return err.count("\n") == 1 and err.startswith("ungcuuctl: ingest: ")


# ---- what an MTA hears ---------------------------------------------------------------------------------------

plain = Quiet()
first = mail("Một thư.\n")
code, out, err = ingest(plain, first)
ok(code == TEMPFAIL and out == "" and one_line(err), "no daemon: 75, one line", (code, out, err))
same(ingest(plain, first, "--no-such-option")[0], TEMPFAIL, "a wrong call: 75, the mail stays with the MTA")
with open(plain.path("ungcuu.conf"), "a") as file:
	file.write("nonsense = 1;\n")
code, out, err = ingest(plain, first)
ok(code == TEMPFAIL and one_line(err) and plain.folder not in err, "a faulty configuration: 75, and no path is told",
	(code, err))
plain.configure()
for name, raw, wanted in (("empty input", b"", EMPTY), ("nothing but an mbox line", b"From a@b.example Mon\n", EMPTY),
		("larger than policy.max_size", b"Subject: x\n\n" + b"x" * (40 << 20), NEVER)):
	code, out, err = ingest(plain, raw)
	ok(code == wanted and one_line(err), f"{name}: {wanted}, one line", (code, err))
same(plain.ctl("ledger")["mailboxes"][0]["mailbox"] if plain.once() == 0 else "", "main", "unused, it is in no ledger")
same(plain.ctl("ledger", "--mailbox", "ingest")["mailboxes"][0]["seen"], 0, "but for who asks for it")

ok(plain.daemon_start(), "the daemon runs")
code, out, err = ingest(plain, first)
same((code, out, err), (0, "", ""), "taken: 0, and nothing printed")
digest = hashlib.sha256(first).hexdigest()
code, out, err = ingest(plain, first, "--json")
answer = json.loads(out)
ok((code, answer["sha256"], answer["new"]) == (0, digest, False), "the same bytes again: 0, nothing new", out)
again = json.loads(ingest(plain, b"From an@reporter.example  Mon Nov 23 00:00:00 2026\n" + first, "--json")[1])
same((again["sha256"], again["new"]), (digest, False), "an mbox line before it is dropped")
old = b"From : x@reporter.example\n" + first
same(json.loads(ingest(plain, old, "--json")[1])["sha256"], hashlib.sha256(old).hexdigest(), "'From :' is no mbox line")

crowd = [mail(f"Thư số {n}.\n", sender=f"n{n}@reporter.example") for n in range(20)]
large = mail("x" * 76 + "\n" + ("y" * 76 + "\n") * ((25 << 20) // 77), sender="lon@reporter.example")
idle = []
for n in range(30):			# who only connects, more than are let in, does not stop them
	idle.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
	idle[-1].connect(plain.path("run/control"))
with ThreadPoolExecutor(20) as pool:
	codes = [code for code, _, _ in pool.map(lambda raw: ingest(plain, raw), crowd)]
same(codes, [0] * 20, "20 at once: all taken")
same(json.loads(ingest(plain, large, "--json")[1]).get("new"), True, "25 MB: taken")
with ThreadPoolExecutor(4) as pool:
	codes = [code for code, _, _ in pool.map(lambda raw: ingest(plain, raw), [first, large, large, crowd[0]])]
same(codes, [0] * 4, "again, side by side: nothing to say")
for each in idle:
	each.close()
last = mail("Thư cuối.\n", sender="cuoi@reporter.example")
same(ingest(plain, last)[0], 0, "one more")
plain.daemon_stop(signal.SIGKILL)	# wherever it is
same(plain.once(), 0, "--once handles what was ingested")
same(len(plain.tickets()), 24, "one ticket each")
# The one with two From fields is answered by nobody's rule.
same(len({ack["Message-ID"] for ack in plain.acks()}), 23, "each is answered, once")
same(len({ack["To"] for ack in plain.acks()}), 23, "to whom it came from")
found = balanced(plain, "plain", 24)
same(found.get("accounted", {}).get("report"), 24, "all are reports")
same([row["mailbox"] for row in plain.ctl("ledger")["mailboxes"]], ["main", "ingest"], "ledger lists both mailboxes")
status = plain.ctl("status")
row = [row for row in status["mailboxes"] if row["mailbox"] == "ingest"]
ok(row and row[0]["last_good"] and status["mails"]["seen"] == 24 and not status["attention"], "status knows it", status)
stored = plain.ctl("ticket", "show", plain.tickets()[0]["id"])["letters"][0]
ok(stored["sha256"] in {hashlib.sha256(raw).hexdigest() for raw in [first, old, large, last] + crowd},
	"the stored bytes are those of the MTA", stored)

# ---- the name ------------------------------------------------------------------------------------------------

same(plain.run("ungcuud", "-n", "-f", plain.path("ungcuu.conf"))[0], 0, "the configuration is good")
with open(plain.path("ungcuu.conf"), encoding="utf-8") as file:
	text = file.read()
with open(plain.path("ungcuu.conf"), "w", encoding="utf-8") as file:
	file.write(text.replace('name = "main"', 'name = "ingest"'))
code, out, err = plain.run("ungcuud", "-n", "-f", plain.path("ungcuu.conf"))
ok(code == 78 and "ingest" in out + err, "no configured mailbox is called ingest", out + err)
plain.configure()

# ---- deaths --------------------------------------------------------------------------------------------------

# point, role, action, exit status that the MTA may see (None: killed).  Only after frame.send.after is the answer out.
DEATHS = (("hub.turn.before", "hub", "kill", 75), ("frame.receive.after", "hub", "kill", 75),
	("seal.space", "hub", "nospace", 75), ("seal.sync.before", "hub", "kill", 75), ("seal.sync.after", "hub", "abort", 75),
	("blob.link.before", "hub", "kill", 75), ("blob.link.after", "hub", "kill", 75), ("store.commit.before", "hub", "kill", 75),
	("store.commit.after", "hub", "kill", 75), ("hub.turn.after", "hub", "kill", 75), ("frame.send.before", "hub", "kill", 75),
	("frame.receive.after", "hub", "stall", 75), ("frame.send.before", "ctl", "abort", 75), ("frame.send.after", "ctl", "kill", None))


def die_at(cases):
	"""One site, one daemon: (what was wrong, the mails) of these cases."""
	site = Quiet(hooked=True)
	wrong, raws = [], []
	if not site.daemon_start() or not wait_until(lambda: "event=certificates " in site.daemon_text() and site.ctl("status")):
		return site, ["no daemon"], raws
	for point, role, action, wanted in cases:
		label = f"{action} at {point} in {role}"
		raw = mail(f"{label}\n", sender=f"{point}.{role}.{action}@reporter.example")
		raws.append(raw)
		hub = [pid for pid in children(site.daemon.pid) if program(pid) == "ungcuu-hub"]
		site.hooks("patience=1", f"fault={point} {role} {action}")
		code = ingest(site, raw)[0]
		if any("fault=" in line for line in site.hooks_left()):
			wrong.append(f"{label}: never reached")
		site.hooks()
		if wanted is not None and code != wanted or wanted is None and code != -signal.SIGKILL:
			wrong.append(f"{label}: exit {code}")
		if action == "stall":
			for pid in hub:
				os.kill(pid, signal.SIGKILL)
		if action == "nospace" and hub != [pid for pid in children(site.daemon.pid) if program(pid) == "ungcuu-hub"]:
			wrong.append(f"{label}: the hub died of it")
		if not until_taken(site, raw):
			wrong.append(f"{label}: not taken later")
	return site, wrong, raws


def finish(site, wrong, raws):
	site.daemon_stop()
	site.hooks("clock=+3600000")	# what a death put off is due
	code = site.once()
	shas = sorted(hashlib.sha256(raw).hexdigest() for raw in raws)
	found = sorted(site.ctl("ticket", "show", row["id"])["letters"][0]["sha256"] for row in site.tickets())
	if code != 0 or found != shas:
		wrong.append(f"exit {code}; tickets for {found}, wanted {shas}")
	ids = [ack["Message-ID"] for ack in site.acks()]
	if len(set(ids)) != len(raws):
		wrong.append(f"acknowledgements: {ids}")
	ledger = box(site)
	if ledger.get("unexplained") != 0 or ledger.get("seen") != len(raws):
		wrong.append(f"ledger: {ledger}")
	if not site.ctl("journal", "verify")["ok"]:
		wrong.append("the journal is broken")
	if wrong:
		wrong += site.daemon_text().splitlines()[-20:]
	return wrong


with ThreadPoolExecutor(3) as pool:
	parts = [DEATHS[n::3] for n in range(3)]
	for cases, wrong in zip(parts, pool.map(lambda cases: finish(*die_at(cases)), parts)):
		ok(not wrong, "never 0 for nothing, one ticket at last: " + ", ".join(f"{case[2]} {case[0]}" for case in cases),
			"\n".join(wrong))

# ---- Postfix -------------------------------------------------------------------------------------------------

PIPE = """ungcuu unix - n n - 4 pipe
  {flags} user={user} argv={ctl} -f {conf} ingest
"""


def reachable(user, path):
	"""Can this user run what lies there?"""
	return subprocess.run(["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", path, "--version"],
		capture_output=True, check=False).returncode == 0


def give(site, user):
	"""All the daemon needs belongs to this user; the secrets do not."""
	os.chmod(site.folder, 0o755)
	with open(os.open(site.path("secret"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
		file.write("mật khẩu\n")
	for folder in ("Maildir", "sent", "run", "db", "spool", "gnupg"):
		os.makedirs(site.path(folder), mode=0o700, exist_ok=True)
		for base, _, names in os.walk(site.path(folder)):
			for path in [base] + [os.path.join(base, name) for name in names]:
				os.chown(path, user.pw_uid, user.pw_gid)


def postfix():
	user = pwd.getpwnam("nobody")
	world = servers.Servers()
	if world.why_no_postfix:
		skip("Postfix delivers into ungcuuctl ingest", world.why_no_postfix)
		return
	site = Quiet(prepare=lambda site: give(site, user), more='process = { user = "nobody"; };',
		mode='answer"; max_size = "64KB', mailbox='password_file = "secret";')
	if not reachable(user, f"{site.bin}/ungcuuctl"):
		skip("Postfix delivers into ungcuuctl ingest", f"nobody cannot reach {site.bin}")
		return

	def use(flags):
		"""Postfix's pipe, with these flags."""
		with open(world.path("postfix/master.cf"), "w") as file:
			file.write(master + PIPE.format(flags=flags, user="nobody", ctl=f"{site.bin}/ungcuuctl",
				conf=site.path("ungcuu.conf")))
		world.postfix_command("reload")

	def queued():
		said = subprocess.run(["postqueue", "-c", world.path("postfix"), "-j"], capture_output=True, text=True, check=False)
		return len([line for line in said.stdout.splitlines() if line])

	def send(raw):
		with smtplib.SMTP(world.hosts["good"], world.plain_port, timeout=60) as client:
			client.sendmail("an@reporter.example", [HOTLINE], raw.replace(b"\n", b"\r\n"), mail_options=("BODY=8BITMIME",))

	with open(world.path("postfix/master.cf")) as file:
		master = file.read()
	with open(world.path("postfix/main.cf"), "a") as file:
		file.write("transport_maps = inline:{ " + HOTLINE + "=ungcuu: }\nminimal_backoff_time = 1s\nqueue_run_delay = 1s\n"
			"maximal_backoff_time = 2s\n")
	use("")
	send(mail("Qua Postfix, khi chưa có ai nghe.\n"))
	ok(wait_until(lambda: "status=deferred" in world.logs("postfix.log")), "no daemon: Postfix keeps the mail",
		world.logs("postfix.log")[-2000:])
	ok(site.daemon_start(), "the daemon runs as process.user")
	ok(wait_until(lambda: queued() == 0), "and hands it over once there is one", world.logs("postfix.log")[-2000:])
	stranger = pwd.getpwnam("daemon")
	refused = subprocess.run(["setpriv", f"--reuid={stranger.pw_uid}", f"--regid={stranger.pw_gid}", "--clear-groups",
		f"{site.bin}/ungcuuctl", "-f", site.path("ungcuu.conf"), "ingest"], input=mail(), capture_output=True, check=False)
	same(refused.returncode, TEMPFAIL, "another user's pipe: 75")
	use("flags=FR")
	for n in range(5):
		send(mail(f"Qua Postfix, thư {n}.\n", sender=f"p{n}@reporter.example"))
	ok(wait_until(lambda: world.logs("postfix.log").count("status=sent (delivered via ungcuu service)") == 6), "five more",
		world.logs("postfix.log")[-3000:])
	ok(wait_until(lambda: len(site.acks()) == 6), "each is acknowledged", site.daemon_text()[-3000:])
	same("status=bounced" in world.logs("postfix.log"), False, "nothing bounced")
	send(mail("x\n" * 50000))
	ok(wait_until(lambda: re.search(r"status=bounced .*larger than 65536 bytes", world.logs("postfix.log"))),
		"what can never be taken is bounced", world.logs("postfix.log")[-2000:])
	same(site.daemon_stop(), 0, "the daemon ends in order")
	same(site.once(), 0, "nothing is left to do")
	balanced(site, "Postfix", 6)
	letters = [site.ctl("ticket", "show", row["id"])["letters"][0] for row in site.tickets()]
	same(sorted(letter["from"]["address"] for letter in letters), sorted(["an@reporter.example"] +
		[f"p{n}@reporter.example" for n in range(5)]), "and what stands in the header is the mail's own")


postfix()
done()
