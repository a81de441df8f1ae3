"""Reports written in words: who did not get the mail, read from the text of mail systems that know no RFC 3464.

The structure of the text decides, not the product that wrote it: an address that stands alone or opens a line with a
verdict behind it, an address named by the words before it, an address in an SMTP reply. The strongest kind that
occurs wins.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from forwarding.bounces.addresses import addresses_in, clean_address
from forwarding.bounces.phrases import BEFORE_RECIPIENT, CONTACT_WORDS, FAILURE_SUBJECTS, FAILURE_TEXTS
from forwarding.bounces.report import MAX_RECIPIENTS, RecipientStatus
from forwarding.bounces.status import action_of, announces_delay, best_status

MAX_LINES = 1_500
"""Lines of the words that are looked at."""

MAX_LINE_CHARACTERS = 1_000
MAX_STATUS_CHARACTERS = 20_000
"""Of the words, where a status is looked for that holds for all of them."""

MAX_DIAGNOSTIC_CHARACTERS = 1_000

_LEAD = re.compile(r"[\s*>•·\-–#|]{0,20}(?:\d{1,3}[.)]\s)?[<\"'(\[«“]{0,4}")
_AFTER_ADDRESS = re.compile(r"[>\"')\]»”]{0,4}\s{0,8}(?:$|[:;,(\[<…]|\.\.\.|on [A-Z]|- |– |\.$)")
_REPLY_LINE = re.compile(r"[\s<>*-]{0,12}[45]\d\d[ -]")


@dataclass(frozen=True, slots=True)
class Finding:
    """An address in the words of a report, with the number of its line."""

    address: str
    line: int


def reads_like_failure(subject: str, words: str) -> bool:
    """Whether subject or text use the wording of a mail system that could not deliver."""
    if subject_announces_failure(subject):
        return True
    squeezed = " ".join(words[:20_000].casefold().split())
    return any(phrase in squeezed for phrase in FAILURE_TEXTS)


def subject_announces_failure(subject: str) -> bool:
    """Whether the subject is one that mail systems write over reports."""
    lowered = " ".join(subject[:1_000].casefold().split())
    return any(phrase in lowered for phrase in FAILURE_SUBJECTS)


def recipients_in_words(
    subject: str, words: str, aside: tuple[str, ...], originals: tuple[str, ...]
) -> tuple[RecipientStatus, ...]:
    """The recipients named in `words` (the text above the returned mail).

    `aside` are addresses that play another part (who sent the returned mail, who reports); they count only when
    nobody else is named. `originals` are the recipients of the returned mail, taken when the words name nobody.
    """
    lines = [line[:MAX_LINE_CHARACTERS] for line in words.splitlines()[:MAX_LINES]]
    findings = _strongest(lines, frozenset(address.casefold() for address in aside), originals)
    beginning = " ".join(words[:MAX_STATUS_CHARACTERS].split())
    status_of_all = best_status("", beginning) if findings else ""
    delayed = announces_delay(subject) or announces_delay(words[:MAX_STATUS_CHARACTERS])
    reasons: dict[int, tuple[str, str]] = {}
    statuses = []
    for finding in findings:
        if finding.line not in reasons:
            text = _text_from(finding.line, lines, findings)
            reasons[finding.line] = text[:MAX_DIAGNOSTIC_CHARACTERS], best_status("", text) or status_of_all
        diagnostic, status = reasons[finding.line]
        action = "delayed" if delayed else action_of("failed", status)
        statuses.append(RecipientStatus(finding.address, "", action, status, diagnostic))
    return tuple(statuses)


def _text_from(number: int, lines: list[str], findings: list[Finding]) -> str:
    """What is said from a line with a finding on, up to the next one."""
    following = bisect_right(findings, number, key=lambda finding: finding.line)
    end = findings[following].line if following < len(findings) else len(lines)
    return " ".join(" ".join(lines[number:end]).split())


def _strongest(lines: list[str], aside: frozenset[str], originals: tuple[str, ...]) -> list[Finding]:
    """The findings of the strongest kind in the order of their lines, each address once, MAX_RECIPIENTS at most."""
    kinds = (_leading, _named, _in_replies, _anywhere)
    for kind in kinds:
        others = _distinct(finding for finding in kind(lines) if finding.address.casefold() not in aside)
        if others:
            return others
    if originals:
        return [Finding(address, 0) for address in originals[:MAX_RECIPIENTS]]
    return next((found for kind in kinds if (found := _distinct(kind(lines)))), [])


def _leading(lines: list[str]) -> Iterator[Finding]:
    """Addresses that open a line and stand alone in it, or are followed by a verdict."""
    previous = ""
    for number, line in enumerate(lines):
        rest = line[_LEAD.match(line).end() :]  # type: ignore[union-attr]  # matches everything
        found = addresses_in(rest[:330])
        leads = bool(found) and rest.startswith(found[0]) and _AFTER_ADDRESS.match(rest, len(found[0]))
        if leads and not _names_contact(previous.casefold()):
            yield Finding(found[0], number)
        previous = line if line.strip() else previous


def _named(lines: list[str]) -> Iterator[Finding]:
    """Addresses with a word before them that says they are recipients; the word may end the line before."""
    previous = ""
    for number, line in enumerate(lines):
        for address in addresses_in(line):
            before = _before(line, address) or _before(previous + " ", " ")
            if before.endswith(BEFORE_RECIPIENT) and not _names_contact(before):
                yield Finding(address, number)
        previous = line if line.strip() else previous


def _in_replies(lines: list[str]) -> Iterator[Finding]:
    """Addresses in the reply of a server: `550 5.1.1 <name@host>... User unknown`."""
    return (
        Finding(address, number)
        for number, line in enumerate(lines)
        if _REPLY_LINE.match(line)
        for address in addresses_in(line)
    )


def _anywhere(lines: list[str]) -> Iterator[Finding]:
    """Any address that is not introduced as a sender or as somebody to ask."""
    return (
        Finding(address, number)
        for number, line in enumerate(lines)
        for address in addresses_in(line)
        if not _names_contact(_before(line, address))
    )


def _before(line: str, address: str) -> str:
    return line[: line.find(address)].casefold().rstrip(" \t<\"'([«“")


def _names_contact(before: str) -> bool:
    return any(word in before[-40:] for word in CONTACT_WORDS)


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    """The first finding of each address, MAX_RECIPIENTS at most."""
    kept: dict[str, Finding] = {}
    for finding in findings:
        if len(kept) == MAX_RECIPIENTS:
            break
        if clean_address(finding.address):
            kept.setdefault(finding.address.casefold(), finding)
    return list(kept.values())
