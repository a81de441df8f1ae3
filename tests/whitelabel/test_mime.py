"""The octets of a mail, for any text people may write."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from functools import lru_cache

import dkim
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conversations.outgoing_html import outgoing_html
from forwarding.reading import Limits, read_mail
from forwarding.reading.filenames import safe_name
from whitelabel import keys, mime, mime_headers, mime_text, signing
from whitelabel.mime import File, Letter
from whitelabel.mime_headers import Mailbox

NOW = datetime(2026, 3, 12, 10, 42, tzinfo=UTC)
SINGLETONS = (
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "references",
    "in-reply-to",
    "mime-version",
)
UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]+")

texts = st.text(st.characters(), max_size=300) | st.text("åäöÅÄÖ a.,-\r\n\0\t>F\u2028", max_size=400)
# Words enough for several lines, with what means something at the beginning of one.
prose = st.lists(st.sampled_from(["ord", "From", ">", ">>", "--", " ", "\n", "långord" * 6, "åäö."]), max_size=120).map(
    " ".join
)
lines = st.text(st.characters(), max_size=120) | st.text('åäö "\\,;=?<>@()ab \r\n\t\0', max_size=200)
addresses = st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,30}[a-z0-9]@[a-z0-9]{1,20}\.(se|example)", fullmatch=True)
mailboxes = st.builds(Mailbox, lines, addresses)
files = st.builds(
    File,
    lines,
    st.sampled_from(["application/pdf", "text/html", "message/rfc822", "x\r\ny: z", ""]),
    st.binary(max_size=300),
)
letters = st.builds(
    Letter,
    sender=mailboxes,
    to=st.lists(mailboxes, min_size=1, max_size=12, unique_by=lambda m: m.address).map(tuple),
    cc=st.lists(mailboxes, max_size=3, unique_by=lambda m: m.address).map(tuple),
    subject=lines,
    text=texts,
    date=st.just(NOW),
    message_id=st.just("<c.b.c.mac@mail.kundo.se>"),
    html=st.just("") | texts.map(lambda text: f"<p>{text}</p>"),
    files=st.lists(files, max_size=3).map(tuple),
    in_reply_to=st.just("") | lines.map(lambda line: f"<{line}>"),
    references=st.lists(lines.map(lambda line: f"<{line}@x>"), max_size=60).map(tuple),
    thread_topic=lines,
    extra=lines.map(lambda line: (("X-Kundo-Msg", line),)),
)


@lru_cache
def key_pair() -> keys.KeyPair:
    return keys.generate()


@lru_cache
def signing_key() -> signing.SigningKey:
    return signing.SigningKey("mgeu.lillestad.se", "k1", keys.encrypt(key_pair().private_pem))


def published(name: bytes, timeout: float = 5) -> bytes | None:
    """The customer's DNS, as dkimpy asks it."""
    if name == b"k1._domainkey.mgeu.lillestad.se.":
        return b"v=DKIM1; k=rsa; p=" + key_pair().public_key.encode()
    return None


def simple(**changes: object) -> Letter:
    """An ordinary letter with some values changed."""
    values = {
        "sender": Mailbox("Jobb", "jobb@lillestad.se"),
        "to": (Mailbox("Barry Berg", "barry@example.org"),),
        "subject": "Re: Fråga",
        "text": "Hej!",
        "date": NOW,
        "message_id": "<c.b.c.mac@mail.kundo.se>",
    }
    return Letter(**{**values, **changes})  # type: ignore[arg-type]


@given(letters)
@settings(max_examples=200, deadline=None)
@example(simple(subject="Bcc: x@y.se\r\nBcc: z@y.se\r\n\r\nbody"))
@example(simple(text="\r\n.\r\nMAIL FROM:<x>\r\n", subject="=?utf-8?q?fake?="))
@example(simple(subject="a" * 5000, sender=Mailbox("n" * 5000, "a@b.se")))
def test_every_mail_is_well_formed_on_the_wire_and_its_signature_holds(letter: Letter) -> None:
    octets = signing.sign(mime.build(letter), signing_key())

    assert b"\r" not in octets.replace(b"\r\n", b"")
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert octets.isascii()
    assert b"\0" not in octets
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert octets.endswith(b"\r\n")
    head = octets.partition(b"\r\n\r\n")[0].decode()
    names = re.findall(r"(?m)^([^ \t:]+):", head.replace("\r\n", "\n"))
    allowed = {
        *SINGLETONS,
        "dkim-signature",
        "content-type",
        "content-transfer-encoding",
        "thread-topic",
        "x-kundo-msg",
    }
    assert {name.lower() for name in names} <= allowed
    assert len(names) == len({name.lower() for name in names})
    assert dkim.verify(octets, dnsfunc=published)


@given(letters)
@settings(max_examples=200, deadline=None)
def test_our_own_reader_gets_back_what_was_written(letter: Letter) -> None:
    text = mime_text.clean(letter.text)
    letter = replace(letter, html=outgoing_html(text, "", "", "k:b.c.mac") if letter.html and text.strip() else "")
    read = read_mail(mime.build(letter))

    assert read.stage == "full"
    assert normal(read.subject) == normal(letter.subject)
    assert read.sender is not None
    assert (shown(read.sender.name), read.sender.address) == (shown(letter.sender.name), letter.sender.address)
    assert [a.address for a in read.to] == [m.address for m in letter.to]
    assert [shown(a.name) for a in read.to] == [shown(m.name) for m in letter.to]
    assert [a.address for a in read.cc] == [m.address for m in letter.cc]
    assert paragraphs(read.text) == paragraphs(text)
    assert [a.content for a in read.attachments] == [f.content for f in letter.files]


@given(files)
@settings(max_examples=200, deadline=None)
@example(File("räksmörgås.pdf", "application/pdf", b"%PDF"))
@example(File("=?utf-8?q?sk=C3=A5l?=.pdf", "application/pdf", b"%PDF"))
@example(File('"å" ' * 60 + ".pdf", "application/pdf", b"%PDF"))
def test_a_file_name_is_written_as_rfc_2231_has_it(file: File) -> None:
    """Read by the standard library, which is not as forgiving as our reader, and by that."""
    name = mime.file_name(file.name)
    octets = mime.build(simple(files=(file,)))
    [part] = message_from_bytes(octets, policy=policy.default).iter_attachments()
    assert part["Content-Disposition"].params["filename"] == name
    [written] = re.findall(rb"(?m)^Content-Disposition: ([^\r]*(?:\r\n [^\r]*)*)", octets)
    assert b"=?" not in written
    assert name.isascii() or re.search(rb"filename\*(0\*)?=UTF-8''", written)
    shown_name = safe_name(name, Limits())
    if shown_name and "=?" not in name:  # our reader decodes encoded-words wherever they are
        assert [attachment.name for attachment in read_mail(octets).attachments] == [shown_name]


@given(letters, mailboxes, st.lists(mailboxes, max_size=1).map(tuple), st.lists(mailboxes, max_size=1).map(tuple))
@settings(max_examples=200, deadline=None)
def test_a_mail_sent_by_another_is_as_if_written_for_them(
    letter: Letter, sender: Mailbox, reply_to: tuple[Mailbox, ...], before: tuple[Mailbox, ...]
) -> None:
    later = datetime(2027, 1, 7, 8, 0, tzinfo=UTC)
    written = mime.build(replace(letter, reply_to=before))
    expected = mime.build(replace(letter, sender=sender, reply_to=reply_to, date=later))
    assert mime.readdressed(written, sender, reply_to, later) == expected
    assert mime.readdressed(signing.sign(written, signing_key()), sender, reply_to, later) == expected


@given(texts | prose)
@settings(max_examples=200, deadline=None)
@example("ord " * 40 + "\n> ett citat " + "som är långt " * 20 + "\n-- \nBarry")
@example("From början\n > inget citat\n>>två\n" + "-- " * 60)
def test_flowed_text_has_short_lines_and_flows_back(text: str) -> None:
    clean = mime_text.clean(text)
    flowed = mime_text.flowed(clean)
    assert all(len(line) <= 78 or " " not in line[:-1].strip() or line.startswith(">") for line in flowed.split("\n"))
    assert flowed_back(flowed) == clean


def test_a_blind_copy_has_no_header() -> None:
    assert b"bcc" not in mime.build(simple()).lower()


def test_a_mail_to_hidden_people_only_names_nobody() -> None:
    assert b"\r\nTo: undisclosed-recipients:;\r\n" in mime.build(simple(to=()))


@pytest.mark.parametrize(
    ("name", "read_as"),
    [
        ("räksmörgås.pdf", "räksmörgås.pdf"),
        ("../../etc/passwd", "passwd"),
        ('a"b\\c.txt', "c.txt"),
        ("rapport " * 60 + ".docx", None),
        ("\r\n\0", "file"),
        ("履歴書.pdf", "履歴書.pdf"),
    ],
)
def test_a_file_name_arrives_whole_or_cut_but_with_its_ending(name: str, read_as: str | None) -> None:
    [attachment] = read_mail(mime.build(simple(files=(File(name, "application/pdf", b"%PDF"),)))).attachments
    if read_as is None:
        assert attachment.name.endswith(".docx")
        assert len(attachment.name) <= mime.MAX_FILENAME_CHARACTERS
    else:
        assert attachment.name == read_as


def test_a_picture_the_text_shows_is_inline_and_other_files_are_attached() -> None:
    picture = File("logo.png", "image/png", b"\x89PNG", content_id="logo", inline=True)
    letter = simple(html='<img src="cid:logo">', files=(picture, File("a.pdf", "application/pdf", b"%PDF")))
    found = {a.name: a.inline for a in read_mail(mime.build(letter)).attachments}
    assert found == {"logo.png": True, "a.pdf": False}


def test_a_mail_as_attachment_keeps_its_octets() -> None:
    inner = b"From: a@b.se\nSubject: x\n\nbare line ends \xe5\n"
    [attachment] = read_mail(mime.build(simple(files=(File("x.eml", "message/rfc822", inner),)))).attachments
    assert attachment.content == inner


@pytest.mark.parametrize("address", ["a b@c.se", "a@b.se\r\nBcc: x@y.se", "å@b.se", "<a@b.se>", "a@b.se>", "", "a"])
def test_an_address_that_could_break_a_header_is_refused(address: str) -> None:
    with pytest.raises(mime_headers.UnwritableAddress):
        mime.build(simple(to=(Mailbox("", address),)))


def test_a_long_history_keeps_its_root_and_its_newest_ids() -> None:
    ids = tuple(f"<{number}@x.se>" for number in range(200))
    written = re.findall(r"<\d+@x.se>", mime.build(simple(references=ids)).decode())
    assert written[0] == "<0@x.se>"
    assert written[-1] == "<199@x.se>"
    assert len(written) == mime_headers.MAX_REFERENCES


def test_the_same_letter_gives_the_same_octets() -> None:
    letter = simple(html="<p>Hej</p>", files=(File("a.pdf", "application/pdf", b"%PDF"),))
    assert mime.build(letter) == mime.build(letter)


def flowed_back(text: str) -> str:
    """Format=flowed text as it was written (RFC 3676 section 4): stuffing taken away, paragraphs joined again."""
    paragraphs_found, paragraph, began = [], "", ""
    for line in text.split("\n"):
        quote = re.match(">*", line)[0]  # type: ignore[index]  # matches always
        content = line[len(quote) :].removeprefix(" ")
        assert not paragraph or quote == began, "a paragraph changes its depth of quotation"
        paragraph, began = paragraph + content, quote
        if content.endswith(" ") and content != "-- ":
            continue
        paragraphs_found.append(f"{quote} {paragraph}".rstrip(" ") if quote else paragraph)
        paragraph = ""
    assert not paragraph, "the last line promises another one"
    return "\n".join(paragraphs_found)


def normal(text: str) -> str:
    """What of a line can be expected back: no controls, white space folded, composed as the reader shows it."""
    return " ".join(UNWRITABLE.sub(" ", text).split())


def shown(name: str) -> str:
    """A display name as the reader shows it: it takes quotation marks and brackets around names away."""
    return normal(name).strip("\"'<>[] ")


def paragraphs(text: str) -> list[str]:
    """Lines without the white space at their ends and without empty lines around the whole."""
    return [line.rstrip() for line in text.strip("\n ").split("\n")]
