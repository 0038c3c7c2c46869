# SPDX-License-Identifier: ISC
#
# imap: the verbs of a mailbox against a real Dovecot: certificates refused before any login, every way to log
# in, mails byte for byte, folders with Vietnamese names, UIDs and UIDVALIDITY, moves in bulk on servers with
# and without MOVE, and what a person does in the mailbox meanwhile.

import hashlib
import os
import random
import subprocess
import threading
import time

import fetching
from fetching import Authority, Dovecot, Driver, done, folder, ok, pin, same, wait_until

if not fetching.dovecot_program():
	fetching.skip_all("no dovecot (Debian: dovecot-imapd)")

place = folder()
right, wrong = Authority(place, "right"), Authority(place, "wrong")
CERTIFICATE, KEY = right.issue("imap")


def mail(number, size=0):
	text = f"From: Người báo <bao@reporter.example>\r\nSubject: thư số {number}\r\nMessage-ID: <{number}@x>\r\n\r\n"
	return text.encode() + b"".join(b"%07d noi dung\r\n" % n for n in range(size // 17 + 1))


def flags(path):
	return os.path.basename(path).split(":2,")[-1] if ":2," in path else ""


def sha(raw):
	return hashlib.sha256(raw).hexdigest()


# ---- who is believed --------------------------------------------------------------------------------

def check_trust():
	other_name, other_key = right.issue("other", "DNS:mail.example.org")
	old, old_key = right.issue("old", days=-1)
	box = Dovecot(CERTIFICATE, KEY)
	late = Dovecot(old, old_key)
	named = Dovecot(other_name, other_key)
	driver = Driver()
	for port in ("tls_port", "port"):
		tls = "implicit" if port == "tls_port" else "starttls"
		rows = (
			("wrong CA", box, dict(ca=wrong.pem), "no known CA signed it"),
			("no CA of ours among the system's", box, {}, "no known CA signed it"),
			("wrong host name", named, dict(ca=right.pem), "another host name"),
			("address that the certificate does not name", named, dict(ca=right.pem, host="127.0.0.1"),
				"another host name"),
			("expired certificate", late, dict(ca=right.pem), "expired"),
			("another key than the pinned one", box, dict(ca=right.pem, pin=pin(old)), "tls_pin"),
		)
		for name, server, settings, why in rows:
			before = len(server.attempts())
			ended = server.ended()
			result = driver.open(getattr(server, port), tls=tls, **settings)
			ok(result.startswith("never: ") and why in result, f"{tls}: {name}: refused", result)
			ok(wait_until(lambda: server.ended() > ended), f"{tls}: {name}: the server saw it end", server.log())
			same(len(server.attempts()), before, f"{tls}: {name}: no login was tried")
		same(driver.open(getattr(box, port), tls=tls, ca=right.pem), "done", f"{tls}: right CA and name")
		same(driver.open(getattr(box, port), tls=tls, ca=right.pem, host="127.0.0.1"), "done",
			f"{tls}: the certificate's address")
		same(driver.open(getattr(named, port), tls=tls, pin=pin(other_name)), "done",
			f"{tls}: the pinned key stands for chain and name")
		same(driver.open(getattr(late, port), tls=tls, ca=wrong.pem, pin=pin(old)), "done",
			f"{tls}: and for validity")
		before = len(box.attempts())
		ok(before > 0, f"{tls}: the log shows logins where there are any")
	result = driver.open(box.tls_port, ca=wrong.pem)
	ok(f'tls_pin = "{pin(CERTIFICATE)}"' in result and "ca_file" in result, "a refusal says what to add", result)
	ok("CN=imap.example.vn" in result and "CN=CA right" in result and " valid 20" in result and "[1]" in result,
		"and prints the chain", result)
	ok(result.index("tls_pin") < 200, "the help before the chain, where logs cut", result)
	ok(f"pin={pin(CERTIFICATE)}" in driver.log() and driver.log().count("event=certificate-refused") > 20,
		"the log has each certificate", driver.log()[-600:])
	for settings, why in ((dict(pin="sha256/abc"), "tls_pin must be"), (dict(ca="/nonexistent"), "no CA"),
			(dict(tls="none"), "not built in"), (dict(host=""), "host"), (dict(host="a\x01b"), "control")):
		result = driver.open(box.tls_port, **settings)
		ok(result.startswith("never: ") and why in result, f"settings refused: {why}", result)
	result = driver.open(1, ca=right.pem)
	ok(result.startswith("later: "), "nobody there: later", result)
	result = driver.open(1, host="kein-host.invalid", ca=right.pem)
	ok(result.startswith("later: "), "unknown host: later", result)
	result = driver.open(box.port, ca=right.pem)
	ok(result.startswith("later: ") and "tls setting" in result, "TLS to a port without: later, with a hint", result)
	same(driver.end(), 0, "the driver ended well")
	for server in (box, late, named):
		server.stop()


# ---- login ------------------------------------------------------------------------------------------

def check_login():
	for auth, method in (("plain login scram-sha-256", "SCRAM-SHA-256"), ("plain", "PLAIN"), ("login", "LOGIN")):
		box = Dovecot(CERTIFICATE, KEY, auth=auth)
		driver = Driver()
		same(driver.open(box.tls_port, ca=right.pem), "done", f"server with {auth}: logged in")
		ok(wait_until(lambda: f"method={method}," in box.log(), 5), f"by {method}", box.log())
		result = driver.open(box.tls_port, ca=right.pem, password="falsch")
		ok(result.startswith("never: ") and "login refused" in result, f"{auth}: wrong password: never", result)
		again = driver.open(box.tls_port, ca=right.pem, password="falsch")
		ok(again.startswith("never: ") and "not tried again" in again and result[7:] in again,
			f"{auth}: the same login is not tried again soon", again)
		tries = 2 if "scram" in auth else 1
		wait_until(lambda: "(auth failed" in box.log(), 5)
		same([line.count(f"(auth failed, {tries} attempts") for line in box.log().splitlines() if "auth failed" in line], [1],
			f"{auth}: the password is told once")
		for settings in (dict(user=None), dict(password=None), dict(password="a\rb"), dict(user="a\x1fb")):
			lines = box.log()
			result = driver.open(box.tls_port, ca=right.pem, **settings)
			ok(result.startswith("never: "), f"{auth}: no login with {settings!r}", result)
			same(box.log(), lines, "nor a connection made")
		driver.end()
		box.stop()
	# A password kept in a form that cannot do SCRAM.
	box = Dovecot(CERTIFICATE, KEY)
	hashed = subprocess.run(["doveadm", "-c", box.conf, "pw", "-s", "SHA512-CRYPT", "-p", fetching.PASSWORD],
		capture_output=True, text=True, env={**os.environ, "PATH": fetching.PATH}).stdout.strip()
	with open(os.path.join(box.place, "users"), "w") as file:
		file.write(f"{box.user}:{hashed}\n")
	driver = Driver()
	same(driver.open(box.tls_port, ca=right.pem), "done", "SCRAM offered but not possible: the next way is taken")
	ok("method=PLAIN," in box.log(), "which is PLAIN", box.log())
	driver.end()
	box.stop()
	# Clear text, on loopback alone.
	box = Dovecot(CERTIFICATE, KEY, clear=True, tls="no")
	driver = Driver()
	same(driver.open(box.port, tls="none-loopback-only"), "done", "no TLS to this machine where the settings say so")
	result = driver.open(box.port, tls="starttls", ca=right.pem)
	ok(result.startswith("never: ") and "STARTTLS" in result, "STARTTLS not offered: never", result)
	result = driver.open(box.port, tls="none-loopback-only", host="192.0.2.1")
	ok(result.startswith("never: ") and "this machine" in result, "no clear text to another machine", result)
	driver.end()
	box.stop()


# ---- mails ------------------------------------------------------------------------------------------

def check_bytes():
	box = Dovecot(CERTIFICATE, KEY)
	driver = Driver()
	generator = random.Random(7)
	big = b"Subject: lon\r\n\r\n" + b"".join(bytes(generator.randrange(33, 126) for n in range(70)) + b"\r\n"
		for line in range(1000)) * 365
	mails = {
		"small": mail(1), "no body": b"Subject: x\r\n\r\n", "8 bit": "Subject: a\r\n\r\ntiếng Việt \xff\r\n".encode("latin-1",
			"ignore") + bytes(range(128, 256)) + b"\r\n",
		"bare CR": b"Subject: n\r\n\r\na\rb\r\r\n",
		"one line of 2 MB": b"Subject: l\r\n\r\n" + b"x" * 2000000 + b"\r\n", "25 MB": big,
	}
	ok(len(big) > 25 * 1024 * 1024, "the large one is large", len(big))
	for raw in mails.values():
		box.deliver(raw)
	same(driver.open(box.tls_port, ca=right.pem), "done", "open")
	result, listed, identity, more = driver.list()
	same((result, len(listed), more), ("done", len(mails), False), "all are listed")
	ok(identity == listed[0][0].split(".")[0] + "/INBOX", "the identity is UIDVALIDITY and folder", identity)
	driver.expect([row[0] for row in listed])
	expected = {sha(raw): (name, len(raw)) for name, raw in mails.items()}
	for uid, arrived, size in sorted(listed, key=lambda row: row[2]):
		result, got, digest, largest = driver.take(uid)
		name, length = expected.pop(digest, (None, None))
		ok(result == "done" and name and got == length == size, f"{name}: byte for byte", (result, got, size))
		ok(largest <= 65536, f"{name}: in pieces", largest)
	same(expected, {}, "every mail once")
	ok(driver.rss() < 60000, "25 MB did not pass through memory", f"{driver.rss()} KB")
	uid = max(listed, key=lambda row: row[2])[0]
	result, got, _, _ = driver.take(uid, most=1000000)
	ok(result.startswith("never: ") and "mail size limit 1000000" in result and got == 0,
		"over the limit: never, and not a byte of it", (result, got))
	same(driver.take(listed[0][0])[0], "done", "and the next one is taken")
	ok(all("S" not in flags(path) for path in box.files("INBOX")), "nothing is marked as seen")
	box.deliver(b"")
	empty = driver.list()[1][-1]
	same((empty[2], driver.take(empty[0])[:2]), (0, ("done", 0)), "a mail of no bytes is one")
	fresh = Driver()	# sizes not known from a list
	fresh.open(box.tls_port, ca=right.pem)
	result, got, _, _ = fresh.take(uid, most=1000000)
	ok(result.startswith("never: ") and "limit" in result and got == 0, "the limit holds without a list, too", result)
	same(fresh.take(uid)[2], sha(big), "and the mail comes without one")
	fresh.end()
	driver.end()
	box.stop()


def check_pages():
	box = Dovecot(CERTIFICATE, KEY)
	driver = Driver()
	early = 1600000000
	for number in range(500):
		box.deliver(mail(number, 200), arrived=early + number)
	same(driver.open(box.tls_port, ca=right.pem), "done", "open")
	# Holes, as a used mailbox has them.
	with box.session(right) as client:
		client.select("INBOX")
		client.uid("STORE", "3:40,100,200:260", "+FLAGS", r"(\Deleted)")
		client.expunge()
	found, after, pages = [], "", 0
	while True:
		result, page, identity, more = driver.list(after=after, most=77)
		pages += 1
		if result != "done" or not page or pages > 20:
			break
		found += page
		after = page[-1][0]
		if not more:
			break
	numbers = [int(row[0].split(".")[1]) for row in found]
	expected = [n for n in range(1, 501) if not (3 <= n <= 40 or n == 100 or 200 <= n <= 260)]
	same(numbers, expected, "500 mails with holes, page by page, none twice, none left out")
	same(pages, -(-len(expected) // 77), "in as few pages as there are")
	same([row[1] for row in found][:3], [early * 1000, (early + 1) * 1000, (early + 40) * 1000],
		"the arrival is INTERNALDATE")
	validity = found[0][0].split(".")[0]
	same([row[0] for row in driver.list(after=f"{validity}.40", most=2)[1]], [f"{validity}.41", f"{validity}.42"],
		"a page after a uid that is not there any more")
	same(driver.list(after=f"{validity}.500")[1:], ([], f"{validity}/INBOX", False), "nothing after the last")
	same(driver.list(after=f"{validity}.4294967295")[1], [], "nor after the greatest uid")
	box.deliver(mail(501))
	same([row[0] for row in driver.list(after=f"{validity}.500")[1]], [f"{validity}.501"], "new mail is listed")
	started = time.monotonic()
	taken = [driver.take(row[0]) for row in found]
	ok(all(row[0] == "done" for row in taken) and len({row[2] for row in taken}) == len(found),
		f"all taken, all different ({len(found) / (time.monotonic() - started):.0f} a second)")
	started = time.monotonic()
	for begin in range(0, len(found), 100):
		result, moved = driver.settle([row[0] for row in found[begin:begin + 100]])
		ok(result == "done" and all(row[1] == "done" and row[3].endswith("/Done") for row in moved),
			f"moved from {begin}", (result, moved[:3]))
	print(f"# {len(found) / (time.monotonic() - started):.0f} moves a second")
	same((len(box.files("INBOX")), len(box.files("Done"))), (1, len(found)), "they are in the done folder")
	ok(all(flags(path) == "" for path in box.files("Done")), "with no flag set")
	there = {row[0] for row in driver.list("Done", most=1000)[1]}
	same(len(there), len(found), "and listed there")
	driver.settle([f"{validity}.501"])
	same(driver.list(after=f"{validity}.501")[1], [], "the folder is empty")
	box.deliver(mail(502))
	same([row[0] for row in driver.list(after=f"{validity}.501")[1]], [f"{validity}.502"],
		"what arrives in it is seen by the same session")
	driver.end()
	box.stop()


# ---- what happens meanwhile --------------------------------------------------------------------------

def check_meanwhile():
	box = Dovecot(CERTIFICATE, KEY)
	driver = Driver()
	for number in range(6):
		box.deliver(mail(number))
	same(driver.open(box.tls_port, ca=right.pem), "done", "open")
	uids = [row[0] for row in driver.list()[1]]
	with box.session(right) as client:
		client.select("INBOX")
		client.uid("STORE", uids[0].split(".")[1] + "," + uids[1].split(".")[1], "+FLAGS", r"(\Deleted)")
		client.expunge()
	same(driver.take(uids[0])[:2], ("never: gone", 0), "a mail expunged meanwhile is gone, not an empty one")
	same(driver.take(uids[2])[0], "done", "the next one is")
	result, moved = driver.settle(uids[1:4])
	same((result, [row[1] for row in moved]), ("done", ["never", "done", "done"]),
		"an expunged one is gone, the others are moved")
	same([row[2] for row in moved][0], "gone", "and says so")
	result, again = driver.settle(uids[2:4])
	same((result, [row[1] for row in again], again and again[0][4]), ("done", ["done", "done"], moved[1][4]),
		"moved already: done, with the same uid there")
	fresh = Driver()
	fresh.open(box.tls_port, ca=right.pem)
	result, again = fresh.settle(uids[2:5])
	same((result, [row[1] for row in again]), ("done", ["never", "never", "done"]),
		"a process that does not remember finds them gone, and moves the rest")
	result, stayed = fresh.settle([row[0] for row in fresh.list("Done")[1]] + ["77.1"], folder="Done")
	same([row[1] for row in stayed], ["done", "done", "done", "never"], "what lies in the done folder stays there")
	same(len(box.files("Done")), 3, "nothing is there twice")
	fresh.end()
	# The done folder is removed under us.
	with box.session(right) as client:
		client.delete("Done")
	result, moved = driver.settle(uids[5:6])
	same((result, [row[1] for row in moved]), ("done", ["done"]), "a removed done folder is made again")
	same(len(box.files("Done")), 1, "with the mail in it")
	# Somebody kicks us.
	box.deliver(mail(10))
	ours = [pid for pid in fetching.children(box.process.pid) if fetching.name_of(pid) == "dovecot/imap"]
	subprocess.run(["doveadm", "-c", box.conf, "kick", box.user], capture_output=True,
		env={**os.environ, "PATH": fetching.PATH})
	ok(ours and wait_until(lambda: not any(fetching.living(pid) for pid in ours)), "kicked", ours)
	result, listed, _, _ = driver.list()
	same((result, len(listed)), ("done", 1), "a session ended by the server is made anew")
	# Gone and back.
	box.stop()
	result = driver.list()[0]
	ok(result.startswith("later: "), "no server: later", result)
	result = driver.take(listed[0][0])[0]
	ok(result.startswith("later: "), "no server: a take is later", result)
	result = driver.settle([listed[0][0]])[0]
	ok(result.startswith("later: "), "no server: so is a move", result)
	box.start()
	same(driver.list()[1], listed, "the server is back: so are the mails")
	# A new folder under the old name.
	old = listed[0][0]
	box.stop()
	for name in os.listdir(box.mail):
		if name.startswith("dovecot"):
			os.unlink(os.path.join(box.mail, name))
	with open(os.path.join(box.mail, "dovecot-uidlist"), "w") as file:
		file.write("3 V4711 N1 G0123456789abcdef0123456789abcdef\n")
	os.chown(file.name, box.uid, box.gid)
	box.start()
	ok(driver.take(old)[0].startswith("later: "), "the session is lost: later")
	result = driver.take(old)[0]
	ok(result.startswith("never: gone: folder INBOX was made anew"), "UIDVALIDITY changed: take", result)
	result, moved = driver.settle([old])
	ok(result == "done" and moved[0][1] == "never" and "made anew" in moved[0][2], "UIDVALIDITY changed: settle", moved)
	same(len(box.files("INBOX")), 1, "and nothing was moved")
	result = driver.list(after=old)[0]
	ok(result.startswith("later: ") and "made anew" in result, "UIDVALIDITY changed: the list begins anew", result)
	result, listed, identity, _ = driver.list()
	same((result, [row[0] for row in listed], identity), ("done", ["4711.1"], "4711/INBOX"),
		"the mail is there under the new identity")
	for uid in ("1", "4711.", ".1", "4711.0", "4711.1.1", "x.y", "4711.4294967296", "99999999999.1"):
		result = driver.take(uid)[0]
		ok(result.startswith("never: gone"), f"no uid: {uid}", result)
	same(driver.end(), 0, "the driver ended well")
	box.stop()


def check_idle():
	box = Dovecot(CERTIFICATE, KEY)
	driver = Driver()
	box.deliver(mail(1))
	same(driver.open(box.tls_port, ca=right.pem), "done", "open")
	driver.list()
	# At first it may still have something to say of the first mail.
	ok(any(driver.wait(1) == ("done", False) for _ in range(10)), "IDLE: nothing new")
	threading.Timer(0.5, box.deliver, (mail(2),)).start()
	started = time.monotonic()
	same(driver.wait(60), ("done", True), "IDLE: what arrives is told of")
	ok(time.monotonic() - started < 20, "at once", time.monotonic() - started)
	same(len(driver.list()[1]), 2, "the session goes on: it is listed")
	threading.Timer(0.5, os.write, (driver.process.stdin.fileno(), b"close\n")).start()
	same(driver.wait(600), ("done", False), "IDLE: ends when there is something else to do")
	same(driver.process.stdout.readline(), b"done\n", "which is then done")
	same((driver.ask("open")[0], driver.list()[0]), ("done", "done"), "and the next session works")
	threading.Timer(0.5, box.stop).start()
	result, news = driver.wait(60)
	ok(result.startswith("later: ") and not news or (result, news) == ("done", True), "IDLE: the server goes away", result)
	driver.end()


# ---- folders ----------------------------------------------------------------------------------------

def check_folders():
	box = Dovecot(CERTIFICATE, KEY)
	driver = Driver()
	name = "Đã xử lý & lưu"
	same(driver.open(box.tls_port, ca=right.pem, done_folder=name, folders=("INBOX", "Junk", "Thư rác")), "done", "open")
	box.deliver(mail(1), "Junk")
	result, listed, identity, _ = driver.list("Junk")
	same((result, len(listed)), ("done", 1), "a second folder is listed")
	ok(identity.endswith("/Junk"), "under its own identity", identity)
	same(driver.settle([listed[0][0]], "Junk")[1][0][1], "done", "and settled")
	result, there, identity, _ = driver.list(name)
	same((len(there), identity.split("/")[1]), (1, name), "into a folder with a Vietnamese name")
	same(driver.ask("folders")[1], ["INBOX", "Junk", name], "folders are told by their names")
	ok(os.path.isdir(os.path.join(box.mail, ".&ARAA4w- x&Hu0- l&AP0- &- l&AbA-u")), "which the server has in UTF-7",
		os.listdir(box.mail))
	same(driver.list("Thư rác"), ("done", [], "0/Thư rác", False), "a folder that is not there is an empty one")
	result = driver.take("1.1", "Thư rác")[0]
	ok(result.startswith("never: gone"), "nothing can be taken of it", result)
	same(driver.settle(["1.1"], "Thư rác")[1][0][1], "never", "nor moved")
	for bad in ("a*", "a%", "a\x01", "x" * 300):
		result = driver.list(bad)[0]
		ok(result.startswith("never: no name"), f"no name for a folder: {bad[:3]!r}", result)
	lines = driver.ask("check")[1]
	ok(any(line.startswith("ok: localhost: TLS1.3, certificate valid until 20") and "SCRAM" in line for line in lines),
		"check: TLS and login", lines)
	ok(any("MOVE, UIDPLUS" in line for line in lines) and any(line.startswith("ok: quota: ") for line in lines),
		"check: moves and room", lines)
	ok(any(line.startswith("warn: folder Thư rác is not on the server") for line in lines) and
		"ok: folder Junk holds 0 mails" in lines and f"ok: folder {name} holds 1 mails" in lines,
		"check: folders", lines)
	result = driver.open(box.tls_port, ca=right.pem, done_folder="INBOX")
	ok(result.startswith("never: ") and "done_folder" in result, "INBOX is no done folder", result)
	driver.settings(box.tls_port, ca=wrong.pem)
	lines = driver.ask("check")[1]
	ok(len(lines) == 1 and lines[0].startswith("fail: localhost: certificate refused") and pin(CERTIFICATE) in lines[0]
		and lines[0].rpartition(": ")[2].startswith("correct host"), "check: a refused certificate, with what to add", lines)
	driver.end()
	box.stop()


def check_capabilities():
	base = "IMAP4rev1 SASL-IR LITERAL+ ENABLE IDLE"
	box = Dovecot(CERTIFICATE, KEY, capability=base + " UIDPLUS")
	for number in range(4):
		box.deliver(mail(number))
	driver = Driver()
	same(driver.open(box.tls_port, ca=right.pem), "done", "without MOVE: open")
	uids = [row[0] for row in driver.list()[1]]
	with box.session(right) as client:
		client.select("INBOX")
		client.uid("STORE", uids[3].split(".")[1], "+FLAGS", r"(\Deleted)")
		client.uid("STORE", uids[0].split(".")[1], "+FLAGS", r"(\Flagged)")
	result, moved = driver.settle(uids[:2])
	same((result, [row[1] for row in moved]), ("done", ["done", "done"]), "without MOVE: copied and removed")
	same((len(box.files("INBOX")), len(box.files("Done"))), (2, 2), "what a person marked as deleted is not expunged")
	same(sorted(flags(path) for path in box.files("Done")), ["", "F"], "the copies have the mails' own flags")
	same([row[0] for row in driver.list("Done")[1]], [row[4] for row in moved], "under the uids told")
	driver.end()
	box.stop()
	box = Dovecot(CERTIFICATE, KEY, capability=base)
	box.deliver(mail(1))
	driver = Driver()
	same(driver.open(box.tls_port, ca=right.pem), "done", "with neither: open")
	uids = [row[0] for row in driver.list()[1]]
	result = driver.settle(uids)[0]
	ok(result.startswith("never: ") and "neither MOVE nor UIDPLUS" in result, "with neither: nothing is moved", result)
	same(len(box.files("INBOX")), 1, "the mail stays")
	ok(any(line.startswith("fail: the server has neither") for line in driver.ask("check")[1]), "and check says so")
	driver.end()
	box.stop()


for check in (check_trust, check_login, check_bytes, check_pages, check_meanwhile, check_idle, check_folders, check_capabilities):
	print(f"# {check.__name__}")
	check()
done()
