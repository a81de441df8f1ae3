"""What went wrong with a TXT value on its way through a panel or zone file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import permutations

from whitelabel.effects import fits
from whitelabel.records import ExpectedRecord
from whitelabel.survey.values import Record

QUOTES = '"“”„»«'
MOST_EDITS = 3
MOST_SHUFFLED = 4
CUT_AT_255 = range(254, 257)
SNIPPET_BEFORE, SNIPPET_AFTER = 6, 10
LONG_WORD = 40
DISTANCES_REMEMBERED = 4096  # every server of a zone gives the same texts

Fault = tuple[str, dict[str, str]]
Fits = Callable[[str], bool]


def plain(record: Record) -> str:
    """The joined strings as text; UTF-8 where it is (typographic quotes), else escaped octets."""
    return record.octets.decode("utf-8", "backslashreplace")


def strings(record: Record) -> tuple[str, ...]:
    """The character-strings as text."""
    return tuple(octets.decode("utf-8", "backslashreplace") for octets in record.strings)


def text_faults(record: ExpectedRecord, records: tuple[Record, ...]) -> Iterator[Fault]:
    """Codes that explain why no TXT record at the name has the effect, with the values for their sentences."""

    def has_effect(text: str) -> bool:
        return fits(record, [Record(record.name, "TXT", 0, strings=(text.encode("utf-8", "replace"),))])

    if len(records) > 1 and any(has_effect(plain(a) + plain(b)) for a, b in permutations(records[:6], 2)):
        yield "split_in_two_records", {}
        return
    for one in records:
        explained = tuple(_transport_faults(record.value, one, has_effect))
        yield from explained or _copying_faults(record.value, plain(one))


def _transport_faults(expected: str, one: Record, has_effect: Fits) -> Iterator[Fault]:
    """Damage done by the panel or the zone file's syntax."""
    text, parts = plain(one), strings(one)
    unquoted = "".join(part.strip(QUOTES + " ") for part in parts)
    if any(part[:1] in QUOTES or part[-1:] in QUOTES for part in parts if part) and _same_kind(unquoted, expected):
        yield "quotes_inside", {}
    if "\\;" in text and _same_kind(text, expected):
        yield "backslash_semicolon", {}
    if ";" in expected and text.strip().rstrip(";") == expected.partition(";")[0]:
        yield "cut_at_semicolon", {}
    elif _is_cut(text, expected):
        yield ("truncated_255", {}) if len(one.octets) in CUT_AT_255 else ("cut_short", {"n": str(len(one.octets))})
    if len(parts) > 1 and has_effect(" ".join(parts)):
        yield "spaces_lost", {}
    elif (
        1 < len(parts) <= MOST_SHUFFLED and any(has_effect("".join(order)) for order in permutations(parts))
    ) or "".join(text.split()) == "".join(expected.split()):
        yield "split_shuffled", {}


def _copying_faults(expected: str, text: str) -> Iterator[Fault]:
    edits = edit_distance(text, expected)
    if 0 < edits <= MOST_EDITS:
        yield "typo", {"diff": difference(text, expected)}


def _is_cut(text: str, expected: str) -> bool:
    short, long = "".join(text.split()), "".join(expected.split())
    return len(short) >= len(long) // 3 and len(short) < len(long) - MOST_EDITS and long.startswith(short)


def _same_kind(text: str, expected: str) -> bool:
    """Whether both begin alike (`v=spf1`, `v=DKIM1`, our verification name)."""
    start = len(expected.partition("=")[0]) + 2
    return text.strip(QUOTES + " ")[:start].lower() == expected[:start].lower()


@lru_cache(maxsize=DISTANCES_REMEMBERED)
def edit_distance(found: str, expected: str, most: int = MOST_EDITS) -> int:
    """Levenshtein distance up to `most`; anything farther is `most` + 1. Costs only the band around the diagonal."""
    if abs(len(found) - len(expected)) > most:
        return most + 1
    row = {j: j for j in range(most + 1)}
    for i, one in enumerate(found, 1):
        following: dict[int, int] = {}
        for j in range(max(0, i - most), min(len(expected), i + most) + 1):
            costs = [row.get(j, most) + 1, following.get(j - 1, most) + 1]
            if j > 0:
                costs.append(row.get(j - 1, most + 1) + (one != expected[j - 1]))
            following[j] = min(costs)
        if min(following.values()) > most:
            return most + 1
        row = following
    return min(row.get(len(expected), most + 1), most + 1)


def difference(found: str, expected: str) -> str:
    """The word of `found` in which it first differs from `expected`; of a long word only the stretch around it."""
    pairs = enumerate(zip(found, expected, strict=False))
    at = next((place for place, (a, b) in pairs if a != b), min(len(found), len(expected)))
    start = found.rfind(" ", 0, at) + 1
    end = found.find(" ", at) if " " in found[at:] else len(found)
    if end - start > LONG_WORD:
        start, end = max(start, at - SNIPPET_BEFORE), min(end, at + SNIPPET_AFTER)
    return found[start:end]
