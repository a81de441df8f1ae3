"""Subjects: without what mail programs put before them, in many languages, and of answers. Pure."""

from __future__ import annotations

import re

MOST_PREFIXES = 30
"""Prefixes removed from one subject; programs that do not know each other's add their own at every turn."""

REPLY_PREFIXES = frozenset(
    [
        # Nordic, English, German, Dutch; Romance; Slavic, Finnish, Hungarian, Turkish; Chinese, Japanese
        "re", "sv", "svar", "ang", "aw", "antw", "antwort", "ad", "betr", "bls", "vs", "ref", "rif", "r", "res", "resp",
        "rép", "rép.", "odp", "odpoved", "vá", "ynt", "cevap", "от", "отв", "回复", "答复", "回覆", "返信",
    ]
)  # fmt: skip
FORWARD_PREFIXES = frozenset(
    [
        "fw", "fwd", "forw", "forward", "vb", "vs", "vidarebefordrat", "vidarebefordra", "wg", "tr", "trans", "rv",
        "reenv",
        "i", "inoltro", "enc", "doorst", "doorsturen", "vl", "pd", "pdd", "ynt", "ilt", "пересл", "fs", "videresendt",
        "videresend", "tov", "továbbítás", "转发", "轉寄", "転送",
    ]
)  # fmt: skip
"""`VS` is a forward in Swedish and a reply in Finnish, `YNT` both in Turkish: both sets name them."""

GENERIC_SUBJECTS = frozenset(
    [
        "hej", "hej!", "hejsan", "hallå", "fråga", "frågor", "en fråga", "ansökan", "jobbansökan", "jobb",
        "sommarjobb", "arbete",
        "hjälp", "information", "info", "kontakt", "faktura", "fakturor", "offert", "order", "beställning",
        "bokning", "möte",
        "support", "ärende", "klagomål", "synpunkt", "synpunkter", "felanmälan", "komplettering", "underlag",
        "dokument",
        "bilder", "bild", "cv", "intyg", "meddelande", "mail", "mejl", "e-post", "test", "viktigt", "brådskande",
        "spontanansökan", "intresseanmälan", "personligt brev", "ansökan om jobb", "ansökan om tjänst",
        "en liten fråga",
        "hello", "hi", "question", "a question", "help", "request", "application", "invoice", "meeting",
        "information request",
        "contact form", "kontaktformulär", "nytt meddelande", "new message", "ingen rubrik", "inget ämne", "no subject",
        "(no subject)", "(inget ämne)", "(ingen rubrik)", "kein betreff",
    ]
)  # fmt: skip
"""Subjects that strangers have in common; they tell nothing about the matter."""

_PREFIX = re.compile(r"\s{0,20}([^\W\d_]{1,16}\.?)\s{0,3}(?:[\[(]\d{1,4}[\])]|\^\d{1,4}|\d{1,3})?\s{0,3}[:\uff1a]")
_TAG = re.compile(r"\s{0,20}(?:\[[^\[\]]{1,60}\]|\*{2,5}[^*]{1,40}\*{2,5})")
_OWN_TAG = re.compile(r"\[#k-[a-z2-7]{1,13}-[a-z2-7]{16}\]")
MAX_SUBJECT_CHARACTERS = 900

_REPLY = re.compile(
    r"\s*(?:re|sv|aw|antw|ré|rép|vs|odp|ynt|res|rif|答复|回复)(?:\[\d+\]|\(\d+\))?\s*[:：]", re.IGNORECASE
)
_FORWARD = re.compile(r"\s*(?:fwd?|vb|wg|tr|rv|i|enc|doorst|vl|pd|ilt|转发)\s*[:：]", re.IGNORECASE)


def reply_subject(subject: str) -> str:
    """The subject of an answer. One that has a reply prefix in any language is kept, so that it stays the same."""
    return (subject if _REPLY.match(subject) else f"Re: {subject}").strip()[:MAX_SUBJECT_CHARACTERS]


def forward_subject(subject: str) -> str:
    """The subject of a forwarded mail."""
    return (subject if _FORWARD.match(subject) else f"Fwd: {subject}").strip()[:MAX_SUBJECT_CHARACTERS]


def topic(subject: str) -> str:
    """The subject without reply and forward prefixes, otherwise as written: what Outlook calls Thread-Topic."""
    rest = subject.strip()
    while match := _REPLY.match(rest) or _FORWARD.match(rest):
        rest = rest[match.end() :].strip()
    return rest


def normal_subject(subject: str) -> str:
    """The subject that a conversation keeps: no prefixes, no tags, squeezed, casefolded. Empty when nothing remains."""
    text = _OWN_TAG.sub(" ", subject[:1000].casefold())
    for _ in range(MOST_PREFIXES):
        end = _end_of_prefix(text) or _end_of_tag(text)
        if end == 0:
            break
        text = text[end:]
    return " ".join(text.split())


def is_forward(subject: str) -> bool:
    """Whether the outermost prefix says that the mail was passed on."""
    return bool(_outermost_prefix(subject) & FORWARD_PREFIXES)


def is_reply(subject: str) -> bool:
    """Whether the outermost prefix says that the mail answers another."""
    return bool(_outermost_prefix(subject) & REPLY_PREFIXES)


def is_telling(subject: str, least_characters: int = 12) -> bool:
    """Whether a normalised subject is long and rare enough to say that two mails are about one matter."""
    return len(subject) >= least_characters and subject not in GENERIC_SUBJECTS


def _outermost_prefix(subject: str) -> set[str]:
    """The prefix as written, with its full stop and without; nothing where there is none."""
    text = subject[:1000].casefold()
    while end := _end_of_tag(text):
        text = text[end:]
    match = _PREFIX.match(text)
    return {match[1], match[1].rstrip(".")} if match else set()


def _end_of_prefix(text: str) -> int:
    match = _PREFIX.match(text)
    if match is None or (
        match[1] not in REPLY_PREFIXES and match[1].rstrip(".") not in REPLY_PREFIXES | FORWARD_PREFIXES
    ):
        return 0
    return match.end()


def _end_of_tag(text: str) -> int:
    """The end of a leading `[list]` or `***SPAM***`, unless it is all there is."""
    match = _TAG.match(text)
    return match.end() if match and text[match.end() :].strip() else 0
