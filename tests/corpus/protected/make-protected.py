#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# make-protected: mails signed, encrypted and both, whole, nested, damaged and forged, and what must be said of
# each, known from how it was made with plain gpg.
#
#     make-protected.py FOLDER GNUPG-HOME FINGERPRINT
#
# The hotline's certificate comes from that home.  FOLDER gets NAME.lf.eml and NAME.crlf.eml (a Maildir's and the
# wire's line ends), certificates/ (to be put where the gateway looks for them), gone.asc and old.asc (a retired
# key of the hotline without its secret half, and one that has run out with it), people/ (whose keys can be used
# on) and expected.json.

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../flow"))
sys.dont_write_bytecode = True
import people
from people import People, armour, changed, fields, file_entity, flipped, mail, multipart, protect, text_entity, \
	wrap_encrypted, wrap_signed

AGENCY, SECOND, OWN_ID = "cntt@so-mau.example.org", "vanthu@so-mau.example.org", "rieng@so-mau.example.org"
RESPONDER, ISP = "an@doi.example.org", "abuse@mang-mau.example.org"
EXPIRED, REVOKED, WEAK = "cu@so-cu.example.org", "huy@so-huy.example.org", "yeu@so-yeu.example.org"
CHANGING = "doi@so-doi.example.org"
UNKNOWN, UNKNOWN_ID, ABSENT = "la@xa.example.org", "la2@xa.example.org", "vang@xa.example.org"
STRANGER, THIEF = "dan@xa.example.org", "ke.gian@xau.example.org"
BARE = "T38"	# the answer without content
YOUNG = "20240115T000000"	# while the keys that have run out were good

PARTIES = """
responders = ( {{ id = "an.nguyen"; name = "Nguyễn An (mẫu)"; address = "{responder}"; keys = [ "{key_responder}" ];
  roles = [ "respond" ]; language = "vi"; }} );
directory = {{
  agencies = (
    {{ id = "so-mau"; name = "Sở Mẫu"; addresses = [ "{agency}", "{second}" ]; keys = [ "{key_agency}" ]; }},
    {{ id = "so-cu"; name = "Sở Cũ"; addresses = [ "{expired}" ]; keys = [ "{key_expired}" ]; }},
    {{ id = "so-huy"; name = "Sở Huỷ"; addresses = [ "{revoked}" ]; keys = [ "{key_revoked}" ]; }},
    {{ id = "so-doi"; name = "Sở Đổi Khoá"; addresses = [ "{changing}" ]; keys = [ "{key_changing}" ]; }},
    {{ id = "so-yeu"; name = "Sở Yếu"; addresses = [ "{weak}" ]; keys = [ "{key_weak}" ]; }} );
  isps = ( {{ id = "mang-mau"; name = "Nhà mạng Mẫu"; addresses = [ "{isp}" ]; keys = [ "{key_isp}" ]; }} );
}};
"""
PARTY_OF = {"agency": "agency:so-mau", "responder": "responder:an.nguyen", "isp": "isp:mang-mau",
	"expired": "agency:so-cu", "revoked": "agency:so-huy", "changing": "agency:so-doi",
	 "weak": "agency:so-yeu"}


def body_of(name):
	return f"Kính gửi đội ứng cứu,\n\nMáy chủ của chúng tôi bị mã hoá lúc 9 giờ ({name}).\n"


class Corpus:
	def __init__(self, folder, home, hotline):
		self.folder, self.mails = folder, {}
		self.owners = {AGENCY: "agency", SECOND: "agency", RESPONDER: "responder", ISP: "isp", UNKNOWN: "unknown"}
		self.people = People(os.path.join(folder, "people"))
		self.hotline = self.people.hotline(home, hotline)
		make = self.people.key
		self.keys = {
			"agency": make(f"Sở Mẫu <{AGENCY}>", f"Sở Mẫu <{OWN_ID}>"),
			"responder": make(f"Nguyễn An <{RESPONDER}>", subkey="ed25519"),
			"isp": make(f"Nhà mạng Mẫu <{ISP}>", algorithm="rsa3072", seal="rsa3072"),
			"expired": make(f"Sở Cũ <{EXPIRED}>", expires="20240201T000000"),
			"revoked": make(f"Sở Huỷ <{REVOKED}>"),
			"changing": make(f"Sở Đổi Khoá <{CHANGING}>", subkey="ed25519", subkey_expires="20240201T000000"),
			"weak": make(f"Sở Yếu <{WEAK}>", algorithm="rsa1024", seal=None),
			"unknown": make(f"Lạ <{UNKNOWN}>", f"Lạ <{UNKNOWN_ID}>"),
			"absent": make(f"Vắng <{ABSENT}>"),
			"stranger": make(f"Dân <{STRANGER}>"),
			"gone": make(f"Gone <{people.HOTLINE}>"),
			"old": make(f"Old <{people.HOTLINE}>", expires="20240201T000000"),
		}

	def subject(self, is_sealed=False):
		"""Of the mail that is added next.  Of those nobody can read in English, alike: what language the answer
		has must not tell how far we came."""
		number = len(self.mails) + 1
		return f"Incident number {number} in the network of our office" if is_sealed else f"Báo cáo số {number}"

	# -- what is noted of each mail

	def add(self, name, entity, sender=STRANGER, signature="none", encryption="none", **more):
		"""more: by (who signed: named with its party), party, text, outside, hp, subject, sender_seen, fields
		(of the outer header), held (part of the reason), answer: (template, is encrypted, recipient), None
		for none."""
		subject = more.get("subject", self.subject(encryption not in ("none", "decrypted")))
		outer = more.get("fields") or fields(sender, subject, name="Người gửi")
		for kind, crlf in (("lf", False), ("crlf", True)):
			with open(os.path.join(self.folder, f"{name}.{kind}.eml"), "wb") as file:
				file.write(mail(outer, entity, crlf))
		by = more.get("by")
		self.mails[name] = {
			"outcome": "held" if "held" in more else "opened", "reason": more.get("held"),
			"signature": signature, "encryption": encryption,
			"fingerprint": self.keys[by] if by else None,
			"party": more.get("party", PARTY_OF.get(by)),
			"header_protection": more.get("hp", "none"), "from": more.get("sender_seen", sender),
			"subject": subject, "text": more.get("text", body_of(name)), "outside": more.get("outside", ""),
			"message_id": outer["Message-ID"].strip("<>"),
			"answer": more.get("answer", ("T01", False, more.get("sender_seen", sender))),
		}

	def signed(self, name, by, sender, signature, digest="SHA256", at=None, **more):
		entity = self.people.signed(text_entity(body_of(name)), self.keys[by], digest, at)
		self.add(name, entity, sender, signature, by=None if signature == "unverifiable" else by, **more)

	def encrypted(self, name, sender=STRANGER, to=None, by=None, signature="none", encryption="decrypted", **more):
		"""sealed: as for People.sealed()."""
		how = {"to": [to or self.hotline], "sign": self.keys.get(by), **more.pop("sealed", {})}
		entity = self.people.encrypted(text_entity(body_of(name)), **how)
		if encryption != "decrypted":
			more.setdefault("text", "")
			more.setdefault("answer", ("T03", False, sender))
		self.add(name, entity, sender, signature, encryption,
			by=None if signature == "unverifiable" else by, **more)

	def malformed(self, name, message, **more):
		more.setdefault("answer", ("T03", False, STRANGER))
		self.add(name, wrap_encrypted(message), encryption="malformed", text="", **more)

	# -- signatures

	def good_signatures(self):
		self.add("plain", text_entity(body_of("plain")))
		self.add("plain-listed", text_entity(body_of("plain-listed")), AGENCY, answer=("T02", False, AGENCY))
		self.signed("trusted", "agency", AGENCY, "good-trusted")
		self.signed("trusted-sha512", "agency", AGENCY, "good-trusted", "SHA512")
		self.signed("trusted-second-address", "agency", SECOND, "good-trusted")
		self.signed("trusted-rsa3072", "isp", ISP, "good-trusted")
		self.signed("trusted-subkey", "responder", RESPONDER, "good-trusted")
		name = "trusted-eight-bit"
		entity = people.canonical("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
			f"From đầu dòng \n - gạch\n{body_of(name)}\n\n")
		self.add(name, self.people.signed(entity, self.keys["agency"]), AGENCY, "good-trusted", by="agency",
			text=f"From đầu dòng\n - gạch\n{body_of(name)}")
		name = "trusted-with-file"
		entity = multipart("mixed", text_entity(body_of(name)), file_entity("nhat-ky.log", b"line\n" * 40))
		self.add(name, self.people.signed(entity, self.keys["agency"]), AGENCY, "good-trusted", by="agency")
		self.signed("unknown-key", "unknown", UNKNOWN, "good-unknown-key")
		self.signed("unknown-key-second-user-id", "unknown", UNKNOWN_ID, "good-unknown-key")

	def doubtful_signatures(self):
		to_directory = ("T04", False, AGENCY)
		self.signed("mismatch-registered-from", "unknown", AGENCY, "good-from-mismatch", answer=to_directory)
		self.signed("mismatch-second-address", "unknown", SECOND, "good-from-mismatch", answer=to_directory)
		self.signed("mismatch-other-party", "isp", AGENCY, "good-from-mismatch", answer=to_directory)
		self.signed("mismatch-registered-key", "agency", THIEF, "good-from-mismatch")
		self.signed("mismatch-registered-subkey", "responder", THIEF, "good-from-mismatch")
		self.signed("mismatch-user-id-alone", "agency", OWN_ID, "good-from-mismatch")
		self.signed("weak-sha1", "agency", AGENCY, "good-weak-algo", "SHA1")
		self.signed("weak-rsa1024", "weak", WEAK, "good-weak-algo")
		self.signed("weak-and-mismatch", "agency", THIEF, "good-weak-algo", "SHA1")
		self.signed("expired", "expired", EXPIRED, "expired-at-signing", at=YOUNG)
		self.signed("expired-subkey", "changing", CHANGING, "expired-at-signing", at=YOUNG)
		self.signed("expired-and-weak", "expired", EXPIRED, "expired-at-signing", "SHA1", at=YOUNG)
		self.signed("revoked", "revoked", REVOKED, "revoked", answer=("T04", False, REVOKED))
		self.signed("absent", "absent", ABSENT, "unverifiable")
		self.signed("absent-registered-from", "absent", AGENCY, "unverifiable")
		self.signed("md5", "isp", ISP, "unverifiable", "MD5")
		name = "two-signers"
		entity = text_entity(body_of(name))
		both = self.people.gpg("--armor", "--local-user", self.keys["agency"], "--local-user", self.keys["isp"],
			"--detach-sign", feed=entity).stdout
		self.add(name, wrap_signed(entity, both), AGENCY, "good-from-mismatch", by="isp", party=None,
			answer=to_directory)

	def bad_signatures(self):
		to_directory = ("T04", False, AGENCY)

		def bad(name, entity, sender=AGENCY, **more):
			self.add(name, entity, sender, "bad",
				**{"answer": to_directory if sender == AGENCY else ("T01", False, sender), **more})

		def made(name, by="agency"):
			entity = text_entity(body_of(name))
			return entity, self.people.detached(entity, self.keys[by])
		name = "bad-changed"
		entity, signature = made(name)
		bad(name, wrap_signed(changed(entity, b" 9 ", b" 8 "), signature), text=body_of(name).replace("9 gi", "8 gi"))
		name = "bad-second-address"
		entity, signature = made(name)
		bad(name, wrap_signed(changed(entity, b" 9 ", b" 8 "), signature), SECOND, answer=to_directory,
			text=body_of(name).replace("9 gi", "8 gi"))
		name = "bad-header-changed"
		entity, signature = made(name)
		bad(name, wrap_signed(changed(entity, b"text/plain;", b"text/plain ;"), signature))
		name = "bad-of-another-mail"
		bad(name, wrap_signed(text_entity(body_of(name)), made("another")[1]))
		name = "bad-unregistered-from"
		entity, signature = made(name, "unknown")
		bad(name, wrap_signed(changed(entity, b" 9 ", b" 8 "), signature), UNKNOWN,
			text=body_of(name).replace("9 gi", "8 gi"))
		name = "bad-armour"
		entity, signature = made(name)
		head, blank, rest = signature.partition(b"\n\n")
		bad(name, wrap_signed(entity, head + blank + rest[:100] + b"AAAA" + rest[104:]))	# in the numbers
		for name, text in (("bad-no-signature", b"no signature\r\n"), ("bad-empty-signature", b"")):
			bad(name, wrap_signed(text_entity(body_of(name)), text))

	def partial_signatures(self):
		footer = text_entity("Bản tin này do danh sách thư thêm vào.\n")
		for name, by, sender in (("partial-footer", "agency", AGENCY), ("partial-unknown-key", "unknown", UNKNOWN),
				("partial-and-mismatch", "agency", THIEF)):
			entity = self.people.signed(text_entity(body_of(name)), self.keys[by])
			self.add(name, multipart("mixed", entity, footer), sender, "partial", by=by,
				outside="Bản tin này do danh sách thư thêm vào.")
		name = "partial-before"
		entity = self.people.signed(text_entity(body_of(name)), self.keys["agency"])
		self.add(name, multipart("mixed", footer, entity), AGENCY, "partial", by="agency",
			outside="Bản tin này do danh sách thư thêm vào.")
		name = "signed-in-attached-mail"
		inner = mail(fields(AGENCY, "Thư bên trong"), self.people.signed(text_entity("Bên trong.\n"),
			self.keys["agency"]), crlf=True)
		self.add(name, multipart("mixed", text_entity(body_of(name)), b"Content-Type: message/rfc822\r\n\r\n" + inner),
			text=None, outside=None)

	# -- encryption

	def decrypted(self):
		to_agency, no_content = ("T01", True, AGENCY), (BARE, False, STRANGER)
		self.encrypted("encrypted-stranger", answer=no_content)
		self.encrypted("encrypted-listed", AGENCY, answer=("T02", True, AGENCY))
		self.encrypted("encrypted-trusted", AGENCY, by="agency", signature="good-trusted", answer=to_agency)
		self.encrypted("encrypted-trusted-rsa3072", ISP, by="isp", signature="good-trusted",
			answer=("T01", True, ISP))
		self.encrypted("encrypted-responder", RESPONDER, by="responder", signature="good-trusted",
			answer=("T01", True, RESPONDER))
		self.encrypted("encrypted-unknown-key", UNKNOWN, by="unknown", signature="good-unknown-key",
			answer=("T01", True, UNKNOWN))
		self.encrypted("encrypted-absent", ABSENT, by="absent", signature="unverifiable",
			answer=(BARE, False, ABSENT))
		self.encrypted("encrypted-mismatch", AGENCY, by="unknown", signature="good-from-mismatch",
			answer=("T04", True, AGENCY))
		self.encrypted("encrypted-mismatch-subkey", by="responder", signature="good-from-mismatch", answer=no_content)
		self.encrypted("encrypted-weak-sha1", AGENCY, by="agency", signature="good-weak-algo", answer=to_agency,
			sealed={"options": ("--allow-weak-digest-algos", "--digest-algo", "SHA1")})
		self.encrypted("encrypted-binary", answer=no_content, sealed={"armoured": False})
		self.encrypted("encrypted-uncompressed", answer=no_content, sealed={"options": ("-z", "0")})
		self.encrypted("encrypted-hidden", answer=no_content,
			sealed={"to": [], "hidden": [self.hotline]})
		self.encrypted("encrypted-password-beside-key", answer=no_content, sealed={"password": "mật khẩu"})
		self.encrypted("encrypted-two-recipients", answer=no_content,
			sealed={"to": [self.keys["stranger"], self.hotline]})
		self.encrypted("encrypted-old-key", to=self.keys["old"], answer=no_content, sealed={"at": YOUNG})
		name = "encrypted-aead"
		self.add(name, wrap_encrypted(armour(self.people.aead(text_entity(body_of(name)), self.hotline))),
			encryption="decrypted", answer=no_content)
		name = "encrypted-no-checksum"
		message = self.people.sealed(text_entity(body_of(name)), [self.hotline])
		self.add(name, wrap_encrypted(armour(message, checksum=False)), encryption="decrypted", answer=no_content)
		for name, by, sender, word, answer in (
				("encrypted-around-expired", "expired", EXPIRED, "expired-at-signing", (BARE, False, EXPIRED)),
				("encrypted-around-revoked", "revoked", REVOKED, "revoked", (BARE, False, REVOKED))):
			entity = self.people.signed(text_entity(body_of(name)), self.keys[by],
				at=YOUNG if by == "expired" else None)
			self.add(name, self.people.encrypted(entity, [self.hotline]), sender, word, "decrypted", by=by,
				answer=answer)

	def sealed(self):
		stranger, gone = self.keys["stranger"], self.keys["gone"]
		self.encrypted("not-for-us", to=stranger, encryption="not-for-us")
		self.encrypted("not-for-us-hidden", encryption="not-for-us", sealed={"to": [], "hidden": [stranger]})
		entity = self.people.encrypted(text_entity("Không ai đọc.\n"), [stranger], self.keys["agency"])
		self.add("not-for-us-signed", entity, AGENCY, encryption="not-for-us", text="", answer=("T03", False, AGENCY))
		self.encrypted("expired-key", to=gone, encryption="expired-key")
		self.encrypted("expired-key-and-sender", encryption="expired-key", sealed={"to": [gone, stranger]})
		self.encrypted("unsupported", encryption="unsupported", sealed={"to": [], "password": "mật khẩu"})

	def damaged(self):
		entity, ours = text_entity(body_of("malformed")), self.hotline
		good = self.people.sealed(entity, [ours], options=("--rfc4880",))
		aead = self.people.aead(entity, ours)
		self.malformed("malformed-no-mdc", armour(self.people.without_integrity(entity, ours)))
		self.malformed("malformed-no-mdc-binary", self.people.without_integrity(entity, ours))
		self.malformed("malformed-tampered", armour(flipped(good, -30)))
		self.malformed("malformed-session-key", armour(flipped(good, 60)))
		self.malformed("malformed-tampered-aead", armour(flipped(aead, -60)))
		self.malformed("malformed-tampered-aead-tag", armour(flipped(aead, -1)))
		self.malformed("malformed-aead-cut-short", armour(self.people.aead(entity, ours, final=False)))
		self.malformed("malformed-concatenated", armour(good + self.people.sealed(entity, [ours])))
		self.malformed("malformed-cut-short", armour(good[:-5]))
		self.malformed("malformed-of-nothing", armour(self.people.sealed(b"", [ours])))
		self.malformed("malformed-signed-only", armour(self.people.sealed(entity, sign=self.keys["agency"])))
		self.malformed("malformed-certificate", self.people.certificate(self.keys["agency"]))
		self.malformed("malformed-no-message", b"-----BEGIN PGP MESSAGE-----\r\n\r\nkhong co gi\r\n")
		text = armour(good)
		self.malformed("malformed-armour", changed(text, text[200:204], b"!!!!"))
		self.add("bomb", wrap_encrypted(armour(self.people.bomb(ours))), held="mail size limit", answer=None, text="")

	# -- layers

	def layers(self):
		keys, ours, p = self.keys, self.hotline, self.people
		agency = keys["agency"]

		def nest(name, *wraps):
			"""From the outside in: a key's name signs, "us" encrypts to the hotline."""
			entity = text_entity(body_of(name))
			for wrap in reversed(wraps):
				entity = p.encrypted(entity, [ours]) if wrap == "us" else p.signed(entity, keys[wrap])
			return entity

		def trusted(name, *wraps):
			self.add(name, nest(name, *wraps), AGENCY, "good-trusted", "decrypted" if "us" in wraps else "none",
				by="agency", answer=("T01", "us" in wraps, AGENCY))
		trusted("layers-signed-encrypted", "agency", "us")
		trusted("layers-encrypted-signed", "us", "agency")
		trusted("layers-signed-signed", "agency", "agency")
		trusted("layers-signed-encrypted-signed", "agency", "us", "agency")
		trusted("layers-encrypted-signed-encrypted", "us", "agency", "us")
		name = "layers-encrypted-encrypted"
		self.add(name, nest(name, "us", "us"), encryption="decrypted", answer=(BARE, False, STRANGER))
		for name, wraps in (("layers-four", ("agency", "us", "agency", "us")), ("layers-four-signed", ("agency",) * 4)):
			self.add(name, nest(name, *wraps), AGENCY, held="layers limit 3", answer=None, text="")
		name = "layers-two-signers"	# nobody knows which of them means the text
		self.add(name, nest(name, "agency", "us", "unknown"), AGENCY, "good-from-mismatch", "decrypted", by="unknown",
			answer=("T04", True, AGENCY))
		name = "layers-bad-around-encrypted"
		entity, other = nest(name, "us"), nest(name, "us")
		self.add(name, wrap_signed(entity, p.detached(other, agency)), AGENCY, "bad", "decrypted",
			answer=("T04", True, AGENCY))
		name = "layers-encrypted-around-bad"
		entity = text_entity(body_of(name))
		bad = wrap_signed(changed(entity, b" 9 ", b" 8 "), p.detached(entity, agency))
		self.add(name, p.encrypted(bad, [ours]), AGENCY, "bad", "decrypted",
			text=body_of(name).replace("9 gi", "8 gi"), answer=("T04", True, AGENCY))
		name = "layers-not-for-us-inside"
		entity = p.encrypted(text_entity(body_of(name)), [keys["stranger"]])
		self.add(name, p.encrypted(entity, [ours]), encryption="not-for-us", text="", answer=("T03", False, STRANGER))
		name = "layers-encrypted-beside-text"	# not the root: stays sealed
		self.add(name, multipart("mixed", text_entity(body_of(name)), p.encrypted(text_entity("Bên trong.\n"), [ours])))

	# -- protected headers and keys that come along

	def headers(self):
		def inside(name, sender, hp, **more):
			found = fields(sender, self.subject(), name="Người gửi")
			outside = {**found, "Subject": "[...]"} if hp == "cipher" else None
			return found, protect(text_entity(body_of(name)), found, hp, outside)
		sign, agency = self.people.signed, self.keys["agency"]
		for name, hp in (("header-clear", "clear"), ("header-older", "v1")):
			found, entity = inside(name, AGENCY, hp)
			self.add(name, sign(entity, agency), AGENCY, "good-trusted", by="agency", hp="signed",
				fields={**found, "Subject": "Another subject"})
		name = "header-clear-bad"
		found, entity = inside(name, AGENCY, "clear")
		self.add(name, wrap_signed(changed(entity, b" 9 ", b" 8 "), self.people.detached(entity, agency)), THIEF, "bad",
			fields={**found, "From": THIEF}, text=body_of(name).replace("9 gi", "8 gi"))
		name = "header-clear-other-from"	# the outer From says nothing
		found, entity = inside(name, UNKNOWN, "clear")
		self.add(name, sign(entity, self.keys["unknown"]), UNKNOWN, "good-unknown-key", by="unknown", hp="signed",
			fields={**found, "From": AGENCY})
		for name, hp, by in (("header-cipher", "cipher", "agency"), ("header-cipher-older", "v1", "agency"),
				("header-cipher-unsigned", "cipher", None)):
			found, entity = inside(name, AGENCY, hp)
			self.add(name, self.people.encrypted(entity, [self.hotline], self.keys.get(by)), AGENCY,
				"good-trusted" if by else "none", "decrypted", by=by, hp="encrypted",
				fields={**found, "Subject": "[...]"}, answer=("T01" if by else "T02", True, AGENCY))
		name = "header-cipher-around-signed"	# the signature is over the From inside
		found, entity = inside(name, AGENCY, "cipher")
		self.add(name, self.people.encrypted(sign(entity, agency), [self.hotline]), AGENCY, "good-trusted", "decrypted",
			by="agency", hp="encrypted", fields={**found, "From": THIEF, "Subject": "[...]"},
			answer=("T01", True, AGENCY))
		name = "header-cipher-outer-from"	# made together with the encryption it is judged before the inside is read
		found, entity = inside(name, AGENCY, "cipher")
		self.add(name, self.people.encrypted(entity, [self.hotline], agency), THIEF, "good-from-mismatch", "decrypted",
			by="agency", hp="encrypted", fields={**found, "From": THIEF, "Subject": "[...]"},
			answer=(BARE, False, THIEF))
		name = "header-cipher-claims-from"	# encrypted by anybody: the From inside proves nothing
		found, entity = inside(name, AGENCY, "cipher")
		self.add(name, self.people.encrypted(entity, [self.hotline]), THIEF, encryption="decrypted", hp="encrypted",
			fields={**found, "From": THIEF, "Subject": "[...]"}, answer=(BARE, False, THIEF))

	def keys_along(self):
		"""A key that comes by mail: the answer to an encrypted report is encrypted to it, and it grants nothing."""
		def key_for(name, address):
			self.keys[name], self.owners[address] = self.people.key(f"Có khoá <{address}>"), name
			return self.keys[name]

		def with_field(sender, address, key):
			return fields(sender, self.subject(),
				Autocrypt=people.autocrypt(self.people.certificate(key, armoured=False), address))
		sender, other = "khoa@xa.example.org", "khac@xa.example.org"
		key = key_for("autocrypt", sender)
		self.encrypted("autocrypt", sender, fields=with_field(sender, sender, key), answer=("T01", True, sender))
		self.encrypted("autocrypt-of-another", other, fields=with_field(other, sender, key),
			answer=(BARE, False, other))
		sender = "khoa.ro@xa.example.org"
		self.add("autocrypt-in-clear", text_entity(body_of("autocrypt-in-clear")), sender,
			fields=with_field(sender, sender, key_for("clear", sender)))
		sender = "khoa.ky@xa.example.org"	# signed by the key that came with it: proves nothing about anybody
		key = key_for("signing", sender)
		name = "autocrypt-signed"
		self.add(name, self.people.encrypted(text_entity(body_of(name)), [self.hotline], key), sender, "unverifiable",
			"decrypted", fields=with_field(sender, sender, key), answer=("T01", True, sender))
		sender = "kem@xa.example.org"
		name = "attached-key"
		entity = multipart("mixed", text_entity(body_of(name)), file_entity("OpenPGP_key.asc",
			self.people.certificate(key_for("attached", sender)), "application/pgp-keys"))
		self.add(name, self.people.encrypted(entity, [self.hotline]), sender, encryption="decrypted",
			answer=("T01", True, sender))

	# -- all of it

	def write(self):
		for make in (self.good_signatures, self.doubtful_signatures, self.bad_signatures, self.partial_signatures,
				self.decrypted, self.sealed, self.damaged, self.layers, self.headers, self.keys_along):
			make()
		place = os.path.join(self.folder, "certificates")
		os.makedirs(place, exist_ok=True)
		for name in ("agency", "responder", "isp", "expired", "revoked", "changing", "weak", "unknown"):
			made = self.people.revoked if name == "revoked" else self.people.certificate
			self.put(f"certificates/{name}.asc", made(self.keys[name]))
		self.put("gone.asc", self.people.certificate(self.keys["gone"]))
		self.put("old.asc", self.people.secret(self.keys["old"]))
		parties = PARTIES.format(agency=AGENCY, second=SECOND, responder=RESPONDER, isp=ISP, expired=EXPIRED,
			revoked=REVOKED, changing=CHANGING, weak=WEAK, **{f"key_{name}": key for name, key in self.keys.items()})
		known = {"keys": self.keys, "owners": self.owners, "parties": parties, "mails": self.mails}
		self.put("expected.json", json.dumps(known, indent=1, ensure_ascii=False).encode())

	def put(self, name, octets):
		with open(os.path.join(self.folder, name), "wb") as file:
			file.write(octets)


def main():
	folder, home, hotline = sys.argv[1:]
	os.makedirs(folder, exist_ok=True)
	corpus = Corpus(folder, home, hotline)
	try:
		corpus.write()
	finally:
		corpus.people.close()


if __name__ == "__main__":
	main()
