"""Mailboxes in header values (RFC 5322, section 3.4), in one linear pass that survives what real mail holds."""

import re
from dataclasses import dataclass, field

from forwarding.reading.mail import Address
from forwarding.reading.storable import pg_line
from forwarding.reading.words import decode_words, squeeze

_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:@]{1,320}@[^\s<>()\",;:@]{1,320}")
_QUOTED_LOCAL = re.compile("\x01([^\x01]{1,200})\x01@([^\\s<>(),;:@]{1,255})")
_AROUND_SIGNS = re.compile(r"\s{0,9}([@.])\s{0,9}")
_LOCAL_ONLY = {"mailer-daemon", "postmaster", "root", "daemon"}
_QUOTE = "\x01"  # stands for the quotes around a quoted string while names are read; quotes inside stay themselves
# One mailbox as most mail has it, which needs no scanner: `"Name" <user@host>`, `Name <user@host>`, `user@host`.
_PLAIN = re.compile(
    rb"""(?:"([A-Za-z0-9 .,()&/_-]{1,100})"|([A-Za-z0-9][A-Za-z0-9 ._-]{0,100}))?[ ]?"""
    rb"<([A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,255})>|([A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{0,254}[A-Za-z0-9])"
)
_PIECE = re.compile(r'[^"()<>,;:\\]+|.', re.DOTALL)


@dataclass(slots=True)
class _Entry:
    """One list entry while it is being read: words before the angle, the address in it, comments."""

    words: list[str] = field(default_factory=list)
    angle: str | None = None
    comments: list[str] = field(default_factory=list)

    def empty(self) -> bool:
        return self.angle is None and not "".join(self.words).strip() and not self.comments


class _Scanner:
    """Cuts a value into entries; depth of comments is a counter, so nesting costs nothing."""

    def __init__(self, value: str, maximum: int) -> None:
        self.pieces: list[str] = _PIECE.findall(value)
        self.maximum = maximum
        self.position = 0
        self.entries: list[_Entry] = []
        self.entry = _Entry()
        self.quote_closes = value.rfind('"')
        self.offset = 0

    def run(self) -> list[_Entry]:
        while self.position < len(self.pieces) and len(self.entries) < self.maximum:
            self._step(self._next())
        self._finish()
        return self.entries

    def _next(self) -> str:
        piece = self.pieces[self.position]
        self.position += 1
        self.offset += len(piece)
        return piece

    def _step(self, piece: str) -> None:
        if piece == '"' and self.offset <= self.quote_closes:
            self.entry.words.append(_QUOTE + self._until('"') + _QUOTE)
        elif piece == "(":
            self.entry.comments.append(self._comment())
        elif piece == "<":
            self._angle()
        elif piece in ",;":
            self._finish()
        elif piece == ":" and self._opens_group():
            self.entry = _Entry()  # the group's name is no mailbox
        else:
            self.entry.words.append(piece)

    def _opens_group(self) -> bool:
        name = "".join(self.entry.words)
        return self.entry.angle is None and bool(name.strip()) and "@" not in name

    def _until(self, closing: str) -> str:
        taken: list[str] = []
        while self.position < len(self.pieces):
            piece = self._next()
            if piece == closing:
                break
            if piece == "\\" and self.position < len(self.pieces):
                piece = self._next()
                if piece[0] not in '"\\':
                    taken.append("\\")
            taken.append(piece)
        return "".join(taken)

    def _comment(self) -> str:
        taken: list[str] = []
        depth = 1
        while self.position < len(self.pieces):
            piece = self._next()
            if piece == "\\" and self.position < len(self.pieces):
                taken.append(self._next())
                continue
            depth += (piece == "(") - (piece == ")")
            if depth == 0:
                break
            taken.append(piece)
        return "".join(taken)

    def _angle(self) -> None:
        inside = self._until(">")
        if self.entry.angle is None or "@" not in self.entry.angle:
            if self.entry.angle is not None:
                self.entry.words.append(f"<{self.entry.angle}>")
            self.entry.angle = inside
        else:
            self._finish()
            self.entry.angle = inside

    def _finish(self) -> None:
        if not self.entry.empty():
            self.entries.append(self.entry)
        self.entry = _Entry()


def parse_addresses(raw: bytes, fallback_charset: str = "", maximum: int = 2_000) -> tuple[Address, ...]:
    """Read all mailboxes of a raw header value; what has no address keeps its text as name."""
    if (plain := _PLAIN.fullmatch(raw)) is not None:
        quoted, words, angle, bare = (group.decode("ascii") if group else "" for group in plain.groups())
        return (Address(squeeze(quoted or words), angle or bare),)
    value = raw.decode("latin-1")
    entries = _joined_names(_Scanner(value, maximum).run())
    found = [_address(entry, fallback_charset) for entry in entries]
    return tuple(address for address in found if address.name or address.address)


def _joined_names(entries: list[_Entry]) -> list[_Entry]:
    """`Doe, John <j@x>` without quotes: words without an address belong to the mailbox that follows."""
    joined: list[_Entry] = []
    for entry in entries:
        before = joined[-1] if joined else None
        if before is not None and entry.angle is not None and _is_bare_name(before) and "".join(entry.words).strip():
            entry.words = [*before.words, ",", *entry.words]
            joined.pop()
        joined.append(entry)
    return joined


def _is_bare_name(entry: _Entry) -> bool:
    words = "".join(entry.words)
    return entry.angle is None and "@" not in words and not entry.comments and "=?" not in words


def _address(entry: _Entry, fallback_charset: str) -> Address:
    words = decode_words("".join(entry.words).strip().encode("latin-1"), fallback_charset)
    comment = decode_words(entry.comments[-1].encode("latin-1"), fallback_charset) if entry.comments else ""
    if entry.angle is None:
        return _without_angle(words, comment)
    address = _route_removed(squeeze(decode_words(entry.angle.encode("latin-1"), fallback_charset)))
    name = _name(words).strip("<>") or _name(comment)
    if not address and (match := _ADDRESS.search(name)):
        address = match.group()
    return Address(pg_line(name), pg_line(address))


def _without_angle(words: str, comment: str) -> Address:
    """`user@host (Name)`, `Name user@host`, an encoded word that holds all of `Name <user@host>`, or no address."""
    if "<" in words and "@" in words:
        inner = _Scanner(words, 1).run()
        if inner and inner[0].angle is not None:
            return Address(pg_line(_name("".join(inner[0].words))), pg_line(_route_removed(inner[0].angle)))
    if match := _QUOTED_LOCAL.match(words):
        return Address(pg_line(_name(comment)), pg_line(f'"{match.group(1)}"@{match.group(2)}'))
    match = _ADDRESS.search(words.replace(_QUOTE, '"'))
    if match is None and "@" in words:
        words = _AROUND_SIGNS.sub(r"\1", words)
        match = _ADDRESS.search(words.replace(_QUOTE, '"'))
    if match is None:
        return _local_only(words, comment)
    rest = (words[: match.start()] + words[match.end() :]).strip(" \"'<>[]\t" + _QUOTE)
    address = match.group().rstrip(".")
    address = address if "[" in address else address.rstrip("]")  # `Name [user@host]`, but not `user@[192.0.2.1]`
    return Address(pg_line(_name(rest) or _name(comment)), pg_line(address))


def _local_only(words: str, comment: str) -> Address:
    """`MAILER-DAEMON (Mail Delivery System)`: a word with a comment is a local part, else words are a name."""
    text = _name(words)
    if match := _ADDRESS.search(comment):
        return Address(pg_line(text), pg_line(match.group()))
    if text and " " not in text and _QUOTE not in words and (comment or text.lower() in _LOCAL_ONLY):
        return Address(pg_line(_name(comment)), pg_line(text))
    return Address(pg_line(text or _name(comment)), "")


def _route_removed(address: str) -> str:
    """`<@relay:user@host>`: the obsolete source route (RFC 5322, section 4.4) is no part of the address."""
    address = _AROUND_SIGNS.sub(r"\1", address).strip("<> ").removeprefix("mailto:").removeprefix("MAILTO:")
    if address.startswith("@") and ":" in address:
        address = address.partition(":")[2]
    return address.strip(" \t") if '"' in address else address.strip(" '\t")


def _name(text: str) -> str:
    text = squeeze(text.replace(_QUOTE, ""))
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text.strip('" ') if text.count('"') == 1 else text
