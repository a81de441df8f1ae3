"""Ten mails back and forth with each kind of mail program: always one conversation, whatever the program does to headers."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from conversations import composer
from conversations.correspondence import Parent, thread_headers
from conversations.models import Conversation, Message
from conversations.thread_index import MAX_OCTETS
from organizations import scope
from tests.support import builders, mails
from tests.support.relay import fake_relay
from whitelabel import keys, tokens
from whitelabel.delivery import Courier

BARRY = "barry@example.org"
MARCH, JULY = datetime(2026, 3, 12, 10, 42, tzinfo=UTC), datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
STRANGE_ID = "<0102018f-rewritten-000000@eu-north-1.amazonses.example>"

Rewriting = Callable[[EmailMessage, EmailMessage], None]
"""Changes the customer's answer (first argument) as a program would that got our mail (second argument)."""


def outlook(answer: EmailMessage, ours: EmailMessage) -> None:
    """Keeps everything, extends Thread-Index, shortens the subject's prefix to its own."""
    answer.replace_header("Subject", f"SV: {str(ours['Subject']).removeprefix('Re: ')}")
    answer["Thread-Topic"] = str(ours["Thread-Topic"])
    index = base64.b64decode(str(ours["Thread-Index"])) + b"\0\0\x01\x02\x03"
    answer["Thread-Index"] = base64.b64encode(index).decode()


def outlook_without_references(answer: EmailMessage, ours: EmailMessage) -> None:
    """What some Exchange set-ups leave: only Outlook's own headers."""
    outlook(answer, ours)
    del answer["References"]
    del answer["In-Reply-To"]


def gmail(answer: EmailMessage, ours: EmailMessage) -> None:
    """Keeps References as the standard says."""


def apple_mail(answer: EmailMessage, ours: EmailMessage) -> None:
    """Overwrites References with the one mail it answers."""
    answer.replace_header("References", str(ours["Message-ID"]))


def provider_that_rewrites_message_ids(answer: EmailMessage, ours: EmailMessage) -> None:
    """On the way out our Message-ID was replaced: the customer's program refers to the new one."""
    known = [reference for reference in str(ours["References"]).split() if reference != str(ours["Message-ID"])]
    answer.replace_header("References", " ".join([*known, STRANGE_ID]))
    answer.replace_header("In-Reply-To", STRANGE_ID)


PROGRAMS = [outlook, outlook_without_references, gmail, apple_mail, provider_that_rewrites_message_ids]


def answer_to(ours: bytes, number: int, rewrite: Rewriting) -> bytes:
    """The customer's answer to a mail of ours, by one program."""
    original = message_from_bytes(ours, policy=policy.default)
    answer = EmailMessage()
    answer["From"] = f"Barry Berg <{BARRY}>"
    answer["To"] = str(original.get("Reply-To") or original["From"])
    answer["Subject"] = str(original["Subject"])
    answer["Date"] = datetime.now(UTC)
    answer["Message-ID"] = f"<answer-{number}@example.org>"
    answer["In-Reply-To"] = str(original["Message-ID"])
    answer["References"] = f"{' '.join(str(original['References']).split())} {original['Message-ID']}"
    answer.set_content(f"Svar nummer {number}.")
    rewrite(answer, original)  # type: ignore[arg-type]  # policy.default gives an EmailMessage
    # A long Thread-Index would else be written in encoded-words, which Outlook does not do.
    return answer.as_bytes(policy=policy.SMTP.clone(max_line_length=998))


def answer(town: builders.Town, text: str) -> None:
    with scope.organization(town.organization):
        composer.send(
            Conversation.objects.get(),
            author=town.agent,
            text=text,
            to=[{"name": "Barry Berg", "address": BARRY}],
            submission_key=uuid.uuid4(),
            version=None,
            include_history=True,
        )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_ten_mails_back_and_forth_are_one_conversation(program: Rewriting) -> None:
    """Every mail takes its whole way: composer, outbox, relay; SMTP server, spool, reader, filing."""
    town = builders.town()
    first = (
        f"From: Barry Berg <{BARRY}>\r\nTo: jobb@lillestad.se\r\nSubject: Jobbet som kock\r\n"
        "Message-ID: <first@example.org>\r\nDate: Thu, 12 Mar 2026 10:42:00 +0100\r\n\r\n\xc4r det ledigt?\r\n"
    ).encode("latin-1")
    with mails.pipeline() as post, fake_relay() as relay:
        courier = Courier(relay.client())
        post.receive(first, town.inbox)
        for number in range(5):
            answer(town, f"Vårt svar {number}.")
            assert courier.step() == 1
            post.receive(answer_to(relay.taken[-1].content, number, program), town.inbox)
        courier.close()
    with scope.organization(town.organization):
        assert Conversation.objects.count() == 1
        assert Message.objects.filter(conversation=Conversation.objects.get()).count() == 11


def headers(parent: Parent | None = None, **changes: object):
    values = {
        "organization_id": 7,
        "conversation_id": 42,
        "message_id": 43,
        "sending_domain": "mgeu.lillestad.se",
        "subject": "Re: SV: Jobbet",
        "at": JULY,
    }
    return thread_headers(keys.token_keys(), parent=parent, **{**values, **changes})  # type: ignore[arg-type]


def test_the_message_id_names_conversation_and_message_signed() -> None:
    token = tokens.read_message_id(keys.token_keys(), 7, headers().message_id)
    assert token == tokens.MessageIdToken(7, 42, 43)


def test_references_are_complete_and_end_with_the_mail_answered() -> None:
    parent = Parent("b@example.org", ("a@example.org",))
    found = headers(parent)
    assert found.references[0] == "<a@example.org>"
    assert found.references[-1] == found.in_reply_to == "<b@example.org>"
    anchors = [tokens.read_message_id(keys.token_keys(), 7, reference) for reference in found.references]
    assert tokens.MessageIdToken(7, 42) in anchors


def test_the_anchor_is_there_once_however_long_the_correspondence() -> None:
    references: tuple[str, ...] = ()
    for number in range(5):
        found = headers(Parent(f"m{number}@example.org", references), message_id=50 + number)
        references = tuple(r.strip("<>") for r in found.references)
    anchors = [r for r in references if tokens.read_message_id(keys.token_keys(), 7, r) == tokens.MessageIdToken(7, 42)]
    assert len(anchors) == 1


@pytest.mark.django_db
def test_the_anchor_is_on_the_wire_however_long_the_correspondence() -> None:
    town = builders.town()
    with scope.organization(town.organization):
        received = builders.received(town.inbox, message_id="parent@example.org")
        token = tokens.MessageIdToken(town.organization.pk, received.conversation_id)
        anchor = f"{tokens.sign_message_id(keys.token_keys(), token)}@mail.kundo.se"
        earlier = ["root@example.org", anchor, *(f"m{number}@example.org" for number in range(58))]
        Message.objects.filter(pk=received.pk).update(references=earlier)
    answer(town, "Vårt svar.")
    with scope.organization(town.organization):
        octets = bytes(Message.objects.get(kind="outbound").outbound.content)
    found = str(message_from_bytes(octets, policy=policy.default)["References"]).split()
    assert found[0] == "<root@example.org>"
    assert found[-2:] == [f"<{anchor}>", "<parent@example.org>"]
    assert found[1:-2] == [f"<m{number}@example.org>" for number in range(58 - len(found[1:-2]), 58)]


def test_the_anchor_that_began_the_correspondence_stays_first() -> None:
    begun = tuple(reference.strip("<>") for reference in headers().references)
    found = headers(Parent("b@example.org", (*begun, "a@example.org")))
    assert found.references == (f"<{begun[0]}>", "<a@example.org>", "<b@example.org>")


def test_an_id_we_made_up_is_not_told_to_others() -> None:
    found = headers(Parent("0123abcd@no-id.mail.kundo.se"))
    assert found.in_reply_to == ""
    assert not any("no-id" in reference for reference in found.references)


def test_a_new_mail_refers_to_its_conversation_only() -> None:
    found = headers()
    assert found.in_reply_to == ""
    assert len(found.references) == 1
    assert found.thread_topic == "Jobbet"


# --- Outlook's Thread-Index ------------------------------------------------------------------------------------------

CLASSIC = bytes.fromhex("01dcb2083a5f00112233445566778899aabbccddeeff")
MODERN = bytes.fromhex("0101dcb2083a5f00112233445566778899aabbccddeeff")[:22]


def thread_index_of(octets: bytes) -> bytes:
    return base64.b64decode(str(message_from_bytes(octets, policy=policy.default)["Thread-Index"]), validate=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("theirs", [CLASSIC, MODERN, CLASSIC + b"\0\0\x01\x02\x03" * 3], ids=["old", "new", "long"])
def test_outlooks_index_is_extended_by_one_block_in_every_answer(theirs: bytes) -> None:
    """Two rounds of octets: ours begins with theirs, and theirs with ours."""
    town = builders.town()
    first = (
        f"From: Barry Berg <{BARRY}>\r\nTo: jobb@lillestad.se\r\nSubject: Jobbet som kock\r\n"
        f"Thread-Topic: Jobbet som kock\r\nThread-Index: {base64.b64encode(theirs).decode()}\r\n"
        "Message-ID: <first@example.org>\r\nDate: Thu, 12 Mar 2026 10:42:00 +0100\r\n\r\nHej\r\n"
    )
    with mails.pipeline() as post, fake_relay() as relay:
        courier = Courier(relay.client())
        post.receive(first.encode(), town.inbox)
        for number in range(2):
            answer(town, f"Vårt svar {number}.")
            assert courier.step() == 1
            ours = thread_index_of(relay.taken[-1].content)
            assert ours.startswith(theirs)
            assert len(ours) == len(theirs) + 5
            answered = answer_to(relay.taken[-1].content, number, outlook)
            theirs = thread_index_of(answered)
            assert theirs.startswith(ours)
            assert len(theirs) == len(ours) + 5
            post.receive(answered, town.inbox)
        courier.close()


def filetime(at: datetime) -> int:
    """Ticks of 100 ns since 1601 ([MS-DTYP] 2.3.3)."""
    return (at - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10


def test_a_fresh_index_is_a_header_with_the_time_and_the_conversations_guid() -> None:
    index = headers(at=MARCH).thread_index
    assert len(index) == 22
    assert index[:6] == b"\x01" + filetime(MARCH).to_bytes(8, "big")[:5]
    other_time, other_matter = headers(at=JULY).thread_index, headers(conversation_id=44).thread_index
    assert index[6:] == other_time[6:] != other_matter[6:]


@pytest.mark.parametrize(
    "header",
    [
        b"\x01" + filetime(MARCH).to_bytes(8, "big")[:5],  # as [MS-OXOMSG] has it now
        filetime(MARCH).to_bytes(8, "big")[:6],  # as it had it before: the first octet is the time's
    ],
    ids=["now", "before"],
)
@pytest.mark.parametrize(("later", "shift"), [(timedelta(days=111), 18), (timedelta(days=3 * 365), 23)])
def test_a_block_holds_the_time_since_the_header(header: bytes, later: timedelta, shift: int) -> None:
    parent = header + bytes(16)
    index = headers(Parent("b@example.org", thread_index=parent), at=MARCH + later).thread_index
    block = int.from_bytes(index[22:26], "big")
    assert (len(index), block >> 31) == (27, shift == 23)
    elapsed = (block & 0x7FFFFFFF) << shift
    assert abs(elapsed / 10_000_000 - later.total_seconds()) < 4


def test_two_answers_to_one_mail_differ() -> None:
    parent = Parent("b@example.org", thread_index=CLASSIC)
    assert headers(parent, message_id=43).thread_index != headers(parent, message_id=44).thread_index


def test_a_clock_that_runs_backwards_breaks_nothing() -> None:
    fresh = headers(at=JULY).thread_index
    index = headers(Parent("b@example.org", thread_index=fresh), at=MARCH).thread_index
    assert index[22:26] == bytes(4)


@pytest.mark.parametrize(
    "malformed",
    [b"", b"\x01", CLASSIC[:21], CLASSIC + b"\0\0\0", b"\x02" + CLASSIC[1:], bytes(22)],
    ids=["none", "tiny", "short", "cut", "foreign", "zero"],
)
def test_a_malformed_index_begins_anew(malformed: bytes) -> None:
    found = headers(Parent("b@example.org", thread_index=malformed))
    assert found.thread_index == headers().thread_index
    assert found.guid == found.thread_index[6:22].hex()


def test_a_very_long_index_keeps_its_header_and_ends_growing() -> None:
    blocks = (MAX_OCTETS - 22) // 5
    full = CLASSIC + b"\0\0\x01\x02\x03" * (blocks - 1)
    last = headers(Parent("b@example.org", thread_index=full)).thread_index
    assert last.startswith(full)
    assert len(last) <= MAX_OCTETS
    after = headers(Parent("b@example.org", thread_index=last)).thread_index
    assert after.startswith(CLASSIC)
    assert len(after) == 27


def test_the_guid_of_a_mail_filed_before_its_whole_index_was_kept_is_carried_on() -> None:
    guid = "00112233445566778899aabbccddeeff"
    found = headers(Parent("b@example.org", (), guid, "Jobbet som kock"))
    assert found.thread_index[6:22].hex() == found.guid == guid
    assert found.thread_topic == "Jobbet som kock"
