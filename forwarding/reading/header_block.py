"""Find and repair the header block of a message or MIME part (RFC 5322, section 2.2)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from forwarding.reading.limits import Limits

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
# A header as it should be: fields, folded lines that are not blank, and an empty line behind them. A doubled CR is left
# to the reading line by line, as is everything else.
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_CLEAN_BLOCK = re.compile(rb"(?:[!-9;-~]{1,200}+[ \t]*+:[^\n]*+\n(?:[ \t]++[^ \t\r\n][^\n]*+\n)*+)++")
_CLEAN_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)\n")
_KNOWN_NAMES = frozenset(
    "from to cc bcc subject date message-id reply-to sender return-path received in-reply-to references mime-version "
    "content-type content-transfer-encoding content-disposition content-id content-description content-location "
    "content-language content-md5 x-mailer user-agent delivered-to x-original-to dkim-signature arc-seal "
    "arc-message-signature arc-authentication-results authentication-results received-spf list-id list-unsubscribe "
    "precedence auto-submitted importance x-priority thread-topic thread-index resent-from resent-to resent-date "
    "resent-message-id errors-to organization organisation keywords comments envelope-to x-received x-spam-status "
    "x-originating-ip disposition-notification-to apparently-to lines status x-status x-uid autocrypt".split()
)
_WELL_KNOWN_LINE = re.compile(
    rb"(?:from|to|cc|subject|date|message-id|mime-version|content-type|content-transfer-encoding|received|return-path"
    rb"|reply-to|sender|in-reply-to|references|x-mailer|dkim-signature|delivered-to)[ \t]*:",
    re.IGNORECASE,
)
_LOOK_AHEAD_LINES = 40
_REPAIRS = 50


@dataclass(frozen=True, slots=True)
class Fields:
    """Header fields in order: names as written, values as raw unfolded octets; `defects` names the repairs."""

    items: tuple[tuple[str, bytes], ...] = ()
    defects: tuple[str, ...] = ()
    index: dict[str, list[bytes]] = field(default_factory=dict)

    def first(self, name: str) -> bytes:
        """Raw value of the first field called `name` (lower case), empty when absent."""
        values = self.index.get(name)
        return values[0] if values else b""

    def every(self, name: str) -> list[bytes]:
        """Raw values of all fields called `name` (lower case), in order."""
        return self.index.get(name, [])

    def __contains__(self, name: str) -> bool:
        return name in self.index


def line_feeds_only(raw: bytes) -> bytes:
    """Return `raw` readable by LF: text that knows CR only as line end (old Macintosh) is converted.

    A bare CR in a mail that also has LF is no line end, so that it cannot smuggle a header into view.
    """
    if b"\n" not in raw[:65536] and raw.find(b"\r", 0, 65536) >= 0 and b"\n" not in raw:
        return raw.replace(b"\r", b"\n")
    return raw


def skip_junk(raw: bytes) -> int:
    """Offset of the first header line: behind byte order mark, blank lines and mbox `From ` lines."""
    position = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    for _ in range(_LOOK_AHEAD_LINES):
        match = _LINE.match(raw, position)
        if match is None:
            break
        line = match.group()
        if line.strip() and not line.startswith((b"From ", b">From ")):
            break
        position = match.end()
    return position


def split_header(raw: bytes, start: int, end: int, limits: Limits, *, part: bool = False) -> tuple[Fields, int]:
    """Read the header block at `start`; return its fields and the offset where the body begins."""
    if (clean := _clean_header(raw, start, end, limits)) is not None:
        return clean
    block = _Block(raw, start, end, limits)
    block.read()
    fields = block.fields()
    if block.started and not _is_header(fields, part=part, terminated=block.terminated):
        return Fields(defects=("missing_header",)), start
    return fields, block.position


def _clean_header(raw: bytes, start: int, end: int, limits: Limits) -> tuple[Fields, int] | None:
    """Nearly all mail: well-formed fields up to an empty line, which two patterns read; None for anything else."""
    found = _EMPTY_LINE.search(raw, start, min(end, start + limits.header_octets))
    if found is None or b"\r\r" in raw[start : found.end()]:
        return None
    if _CLEAN_BLOCK.fullmatch(raw, start, found.start() + 1) is None:
        return None
    matches = _CLEAN_FIELD.findall(raw, start, found.start() + 1)
    if len(matches) > limits.header_fields:
        return None
    items = tuple((name.decode("ascii"), _clean_value(value, limits)) for name, value in matches)
    fields = Fields(items, (), _indexed(items))
    return (fields, found.end()) if _is_header(fields, part=False, terminated=True) else None


def _clean_value(value: bytes, limits: Limits) -> bytes:
    """As `_unfold`, for lines that are still one run of octets."""
    value = value.rstrip(b"\r")
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return value.replace(b"\r", b" ").strip(b" \t")[: limits.header_value_octets]


def _indexed(items: Iterable[tuple[str, bytes]]) -> dict[str, list[bytes]]:
    index: dict[str, list[bytes]] = {}
    for name, value in items:
        index.setdefault(name.lower(), []).append(value)
    return index


def _is_header(fields: Fields, *, part: bool, terminated: bool) -> bool:
    if not _KNOWN_NAMES.isdisjoint(fields.index) or any(
        name.startswith(("content-", "x-", "resent-")) for name in fields.index
    ):
        return True
    return part and terminated and bool(fields.index)


class _Block:
    """State of reading one header block line by line."""

    def __init__(self, raw: bytes, start: int, end: int, limits: Limits) -> None:
        self.raw = raw
        self.position = start
        self.end = end
        self.limits = limits
        self.stop = min(end, start + limits.header_octets)
        self.names: list[str] = []
        self.values: list[list[bytes]] = []
        self.defects: list[str] = []
        self.repairs = 0
        self.terminated = False
        self.started = False

    def read(self) -> None:
        while self.position < self.end:
            match = _LINE.match(self.raw, self.position, self.stop)
            if match is None or len(self.names) > self.limits.header_fields:
                self._skip_rest()
                return
            if not self._take(match.group(), match.end()):
                return

    def _take(self, line: bytes, next_position: int) -> bool:
        """Use one line; False when the header block is over."""
        content = line.rstrip(b"\r\n")
        self.started = self.started or bool(content.strip())
        if not content.strip() and not self._blank_continues(content, next_position):
            self.position = next_position
            self.terminated = True
            return False
        if content[:1] in (b" ", b"\t") and self.names:
            self.values[-1].append(content)
        elif match := _FIELD.match(content):
            self.names.append(match.group(1).decode("ascii"))
            self.values.append([content[match.end() :]])
        elif not self._repair(content, next_position):
            return False
        self.position = next_position
        return True

    def _blank_continues(self, content: bytes, next_position: int) -> bool:
        """A line of spaces belongs to the header when a header line follows; an empty line never does."""
        if not content or not self.names:
            return False
        following = _LINE.match(self.raw, next_position, self.stop)
        if following is None:
            return False
        if following.group()[:1] in (b" ", b"\t"):
            return self._header_follows(next_position)
        return _WELL_KNOWN_LINE.match(following.group()) is not None

    def _repair(self, content: bytes, next_position: int) -> bool:
        """A line that is no header: continuation when a well-known header follows soon, else start of the body."""
        if self.repairs >= _REPAIRS or not self._header_follows(next_position):
            self.defects.append("missing_header_end")
            return False
        self.repairs += 1
        self.defects.append("header_line_repaired")
        if self.names and not content.startswith((b"From ", b">From ", b"--")):
            self.values[-1].append(b" " + content)
        return True

    def _header_follows(self, position: int) -> bool:
        for line in _lines(self.raw, position, self.stop, _LOOK_AHEAD_LINES):
            if not line.strip():
                return False
            if _WELL_KNOWN_LINE.match(line):
                return True
        return False

    def _skip_rest(self) -> None:
        """Behind the limit: the fields so far count, the body begins after the next blank line."""
        self.defects.append("header_too_long")
        match = re.compile(rb"\n\r?\n").search(self.raw, max(self.position - 1, 0), self.end)
        self.position = match.end() if match else self.end
        self.terminated = True

    def fields(self) -> Fields:
        values = (_unfold(lines)[: self.limits.header_value_octets] for lines in self.values)
        items = tuple(zip(self.names, values, strict=True))
        return Fields(items, tuple(dict.fromkeys(self.defects)), _indexed(items))


def _unfold(lines: list[bytes]) -> bytes:
    """RFC 5322, section 2.2.3: line ends go, the white space stays; a bare CR inside is a space."""
    value = lines[0] if len(lines) == 1 else b"".join(lines)
    return value.replace(b"\r", b" ").strip(b" \t")


def _lines(raw: bytes, position: int, end: int, count: int) -> Iterator[bytes]:
    for _ in range(count):
        match = _LINE.match(raw, position, end)
        if match is None:
            return
        yield match.group()
        position = match.end()
