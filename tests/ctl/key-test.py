# SPDX-License-Identifier: ISC
#
# key-test: the key verbs of ungcuuctl that work on files: generate, list, show, check, import, enrol, retire.
# Keys of made-up people come from plain gpg; no daemon runs.  What the daemon does for forget and accept is in
# tests/flow/keys.py.

import atexit
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["TOP_SRCDIR"], "tests", "flow"))

from flow import Site, alive, command, done, ok, same, skip

# ---- people, made by plain gpg --------------------------------------------------------------------

homes = tempfile.mkdtemp(prefix="ungcuu-key-test-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


def end_agents(*folders):
	for folder in folders:
		subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], capture_output=True)


@atexit.register
def close_homes():
	"""Also when the test itself fails: the agents of gpg stay otherwise."""
	if os.path.isdir(homes):
		end_agents(*(os.path.join(homes, name) for name in os.listdir(homes)))
		shutil.rmtree(homes, ignore_errors=True)


def gpg(home, *words, data=None, passphrase=""):
	run = subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback",
		"--passphrase", passphrase, *words], input=data, capture_output=True)
	if run.returncode != 0:
		raise RuntimeError(f"gpg {words}: {run.stderr.decode(errors='replace')}")
	return run.stdout


def person(name, primary="ed25519", sub="cv25519", expire="0", then=None, passphrase=""):
	"""A key pair in a home of its own: fingerprint, certificate, secret key (both armoured)."""
	home = os.path.join(homes, name)
	os.mkdir(home, 0o700)
	clock = ["--faked-system-time", then] if then else []
	gpg(home, *clock, "--quick-generate-key", f"Người {name} <{name}@example.org>", primary, "cert,sign", expire,
		passphrase=passphrase)
	fingerprint = re.search(rb"^fpr:+([0-9A-F]+):", gpg(home, "--with-colons", "--list-keys"), re.M).group(1).decode()
	if sub:
		gpg(home, *clock, "--quick-add-key", fingerprint, sub, "encr", expire, passphrase=passphrase)
	return Person(name, home, fingerprint, passphrase)


class Person:
	def __init__(self, name, home, fingerprint, passphrase):
		self.name, self.home, self.fingerprint, self.passphrase = name, home, fingerprint, passphrase
		self.certificate = gpg(home, "--armor", "--export", fingerprint)

	def secret(self):
		return gpg(self.home, "--armor", "--export-secret-keys", self.fingerprint, passphrase=self.passphrase)

	def revoke(self):
		"""The certificate with its revocation."""
		with open(f"{self.home}/openpgp-revocs.d/{self.fingerprint}.rev", "rb") as file:
			gpg(self.home, "--import", data=file.read().replace(b":-----BEGIN", b"-----BEGIN"))
		return gpg(self.home, "--armor", "--export", self.fingerprint)

	def grips(self):
		"""Keygrips: primary, subkey."""
		return re.findall(r"^grp:+([0-9A-F]+):", gpg(self.home, "--with-colons", "--with-keygrip", "--list-keys",
			self.fingerprint).decode(), re.M)

	def close(self):
		end_agents(self.home)


good, renewed, late, soon, weak, signs = (person("tot"), person("gia-han", expire="40d"),
	person("het-han", expire="1y", then="20200101T000000!"), person("sap-het", expire="30d"),
	person("yeu", "rsa1024", "rsa1024"), person("chi-ky", sub=None))
revoked, stranger, absent, bundled = person("thu-hoi"), person("nguoi-la"), person("vang"), person("gop")
older, locked, second = person("cu"), person("khoa", passphrase="mật khẩu"), person("hai")

# ---- a site ------------------------------------------------------------------------------------------

site = Site()
own = site.fingerprint
certificates = site.path("certificates")
shutil.rmtree(certificates)


def write(name, data, mode=0o644):
	path = site.path(name)
	with open(path, "wb") as file:
		file.write(data)
	os.chmod(path, mode)
	return path


def configure(key=own, old=(), home="gnupg", agencies=(), process=""):
	"""`agencies`: (id, fingerprint)."""
	rows = ", ".join(f'{{ id = "{name}"; name = "Đơn vị {name}"; addresses = [ "{name}@example.org" ]; '
		f'keys = [ "{fingerprint}" ]; }}' for name, fingerprint in agencies)
	site.configure(key=key, more=f"directory = {{ agencies = ( {rows} ); }};\n{process}")
	with open(site.path("ungcuu.conf"), encoding="utf-8") as file:
		text = file.read()
	old = ", ".join(f'"{fingerprint}"' for fingerprint in old)
	text = text.replace('phone = "+84', f'old_keys = [ {old} ]; phone = "+84').replace('home = "gnupg"', f'home = "{home}"')
	with open(site.path("ungcuu.conf"), "w", encoding="utf-8") as file:
		file.write(text)


def text(*words):
	code, out, err = site.run("ungcuuctl", "-f", site.path("ungcuu.conf"), *words)
	return code, out + err


def check(level, what, name, lines=None):
	"""A line of `key check` of this level that holds this, with a fix unless all is well."""
	if lines is None:
		lines = site.ctl("key", "check")["checks"]
	found = [line for line in lines if what in line["what"]]
	ok([line["level"] for line in found] == [level] and all(line["fix"] or level == "ok" for line in found),
		f"key check: {name}", lines)


def row(rows, fingerprint):
	return next((one for one in rows if one.get("fingerprint") == fingerprint), {})


# ---- generate --------------------------------------------------------------------------------------------

def colons(home):
	return gpg(home, "--with-colons", "--with-secret", "--list-keys").decode()


algorithms = re.findall(r"^(?:pub|sub):.*:(ed25519|cv25519):", colons(site.path("gnupg")), re.M)
same(algorithms, ["ed25519", "cv25519"], "key generate: ed25519 to sign, cv25519 to encrypt")
same(stat.S_IMODE(os.stat(site.path("gnupg")).st_mode), 0o700, "keys.home is 0700")
left = [name for _, _, names in os.walk(site.folder) for name in names if name.endswith(".rev")]
same(left, [], "no revocation certificate is left behind")
made = site.ctl("key", "generate", "--name", "Đội hai", "--address", "hai@example.vn", "--expire", "100")
same((made["exit"], made["revocation_left"], made["address"]), (0, None, "hai@example.vn"), "a second key, another address")
rev = os.path.join(homes, "rev")
os.mkdir(rev, 0o700)
gpg(rev, "--import", data=gpg(site.path("gnupg"), "--export", made["fingerprint"]))
gpg(rev, "--import", data=made["revocation"].replace(":-----BEGIN", "-----BEGIN").encode())
ok(re.search(r"^pub:r:", gpg(rev, "--with-colons", "--list-keys").decode(), re.M), "what was printed revokes the key")
for name in os.listdir(site.path("gnupg", "private-keys-v1.d")):
	with open(site.path("gnupg", "private-keys-v1.d", name), "rb") as file:
		ok(b"protected" not in file.read(), "no passphrase")
configure()

# ---- enrol ------------------------------------------------------------------------------------------------

enrolled = site.ctl("key", "enrol", write("tot.asc", good.certificate))
same((enrolled["exit"], enrolled["fingerprint"], enrolled["file"], enrolled["renewed"], enrolled["party"]),
	(0, good.fingerprint, f"{good.fingerprint}.asc", False, None), "key enrol makes the folder and the file")
same(enrolled["configuration"], f'keys = [ "{good.fingerprint}" ];  # Người tot <tot@example.org>', "the line of the configuration")
ok("SIGHUP" in enrolled["next"] and enrolled["addresses"] == ["tot@example.org"] and enrolled["can_encrypt"],
	"what to do next, and whose it says it is", enrolled)
same([stat.S_IMODE(os.stat(path).st_mode) for path in (certificates, f"{certificates}/{good.fingerprint}.asc")],
	[0o755, 0o644], "readable by every role")
for name, data, why in (
		("an expired one", late.certificate, "expired"), ("a revoked one", revoked.revoke(), "revoked"),
		("one that cannot encrypt", signs.certificate, "no encryption key"), ("a secret key", good.secret(), "secret"),
		("two at once", good.certificate + late.certificate, "not one"), ("no key", b"hello", "not one"),
		("nothing", b"", "not one"), ("too much", b"x" * 300000, "larger than 262144 bytes")):
	answer = site.ctl("key", "enrol", write("in.asc", data))
	ok(answer["exit"] == 65 and why in answer["error"]["why"], f"key enrol refuses {name}", answer)
same(site.ctl("key", "enrol", site.path("nowhere.asc"))["exit"], 65, "key enrol of no file: 65")
same(os.listdir(certificates), [f"{good.fingerprint}.asc"], "and none of them left a file")

configure(agencies=[("so-y-te", good.fingerprint)])
same(site.ctl("key", "enrol", site.path("tot.asc"))["renewed"], True, "the same once more is a renewal")
gpg(good.home, "--quick-set-expire", good.fingerprint, "2y")
again = site.ctl("key", "enrol", write("tot.asc", gpg(good.home, "--export", good.fingerprint)))
ok(again["renewed"] and again["expires_before"] is None and again["expires"] and again["party"] == "agency:so-y-te",
	"a longer life is a renewal, and the party that names it is told", again)
code, out = text("key", "enrol", site.path("tot.asc"))
ok(code == 0 and "Renewed" in out and "which expires 20" in out and "Put into" not in out, "the same for people", out)

write(f"certificates/{renewed.fingerprint}.asc", stranger.certificate)
answer = site.ctl("key", "enrol", write("in.asc", renewed.certificate))
ok(answer["exit"] == 73 and "something else" in answer["error"]["why"], "another certificate under its name is not overwritten", answer)
with open(f"{certificates}/{renewed.fingerprint}.asc", "rb") as file:
	same(file.read(), stranger.certificate, "and lies there as before")
os.remove(f"{certificates}/{renewed.fingerprint}.asc")
os.symlink(site.path("tot.asc"), f"{certificates}/{renewed.fingerprint}.asc")
same(site.ctl("key", "enrol", site.path("in.asc"))["exit"], 73, "nor is a symbolic link")
os.remove(f"{certificates}/{renewed.fingerprint}.asc")
before = stranger.certificate
write(f"certificates/{stranger.fingerprint}.asc", stranger.revoke())
answer = site.ctl("key", "enrol", write("in.asc", before))
ok(answer["exit"] == 65 and "revoked" in answer["error"]["why"], "an older copy does not take a revocation back", answer)
os.remove(f"{certificates}/{stranger.fingerprint}.asc")

# ---- list, show, check of parties ------------------------------------------------------------------------------

AGENCIES = [("so-y-te", good), ("gia-han", renewed), ("het-han", late), ("sap-het", soon), ("yeu", weak),
	("chi-ky", signs), ("thu-hoi", revoked), ("vang", absent)]
configure(agencies=[(name, one.fingerprint) for name, one in AGENCIES] + [("x509", "AB" * 32)])
write("certificates/so-gia-han.gpg", gpg(renewed.home, "--export", renewed.fingerprint))
write(f"certificates/{late.fingerprint.lower()}.asc", late.certificate)
write("certificates/gop.asc", b"Two of them:\n" + soon.certificate + b"\n\n" + weak.certificate + bundled.certificate)
write("certificates/chi-ky.asc", signs.certificate)
write("certificates/thu-hoi.asc", revoked.revoke())
write("certificates/goi.asc", gpg(stranger.home, "--armor", "--export") + second.certificate.replace(b"\n\n", b"\n\n!\n"))
write("certificates/zz-tot.asc", good.certificate)
write("certificates/rac.asc", b"\x1b[31m no key")
write("certificates/lon.asc", b"x" * 4200000)
write("certificates/ghi-chu.txt", b"notes")
write("certificates/ca.pem", b"-----BEGIN CERTIFICATE-----\n")
write("certificates/.an", b"hidden")
os.mkdir(site.path("certificates/thu-muc.asc"))

listed = site.ctl("key", "list")
same((listed["exit"], listed["more"], listed["pins"], listed["all_files_read"]), (0, False, [], True), "key list without a store")
same({key["fingerprint"]: (key["use"], key["hotline"], key["secret"], key["in_home"]) for key in listed["keys"]},
	{own: ("present", True, True, True), made["fingerprint"]: ("other", False, True, True)}, "key list: our own")
# party: file, usable, why
EXPECTED = {
	"agency:so-y-te": (f"{good.fingerprint}.asc", True, None),
	"agency:gia-han": ("so-gia-han.gpg", True, None),
	"agency:het-han": (f"{late.fingerprint.lower()}.asc", False, "expired"),
	"agency:sap-het": ("gop.asc", True, None),
	"agency:yeu": ("gop.asc", True, None),
	"agency:chi-ky": ("chi-ky.asc", False, "no encryption key that is valid"),
	"agency:thu-hoi": ("thu-hoi.asc", False, "revoked"),
	"agency:vang": (None, False, "no certificate in keys.certificates"),
	"agency:x509": (None, False, "S/MIME does not work yet"),
}
same({key["party"]: (key["file"], key["can_encrypt"], key["why"]) for key in listed["parties"]}, EXPECTED, "key list: keys of parties")
first = listed["parties"][0]
same((first["user_id"], first["algorithm"], first["name"]), ("Người tot <tot@example.org>", "ed25519", "Đơn vị so-y-te"),
	"key list: what is known of one")
ok(first["days_left"] in (729, 730) and first["expires"].endswith("Z"), "key list: its end", first)
same([(key["fingerprint"], key["file"]) for key in listed["others"]],
	[(stranger.fingerprint, "goi.asc"), (bundled.fingerprint, "gop.asc")], "key list: certificates no party names")
same({one["file"] for one in listed["unreadable"]}, {"goi.asc", "rac.asc", "lon.asc", "ghi-chu.txt", "ca.pem", "thu-muc.asc"},
	"key list: files that are no certificate")
code, out = text("key", "list")
ok(code == 0 and "no certificate in keys.certificates" in out and "Certificates no party names" in out and "\x1b" not in out,
	"key list for people", out)

# Every row once, in pages of any size.
whole = [len(listed[name]) for name in ("keys", "parties", "others", "unreadable", "pins")]
for limit in ("1", "4"):
	after, found, pages = [], [0] * 5, 0
	while pages < 50:
		page = site.ctl("key", "list", "--limit", limit, *after)
		counts = [len(page[name]) for name in ("keys", "parties", "others", "unreadable", "pins")]
		found = [a + b for a, b in zip(found, counts)]
		pages += 1
		if sum(counts) > int(limit) or not page["more"]:
			break
		after = ["--after", page["last"]]
	same((found, page["more"]), (whole, False), f"key list in pages of {limit}")
same(site.ctl("key", "list", "--after", "nothing")["exit"], 64, "key list after no row: 64")
_, out = text("key", "list", "--limit", "1")
ok(re.search(r"^more: --after \S", out, re.M), "key list for people says how to go on", out)

# whose, kind, party, file
SHOWN = [(own, "own", None, None), (good.fingerprint, "party", "agency:so-y-te", f"{good.fingerprint}.asc"),
	(bundled.fingerprint, "other", None, "gop.asc")]
for fingerprint, kind, party, file in SHOWN:
	shown = site.ctl("key", "show", fingerprint)
	same((shown["exit"], shown["fingerprint"], shown["kind"], shown["party"], shown.get("file"), shown["pins"]),
		(0, fingerprint, kind, party, file, []), f"key show: {kind}")
	home = os.path.join(homes, f"show-{kind}")
	os.mkdir(home, 0o700)
	gpg(home, "--import", data=shown["public_key"].encode())
	ok(fingerprint in gpg(home, "--with-colons", "--list-keys").decode(), f"key show: {kind}: gpg takes what is shown")
spaced = " ".join(own[i:i + 4] for i in range(0, 40, 4)).lower()
same(site.ctl("key", "show", spaced)["fingerprint"], own, "key show: as gpg prints it, in blocks, any case")
for word, code in (("0" * 40, 65), (own[:16], 64), ("an@example.vn", 64), (absent.fingerprint, 65)):
	answer = site.ctl("key", "show", word)
	ok(answer["exit"] == code and answer["error"]["why"], f"key show {word[:16]}: {code}", answer)
code, out = text("key", "show", late.fingerprint)
ok(code == 0 and "BEGIN PGP PUBLIC KEY BLOCK" in out and "expired" in out and "agency:het-han" in out, "key show for people", out)

answer = site.ctl("key", "check")
lines = answer["checks"]
same((answer["exit"], answer["ok"]), (1, False), "key check: 1 where something fails")
ok(all(sorted(line) == ["fix", "level", "what"] for line in lines), "key check: the shape of check", lines)
for level, what, name in (
		("ok", "keys.home is private", "the home"), ("ok", f"hotline.key {own}", "hotline.key"),
		("ok", "hotline.key signs", "a real signature"), ("ok", "hotline.key decrypts", "a real decryption"),
		("ok", f"agency:so-y-te: {good.fingerprint}", "a good one"), ("warn", f"{renewed.fingerprint} expires in 39 days", "40 days left"),
		("fail", f"{late.fingerprint}: expired", "an expired one"), ("warn", f"{soon.fingerprint} expires in 29 days", "30 days left"),
		("warn", f"{weak.fingerprint}: rsa1024 is weak", "a weak one"),
		("fail", f"{signs.fingerprint}: no encryption key that is valid", "one that cannot encrypt"),
		("fail", f"{revoked.fingerprint}: revoked", "a revoked one"),
		("fail", f"{absent.fingerprint}: no certificate in keys.certificates", "a missing one"), ("warn", "S/MIME does not work yet", "X.509")):
	if what == "S/MIME does not work yet":
		what = "agency:x509: " + "AB" * 32 + ": " + what
	check(level, what, name, lines)
for what, name in (("rac.asc: ", "junk is named"), ("goi.asc: ", "a broken piece beside a good one, too"), ("lon.asc: larger than", "so is what is too large"),
		("ghi-chu.txt: not read", "and another ending"), ("ca.pem: S/MIME", "and X.509"), ("thu-muc.asc: no ordinary file", "and a folder"),
		(f"zz-tot.asc holds {good.fingerprint} once more, as {good.fingerprint}.asc does", "a second copy")):
	check("warn", what, name, lines)
ok(not any(".an" in line["what"].split() for line in lines), "key check: hidden files are nobody's", lines)
code, out = text("key", "check")
ok(code == 1 and re.search(r"^fail  agency:vang: .*: ungcuuctl key enrol", out, re.M) and "\x1b" not in out, "key check for people", out)

shutil.rmtree(certificates)
configure(agencies=[("so-y-te", good.fingerprint)])
check("fail", f"agency:so-y-te: {good.fingerprint}: no certificate", "without a folder")
site.ctl("key", "enrol", site.path("tot.asc"))
same((site.ctl("key", "check")["exit"], site.ctl("key", "check")["ok"]), (0, True), "key check: 0 when all is well")

# ---- import, retire ----------------------------------------------------------------------------------------------

configure(key="")
fresh = site.ctl("key", "import", write("cu.key", older.secret(), 0o600))
same((fresh["exit"], fresh["fingerprint"], fresh["configuration"], fresh["use"]),
	(0, older.fingerprint, f'hotline.key = "{older.fingerprint}"', "other"), "key import, when no key is named yet")
ok("SIGHUP" in fresh["next"] and "as_old_key" not in fresh, "and the daemon has to learn of it", fresh)
configure()
chosen = site.ctl("key", "import", site.path("cu.key"))
same((chosen["configuration"], chosen["as_old_key"], chosen["as_present_key"]),
	(None, [f'hotline.old_keys = [ "{older.fingerprint}" ]'],
	[f'hotline.key = "{older.fingerprint}"', f'hotline.old_keys = [ "{own}" ]']), "once more, beside a key: as an old one or the present one")
configure(old=[older.fingerprint])
listed = site.ctl("key", "list")["keys"]
same((row(listed, older.fingerprint)["use"], row(listed, older.fingerprint)["secret"]), ("old", True), "key list names it an old key")
same(site.ctl("key", "import", site.path("cu.key"))["as_present_key"],
	[f'hotline.key = "{older.fingerprint}"', f'hotline.old_keys = [ "{own}" ]'], "an old key can become the present one again")
both = site.ctl("key", "import", write("hai.key", second.secret(), 0o600))
same(both["as_old_key"], [f'hotline.old_keys = [ "{older.fingerprint}", "{second.fingerprint}" ]'], "old keys that are there stay")
code, out = text("key", "import", site.path("hai.key"))
ok(code == 0 and "To decrypt with it only" in out and "To sign with it" in out and "SIGHUP" in out, "key import for people", out)
for name, data, why in (("a certificate", good.certificate, "secret key"), ("one with a passphrase", locked.secret(), "passphrase"),
		("no key", b"hello", "not one"), ("too much", b"x" * 300000, "larger")):
	answer = site.ctl("key", "import", write("in.key", data, 0o600))
	ok(answer["exit"] == 65 and why in answer["error"]["why"], f"key import refuses {name}", answer)
ok(locked.fingerprint not in colons(site.path("gnupg")), "and leaves nothing of it in keys.home")

check("ok", f"old key {older.fingerprint} decrypts", "an old key that works")
retired = site.ctl("key", "retire", own)
same((retired["exit"], retired["configuration"], retired["use"], retired["warning"]),
	(0, f'hotline.old_keys = [ "{older.fingerprint}", "{own}" ]', "present", None), "key retire of the present key")
same(set(retired["candidates"]), {made["fingerprint"], second.fingerprint}, "key retire: who could come after it")
same((site.ctl("key", "retire", older.fingerprint)["configuration"], site.ctl("key", "retire", older.fingerprint)["use"]),
	(f'hotline.old_keys = [ "{older.fingerprint}" ]', "old"), "key retire of one that is retired already")
for word, code in (("0" * 40, 65), (good.fingerprint, 65), ("x", 64)):
	same(site.ctl("key", "retire", word)["exit"], code, f"key retire {word[:8]}: {code}")
code, out = text("key", "retire", own)
ok(code == 0 and "hotline.key = " in out and "goes on decrypting" in out, "key retire for people", out)
ok(own in colons(site.path("gnupg")) and row(site.ctl("key", "list")["keys"], own)["secret"], "nothing was deleted")

alone = site.path("alone")
configure(home="alone")
shutil.copytree(site.path("gnupg"), alone, ignore=lambda folder, names: [name for name in names if name.startswith("S.")])
for fingerprint in (made["fingerprint"], second.fingerprint, older.fingerprint):
	gpg(alone, "--yes", "--delete-secret-and-public-key", fingerprint)
ok("no other key" in site.ctl("key", "retire", own)["warning"], "key retire warns when nothing could come after it")

# ---- check of our own keys ---------------------------------------------------------------------------------------

def without(fingerprint, home, which):
	"""Removes the secret part of primary (0) or subkey (1)."""
	names = re.findall(rf"^grp:+([0-9A-F]+):", gpg(home, "--with-colons", "--with-keygrip", "--list-keys", fingerprint).decode(), re.M)
	os.remove(os.path.join(home, "private-keys-v1.d", names[which] + ".key"))


end_agents(alone)
without(own, alone, 1)
check("fail", "hotline.key does not decrypt", "the secret part that decrypts is missing")
check("ok", "hotline.key signs", "while it signs")
without(own, alone, 0)
check("fail", f"hotline.key {own}: the secret part that signs is not there", "no secret part at all")
configure(home="gnupg", key=absent.fingerprint)
check("fail", "no such key", "hotline.key is not in keys.home")
same(row(site.ctl("key", "list")["keys"], absent.fingerprint).get("in_home"), False, "key list shows it all the same")
configure(key="")
check("fail", "hotline.key is not set", "no hotline.key")

grips = older.grips()
configure(old=[older.fingerprint, second.fingerprint, absent.fingerprint])
end_agents(site.path("gnupg"))
os.remove(site.path("gnupg/private-keys-v1.d", second.grips()[1] + ".key"))
for grip in grips:
	os.remove(site.path("gnupg/private-keys-v1.d", grip + ".key"))
lines = site.ctl("key", "check")["checks"]
check("warn", f"old key {older.fingerprint}: its secret part is gone", "an old key whose secret part is gone", lines)
check("warn", f"old key {second.fingerprint}: its secret part is gone", "an old key that lost the part that decrypts", lines)
check("warn", f"{absent.fingerprint}: no such key", "an old key that is not there", lines)
same(site.ctl("key", "check")["exit"], 0, "key check: warnings are no failure")
ok("unreadable" in site.ctl("key", "retire", older.fingerprint)["warning"], "key retire warns of it, too")

configure(key=locked.fingerprint, home=locked.home)
locked.close()
check("fail", "hotline.key does not sign", "a passphrase")
configure(key=late.fingerprint, home=late.home)
check("fail", f"hotline.key {late.fingerprint}: expired", "hotline.key has expired")
configure(key=soon.fingerprint, home=soon.home)
check("warn", f"hotline.key {soon.fingerprint} expires in 29 days", "hotline.key expires soon")
configure(key=signs.fingerprint, home=signs.home)
check("fail", f"hotline.key {signs.fingerprint}: no encryption key", "hotline.key cannot encrypt")
configure()
os.chmod(site.path("gnupg"), 0o750)
check("fail", "not a folder of mode 0700", "the mode of keys.home")
os.chmod(site.path("gnupg"), 0o700)
configure(home="nowhere")
check("fail", "No such file", "no keys.home")

# ---- other users -------------------------------------------------------------------------------------------------

if os.geteuid() == 0:
	user, hub = pwd.getpwnam("daemon"), pwd.getpwnam("bin")
	process = f'process = {{ user = "{user.pw_name}"; users = {{ hub = "{hub.pw_name}"; }}; }};'
	os.chmod(site.folder, 0o755)
	configure(home="theirs", key="", process=process)
	imported = site.ctl("key", "import", site.path("hai.key"))
	same(imported["exit"], 0, "as root: key import into a home of process.user")
	owners = {os.stat(os.path.join(base, name)).st_uid for base, folders, names in os.walk(site.path("theirs"))
		for name in folders + names + ["."]}
	same(owners, {user.pw_uid}, "as root: all of it is theirs")
	configure(home="theirs", key=second.fingerprint, process=process, agencies=[("so-y-te", good.fingerprint)])
	lines = site.ctl("key", "check")["checks"]
	same([line for line in lines if line["level"] != "ok"], [], "as root: key check finds nothing")
	check("ok", "hotline.key signs", "the agent runs as process.user", lines)
	os.chmod(certificates, 0o700)
	check("fail", f"the user of hub cannot read {certificates}", "a folder the hub cannot read")
	os.chmod(certificates, 0o755)
	os.chmod(f"{certificates}/{good.fingerprint}.asc", 0o600)
	os.chown(f"{certificates}/{good.fingerprint}.asc", hub.pw_uid, hub.pw_gid)
	lines = site.ctl("key", "check")["checks"]
	check("fail", f"the user of keys cannot read {certificates}/{good.fingerprint}.asc", "a file keys cannot read", lines)
	check("ok", "the user of hub can read all 1", "which the hub can", lines)
	ok(not any("the user of keys can read" in line["what"] for line in lines), "and nothing else is said of keys", lines)
	os.chown(site.path("theirs/private-keys-v1.d", second.grips()[0] + ".key"), 0, 0)
	check("fail", "hotline.key does not sign", "a secret part of another user's")
	os.chown(site.path("theirs"), 0, 0)
	check("fail", f"does not belong to {user.pw_name}", "a home of another user's")
	made = site.ctl("key", "generate", "--address", "ba@example.vn") if configure(home="new", key="", process=process) is None else {}
	owners = {os.stat(os.path.join(base, name)).st_uid for base, folders, names in os.walk(site.path("new"))
		for name in folders + names + ["."]}
	same((made["exit"], made["revocation_left"], owners), (0, None, {user.pw_uid}), "as root: key generate does the same")
else:
	skip("other users", "only root can act as another user")

# ---- nothing left --------------------------------------------------------------------------------------------------

for name in ("gnupg", "alone"):
	end_agents(site.path(name))
close_homes()
left = [command(int(pid)) for pid in os.listdir("/proc") if pid.isdigit() and alive(int(pid)) and
	any(site.folder in word or homes in word for word in command(int(pid)))]
same(left, [], "no process is left behind")
done()
