"""Signed mails made to stop whoever checks them. Their keys are at `KEY_NAME`; no signature is right."""

KEY_NAME = "s._domainkey.bombs.example"
MEGABYTE = 1024 * 1024
FIELDS = b"From: Anna <anna@bombs.example>\r\nTo: jobb@lillestad.se\r\nSubject: Hej\r\n"
TAGS = b"a=rsa-sha256; c=%s; d=bombs.example; s=s; h=%s; bh=AAAA; b=%s"


def signature(*, form: bytes = b"relaxed/relaxed", names: bytes = b"from:to:subject", proof: bytes = b"AAAA") -> bytes:
    return b"DKIM-Signature: v=1; " + TAGS % (form, names, proof) + b"\r\n"


def sealed(instance: int, *, form: bytes = b"relaxed/relaxed", names: bytes = b"from:to:subject") -> bytes:
    """One set of an ARC chain (RFC 8617 section 4.1)."""
    cv = b"none" if instance == 1 else b"pass"
    return (
        b"ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=bombs.example; s=s; b=AAAA\r\n" % (instance, cv)
        + b"ARC-Message-Signature: i=%d; " % instance
        + TAGS % (form, names, b"AAAA")
        + b"\r\nARC-Authentication-Results: i=%d; mx.bombs.example; dkim=pass\r\n" % instance
    )


def signed(body: bytes, *fields: bytes, form: bytes = b"relaxed/relaxed") -> bytes:
    """With as many signatures and seals as are looked at."""
    seals = b"".join(sealed(instance, form=form) for instance in range(1, 11))
    return signature(form=form) * 5 + seals + FIELDS + b"".join(fields) + b"\r\n" + body


def names(count: int, before: bytes = b"") -> list[bytes]:
    return [b"%s%x" % (before, number) for number in range(count)]


HOSTILE_SIGNED = {
    "signed: a megabyte of spaces": signed(b" " * MEGABYTE + b".\r\n"),
    "signed: a megabyte of tabs and spaces": signed(b"\t " * (MEGABYTE // 2) + b".\r\n"),
    "signed: spaces at the end of lines": signed((b" " * 5_000 + b"\r\n") * 400),
    "signed: 500,000 empty lines": signed(b"\r\n" * 500_000),
    "signed: carriage returns": signed(b"\r" * MEGABYTE + b"\r\n" * 1_000),
    "signed: line feeds": signed(b"\n" * MEGABYTE),
    "signed: 49 MB of words": signed(b"a " * (49 * MEGABYTE // 2)),
    "signed: 20 MB of lines, simple": signed(b"a \n" * (20 * MEGABYTE // 3), form=b"simple/simple"),
    "signed: 49 MB of spaces": signed(b" " * (49 * MEGABYTE) + b"."),
    "signed: 100,000 continuation lines": signed(b"hej\r\n", b"X-A: a\r\n" + b" a\r\n" * 100_000),
    "signed: 60,000 continuation lines": signed(b"hej\r\n", b"X-A: a\r\n" + b" a\r\n" * 60_000),
    "signed: a header of spaces": signed(b"hej\r\n", b"X-A: " + b" " * 200_000 + b"a\r\n"),
    "signed: a proof folded 100,000 times": signature(proof=b"A" + b"\r\n " * 100_000 + b"!") * 5 + FIELDS + b"\r\nhej",
    "signed: a proof folded 3,000 times": signature(proof=b"A" + b"\r\n " * 3_000 + b"!") * 5 + FIELDS + b"\r\nhej",
    "signed: a proof of spaces": signature(proof=b"A" + b" " * 9_000 + b"!") * 5 + FIELDS + b"\r\nhej",
    "signed: names of spaces": signature(names=b"from" + b" " * 9_000 + b"x") * 5 + FIELDS + b"\r\nhej",
    "signed: a seal folded 3,000 times": sealed(1, names=b"from" + b"\r\n " * 3_000 + b"x") + FIELDS + b"\r\nhej",
    "signed: spaces wherever they are let": signature(proof=(b" " * 150 + b"b") * 60 + b"!") * 5 + FIELDS + b"\r\nhej",
    "signed: 2,000 names over 1,900 fields": signature(names=b":".join(names(2_000))) * 5
    + FIELDS
    + b"".join(name + b": a\r\n" for name in names(1_900, b"y"))
    + b"\r\nhej",
    "signed: 450 names over 1,900 fields": signature(names=b":".join(names(450))) * 5
    + b"".join(sealed(instance, names=b":".join(names(450))) for instance in range(1, 11))
    + FIELDS
    + b"".join(name + b": a\r\n" for name in names(1_900, b"y"))
    + b"\r\nhej",
    "signed: 1,900 signatures": signature() * 1_900 + FIELDS + b"\r\nhej",
    "signed: 600 seals": b"".join(sealed(instance) for instance in range(1, 601)) + FIELDS + b"\r\nhej",
    "signed: the same seal 600 times": sealed(1) * 600 + FIELDS + b"\r\nhej",
}
