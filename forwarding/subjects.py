"""Subjects without what mail programs put before them: reply and forward prefixes in many languages, list and warning tags."""

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
    text = subject[:1000].casefold()
    while end := _end_of_tag(text):
        text = text[end:]
    match = _PREFIX.match(text)
    return match is not None and match[1].rstrip(".") in FORWARD_PREFIXES


def is_telling(subject: str, least_characters: int = 12) -> bool:
    """Whether a normalised subject is long and rare enough to say that two mails are about one matter."""
    return len(subject) >= least_characters and subject not in GENERIC_SUBJECTS


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
