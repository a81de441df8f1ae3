"""The MIME tree (RFC 2046) over the octets of one mail, bounded in depth, parts and time.

Parts are offset ranges into the raw octets, so that building the tree copies nothing. Attached messages are opaque
leaves. Instead of the standard library's feed parser this one searches for delimiter lines: it cannot recurse without
bound, keeps the octets exact, and hands the rest on as one part when a limit is met.
"""

import re
from dataclasses import dataclass, field, replace

from forwarding.reading.cms import signed_content
from forwarding.reading.header_block import Fields, split_header
from forwarding.reading.limits import Limits
from forwarding.reading.parameters import Parameterized, content_type, parse_parameterized
from forwarding.reading.transfer import decode_transfer

_GUESS = re.compile(rb"(?:^|\n)--([^\s-][^\r\n]{0,69}?|-{1,30}[^\r\n-][^\r\n]{0,60}?)[ \t]*\r?\n(?=[Cc]ontent-)")
_OPAQUE_SIGNATURES = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_DELIMITER_PADDING = 200  # octets of white space a delimiter line may end with


@dataclass(slots=True)
class Part:
    """One node of the tree; `start` is where its header begins, `body` and `end` limit its content."""

    raw: bytes
    start: int
    body: int
    end: int
    fields: Fields
    kind: Parameterized
    disposition: Parameterized
    encoding: str
    children: list["Part"] = field(default_factory=list)
    leftover: bool = False
    _decoded: bytes | None = None

    @property
    def content_type(self) -> str:
        """type/subtype in lower case."""
        return self.kind.value

    @property
    def is_multipart(self) -> bool:
        """True when the parts inside were found; a multipart without any is a leaf."""
        return bool(self.children)

    def octets(self) -> bytes:
        """The content after transfer decoding; for leftovers the raw octets with their header."""
        if self.leftover:
            return self.raw[self.start : self.end]
        if self._decoded is None:
            self._decoded = decode_transfer(self.raw[self.body : self.end], self.encoding)
        return self._decoded


@dataclass(slots=True)
class Tree:
    """The tree, its leaves in order, and what had to be repaired or cut."""

    root: Part
    defects: list[str]


def parse_tree(raw: bytes, fields: Fields, body: int, limits: Limits) -> Tree:
    """Build the tree of a message whose header ended at `body`."""
    builder = _Builder(raw, limits)
    root = builder.part(fields, 0, body, len(raw), "text/plain")
    builder.expand(root, 0)
    return Tree(root, list(dict.fromkeys(builder.defects)))


class _Builder:
    """Expands multiparts depth first and counts what it has built."""

    def __init__(self, raw: bytes, limits: Limits) -> None:
        self.raw = raw
        self.limits = limits
        self.parts = 0
        self.candidates = 0
        self.defects: list[str] = []

    def part(self, fields: Fields, start: int, body: int, end: int, default: str) -> Part:
        self.parts += 1
        maximum = self.limits.parameters_per_header
        kind = content_type(fields.first("content-type"), default, maximum)
        disposition = parse_parameterized(fields.first("content-disposition"), maximum)
        return Part(self.raw, start, body, end, fields, kind, disposition, _encoding(fields))

    def expand(self, part: Part, depth: int) -> None:
        if part.content_type in _OPAQUE_SIGNATURES and depth < self.limits.mime_depth:
            self._open_signature(part, depth)
            return
        if not part.content_type.startswith("multipart/"):
            return
        if depth >= self.limits.mime_depth:
            self._cut(part, "mime_too_deep")
            return
        ranges = self._ranges(part)
        if not ranges:
            self.defects.append("multipart_without_parts")
            return
        default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
        for position, (start, end) in enumerate(ranges):
            if self.parts >= self.limits.mime_parts:
                self._leave(part, start, ranges[-1][1])
                return
            self._child(part, start, end, default, depth, position)

    def _open_signature(self, part: Part, depth: int) -> None:
        """An opaque S/MIME signature holds the mail itself: it becomes a child, the signature stays a leaf beside it."""
        if part.kind.get("smime-type").lower() not in ("signed-data", ""):
            return
        inner = signed_content(part.octets())
        if inner is None:
            return
        builder = _Builder(inner, self.limits)
        builder.parts = self.parts
        fields, body = split_header(inner, 0, len(inner), self.limits, part=True)
        child = builder.part(fields, 0, body, len(inner), "text/plain")
        builder.expand(child, depth + 1)
        self.parts = builder.parts
        self.defects += builder.defects
        part.children = [child, replace(part, children=[])]

    def _child(self, part: Part, start: int, end: int, default: str, depth: int, position: int) -> None:
        fields, body = split_header(self.raw, start, end, self.limits, part=True)
        self.defects.extend(f"part_{defect}" for defect in fields.defects if defect != "missing_header")
        child = self.part(fields, start, body, end, default)
        self.expand(child, depth + 1)
        part.children.append(child)

    def _cut(self, part: Part, defect: str) -> None:
        self.defects.append(defect)
        part.leftover = True

    def _leave(self, part: Part, start: int, end: int) -> None:
        rest = self.part(Fields(), start, start, end, "message/rfc822")
        self._cut(rest, "mime_too_many_parts")
        part.children.append(rest)

    def _ranges(self, part: Part) -> list[tuple[int, int]]:
        boundary = part.kind.get("boundary").encode("utf-8", "replace").rstrip()
        raw_boundary = _raw_boundary(part.fields.first("content-type")) if not boundary.isascii() else boundary
        for strict in (True, False) if raw_boundary else ():
            if ranges := self._split(part.body, part.end, b"--" + raw_boundary, strict=strict):
                return ranges
        guess = _GUESS.search(self.raw, max(part.body - 1, 0), min(part.end, part.body + 65536))
        if guess is None:
            return []
        self.defects.append("boundary_guessed")
        return self._split(part.body, part.end, b"--" + guess.group(1))

    def _split(self, start: int, end: int, delimiter: bytes, *, strict: bool = True) -> list[tuple[int, int]]:
        """Ranges between the delimiter lines; the line break before a delimiter belongs to it (RFC 2046, 5.1.1).

        Text behind the boundary is only accepted (`strict` off) where no line is a delimiter without it.
        """
        ranges: list[tuple[int, int]] = []
        opened: int | None = None
        position = start
        while (found := self._delimiter(delimiter, position, end, strict=strict)) is not None:
            at, position, closing = found
            if opened is not None:
                ranges.append((opened, max(opened, _before_line_break(self.raw, opened, at))))
            opened = None if closing else position
            if len(ranges) > self.limits.mime_parts:
                break
        if opened is not None:
            ranges.append((opened, self._glued_close(delimiter, opened, end)))
            self.defects.append("closing_boundary_missing")
        return ranges

    def _glued_close(self, delimiter: bytes, opened: int, end: int) -> int:
        """Some senders write the closing delimiter right behind the last octet, without a line break."""
        at = self.raw.rfind(delimiter + b"--", opened, end)
        return at if at >= 0 and not self.raw[at + len(delimiter) + 2 : end].strip() else end

    def _delimiter(self, delimiter: bytes, position: int, end: int, *, strict: bool) -> tuple[int, int, bool] | None:
        """Next delimiter line as (its offset, offset behind it, whether it closes)."""
        while (at := self.raw.find(delimiter, position, end)) >= 0:
            position = at + len(delimiter)
            if at == 0 or self.raw[at - 1] == 0x0A:
                line_end = self.raw.find(b"\n", position, end)
                behind = line_end + 1 if line_end >= 0 else end
                rest = self.raw[position : min(behind, position + _DELIMITER_PADDING)]
                if behind - position <= _DELIMITER_PADDING and _ends_delimiter(rest, strict=strict):
                    return at, behind, rest.startswith(b"--")
            self.candidates += 1
            if self.candidates > self.limits.boundary_candidates:
                self.defects.append("too_many_boundary_candidates")
                return None
        return None


def _ends_delimiter(rest: bytes, *, strict: bool) -> bool:
    """True when what follows the boundary on its line leaves it a delimiter."""
    if rest.strip() in (b"", b"--"):
        return True
    return not strict and rest.removeprefix(b"--")[:1] in (b" ", b"\t")


def _before_line_break(raw: bytes, start: int, at: int) -> int:
    if at - 1 >= start and raw[at - 1] == 0x0A:
        return at - 2 if at - 2 >= start and raw[at - 2] == 0x0D else at - 1
    return at


def _raw_boundary(value: bytes) -> bytes:
    match = re.search(rb"""boundary\s{0,9}=\s{0,9}(?:"([^"]{1,200})"|([^;\s]{1,200}))""", value, re.IGNORECASE)
    return (match.group(1) or match.group(2)).rstrip() if match else b""


def _encoding(fields: Fields) -> str:
    value = fields.first("content-transfer-encoding").decode("latin-1").lower()
    value = value.partition(";")[0].partition("(")[0].strip(" \t\"'")
    value = value.replace(" ", "").replace("_", "-")
    return "quoted-printable" if value == "quotedprintable" else value


def leaves(part: Part) -> list[Part]:
    """All leaves below `part` in order; the depth of the tree is bounded by `Limits.mime_depth`."""
    if not part.is_multipart:
        return [part]
    return [leaf for child in part.children for leaf in leaves(child)]
