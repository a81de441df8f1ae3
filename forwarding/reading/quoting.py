"""Which characters of a text are the author's own words: ranges for folding, never for deleting.

One pass classifies the lines, one finds attributions and copied headers, one decides. When in doubt a line stays
visible: interleaved answers are shown with the quotes they answer, and where nothing would be left nothing is folded.
"""

from dataclasses import dataclass

from forwarding.reading import quote_markers as markers
from forwarding.reading.html_text import Mark
from forwarding.reading.limits import Limits
from forwarding.reading.mail import RangeKind, TextRange
from forwarding.reading.quote_markers import Line

_ATTRIBUTION_LINES = 6
_SIGNATURE_LINES = 14
_HEADER_GAP = 2
_QUOTED = {Line.QUOTE, Line.ATTRIBUTION, Line.SEPARATOR}
_SIGNED = {Line.DEVICE, Line.MARKED_SIGNATURE}
_WRITTEN = {Line.TEXT, Line.HEADER}


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
    _find_attributions(lines, kinds)
    _find_headers(lines, kinds)
    _apply_marks(lines, kinds, marks)
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


def _find_attributions(lines: list[str], kinds: list[Line]) -> None:
    """Mark `On …, N wrote:`, also when mail programs broke it over several lines."""
    for number, line in enumerate(lines):
        if kinds[number] is Line.EMPTY or (kinds[number] is Line.QUOTE and not markers.ends_torn_attribution(line)):
            continue
        if markers.is_bare_attribution(line):
            kinds[number] = Line.ATTRIBUTION
        elif markers.has_verb(line) and (span := _attribution_around(lines, kinds, number)) is not None:
            for position in range(span[0], span[1] + 1):
                kinds[position] = Line.ATTRIBUTION


def _attribution_around(lines: list[str], kinds: list[Line], verb: int) -> tuple[int, int] | None:
    last = next((n for n in range(verb, min(verb + 3, len(lines))) if markers.ends_attribution(lines[n])), None)
    if last is None or any(not lines[n].strip() for n in range(verb, last)):
        return None
    for first in range(verb, max(verb - _ATTRIBUTION_LINES, -1), -1):
        if first != verb and kinds[first] in (Line.QUOTE, Line.ATTRIBUTION, Line.SEPARATOR):
            break
        joined = " ".join(lines[first : last + 1])[: markers.LINE_MAXIMUM]
        if markers.starts_attribution(lines[first]) and markers.names_time(joined):
            return first, last
    own = " ".join(lines[verb : last + 1])
    return (verb, last) if markers.names_somebody(own) and len(own) < markers.LINE_MAXIMUM else None


def _find_headers(lines: list[str], kinds: list[Line]) -> None:
    """A copied header block is three or more header lines with a From among them; other header-like lines are text."""
    number = 0
    while number < len(lines):
        if kinds[number] is not Line.HEADER:
            number += 1
            continue
        behind, count, has_from = _header_block(lines, kinds, number)
        is_block = has_from and (count >= 3 or (count == 2 and _follows_separator(kinds, number)))
        for position in range(number, behind):
            if is_block or kinds[position] is Line.HEADER:
                kinds[position] = Line.SEPARATOR if is_block else Line.TEXT
        number = behind


def _header_block(lines: list[str], kinds: list[Line], start: int) -> tuple[int, int, bool]:
    """End of the block, number of header lines in it, and whether one is a From; folded and blank lines may lie between."""
    behind, count, has_from, gap = start, 0, False, 0
    for number in range(start, len(lines)):
        if kinds[number] is Line.HEADER:
            count += 1
            has_from = has_from or markers.is_from_header(lines[number])
            behind, gap = number + 1, 0
        elif kinds[number] in (Line.TEXT, Line.EMPTY) and gap < _HEADER_GAP:
            gap += 1
        else:
            break
    return behind, count, has_from


def _follows_separator(kinds: list[Line], number: int) -> bool:
    before = next((kind for kind in reversed(kinds[max(0, number - 3) : number]) if kind is not Line.EMPTY), None)
    return before in (Line.SEPARATOR, Line.DELIMITER)


def _apply_marks(lines: list[str], kinds: list[Line], marks: tuple[Mark, ...]) -> None:
    """What the sender's mail program marked: the first line of a quote separates, a signature is one."""
    if not marks:
        return
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    number = 0
    for mark in marks:
        while number < len(lines) and offsets[number + 1] <= mark.start:
            number += 1
        _apply_mark(kinds, mark, number, offsets)


def _apply_mark(kinds: list[Line], mark: Mark, number: int, offsets: list[int]) -> None:
    behind = number
    while behind < len(kinds) and offsets[behind] < mark.end:
        behind += 1
    if mark.kind == "signature":
        for position in range(number, behind):
            if kinds[position] is not Line.EMPTY:
                kinds[position] = Line.MARKED_SIGNATURE
        return
    first = next((n for n in range(number, behind) if kinds[n] is not Line.EMPTY), None)
    if first is not None and kinds[first] is not Line.QUOTE:
        kinds[first] = Line.ATTRIBUTION


@dataclass(slots=True)
class _Folder:
    """Decides for each line whether it is shown."""

    kinds: list[Line]
    lines: list[str]

    def fold(self) -> list[RangeKind]:
        result: list[RangeKind] = ["visible"] * len(self.kinds)
        self._fold_signatures(result)
        self._fold_quotes(result)
        self._fold_blank_edges(result)
        if not any(self._shows(number) and result[number] == "visible" for number in range(len(result))):
            return ["visible"] * len(self.kinds)
        return result

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
            elif kind is Line.DELIMITER and self._is_short(number + 1, cut, result):
                result[number:cut] = ["signature"] * (cut - number)
                cut = number

    def _text_between(self, start: int, end: int, result: list[RangeKind]) -> bool:
        return any(self.kinds[n] in _WRITTEN and result[n] == "visible" for n in range(start, min(end, start + 200)))

    def _is_short(self, start: int, end: int, result: list[RangeKind]) -> bool:
        """A signature is a few lines; a delimiter above quoted mail goes with that mail."""
        if end - start > 4 * _SIGNATURE_LINES:
            return False
        return sum(self.kinds[n] is not Line.EMPTY for n in range(start, end)) <= _SIGNATURE_LINES

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
