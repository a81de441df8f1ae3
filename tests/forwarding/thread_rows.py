"""Conversations looked up in memory as the database would, and mails that point at them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from forwarding.reading import ReadMail, read_mail
from forwarding.threading import Candidate, Decision, Evidence, Policy, choose, evidence_of
from whitelabel import tokens

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANNA = "anna@gmail.com"
STRANGER = "eve@gmail.com"
JOBB, INFO = 1, 2
KEYS = tokens.TokenKeys(b"k" * 32)
BY_DEFAULT = Policy()
SUBJECT_RULE = Policy(match_subjects=True)


def conversation(number: int = 10, **changes: object) -> Candidate:
    """Conversation 10 in the inbox Jobb, with Anna, about "Sommarjobb på badet", active yesterday."""
    base = Candidate(
        conversation_id=number,
        inbox_ids=frozenset({JOBB}),
        participants=frozenset({ANNA}),
        subjects=frozenset({"sommarjobb på badet"}),
        last_activity_at=NOW - timedelta(days=1),
        customer=ANNA,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class Rows:
    """Conversations and what points at them, looked up as the database would."""

    conversations: list[Candidate] = field(default_factory=list)
    message_ids: dict[str, int] = field(default_factory=dict)
    roots: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    thread_guids: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def conversation(self, conversation_id: int) -> Candidate | None:
        self.asked.append("conversation")
        return next((c for c in self.conversations if c.conversation_id == conversation_id), None)

    def by_message_ids(self, message_ids: Sequence[str]) -> list[tuple[str, Candidate]]:
        self.asked.append("by_message_ids")
        return [
            (i, c) for i, number in self.message_ids.items() if i in message_ids and (c := self.conversation(number))
        ]

    def by_root(self, root_ids: Sequence[str], since: datetime) -> list[Candidate]:
        self.asked.append("by_root")
        found = [number for root, (number, at) in self.roots.items() if root in root_ids and at >= since]
        return [c for number in found if (c := self.conversation(number))]

    def by_thread_index(self, guid: str) -> list[Candidate]:
        return [c for g, number in self.thread_guids.items() if g == guid and (c := self.conversation(number))]

    def by_subject(self, subject: str, customer: str) -> list[Candidate]:
        return [c for c in self.conversations if subject in c.subjects and c.customer == customer]


def mail(*headers: str, sender: str = ANNA, subject: str = "Re: Sommarjobb på badet", html: str = "") -> ReadMail:
    kind = ["Content-Type: text/html"] if html else []
    return read_mail(
        "\n".join([f"From: {sender}", f"Subject: {subject}", *kind, *headers, "", html or "Hej!"]).encode()
    )


def evidence(read: ReadMail, *, inbox_id: int = JOBB, tag: str = "", reported: int | None = None) -> Evidence:
    return evidence_of(
        read,
        keys=KEYS,
        organization_id=7,
        inbox_id=inbox_id,
        received_at=NOW,
        key="jobb.lillestad.se",
        tag=tag,
        reported_conversation=reported,
    )


def decide(read: ReadMail, rows: Rows, policy: Policy = BY_DEFAULT, **about: object) -> Decision:
    return choose(evidence(read, **about), rows, policy)  # type: ignore[arg-type]


def reply_tag(number: int = 10, key: str = "jobb.lillestad.se", organization_id: int = 7) -> str:
    return tokens.sign_reply(KEYS, tokens.ReplyToken(organization_id, key, number)).partition("+")[2]


def signed_id(number: int = 10, organization_id: int = 7) -> str:
    local_part = tokens.sign_message_id(KEYS, tokens.MessageIdToken(organization_id, number, 99))
    return f"<{local_part}@mgeu.lillestad.se>"


GUID = bytes(range(16))


def thread_index(guid: bytes = GUID, when: bytes = b"\x01" * 6) -> str:
    return "Thread-Index: " + base64.b64encode(when + guid + b"\x00" * 5).decode()
