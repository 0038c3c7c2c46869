# SPDX-License-Identifier: ISC
#
# service: ungcuud as a service: configuration faults, one store one daemon, missing and wrong keys, SIGTERM with
# work in hand, SIGHUP with a good, a faulty and a refused configuration; programs that do not start, a damaged
# database, a worker at the control socket.

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from flow import BUILD, Site, children, done, mail, ok, parse, program, replace, same, wait_until

site = Site()
conf = site.path("ungcuu.conf")


def with_text(old, new, name="wrong.conf"):
	"""A copy of the configuration beside it with one piece replaced; its path."""
	with open(conf, encoding="utf-8") as file:
		text = file.read()
	assert old in text, old
	with open(site.path(name), "w", encoding="utf-8") as file:
		file.write(text.replace(old, new))
	return site.path(name)


def check(path):
	return site.run("ungcuud", "-f", path, "-n")


# -- configuration

code, out, err = check(conf)
same(code, 0, "-n: a good configuration")
code, out, err = check(with_text("phone =", "phon ="))
same(code, 78, "-n: an unknown key: 78")
ok(re.search(r"wrong\.conf:\d+: .*phon\b.*did you mean.*phone", out + err), "with file, line and the nearest name", out + err)
code, out, err = check(with_text('phone = "+84 000 000 000"', 'phone = 7; phon = 1'))
ok(code == 78 and len(re.findall(r"wrong\.conf:\d+: ", out + err)) >= 2, "all faults at once", out + err)
code, out, err = check(with_text('poll = "5s"', 'poll = "soon"'))
ok(code == 78 and "poll" in out + err, "a value out of range", out + err)
code, out, err = check(site.path("absent.conf"))
same(code, 78, "no configuration: 78")
code, out, err = check(with_text("hotline = {", "hotline = {{"))
ok(code == 78 and re.search(r"wrong\.conf:\d+", out + err), "not libconfig at all", out + err)
keyless = with_text(f'key = "{site.fingerprint}"', 'key = ""', "keyless.conf")
same(site.run("ungcuud", "-f", keyless, "-d", "--once")[0], 78, "no hotline key: the daemon exits 78")
ok(site.run("ungcuuctl", "-f", keyless, "--json", "inspect", conf)[0] == 0, "but inspect works")
same(site.run("ungcuud", "-f", with_text(site.fingerprint, "0" * 40), "-d", "--once")[0], 78,
	"a hotline key that is not there: 78")
same(site.run("ungcuud", "--no-such-option")[0], 64, "an unknown option: 64")

# -- one store, one daemon

ok(site.daemon_start(), "the daemon runs")
begin = time.monotonic()
same(site.once(), 75, "a second daemon on the store: 75")
ok(5 < time.monotonic() - begin < 30, "after waiting for the lock", time.monotonic() - begin)
ok(site.daemon.poll() is None, "the first one does not mind")

# -- work while it runs

site.deliver(mail("Một.\n"))
ok(wait_until(lambda: len(site.acks()) == 1), "a mail is acknowledged by the running daemon")
status = site.ctl("status")
ok(status["exit"] == 0, "status is content", status)
ok(isinstance(status.get("mailboxes"), list) and status["mailboxes"], "status lists the mailbox", status)
ok(site.ctl("check")["exit"] == 0, "check is content")
same(os.stat(site.path("run/control")).st_mode & 0o7, 0, "the control socket is closed to others")

# -- SIGHUP

hub = [pid for pid in children(site.daemon.pid) if program(pid) == "ungcuu-hub"]


def reload_with(**settings):
	before = len(site.daemon_text())
	site.configure(**settings)
	site.daemon.send_signal(signal.SIGHUP)
	wait_until(lambda: "event=reload" in site.daemon_text()[before:], 20)
	return site.daemon_text()[before:]


log = reload_with(more='responders = ( { id = "an"; name = "Nguyễn An"; address = "an@example.vn"; '
	'keys = [ ]; roles = [ "respond" ]; } );')
ok("event=reload" in log and "fault" not in log, "SIGHUP with a good configuration is taken", log)
site.deliver(mail("Hai.\n", sender="hai@reporter.example"))
ok(wait_until(lambda: len(site.acks()) == 2), "and mail goes on")
log = reload_with(more="no_such_thing = 1;")
ok("no_such_thing" in log, "a faulty configuration is named", log)
site.deliver(mail("Ba.\n", sender="ba@reporter.example"))
ok(wait_until(lambda: len(site.acks()) == 3), "and the old one kept")
site.configure(more="")
with open(conf, encoding="utf-8") as file:
	good = file.read()
before = len(site.daemon_text())
shutil.copy(with_text('id = "NBH"', 'id = "XYZ"'), conf)
site.daemon.send_signal(signal.SIGHUP)
ok(wait_until(lambda: "needs" in site.daemon_text()[before:], 20), "a new hotline.id needs a restart",
	site.daemon_text()[before:])
site.deliver(mail("Bốn.\n", sender="bon@reporter.example"))
ok(wait_until(lambda: len(site.acks()) == 4), "and the old one is kept")
ok(all("NBH" in ticket["id"] for ticket in site.tickets()), "tickets keep their name", site.tickets())
same([pid for pid in children(site.daemon.pid) if program(pid) == "ungcuu-hub"], hub, "the hub lived through all of it")
with open(conf, "w", encoding="utf-8") as file:
	file.write(good)

# -- SIGTERM with work in hand

for n in range(20):
	site.deliver(mail(f"Loạt {n}.\n", sender=f"loat{n}@reporter.example"))
wait_until(lambda: len(site.acks()) > 5)
same(site.daemon_stop(signal.SIGTERM), 0, "SIGTERM ends with 0")
rows = site.ctl("queue", "list")["outgoing"]
ok(all(row["attempts"] <= 2 for row in rows), "an orderly stop takes attempts back", rows)
same(site.once(), 0, "the rest is done by the next run")
same(len({message["To"] for message in site.acks()}), 24, "everybody has an acknowledgement")
same(len(site.acks()), 24, "exactly one")
site.balanced("balanced", seen=24)

# -- keys of the store

os.rename(site.path("db/store.key"), site.path("db/away"))
same(site.once(), 78, "a store without its key: 78")
ok(not os.path.exists(site.path("db/store.key")), "no new key is made beside a store")
with open(site.path("db/away"), "rb") as file:
	key = file.read()
with open(site.path("db/store.key"), "wb") as file:
	file.write(bytes([key[0] ^ 1]) + key[1:] if len(key) == 32 else
		key.translate(bytes.maketrans(b"0123456789abcdef", b"123456789abcdef0")))
os.chmod(site.path("db/store.key"), 0o600)
same(site.once(), 78, "a wrong key: 78")
os.rename(site.path("db/away"), site.path("db/store.key"))
os.chmod(site.path("db/store.key"), 0o644)
same(site.once(), 78, "a key others may read: 78")
os.chmod(site.path("db/store.key"), 0o600)
same(site.once(), 0, "the right key again: 0")

# -- programs that do not work: a folder of copies, one of them replaced

def no_process_left(site):
	return wait_until(lambda: not [pid for pid in children(os.getpid()) if program(pid).startswith("ungcuu")], 10)


broken = Site()
for role in ("mime", "keys", "fetch", "submit"):
	replace(broken, f"ungcuu-{role}", "#!/bin/sh\nexit 1\n")
	broken.deliver(mail(f"Không có {role}.\n", sender=f"{role}@reporter.example"))
	broken.log, begin = "", time.monotonic()
	same(broken.once(seconds=90), 1, f"--once without {role}: ends with 1")
	ok(time.monotonic() - begin < 60, "in bounded time", f"{time.monotonic() - begin:.0f} s")
	ok(re.search(rf"event=worker-gives-up role={role}0? starts=8\b", broken.log), "and says why", broken.log[-3000:])
	ok("event=stop" in broken.log and not re.search(r"event=role-end role=hub .*signal", broken.log),
		"the hub was told to stop, not killed", broken.log[-3000:])
	ok(no_process_left(broken), "nothing is left behind")
broken.use(hooked=False)
same(broken.once(), 0, "with all programs: 0")
same(len(broken.acks()), 4, "and everybody has one acknowledgement")
replace(broken, "ungcuu-mime", "#!/bin/sh\nexit 1\n")
broken.deliver(mail("Không có mime.\n", sender="daemon@reporter.example"))
ok(broken.daemon_start(), "the daemon without mime runs")
ok(wait_until(lambda: len(re.findall("event=role-end role=mime ", broken.daemon_text())) > 8, 60),
	"and tries on after eight failures", broken.daemon_text()[-2000:])
ok(broken.daemon.poll() is None and "gives-up" not in broken.daemon_text(), "it does not give up")
same(broken.daemon_stop(), 0, "SIGTERM ends it with 0")

# -- SIGTERM to --once: 0 only if nothing is left


def stopped_once(site, when):
	"""Exit code of a --once run that gets SIGTERM when its log, as text, makes `when` true."""
	with open(site.path("once.log"), "wb") as file:
		process = site.start("ungcuud", "-f", site.path("ungcuu.conf"), "-d", "-v", "--once", stderr=file)

	def log():
		with open(site.path("once.log"), encoding="utf-8", errors="replace") as file:
			return file.read()
	ok(wait_until(lambda: process.poll() is not None or when(log()), 30), "it is that far", log())
	process.send_signal(signal.SIGTERM)
	try:
		return process.wait(60)
	except subprocess.TimeoutExpired:
		process.kill()
		return process.wait()


half = Site()
replace(half, "ungcuu-hub", "#!/bin/sh\nexec sleep 600\n")
same(stopped_once(half, lambda log: "role=hub" in log), 1, "SIGTERM to --once before the hub is up: 1")
replace(half, "ungcuu-submit", "#!/bin/sh\nexec sleep 600\n")
half.deliver(mail("Chưa gửi được.\n"))
same(stopped_once(half, lambda log: "event=outgoing" in log), 1, "SIGTERM to --once with unsent mail: 1")
half.use(hooked=False)
same((half.once(), len(half.acks())), (0, 1), "the next run sends it")

# -- a damaged database: the hub says 74

for words in (["--once"], []):
	replace(half, "ungcuu-hub", "#!/bin/sh\nexit 74\n")
	code, out, err = half.run("ungcuud", "-f", half.path("ungcuu.conf"), "-d", *words, seconds=30)
	same((code, len(re.findall("event=role-end role=hub ", err))), (74, 1), f"{words}: a damaged database: 74 at once")
	ok("event=store-damaged" in err, "with a line that says so", err)
half.use(hooked=False)
same(half.once(), 0, "a whole one again: 0")

# -- no worker of ours is heard at the control socket

INTRUDER = """#!{python}
import json, socket, subprocess, time
answers = {{"connected": False}}	# the hub comes up when this one was ended once, as not ready
ctl = ["{build}/ungcuuctl", "-f", "{conf}", "--json", "hold", "retry", "{id}"]
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
	client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	try:
		client.connect("{socket}")
		answers["connected"] = True
		break
	except OSError:
		time.sleep(0.05)
client.settimeout(5)
try:
	answers["self"] = client.recv(65536).decode(errors="replace")
except socket.timeout:
	answers["self"] = "heard"
except OSError:
	answers["self"] = ""
run = subprocess.run(ctl, capture_output=True, text=True, timeout=20)
answers["child"] = [run.returncode, run.stdout]
with open("{answer}.new", "w") as file:
	json.dump(answers, file)
import os
os.rename("{answer}.new", "{answer}")
time.sleep(600)
"""
guarded = Site()
nobody = "0123456789abcdef0123456789abcdef"
replace(guarded, "ungcuu-submit", INTRUDER.format(python=sys.executable, build=BUILD, conf=guarded.path("ungcuu.conf"),
	id=nobody, socket=guarded.path("run/control"), answer=guarded.path("answer")))
ok(guarded.daemon_start(), "the daemon runs, one of its workers is not ours any more")
ok(wait_until(lambda: os.path.exists(guarded.path("answer")), 40), "it has tried the control socket",
	guarded.daemon_text()[-2000:])
outside = guarded.ctl("hold", "retry", nobody)
ok(outside["exit"] == 65 and "no such mail" in json.dumps(outside), "a person is heard", outside)
if os.path.exists(guarded.path("answer")):
	with open(guarded.path("answer"), encoding="utf-8") as file:
		answer = json.load(file)
	same((answer["connected"], answer["self"]), (True, ""), "the worker is hung up on")
	ok(answer["child"][0] not in (0, 65) and "no such mail" not in answer["child"][1], "so is a process it started",
		answer)
ok("event=control-refused" in guarded.daemon_text(), "and the log has it", guarded.daemon_text()[-2000:])
same(guarded.daemon_stop(), 0, "SIGTERM ends in order")
done()
