# SPDX-License-Identifier: ISC
#
# pop3: the verbs of a maildrop against a real Dovecot: certificates refused before any login, STLS and implicit
# TLS, every way to log in, mails byte for byte, uids from session to session, when a mail arrived, what is
# removed and what is not, and what somebody else does in the maildrop meanwhile.

import calendar
import hashlib
import os
import random
import time

import fetching
from fetching import Authority, Dovecot, Driver, Fake, done, folder, ok, same, wait_until

if not fetching.dovecot_program():
	fetching.skip_all("no dovecot (Debian: dovecot-pop3d)")

place = folder()
right, wrong = Authority(place, "right"), Authority(place, "wrong")
CERTIFICATE, KEY = right.issue("pop3")


def mail(number, more=""):
	text = f"Received: from a by mx.example.vn; Mon, 2 Nov 2026 10:00:{number % 60:02d} +0700\r\n" \
		f"Date: Sat, 1 Jan 2000 00:00:00 +0000\r\nSubject: thư {number}\r\nMessage-ID: <{number}@x>\r\n\r\nxin chào\r\n{more}"
	return text.encode()


def sha(raw):
	return hashlib.sha256(raw).hexdigest()


def site(**settings):
	return Dovecot(CERTIFICATE, KEY, pop3=True, **settings)


def listed(driver):
	"""{uid: size}"""
	result, rows, identity, more = driver.list(most=1000)
	return {row[0]: row[2] for row in rows} if (result, identity, more) == ("done", "uidl", False) else (result, rows, identity)


# ---- who is believed --------------------------------------------------------------------------------

def check_trust():
	box = site()
	driver = Driver("pop3")
	for tls, port in (("implicit", box.pop3s_port), ("starttls", box.pop3_port)):
		result = driver.open(port, tls=tls, ca=wrong.pem)
		ok(result.startswith("never: ") and "no known CA signed it" in result, f"{tls}: wrong CA: refused", result)
		same(box.attempts(), [], f"{tls}: and no login was tried")
	for tls, port in (("implicit", box.pop3s_port), ("starttls", box.pop3_port)):
		same(driver.open(port, tls=tls, ca=right.pem), "done", f"{tls}: right CA and name")
		same(driver.open(port, tls=tls, pin=fetching.pin(CERTIFICATE)), "done", f"{tls}: the pinned key stands for them")
	ok(all("TLS" in line for line in box.attempts()) and box.attempts(), "every login was made under TLS", box.attempts())
	result = driver.open(box.pop3_port, tls="implicit", ca=right.pem)
	ok(result.startswith("later: ") and "tls setting" in result, "TLS to a port without: later, with a hint", result)
	result = driver.open(box.pop3_port, tls="none-loopback-only", host="192.0.2.1")
	ok(result.startswith("never: ") and "this machine" in result, "no clear text to another machine", result)
	same(driver.end(), 0, "the driver ended well")
	box.stop()


def check_login():
	for auth, method in (("plain login scram-sha-256", "SCRAM-SHA-256"), ("plain", "PLAIN"), ("login", "PLAIN")):
		box = site(auth=auth)
		driver = Driver("pop3")
		if auth != "login":	# USER and PASS are what Dovecot calls PLAIN, and refuses where that is not offered
			same(driver.open(box.pop3s_port, ca=right.pem), "done", f"server with {auth}: logged in")
			ok(wait_until(lambda: f"method={method}," in box.log(), 5), f"by {method}", box.log())
		result = driver.open(box.pop3s_port, ca=right.pem, password="falsch")
		ok(result.startswith("never: ") and "login refused" in result, f"{auth}: wrong password: never", result)
		again = driver.open(box.pop3s_port, ca=right.pem, password="falsch")
		ok("not tried again" in again and result[7:] in again, f"{auth}: the same login is not tried again soon", again)
		driver.end()
		box.stop()


def check_texts():
	driver, probe = Driver("pop3"), Fake(lambda talk: None)
	for settings in (dict(user=None), dict(password=None), dict(password="a\rb"), dict(user="a\x1fb")):
		result = driver.open(probe.port, ca=right.pem, **settings)
		ok(result.startswith("never: "), f"no login with {settings!r}", result)
	same(probe.talks, 0, "nor a connection made")
	driver.end()
	probe.close()


# ---- mails ------------------------------------------------------------------------------------------

def check_bytes():
	box = site()
	driver = Driver("pop3")
	generator = random.Random(7)
	big = b"Subject: lon\r\n\r\n" + b"".join(bytes(generator.randrange(33, 126) for n in range(70)) + b"\r\n"
		for line in range(1000)) * 365
	mails = {
		"small": mail(1), "no body": b"Subject: x\r\n\r\n", "8 bit": b"Subject: a\r\n\r\n" + bytes(range(128, 256)) + b"\r\n",
		"dots": b"Subject: dots\r\n\r\n.\r\n..\r\n.dot\r\n...\r\n. \r\nend.\r\n.\r\n",
		"dots and bare CR": b"Subject: cr\r\n\r\na\rb\r\r\n\r.\r\n.\r.\r\n.\r\r\n",
		"NUL": b"Subject: nul\r\n\r\na\0b\r\n.\0\r\n", "no line end": b"Subject: e\r\n\r\nno end",
		"a dot at the end": b"Subject: d\r\n\r\n.", "one line of 2 MB": b"Subject: l\r\n\r\n" + b"." * 2000000 + b"\r\n",
		"blank lines": b"\r\n\r\n\r\n", "25 MB": big,
	}
	for raw in mails.values():
		box.deliver(raw)
	same(driver.open(box.pop3s_port, ca=right.pem), "done", "open")
	there = listed(driver)
	same(len(there), len(mails), "all are listed")
	expected = {sha(raw): (name, len(raw)) for name, raw in mails.items()}
	for uid, size in sorted(there.items(), key=lambda row: row[1]):
		result, got, digest, largest = driver.take(uid)
		name, length = expected.pop(digest, (None, None))
		ok(result == "done" and name and got == length == size, f"{name}: byte for byte", (result, got, size, uid))
		ok(largest <= 65536, f"{name}: in pieces", largest)
	same(expected, {}, "every mail once")
	ok(driver.rss() < 60000, "25 MB did not pass through memory", f"{driver.rss()} KB")
	large = max(there, key=there.get)
	result, got, _, _ = driver.take(large, most=1000000)
	ok(result.startswith("never: ") and "mail size limit 1000000" in result and got == 0, "over the limit: never", (result, got))
	same(driver.take(min(there, key=there.get))[0], "done", "and the next one is taken")
	same(driver.settle([])[0], "done", "the end of the session")
	same(len(box.files("INBOX")), len(mails), "everything is still there")
	driver.end()
	box.stop()


def check_dates():
	box = site()
	driver = Driver("pop3")
	received = ("Mon, 2 Nov 2026 10:00:00 +0700 (ICT)", "2 Nov 2026 03:00 GMT", "no date", None,
		"Mon, 2 Nov 2026 10:00:00 +0700")
	for n, text in enumerate(received):
		field = f"Received: from a (b; c)\r\n\tby mx; {text}\r\n" if text else ""
		box.deliver(f"Return-Path: <a@b>\r\n{field}Received: by other; Tue, 1 Jan 2019 00:00:00 +0000\r\n".encode()[:None if text else 20]
			+ f"\r\nDate: Sat, 1 Jan 2000 00:00:00 +0000\r\nSubject: {n}\r\n\r\nx\r\n".encode().lstrip())
	same(driver.open(box.pop3s_port, ca=right.pem), "done", "open")
	at = calendar.timegm((2026, 11, 2, 3, 0, 0)) * 1000
	same([driver.date(uid) for uid in listed(driver)], [("done", n) for n in (at, at, -1, -1, at)],
		"arrival: the topmost Received field, or not known; never another one, never Date")
	same(driver.date("gone"), ("never: gone", -1), "of none that is not there")
	driver.end()
	box.stop()


# ---- sessions -----------------------------------------------------------------------------------------

def check_sessions():
	box = site()
	driver = Driver("pop3")
	for number in range(250):
		box.deliver(mail(number))
	same(driver.open(box.pop3s_port, ca=right.pem), "done", "open")
	result, first, _, more = driver.list(most=100)
	result, second, _, more = driver.list(after=first[-1][0], most=100)
	same((len(first), len(second), more), (100, 100, True), "page by page")
	result, third, _, more = driver.list(after=second[-1][0], most=100)
	same((len(third), more), (50, False), "to the last one")
	uids = [row[0] for row in first + second + third]
	same(len(set(uids)), 250, "no uid twice")
	box.deliver(mail(1000))
	same(len(listed(driver)), 251, "a list from the start is a new look")
	ok(list(listed(driver))[:250] == uids, "with the same uids as before")
	# Somebody else removes some.
	with box.session(right) as client:
		client.select("INBOX")
		client.store("1:2", "+FLAGS", r"(\Deleted)")
		client.expunge()
	ok(driver.take(uids[0])[0].startswith("later: "), "removed by somebody else meanwhile: later")
	same(len(listed(driver)), 249, "and gone in the next look")
	same(driver.take(uids[0])[:2], ("never: gone", 0), "where it is known to be gone")
	same(driver.take(uids[5])[0], "done", "the others are taken")
	# Removing.
	result, rows = driver.settle([uids[0], uids[10], uids[11]])
	same((result, [row[1:3] for row in rows]), ("done", [["never", "gone"], ["done", "-"], ["done", "-"]]), "removed, one by one")
	same(len(box.files("INBOX")), 247, "really")
	logged_in = len(box.attempts())
	same(driver.settle([])[0], "done", "nothing to remove, no session: nothing to do")
	same(len(box.attempts()), logged_in, "and no connection made for it")
	# A session that breaks before its end removes nothing.
	client = Driver("pop3")
	client.open(box.pop3s_port, ca=right.pem)
	same(len(listed(client)), 247, "another one lists")
	box.stop()
	result, rows = client.settle([uids[20]])
	ok(result.startswith("later: ") and rows == [], "the server dies: later", (result, rows))
	box.start()
	same(len(box.files("INBOX")), 247, "and nothing was removed")
	result, rows = client.settle([uids[20]])
	same((result, [row[1] for row in rows]), ("done", ["done"]), "the next time it is")
	client.end()
	same(len(listed(driver)), 246, "a session ended by the server is made anew by a list")
	same(driver.ask("folders")[1], ["INBOX"], "there is one folder")
	same(driver.list("Junk"), ("done", [], "uidl", False), "any other is empty")
	lines = driver.ask("check")[1]
	ok(any(line.startswith("ok: localhost: TLS1.3, certificate valid until 20") and "SCRAM" in line for line in lines),
		"check: TLS and login", lines)
	ok("ok: the maildrop holds 246 mails, each with a uid of its own" in lines, "check: mails can be told apart", lines)
	driver.settings(box.pop3s_port, ca=wrong.pem)
	lines = driver.ask("check")[1]
	ok(len(lines) == 1 and lines[0].startswith("fail: localhost: certificate refused"), "check: a refused certificate", lines)
	same(driver.end(), 0, "the driver ended well")
	box.stop()


for check in (check_trust, check_login, check_texts, check_bytes, check_dates, check_sessions):
	print(f"# {check.__name__}")
	check()
done()
