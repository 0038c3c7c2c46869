# SPDX-License-Identifier: ISC
#
# bearer: logins by access token (OAUTHBEARER, XOAUTH2) with real Dovecot and Postfix, which ask a small server of
# this test whose a token is.  A token that expires is fetched once more; a command that fails is loud and harmless.

import os
import re

import realsite
import servers
from flow import done, mail, ok, same, wait_until
from realsite import RealSite, log_since

COMMAND = """#!/bin/sh
# Counts its calls, prints what the test laid out, and something that is nobody's business on the other output.
printf 'x' >> "{folder}/{name}.calls"
echo "secret-of-stderr" >&2
sed "s/CALLS/$(wc -c < "{folder}/{name}.calls")/" "{folder}/{name}.token"
exit "$(cat "{folder}/{name}.exit" 2>/dev/null || echo 0)"
"""
ALARM = """#!/bin/sh
printf '%s|%s\\n' "$1" "$2" >> "{folder}/alarms"
"""
REPORTERS = [f"n{n}@reporter.example" for n in range(8)]

realsite.needs_root()
tokens = servers.Tokens()
world = servers.Servers(users=(servers.USER, *REPORTERS), tokens=tokens, pop3=True)
number = 0


class TokenSite(RealSite):
	def prepare(self, site):
		super().prepare(site)
		for name in ("in", "out"):
			self.write(f"{name}.command", COMMAND.format(folder=self.folder, name=name), 0o700)
		self.write("alarm", ALARM.format(folder=self.folder), 0o700)

	def write(self, name, text, mode=0o600):
		with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
			file.write(text)

	def read(self, name):
		try:
			with open(self.path(name)) as file:
				return file.read()
		except FileNotFoundError:
			return ""

	def configure(self, **settings):
		super().configure(**settings)
		text = self.read("ungcuu.conf")
		for name, file in (("in", "mailbox"), ("out", "submission")):
			text = text.replace(f'password_file = "{file}.password"',
				f'token_command = [ "{self.path(name + ".command")}", "for {name}" ]')
		self.write("ungcuu.conf", text + f'alarm = {{ command = [ "{self.path("alarm")}" ]; }};\n')

	def issue(self, *names, good=True):
		"""A new token for each; the old ones are worth nothing from here on."""
		global number
		for name in names or ("in", "out"):
			number += 1
			token = f"token-{number}-{name}.~+/=" + "x" * 900
			tokens.valid = {old: user for old, user in tokens.valid.items() if f"-{name}." not in old}
			if good:
				tokens.valid[token] = servers.USER
			self.write(f"{name}.token", f"  {token} \nand more\n")

	def expire(self):
		tokens.valid = {}

	def calls(self):
		return tuple(len(self.read(f"{name}.calls")) for name in ("in", "out"))

	def alarms(self):
		return [("-" if "|cleared: " in line else "+") + line.split("|")[0] for line in self.read("alarms").splitlines()]

	def open_alarms(self):
		return [alarm["cause"] for alarm in self.ctl("status")["alarms"]]

	def reconnect(self, mechanisms="oauthbearer xoauth2"):
		"""Every connection is made anew."""
		world.write_dovecot(mechanisms)
		world.postfix_stop()
		world.dovecot_stop()
		world.dovecot_start()
		world.postfix_start()


def acks(n, at_least=None):
	if at_least is not None:
		wait_until(lambda: world.count(REPORTERS[n]) >= at_least, 20)
	return world.count(REPORTERS[n])


def report(n):
	return mail(f"Báo cáo số {n}.\n", sender=REPORTERS[n])


site = TokenSite(world, hooked=True)
site.issue()
same(site.ctl("check")["exit"], 0, "check logs in by token")
same(site.calls(), (1, 1), "and asked for one each")
site.post(report(0))
begin = len(world.logs("dovecot.log")), len(world.logs("postfix.log"))
ok(site.daemon_start(), "a daemon")
same(acks(0, 1), 1, "mail in, acknowledgement out")
ok("method=OAUTHBEARER" in log_since(world, "dovecot.log", begin[0]), "by OAUTHBEARER at Dovecot")
ok("sasl_method=OAUTHBEARER" in log_since(world, "postfix.log", begin[1]), "and at Postfix")
same(site.calls(), (2, 2), "each command was run once for it")

# Expired, and the server only knows the older mechanism by now.
site.expire()
site.issue()
asked = len(tokens.asked)
begin = len(world.logs("dovecot.log")), len(world.logs("postfix.log"))
site.reconnect("xoauth2")
site.post(report(1))
same(acks(1, 1), 1, "the tokens expire: mail goes on")
same(site.calls(), (3, 3), "each was fetched once more")
ok("method=XOAUTH2" in log_since(world, "dovecot.log", begin[0]), "by XOAUTH2 at Dovecot")
ok("sasl_method=XOAUTH2" in log_since(world, "postfix.log", begin[1]), "and at Postfix")
same(len({token for token, user in tokens.asked[asked:] if user is None}), 2, "the old ones were tried once each")
same((site.alarms(), site.ctl("status")["exit"]), ([], 0), "and nobody is bothered")

# The command fails, and the server does not even say that it is the token.
tokens.unauthorized = True
site.expire()
site.write("in.exit", "7\n")
site.reconnect()
site.post(report(2))
ok(wait_until(lambda: site.alarms() == ["+token:main"], 30), "the command fails: an alarm", site.alarms())
status = site.ctl("status")
same((status["exit"], [alarm["cause"] for alarm in status["alarms"]]), (1, ["token:main"]), "status is loud")
ok(any("status 7" in line for line in status["attention"]), "and says why", status["attention"])
before = site.calls()[0]
polls = site.daemon_text().count("event=poll-failed")
ok(wait_until(lambda: site.daemon_text().count("event=poll-failed") >= polls + 2, 20), "polls go on")
ok(site.calls()[0] <= before + 1, "the command gets a pause", (before, site.calls()))
same((site.alarms(), acks(2), site.lying()), (["+token:main"], 0, 1), "one alarm, and the mail waits")

# Works again.
site.issue()
site.write("in.exit", "0\n")
site.hooks("clock=+120000")
same(acks(2, 1), 1, "the command works again: the mail is answered")
ok(wait_until(lambda: site.alarms() == ["+token:main", "-token:main"], 20), "the alarm is over", site.alarms())
ok(wait_until(lambda: site.ctl("status")["exit"] == 0, 10), "status is content", site.ctl("status"))
same(site.daemon_stop(), 0, "the daemon ends")
log = site.daemon_text()
ok(not re.search(r"token-\d|secret-of", log) and "event=token-failed" in log, "the log has no token")

tokens.unauthorized = False

# Two tokens, and the server wants neither.
begin = len(tokens.asked)
site.issue(good=False)
site.post(report(3))
same((site.once(), acks(3)), (1, 0), "tokens that are never good")
ok(r"refused\x20once\x20more" in site.log, "the command prints the same one again: it is not tried", site.log[-1500:])
same([user for _, user in tokens.asked[begin:]], [None], "one login was refused")
before = site.calls()[0]
site.write("in.token", "token-0-CALLS\n")
same((site.once(), site.calls()[0] - before, len(tokens.asked) - begin), (1, 2, 3), "another one is: once")
same((site.alarms()[2:], site.open_alarms()), (["+mailbox:main"], ["mailbox:main"]), "and then it is an alarm at once")
site.issue()
same((site.once(), acks(3, 1), site.lying()), (0, 1, 0), "a good one: the mail is answered")
same((site.alarms()[3:], site.open_alarms()), (["-mailbox:main"], []), "and the alarm is over")

# The way out alone.
site.issue("in")
site.issue("out", good=False)
site.post(report(4))
same((site.once(), acks(4)), (1, 0), "a bad token for the way out")
waiting = [row for row in site.outgoing() if row["state"] == "protected"]
ok(len(waiting) == 1 and "token" in (waiting[0]["reason"] or ""), "the answer waits, and says why", waiting)
ok(any("token" in line["what"] for line in site.ctl("check")["checks"] if line["level"] == "fail") or
	site.ctl("check")["exit"] == 1, "check says so, too", site.ctl("check"))
site.issue()
site.hooks("clock=+600000")
same((site.once(), acks(4, 1)), (0, 1), "a good one: it leaves")
same([acks(n) for n in range(5)], [1] * 5, "everybody has one answer")
site.balanced("balanced", seen=5)

# ---- POP3 ---------------------------------------------------------------------------------------------------

class PopTokenSite(TokenSite):
	def configure(self, **settings):
		super().configure(**settings)
		text = self.read("ungcuu.conf").replace('type = "imap"', 'type = "pop3"').replace(
			f"port = {world.imaps_port};", f"port = {world.pop3s_port};").replace('folders = [ "INBOX", "Junk" ];', "")
		self.write("ungcuu.conf", text)


tokens.unauthorized = False
pop = PopTokenSite(world, hooked=True)
for mechanisms, name in (("oauthbearer xoauth2", "OAUTHBEARER"), ("xoauth2", "XOAUTH2")):
	pop.expire()
	pop.issue()
	pop.reconnect(mechanisms)
	number_of_calls = pop.calls()[0]
	begin = len(world.logs("dovecot.log"))
	pop.post(report(6))
	before = acks(6)
	same(pop.once(), 0, f"POP3 by {name}: --once ends well")
	same(acks(6, before + 1), before + 1, f"POP3 by {name}: mail in, acknowledgement out")
	ok(re.search(rf"pop3-login: .*method={name}", log_since(world, "dovecot.log", begin)), f"POP3 by {name}: so Dovecot says",
		log_since(world, "dovecot.log", begin))
	same(pop.calls()[0], number_of_calls + 1, f"POP3 by {name}: fetched once")
pop.expire()
before = len(tokens.asked)
same(pop.once(), 1, "POP3: no token is good: --once ends with 1")
ok(len({token for token, user in tokens.asked[before:]}) <= 2, "POP3: tried at most twice")
ok("xxxxxxxx" not in pop.log, "POP3: no token in the log")
done()
