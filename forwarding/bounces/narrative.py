"""Reports written in words: who did not get the mail, read from the text of mail systems that know no RFC 3464.

The structure of the text decides, not the product that wrote it: an address that stands alone or opens a line with a
verdict behind it, an address named by the words before it, an address in an SMTP reply. The strongest kind that
occurs wins.
"""

import re
from dataclasses import dataclass

from forwarding.bounces.addresses import addresses_in, clean_address, same_address
from forwarding.bounces.phrases import BEFORE_RECIPIENT, CONTACT_WORDS, FAILURE_SUBJECTS, FAILURE_TEXTS
from forwarding.bounces.report import RecipientStatus
from forwarding.bounces.status import action_of, announces_delay, best_status

MAX_LINES = 1_500
"""Lines of the words that are looked at."""

MAX_LINE_CHARACTERS = 1_000
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
    findings = _strongest(lines, aside, originals)
    delayed = announces_delay(subject) or announces_delay(words[:20_000])
    starts = [finding.line for finding in findings]
    statuses = []
    for finding in findings:
        following = next((line for line in starts if line > finding.line), len(lines))
        text = " ".join(" ".join(lines[finding.line : following]).split())
        status = best_status("", text) or best_status("", " ".join(words[:20_000].split()))
        action = "delayed" if delayed else action_of("failed", status)
        statuses.append(RecipientStatus(finding.address, "", action, status, text[:MAX_DIAGNOSTIC_CHARACTERS]))
    return tuple(statuses)


def _strongest(lines: list[str], aside: tuple[str, ...], originals: tuple[str, ...]) -> list[Finding]:
    kinds = (_leading(lines), _named(lines), _in_replies(lines), _anywhere(lines))
    for kind in kinds:
        others = [finding for finding in kind if not any(same_address(finding.address, other) for other in aside)]
        if others:
            return _distinct(others)
    if originals:
        return [Finding(address, 0) for address in originals]
    return next((_distinct(kind) for kind in kinds if kind), [])


def _leading(lines: list[str]) -> list[Finding]:
    """Addresses that open a line and stand alone in it, or are followed by a verdict."""
    findings = []
    previous = ""
    for number, line in enumerate(lines):
        rest = line[_LEAD.match(line).end() :]  # type: ignore[union-attr]  # matches everything
        found = addresses_in(rest[:330])
        leads = bool(found) and rest.startswith(found[0]) and _AFTER_ADDRESS.match(rest, len(found[0]))
        if leads and not _names_contact(previous.casefold()):
            findings.append(Finding(found[0], number))
        previous = line if line.strip() else previous
    return findings


def _named(lines: list[str]) -> list[Finding]:
    """Addresses with a word before them that says they are recipients; the word may end the line before."""
    findings = []
    previous = ""
    for number, line in enumerate(lines):
        for address in addresses_in(line):
            before = _before(line, address) or _before(previous + " ", " ")
            if before.endswith(BEFORE_RECIPIENT) and not _names_contact(before):
                findings.append(Finding(address, number))
        previous = line if line.strip() else previous
    return findings


def _in_replies(lines: list[str]) -> list[Finding]:
    """Addresses in the reply of a server: `550 5.1.1 <name@host>... User unknown`."""
    return [
        Finding(address, number)
        for number, line in enumerate(lines)
        if _REPLY_LINE.match(line)
        for address in addresses_in(line)
    ]


def _anywhere(lines: list[str]) -> list[Finding]:
    """Any address that is not introduced as a sender or as somebody to ask."""
    return [
        Finding(address, number)
        for number, line in enumerate(lines)
        for address in addresses_in(line)
        if not _names_contact(_before(line, address))
    ]


def _before(line: str, address: str) -> str:
    return line[: line.find(address)].casefold().rstrip(" \t<\"'([«“")


def _names_contact(before: str) -> bool:
    return any(word in before[-40:] for word in CONTACT_WORDS)


def _distinct(findings: list[Finding]) -> list[Finding]:
    seen: dict[str, Finding] = {}
    for finding in findings:
        if clean_address(finding.address):
            seen.setdefault(finding.address.casefold(), finding)
    return list(seen.values())
