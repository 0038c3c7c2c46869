# SPDX-License-Identifier: ISC
#
# real-faults: servers that are not who they should be are refused before the login, and mail waits until they
# are; servers that go and come back cost nothing; 5 000 old mails are left where they are.

import glob
import os
import re
import time

from flow import done, mail, note, ok, same, wait_until
from realsite import Between, RealSite, log_since, needs_root
from servers import PASSWORD, Servers

needs_root()
HOTLINE, GONER, OLD, TWO, OUT = "ungcuu@example.vn", "di-ve@example.vn", "cu@example.vn", "hai@example.vn", "ra@example.vn"
REPORTERS = [f"n{n}@reporter.example" for n in range(20)]
world = Servers(users=(HOTLINE, GONER, OLD, TWO, OUT, *REPORTERS))


def report(n):
	return mail(f"Báo cáo thứ {n}.\n", sender=REPORTERS[n])


def acks(n, least=0):
	"""How many answers lie in this reporter's mailbox; `least` are waited for, for Postfix delivers in its own time."""
	wait_until(lambda: world.count(REPORTERS[n]) >= least, 30)
	return world.count(REPORTERS[n])


# ---- who is not who he should be -------------------------------------------------------------------------------

def stripped(octets, from_server):
	"""What takes TLS away: STARTTLS is not offered, and a login in clear is."""
	if from_server:
		octets = octets.replace(b" STARTTLS LOGINDISABLED", b" AUTH=PLAIN").replace(b"STARTTLS ", b"").replace(
			b"LOGINDISABLED", b"AUTH=PLAIN").replace(b"250-STARTTLS\r\n", b"250-AUTH PLAIN LOGIN\r\n")
	return octets


def refusals(kind):
	"""(name, what the settings are then, what the reason says)"""
	ports = (world.imaps_port, world.imap_port) if kind == "in" else (world.submissions_port, world.submission_port)
	for tls, port in zip(("implicit", "starttls"), ports):
		way = {"tls": tls, "port": port, "host": world.hosts["good"], "ca_file": world.ca_file}
		yield f"{tls}, wrong CA", {**way, "ca_file": world.tls.path("other", "pem")}, "CA"
		yield f"{tls}, certificate of another CA", {**way, "host": world.hosts["other-ca"]}, "CA"
		yield f"{tls}, wrong host", {**way, "host": world.hosts["wrong-host"]}, "host"
		yield f"{tls}, expired", {**way, "host": world.hosts["expired"]}, "expired"
	between = Between(world.hosts["good"], ports[1], stripped)
	yield "STARTTLS taken away", {**way, "port": between.port}, "STARTTLS"
	same((between.connections > 0, PASSWORD.encode() in between.heard, b"AUTH" in between.heard, b"LOGIN" in between.heard),
		(True, False, False, False), f"{kind}: STARTTLS taken away: the man in the middle hears no login")
	between.close()


def check_refused(site, kind, name, why, log):
	said = [line for line in log.splitlines() if "poll-failed" in line or "submission" in line or "outgoing" in line]
	ok(any(why in line for line in said), f"{kind}: {name}: refused, and the log says why", "\n".join(said))
	if why not in ("STARTTLS",):
		ok("sha256/" in log, f"{kind}: {name}: and prints the chain", log[-2000:])


def check_way_in():
	site = RealSite(world)
	site.post(report(0))
	for name, way, why in refusals("in"):
		begin, site.log = len(world.logs("dovecot.log")), ""
		site.via(way)
		same(site.once(), 1, f"in: {name}: --once ends with 1")
		check_refused(site, "in", name, why, site.log)
		log = log_since(world, "dovecot.log", begin)
		ok("Login: user=" not in log and "auth failed" not in log and "method=" not in log,
			f"in: {name}: Dovecot saw no login", log)
		same((len(site.tickets()), site.lying()), (0, 1), f"in: {name}: the mail waits")
	status = site.ctl("status")
	ok(status["exit"] == 1 and any("STARTTLS" in line for line in status["attention"]), "status says why", status)
	ok(site.ctl("check")["exit"] != 0, "check fails")
	site.via({"tls": "implicit", "port": world.imaps_port, "host": world.hosts["good"], "ca_file": world.ca_file})
	same((site.once(), acks(0, 1), site.lying(), site.lying("Done")), (0, 1, 0, 1), "in: the right CA: everything is handled")
	same((site.ctl("status")["exit"], site.ctl("check")["exit"]), (0, 0), "and status and check are content")
	site.via({"host": world.hosts["wrong-host"], "more": f'tls_pin = "{world.tls.pin("wrong-host")}";'})
	site.post(report(0))
	same((site.once(), acks(0, 2)), (0, 2), "in: a pinned key stands for chain and name")
	site.balanced("in: balanced", seen=2)


def check_way_out():
	site = RealSite(world, user=OUT, hooked=True)	# the clock is turned on where an answer waits
	names = []
	for n, (name, way, why) in enumerate(refusals("out"), 1):
		begin, site.log = len(world.logs("postfix.log")), ""
		site.post(report(n))
		site.via(None, way)
		same(site.once(), 1, f"out: {name}: --once ends with 1")
		check_refused(site, "out", name, why, site.log)
		log = log_since(world, "postfix.log", begin)
		ok("sasl_method" not in log and "authentication failed" not in log, f"out: {name}: Postfix saw no login", log)
		rows = [row for row in site.outgoing() if row["recipient"] == REPORTERS[n]]
		ok(len(rows) == 1 and rows[0]["state"] == "protected" and why in rows[0]["reason"] and acks(n) == 0,
			f"out: {name}: the answer waits", rows)
		names.append(name)
	same([ticket["reporter"] for ticket in site.tickets()], REPORTERS[1:len(names) + 1], "all mails are taken in")
	site.via(None, {"tls": "implicit", "port": world.submissions_port, "host": world.hosts["good"], "ca_file": world.ca_file})
	site.hooks("clock=+3000000")
	same(site.once(), 0, "out: the right CA: everything leaves")
	ok(wait_until(lambda: all(acks(n + 1) == 1 for n in range(len(names)))), "and everybody has one answer")
	site.balanced("out: balanced", seen=len(names))


# ---- several mailboxes, an envelope sender -------------------------------------------------------------------------

def check_two():
	site = RealSite(world, user=TWO)
	second = ', { name = "phu"; type = "maildir"; path = "Maildir"; done_folder = "Done"; held_folder = "Held"; }'
	site.via({"others": second, "ca_file": world.tls.path("other", "pem")})
	site.post(report(17))
	site.deliver(report(18))
	same((site.once(), acks(17), acks(18, 1)), (1, 0, 1), "two mailboxes, one of them not to be trusted: the other is served")
	boxes = {box["mailbox"]: bool(box["error"]) for box in site.ctl("status").get("mailboxes", [])}
	same(boxes, {"main": True, "phu": False}, "status tells which")
	lines = [line["what"] for line in site.ctl("check")["checks"] if line["level"] == "fail"]
	ok(lines and all("phu" not in line for line in lines), "and so does check", lines)
	site.via({"ca_file": world.ca_file},
		{"port": world.strict_port, "more": f'null_sender = false; envelope = "{TWO}";'})
	site.post(report(17))
	same((site.once(), acks(17, 2), acks(18, 1)), (0, 2, 1), "both are served, through a server that wants our own envelope sender")
	ok(all(f"Return-Path: <{TWO}>".encode() in raw for raw in world.fetch(REPORTERS[17])), "which is what it got")
	ledger = site.ctl("ledger").get("mailboxes", [])
	same([(box["mailbox"], box["seen"], box["unexplained"]) for box in ledger], [("main", 2, 0), ("phu", 1, 0)],
		"the ledger balances both")


# ---- gone, and back --------------------------------------------------------------------------------------------

def mailbox_status(site):
	status = site.ctl("status")
	return status["mailboxes"][0] if status.get("mailboxes") else {}


def check_gone():
	site = RealSite(world, user=GONER)
	site.post(report(12))
	ok(site.daemon_start(), "a daemon for servers that go")
	ok(wait_until(lambda: acks(12) == 1), "a mail is answered")
	world.dovecot_stop()
	ok(wait_until(lambda: mailbox_status(site).get("error"), 30), "Dovecot is gone: status says so", site.ctl("status"))
	ok(site.daemon.poll() is None, "the daemon lives on")
	world.dovecot_start()
	site.post(report(13))
	ok(wait_until(lambda: acks(13) == 1, 60), "Dovecot is back: the next mail is answered", site.daemon_text()[-3000:])
	ok(wait_until(lambda: not mailbox_status(site).get("error"), 30), "and status is content")
	world.postfix_stop()
	site.post(report(14))
	row = wait_until(lambda: [row for row in site.outgoing() if row["recipient"] == REPORTERS[14] and row["attempts"] > 0 and
		row["reason"]], 40)
	ok(row and row[0]["state"] == "protected" and row[0]["next_try"], "Postfix is gone: queue list shows the wait", row)
	world.postfix_start()
	ok(wait_until(lambda: acks(14) == 1, 60), "Postfix is back: it leaves", site.outgoing())
	same(site.daemon_stop(), 0, "SIGTERM ends in order")
	same([acks(n) for n in (12, 13, 14)], [1, 1, 1], "each was answered once")
	site.balanced("gone and back: balanced", seen=3)


# ---- 5 000 old mails -----------------------------------------------------------------------------------------

def check_old():
	n_old, then = 5000, time.time() - 10 * 86400
	site = RealSite(world, user=OLD)
	world.place((mail(f"Thư cũ số {n}.\n", sender=REPORTERS[15]) for n in range(n_old)), user=OLD, when=then)
	site.post(report(16))
	before = len(world.logs("postfix.log"))
	begin = time.monotonic()
	same(site.once(seconds=300), 0, f"{n_old} old mails and a new one: --once ends with 0")
	took = time.monotonic() - begin
	note(f"{n_old} old mails: {took:.1f} s")
	ok(took < 60, "in bounded time", took)
	same((acks(15), acks(16, 1)), (0, 1), "nothing is sent but the answer to the new one")
	same(len(re.findall(r"status=sent", log_since(world, "postfix.log", before))), 1, "Postfix says so, too")
	same([ticket["reporter"] for ticket in site.tickets()], [REPORTERS[16]], "one ticket")
	same((site.lying(), site.lying("Done")), (n_old, 1), "the old ones lie where they were")
	same(site.balanced("5 000 old mails: balanced", seen=n_old + 1)["accounted"]["before_start"], n_old, "counted as before-start")
	begin = time.monotonic()
	site.post(report(16))
	same((site.once(), acks(15), acks(16, 2)), (0, 0, 2), "the next start sends nothing for them either")
	note(f"the next start: {time.monotonic() - begin:.1f} s")
	world.dovecot_stop()
	for path in glob.glob(world.path("mail", OLD, "Maildir", "dovecot*")):
		os.remove(path)
	world.dovecot_start()
	site.post(report(16))
	same((site.once(), acks(15), acks(16, 3)), (0, 0, 3), "nor when the server numbers all of them anew (UIDVALIDITY)")
	same((len(site.tickets()), site.lying()), (3, n_old), "no ticket, either, and they lie where they were")
	same(site.ctl("ledger")["mailboxes"][0]["unexplained"], 0, "and the ledger explains them")


check_way_in()
check_way_out()
check_two()
check_gone()
check_old()
done()
