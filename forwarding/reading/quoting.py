"""Which characters of a text are the author's own words: ranges for folding, never for deleting.

One pass classifies the lines, one finds attributions and copied headers, one decides. When in doubt a line stays
visible: interleaved answers are shown with the quotes they answer, and where nothing would be left nothing is folded.
"""

import re
from dataclasses import dataclass

from forwarding.reading import quote_markers as markers
from forwarding.reading.html_text import Mark
from forwarding.reading.limits import Limits
from forwarding.reading.mail import RangeKind, TextRange
from forwarding.reading.quote_markers import Line

_ATTRIBUTION_LINES = 6
_ENDS_WITHIN = 3  # lines from the verb of an attribution to its end
_SIGNATURE_LINES = 14
_DIVIDED_LINES = 8
_HEADER_GAP = 2
_QUOTED_WITHIN = 4  # lines below an attribution in which the quote begins
_WORDS_BESIDE_SIGNATURE = 2  # a single word may be all of the answer, or only its greeting: the signature stays with it
_WORD = re.compile(r"\w+")
_QUOTED = (Line.QUOTE, Line.ATTRIBUTION, Line.SEPARATOR)
_SIGNED = (Line.DEVICE, Line.MARKED_SIGNATURE)
_WRITTEN = (Line.TEXT, Line.HEADER)


def text_ranges(text: str, marks: tuple[Mark, ...], limits: Limits) -> tuple[TextRange, ...]:
    """Ranges that cover `text` in order and without gaps."""
    if not text:
        return ()
    lines = text.split("\n")
    if len(lines) > limits.quoting_lines:
        return (TextRange(0, len(text), "visible"),)
    kinds = _Folder(_classified(lines, marks), lines).fold()
    return _merged(lines, kinds, len(text))


def _classified(lines: list[str], marks: tuple[Mark, ...]) -> list[Line]:
    kinds = [markers.kind_of(line) for line in lines]
    _protect_code(lines, kinds)
    _protect_headings(lines, kinds)
    marked = _marked_lines(lines, kinds, marks)
    _find_attributions(lines, kinds, _Below(kinds, {first for mark, first, _ in marked if mark.kind == "quoted"}))
    _find_headers(lines, kinds)
    _doubt_weak_quotes(lines, kinds)
    for mark, first, behind in marked:
        _apply_mark(kinds, mark, first, behind)
    return kinds


def _protect_code(lines: list[str], kinds: list[Line]) -> None:
    """Lines between code fences are text, whatever they look like."""
    inside = False
    fences = sum(markers.is_fence(line) for line in lines)
    for number, line in enumerate(lines):
        fence = markers.is_fence(line)
        if (inside or fence) and fences > 1 and kinds[number] is not Line.EMPTY:
            kinds[number] = Line.TEXT
        inside = inside != fence


def _protect_headings(lines: list[str], kinds: list[Line]) -> None:
    """A row of dashes right below text underlines it; below a blank line it may begin a signature."""
    for number in range(1, len(kinds)):
        if kinds[number] is Line.DELIMITER and kinds[number - 1] is Line.TEXT and markers.is_underline(lines[number]):
            kinds[number] = Line.TEXT


@dataclass(frozen=True, slots=True)
class _Below:
    """Whether the lines below another one are quoted: by signs, or because the sender's program marked them."""

    kinds: list[Line]
    marked: set[int]

    def is_quoted(self, start: int) -> bool:
        near = range(start, min(start + _QUOTED_WITHIN, len(self.kinds)))
        first = next((n for n in near if self.kinds[n] is not Line.EMPTY), None)
        return first is not None and (self.kinds[first] is Line.QUOTE or first in self.marked)


def _find_attributions(lines: list[str], kinds: list[Line], below: _Below) -> None:
    """Mark `On …, N wrote:`, also when mail programs broke it over several lines."""
    ends = [markers.ends_attribution(line) for line in lines] + [False] * _ENDS_WITHIN
    for number, line in enumerate(lines):
        if kinds[number] is Line.EMPTY or (kinds[number] is Line.QUOTE and not markers.ends_torn_attribution(line)):
            continue
        if markers.is_bare_attribution(line):
            kinds[number] = Line.ATTRIBUTION
        elif (
            any(ends[number : number + _ENDS_WITHIN])
            and markers.has_verb(line)
            and (span := _attribution_around(lines, kinds, number, below)) is not None
        ):
            for position in range(span[0], span[1] + 1):
                kinds[position] = Line.ATTRIBUTION
        elif (
            ends[number]
            and kinds[number] is Line.TEXT
            and below.is_quoted(number + 1)
            and markers.announces_quote(line)
        ):
            kinds[number] = Line.ATTRIBUTION


def _attribution_around(lines: list[str], kinds: list[Line], verb: int, below: _Below) -> tuple[int, int] | None:
    """First and last line of the attribution whose verb stands in line `verb`; None when the author just uses the word."""
    last = next(
        (n for n in range(verb, min(verb + _ENDS_WITHIN, len(lines))) if markers.ends_attribution(lines[n])), None
    )
    if last is None or any(not lines[n].strip() for n in range(verb, last)):
        return None
    quoted_below = below.is_quoted(last + 1)
    for first in range(verb, max(verb - _ATTRIBUTION_LINES, -1), -1):
        if first != verb and kinds[first] in (Line.QUOTE, Line.ATTRIBUTION, Line.SEPARATOR):
            break
        joined = " ".join(lines[first : last + 1])[: markers.LINE_MAXIMUM]
        if markers.starts_attribution(lines[first]) and _is_evident(joined, quoted_below=quoted_below):
            return first, last
    own = " ".join(lines[verb : last + 1])
    return (verb, last) if len(own) < markers.LINE_MAXIMUM and _names_writer(own, quoted_below=quoted_below) else None


def _is_evident(joined: str, *, quoted_below: bool) -> bool:
    """An attribution has a date, and an address, a time of day or quoted lines below; "Den 5 maj skrev jag:" has not."""
    if not markers.names_time(joined) or not (
        quoted_below or markers.names_somebody(joined) or markers.names_clock(joined)
    ):
        return False
    return not (markers.is_first_person(joined) if quoted_below else markers.is_told(joined))


def _names_writer(own: str, *, quoted_below: bool) -> bool:
    """`N <n@x> wrote:` or `N wrote on … 10:12:`, which begin with no date: quoted lines below say more than the words."""
    if not (markers.names_somebody(own) or (quoted_below and markers.names_clock(own))):
        return False
    return not (markers.is_first_person(own) if quoted_below else markers.is_told(own))


def _doubt_weak_quotes(lines: list[str], kinds: list[Line]) -> None:
    """Lines that begin with another sign than `>` are text as long as nothing above them announces a quote."""
    for number, kind in enumerate(kinds):
        if kind in (Line.ATTRIBUTION, Line.SEPARATOR):
            return
        if kind is Line.QUOTE and markers.is_weak_quote(lines[number]):
            kinds[number] = Line.TEXT


def _find_headers(lines: list[str], kinds: list[Line]) -> None:
    """Tell copied header blocks from lists of the author's own, such as a journey with From, To and Date."""
    number = 0
    while number < len(lines):
        if kinds[number] is not Line.HEADER:
            number += 1
            continue
        behind = _end_of_headers(kinds, number)
        headers = [lines[position] for position in range(number, behind) if kinds[position] is Line.HEADER]
        copied = _is_copied(headers, after_separator=_follows_separator(kinds, number))
        for position in range(number, behind):
            if copied or kinds[position] is Line.HEADER:
                kinds[position] = Line.SEPARATOR if copied else Line.TEXT
        number = behind


def _end_of_headers(kinds: list[Line], start: int) -> int:
    """Behind the last header line of a block; folded and blank lines may lie between."""
    behind, gap = start, 0
    for number in range(start, len(kinds)):
        if kinds[number] is Line.HEADER:
            behind, gap = number + 1, 0
        elif kinds[number] in (Line.TEXT, Line.EMPTY) and gap < _HEADER_GAP:
            gap += 1
        else:
            break
    return behind


def _is_copied(headers: list[str], *, after_separator: bool) -> bool:
    """A copied header has a From, and a subject or an address among three lines; below a separator two lines do."""
    if not any(markers.is_from_header(line) for line in headers):
        return False
    if after_separator:
        return len(headers) >= 2
    return len(headers) >= 3 and any(markers.is_subject_header(line) or "@" in line for line in headers)


def _follows_separator(kinds: list[Line], number: int) -> bool:
    before = next((kind for kind in reversed(kinds[max(0, number - 3) : number]) if kind is not Line.EMPTY), None)
    return before in (Line.SEPARATOR, Line.DELIMITER)


def _marked_lines(lines: list[str], kinds: list[Line], marks: tuple[Mark, ...]) -> list[tuple[Mark, int, int]]:
    """Each mark of the sender's mail program with its first line that is not empty, and the line behind its last."""
    if not marks:
        return []
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    marked: list[tuple[Mark, int, int]] = []
    number = 0
    for mark in marks:
        while number < len(lines) and offsets[number + 1] <= mark.start:
            number += 1
        behind = number
        while behind < len(lines) and offsets[behind] < mark.end:
            behind += 1
        first = next((n for n in range(number, behind) if kinds[n] is not Line.EMPTY), behind)
        marked.append((mark, first, behind))
    return marked


def _apply_mark(kinds: list[Line], mark: Mark, first: int, behind: int) -> None:
    """What the sender's mail program marked: the first line of a quote separates, a signature is one."""
    if mark.kind == "quoted":
        if first < behind and kinds[first] is not Line.QUOTE:
            kinds[first] = Line.ATTRIBUTION
        return
    kind = Line.MARKED_SIGNATURE if mark.kind == "signature" else Line.ENCODED
    for position in range(first, behind):
        if kinds[position] is not Line.EMPTY:
            kinds[position] = kind


@dataclass(slots=True)
class _Folder:
    """Decides for each line whether it is shown."""

    kinds: list[Line]
    lines: list[str]

    def fold(self) -> list[RangeKind]:
        result: list[RangeKind] = ["quoted" if kind is Line.ENCODED else "visible" for kind in self.kinds]
        self._fold_signatures(result)
        self._fold_quotes(result)
        if self._visible_words(result) < _WORDS_BESIDE_SIGNATURE:
            result = ["visible" if kind == "signature" else kind for kind in result]
        self._fold_blank_edges(result)
        if not any(self._shows(number) and result[number] == "visible" for number in range(len(result))):
            return ["visible"] * len(self.kinds)
        return result

    def _visible_words(self, result: list[RangeKind]) -> int:
        """How many words are shown, as far as it matters here."""
        words = 0
        for number, kind in enumerate(result):
            if kind == "visible" and words < _WORDS_BESIDE_SIGNATURE:
                words += len(_WORD.findall(self.lines[number]))
        return words

    def _shows(self, number: int) -> bool:
        return any(character.isalnum() for character in self.lines[number])

    def _fold_signatures(self, result: list[RangeKind]) -> None:
        """Device lines, and a short block behind a delimiter; both only when the author's text ends there."""
        cut = len(self.kinds)
        first = next((n for n in range(cut) if self.kinds[n] in _WRITTEN and self._shows(n)), cut)
        for number in range(cut - 1, first, -1):
            kind = self.kinds[number]
            if kind in _QUOTED:
                cut = number
            elif kind in _SIGNED and not self._text_between(number + 1, cut, result):
                result[number] = "signature"
            elif kind is Line.DELIMITER and self._is_short(number, cut):
                result[number:cut] = ["signature"] * (cut - number)
                cut = number

    def _text_between(self, start: int, end: int, result: list[RangeKind]) -> bool:
        return any(self.kinds[n] in _WRITTEN and result[n] == "visible" for n in range(start, min(end, start + 200)))

    def _is_short(self, delimiter: int, end: int) -> bool:
        """A signature is a few lines; behind a mere row of dashes, which may divide the author's text, fewer still."""
        if end - delimiter > 4 * _SIGNATURE_LINES:
            return False
        most = _DIVIDED_LINES if markers.is_underline(self.lines[delimiter]) else _SIGNATURE_LINES
        return sum(self.kinds[n] is not Line.EMPTY for n in range(delimiter + 1, end)) <= most

    def _fold_quotes(self, result: list[RangeKind]) -> None:
        first = next((n for n, kind in enumerate(self.kinds) if kind in _QUOTED), None)
        if first is None:
            return
        written_before = any(self._written(n, result) for n in range(first))
        behind = self._end_of_quote(first)
        if behind < len(self.kinds) and not self._has_quotes(first, behind):
            # Attribution or copied header without quote marks: the rest of the mail is the quoted one.
            if written_before:
                self._quote(result, first, len(self.kinds))
            return
        written_after = any(self._written(n, result) for n in range(behind, len(self.kinds)))
        quotes_after = self._has_quotes(behind, len(self.kinds)) if written_after else False
        if written_after and (quotes_after or self.kinds[first] is Line.QUOTE):
            return
        if written_before or written_after:
            self._quote(result, first, behind if written_after else len(self.kinds))

    def _written(self, number: int, result: list[RangeKind]) -> bool:
        return self.kinds[number] in _WRITTEN and result[number] == "visible" and self._shows(number)

    def _end_of_quote(self, first: int) -> int:
        number = first
        while number < len(self.kinds) and self.kinds[number] not in _WRITTEN:
            number += 1
        return number

    def _has_quotes(self, start: int, end: int) -> bool:
        return any(self.kinds[n] is Line.QUOTE for n in range(start, end))

    def _quote(self, result: list[RangeKind], start: int, end: int) -> None:
        for number in range(start, end):
            if result[number] == "visible":
                result[number] = "quoted"

    def _fold_blank_edges(self, result: list[RangeKind]) -> None:
        """Blank lines and lone delimiters in front of a fold go with it."""
        for number in range(len(result) - 2, -1, -1):
            if self.kinds[number] in (Line.EMPTY, Line.DELIMITER) and result[number + 1] != "visible":
                result[number] = result[number + 1]


def _merged(lines: list[str], kinds: list[RangeKind], length: int) -> tuple[TextRange, ...]:
    ranges: list[TextRange] = []
    start = offset = 0
    for number, line in enumerate(lines):
        offset += len(line) + 1
        if number + 1 == len(lines) or kinds[number + 1] != kinds[number]:
            end = min(offset, length)
            if end > start:
                ranges.append(TextRange(start, end, kinds[number]))
            start = end
    return tuple(ranges)
