#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Writes hostile mails into a folder, and `expect.tsv` beside them: file, outcome, limit.

outcome is `opened`, or `held` with the word of the limit that must be named.  The mails are built from what
they try, never by asking our parser.  Called by tests; big, so never stored.  Usage: make-hostile.py FOLDER
"""
import os
import sys

HEAD = ("From: Ke la mat <kela@example.org>\nTo: ungcuu@example.vn\nSubject: thu\n"
        "Date: Sun, 22 Nov 2026 10:00:00 +0700\nMessage-ID: <{name}@example.org>\nMIME-Version: 1.0\n")
MB = 1024 * 1024


def nested_multiparts(n, close=True, mark="b"):
    out = []
    for i in range(n):
        out.append(f"Content-Type: multipart/mixed; boundary={mark}{i}\n\n--{mark}{i}\n")
    out.append("Content-Type: text/plain\n\nlong\n")
    if close:
        out.extend(f"--{mark}{i}--\n" for i in reversed(range(n)))
    return "".join(out)


def nested_messages(n):
    return "Content-Type: message/rfc822\n\n" * n + "Subject: trong cung\n\nlong\n"


def digests(n):
    """Mails nested through the default type of a digest: no part says message/rfc822."""
    out = []
    for i in range(n):
        out.append(f"Content-Type: multipart/digest; boundary=d{i}\n\n--d{i}\n\n")
    return "".join(out) + "Subject: trong cung\n\nlong\n"


def mixed(parts, boundary="b"):
    return (f"Content-Type: multipart/mixed; boundary={boundary}\n\n"
            + "".join(f"--{boundary}\n{part}\n" for part in parts) + f"--{boundary}--\n")


def html(body):
    return "Content-Type: text/html; charset=utf-8\n\n" + body + "\n"


def delimiters():
    opening = "".join(f"Content-Type: multipart/mixed; boundary=bbbbbbbbbbbbbbbbbbbb{i:02}\n\n--bbbbbbbbbbbbbbbbbbbb{i:02}\n"
                      for i in range(32))
    return opening + "Content-Type: text/plain\n\n" + "--bbbbbbbbbbbbbbbbbbbbxx\n" * (25 * MB // 25)


def plain(text):
    return "Content-Type: text/plain; charset=utf-8\n\n" + text


# name, rest of the mail behind the common header, outcome, limit
CASES = [
    ("multiparts-32", lambda: nested_multiparts(32), "opened", ""),
    ("multiparts-33", lambda: nested_multiparts(33), "held", "depth"),
    ("multiparts-10000", lambda: nested_multiparts(10000), "held", "depth"),
    ("multiparts-10000-unclosed", lambda: nested_multiparts(10000, False), "held", "depth"),
    ("multiparts-one-after-the-other", lambda: mixed(nested_multiparts(20, True, f"x{i}x") for i in range(20)),
     "opened", ""),
    ("messages-8", lambda: nested_messages(8), "opened", ""),
    ("messages-9", lambda: nested_messages(9), "held", "nested messages"),
    ("messages-100000", lambda: nested_messages(100000), "held", "nested messages"),
    ("messages-by-digest", lambda: digests(20), "held", "nested messages"),
    ("messages-global", lambda: nested_messages(20).replace("rfc822", "global"), "held", "nested messages"),
    ("messages-encoded", lambda: "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
     + "Q29udGVudC1UeXBlOiBtZXNzYWdlL3JmYzgyMg==\n" * 100000, "opened", ""),
    ("boundary-one-quote", lambda: 'Content-Type: multipart/mixed; boundary="\n\n--\n\nlong\n----\n', "opened", ""),
    ("boundary-escaped-quote", lambda: 'Content-Type: multipart/mixed; boundary="\\""\n\n--"\n\nlong\n--"--\n',
     "opened", ""),
    ("boundary-empty", lambda: 'Content-Type: multipart/mixed; boundary=""\n\n--\n\nlong\n----\n', "opened", ""),
    ("boundary-missing", lambda: "Content-Type: multipart/mixed\n\n--b\n\nlong\n--b--\n", "opened", ""),
    ("boundary-twice", lambda: "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--a\n\nlong\n--b\n\nlong\n",
     "opened", ""),
    ("boundary-300", lambda: mixed(["\nlong"], "b" * 300), "held", "boundary"),
    ("boundary-reused", lambda: mixed([mixed(["\nlong"])] * 3), "opened", ""),
    ("groups-300k", lambda: "Cc: " + "g:" * 150000 + "\n\nlong\n", "held", "header field"),
    ("groups-60k", lambda: "Cc: " + "g:" * 30000 + "\n\nlong\n", "held", "address groups"),
    ("groups-behind-an-open-quote", lambda: 'Cc: "a" <a@example.org>, "' + "g:" * 30000 + "\n\nlong\n",
     "held", "address groups"),
    ("groups-in-an-attached-mail", lambda: "Content-Type: message/rfc822\n\nTo: " + "g:" * 30000 + "\n\nlong\n",
     "held", "address groups"),
    ("comments-60k", lambda: "Cc: " + "(" * 60000 + "\n\nlong\n", "opened", ""),
    ("angles-60k", lambda: "Cc: " + "<" * 60000 + "\n\nlong\n", "opened", ""),
    ("quotes-60k", lambda: "Cc: " + '"a" ' * 15000 + "\n\nlong\n", "opened", ""),
    ("addresses-100k", lambda: "Cc: " + "a@b.vn,\n " * 100000 + "c@d.vn\n\nlong\n", "held", "header field"),
    ("addresses-7k", lambda: "Cc: " + "a@b.vn, " * 7000 + "c@d.vn\n\nlong\n", "opened", ""),
    ("references-100k", lambda: "References:" + "\n <a@b.vn>" * 100000 + "\n\nlong\n", "held", "header field"),
    ("references-5k", lambda: "References:" + " <a@b.vn>" * 5000 + "\n\nlong\n", "opened", ""),
    ("parameters-100k", lambda: "Content-Type: text/plain" + "".join(f";\n a{i}=b" for i in range(100000))
     + "\n\nlong\n", "held", "header field"),
    ("parameters-5k", lambda: "Content-Type: text/plain" + "".join(f"; a{i}=b" for i in range(5000)) + "\n\nlong\n",
     "held", "parameters"),
    ("words-60k", lambda: "Comments: x\nSubject: " + "=?utf-8?Q?a?= " * 4500 + "\n\nlong\n", "opened", ""),
    ("headers-100k", lambda: "X-A: b\n" * 100000 + "\nlong\n", "held", "header fields"),
    ("header-lines-of-garbage", lambda: "garbage\n" * 100000 + "\nlong\n", "held", "header fields"),
    ("header-2mb", lambda: ("X-A: " + "b" * 3000 + "\n") * 700 + "\nlong\n", "held", "header size"),
    ("headers-5mb-in-all", lambda: mixed([("X-A: " + "b" * 3000 + "\n") * 300 + "\nlong"] * 6),
     "held", "headers in all"),
    ("header-line-25mb", lambda: "X-A: " + "b" * (25 * MB) + "\n\nlong\n", "held", "header field"),
    ("body-line-25mb", lambda: "\n" + "b" * (25 * MB), "opened", ""),
    ("body-of-empty-lines", lambda: "\n" + "\n" * (10 * MB), "opened", ""),
    ("body-of-quotes", lambda: "\n" + "> " * (1 * MB), "opened", ""),
    ("body-of-introductions", lambda: "\n" + "On 1\n" * (MB // 5), "opened", ""),
    ("body-of-labels", lambda: "\n" + "From: a\n" * (MB // 8), "opened", ""),
    ("body-of-dashes", lambda: "\n" + "--\n" * (MB // 3), "opened", ""),
    ("body-of-nul", lambda: "\n" + "\0" * (2 * MB), "opened", ""),
    ("body-of-combining-marks", lambda: plain("a" + "\u0316\u0301" * (MB // 4)), "opened", ""),
    ("body-of-armour", lambda: plain("-----BEGIN PGP SIGNED MESSAGE-----\n" * (MB // 35)), "opened", ""),
    ("parts-50000", lambda: mixed(["\nlong"] * 50000), "held", "parts"),
    ("parts-900", lambda: mixed(["Content-Type: image/png\n\nlong"] * 900), "opened", ""),
    ("attachment-25mb", lambda: mixed(["\nxem tep", "Content-Type: application/zip; name=a.zip\n"
     "Content-Transfer-Encoding: base64\n\n" + ("QUJD" * 18 + "\n") * (25 * MB // 73)]), "opened", ""),
    ("text-25mb", lambda: plain("Báo cáo sự cố.\n" * (25 * MB // 20)), "opened", ""),
    ("delimiters-25mb", delimiters, "opened", ""),
    ("html-tables-30000", lambda: html("<table><tr><td>" * 30000 + "long"), "opened", ""),
    ("html-b-200000", lambda: html("<b>" * 200000 + "long"), "opened", ""),
    ("html-div-19000", lambda: html("<div>" * 19000 + "long"), "opened", ""),
    ("html-attributes-60000", lambda: html("<a " + " ".join(f"a{i}=b" for i in range(60000)) + ">long</a>"),
     "opened", ""),
    ("html-attributes-14000-in-quotes", lambda: html('<a " ' + " ".join(f"a{i}" for i in range(14000)) + ">long</a>"),
     "opened", ""),
    ("html-open-script", lambda: html("<script>" * 100000), "opened", ""),
    ("html-open-comment", lambda: html("<!--[if" * 100000), "opened", ""),
    ("html-10mb", lambda: html('<p><a href="https://example.org/">long</a>\n' * 250000), "opened", ""),
    ("html-in-comments", lambda: html("<!--[if mso]><p>a<![endif]-->" * 15000), "opened", ""),
    ("size-41mb", lambda: "\n" + "b" * (41 * MB), "held", "mail size"),
]


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    rows = []
    for name, make, outcome, limit in CASES:
        head = HEAD.format(name=name)
        if name == "words-60k":
            head = head.replace("Subject: thu\n", "")
        with open(os.path.join(folder, name + ".eml"), "wb") as f:
            f.write((head + make()).encode("utf-8", "surrogateescape"))
        rows.append(f"{name}.eml\t{outcome}\t{limit}\n")
    with open(os.path.join(folder, "expect.tsv"), "w", encoding="utf-8") as f:
        f.writelines(rows)


if __name__ == "__main__":
    main()
