# SPDX-License-Identifier: ISC
#
# gateway/transport/smtp.c against a real Postfix, which asks Dovecot for logins and delivers into it: what the
# gateway believes, what Postfix logged, and what lies in the mailbox.  For root alone: Postfix does not run
# otherwise.

import os
import re
import sys

sys.path.insert(0, os.path.join(os.environ["TOP_SRCDIR"], "tests", "flow"))
import flow
import servers
from flow import done, ok, same, wait_until
from submitting import MAIL, TO, Client, expect

MANY = 200

if os.geteuid() != 0:
	flow.skip("a real Postfix", "Postfix needs root")
	done()
if not (servers.POSTFIX and servers.DOVECOT) and not os.environ.get("CI"):
	flow.skip("a real Postfix", "postfix or dovecot is not installed")
	done()

site = servers.Servers(users=(servers.USER, TO))
WAY = {"tls": "implicit", "ca_file": site.ca_file, "user": servers.USER, "password": servers.PASSWORD}


def log_size():
	return len(site.logs("postfix.log"))


def new_log(before):
	return site.logs("postfix.log")[before:]


def arrived(user, n):
	"""The raw mails of a mailbox, once there are n."""
	wait_until(lambda: site.count(user) >= n, 60)
	return site.fetch(user)


# ---- many over one connection ------------------------------------------------------------------------------

before = log_size()
client = Client(site.submissions_port, **WAY)
mails = [b"From: ungcuu@example.vn\r\nMessage-ID: <many%d@example.vn>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0700\r\n"
	b"To: %s\r\nSubject: x\r\n\r\n.%d\r\n..\r\n%s\r\n" % (n, TO.encode(), n, b"y" * (n * 4)) for n in range(MANY)]
answers = [client.send(mail, name=f"m{n}") for n, mail in enumerate(mails)]
client.end()
same({each[:2] for each in answers}, {("done", 250)}, f"{MANY} mails: accepted")
log = new_log(before)
same(len(re.findall(r"submissions/good/smtpd\[\d+\]: connect from", log)), 1, "over one connection")
same(log.count("sasl_method=SCRAM-SHA-256"), MANY, "logged in by SCRAM-SHA-256")
same(log.count("from=<>, size="), MANY, "with the null sender")
raws = arrived(TO, MANY)
same(sorted(raw[-len(mail):] == mail for raw, mail in zip(sorted(raws, key=len), sorted(mails, key=len))), [True] * MANY,
	"each arrives once, with its very bytes")

# ---- other ways in -----------------------------------------------------------------------------------------

for name, way in (
		("STARTTLS", {**WAY, "tls": "starttls", "port": site.submission_port}),
		("loopback without TLS, without login", {"tls": "none-loopback-only", "port": site.plain_port}),
		("its name", {**WAY, "host": "localhost", "port": site.submissions_port}),
		("pinned, another host's name", {**WAY, "host": site.hosts["wrong-host"], "port": site.submissions_port,
			"tls_pin": site.tls.pin("wrong-host")})):
	client = Client(**way)
	expect(name, client.send(), "done", 250)
	client.end()
large = b"From: ungcuu@example.vn\r\nMessage-ID: <large@example.vn>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0700\r\n" \
	b"To: an@reporter.example\r\nSubject: x\r\n\r\n" + (b"z" * 76 + b"\r\n") * 330000
before = log_size()
client = Client(site.submissions_port, **WAY)
expect("25 MB", client.send(large, sender=servers.USER), "done", 250)
client.end()
ok(wait_until(lambda: f"from=<{servers.USER}>, size=" in new_log(before)), "with an envelope sender of ours")
same(len([raw for raw in arrived(TO, MANY + 5) if raw.endswith(large)]), 1, "25 MB arrive as they were")

# ---- refusals ----------------------------------------------------------------------------------------------

before = log_size()
client = Client(site.submissions_port, **WAY)
expect("an unknown recipient", client.send(to="gone@reporter.example"), "never", 550, r"^RCPT: 550 5\.1\.1 \(address\)")
expect("a busy mailbox", client.send(to="later@reporter.example"), "later", 450, r"^RCPT: 450 4\.2\.1")
expect("the next one", client.send(), "done", 250)
client.end()
same(len(re.findall(r"submissions/good/smtpd\[\d+\]: connect from", new_log(before))), 1, "over the same connection")
before = log_size()
client = Client(site.submissions_port, **{**WAY, "password": "sai"})
same([client.send()[:2], client.send()[0]], [("later", 535), "later"], "a wrong password holds nothing")
text = client.end()[1]
same((new_log(before).count("authentication failed"), text.count("event=submission-failed")), (1, 1),
	"tried once for two mails, logged once")
client = Client(site.submissions_port, tls="implicit", ca_file=site.ca_file)
expect("no login where one is wanted", client.send(), "later", 554, "5.7.1")
client.end()
client = Client(site.strict_port, **WAY)
expect("an envelope sender of somebody else", client.send(sender=TO), "later", 553, "5.7.1")
expect("our own", client.send(sender=servers.USER), "done", 250)
before = log_size()
expect("over SIZE", client.send(MAIL + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 300), "never", 0, "takes 20000")
expect("the next one, at SIZE", client.send(), "done", 250)
client.end()
ok(wait_until(lambda: "disconnect from" in new_log(before)) and "reject" not in new_log(before),
	"the large one was not even tried", new_log(before))

# ---- servers that are not who they should be ---------------------------------------------------------------

for name, why in (("wrong-host", "for another host"), ("expired", "expired"), ("other-ca", "no known CA")):
	for kind, port in (("implicit", site.submissions_port), ("starttls", site.submission_port)):
		before = log_size()
		client = Client(port, host=site.hosts[name], **{**WAY, "tls": kind})
		found = client.send()
		client.end()
		ok(found[0] == "later" and why in found[2], f"{kind}, {name}: refused", found)
		log = wait_until(lambda: "disconnect from" in new_log(before) and new_log(before)) or ""
		counts = re.search(r"disconnect from \S+ ?(.*)", log)
		ok(counts and "SSL_accept error" in log and "sasl" not in log.lower() and
			counts.group(1) in ("commands=0/0", "ehlo=1 starttls=0/1 commands=1/2"),
			f"{kind}, {name}: before the login, Postfix says", log)
before = log_size()
client = Client(site.submissions_port, **{**WAY, "tls_pin": site.tls.pin("expired")})
expect("another key than the pinned one", client.send(), "later", 0, "tls_pin")
client.end()
ok(wait_until(lambda: "commands=0/0" in new_log(before)), "before the login", new_log(before))

# ---- a server that goes and comes --------------------------------------------------------------------------

client = Client(site.submissions_port, **WAY)
expect("before", client.send(), "done", 250)
site.postfix_stop()
same(client.send()[0], "later", "the server is gone")
site.postfix_start()
ok(wait_until(lambda: client.send()[0] == "done", 30), "and back")
site.dovecot_stop()
expect("Dovecot is gone: Postfix takes it", client.send(), "done", 250)
client.end()
client = Client(site.submissions_port, **WAY)
same(client.send()[0], "later", "but nobody can log in")
site.dovecot_start()
ok(wait_until(lambda: client.send()[0] == "done", 30), "until it is back")
same([line.split(":")[0] for line in client.check()], ["ok"] * 3, "check")
client.end()
done()
