"""The arguments of MAIL and RCPT, taken apart (RFC 5321 section 4.1.2). Pure.

Generous with form (a missing bracket, a space after the colon, a comma in the address: real senders do that), strict
with characters: a control character or a bidirectional mark in an envelope address has no honest use.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


class PathSyntaxError(ValueError):
    """The argument holds no path at all (501)."""


class ForbiddenCharacter(ValueError):
    """The path holds a control, format, surrogate or separator character (553)."""


@dataclass(frozen=True)
class Path:
    """`argument`: the text between the angle brackets, unchanged; `parameters`: ESMTP parameters, names in upper case,
    None for one without a value."""

    argument: str
    parameters: dict[str, str | None]


def read_path(text: str | None, keyword: str) -> Path:
    """Take apart `FROM:<path> parameters` or `TO:<path> parameters`; `keyword` is "FROM:" or "TO:"."""
    if text is None or text[: len(keyword)].upper() != keyword:
        raise PathSyntaxError(keyword)
    rest = text[len(keyword) :].strip(" \t")
    if not rest:
        raise PathSyntaxError(keyword)
    argument, tail = _bracketed(rest[1:]) if rest.startswith("<") else _bare(rest)
    return Path(argument, _parameters(tail))


def readable(argument: str) -> str:
    """`argument`; if it is no UTF-8, then read as Latin-1, so that an odd sender is stored as text, not refused."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return argument.encode("utf-8", "surrogateescape").decode("latin-1")
    return argument


def refuse_forbidden(argument: str, *, spaces: bool = False) -> None:
    """Raise ForbiddenCharacter unless every character is visible: letters, marks, digits, punctuation, symbols.

    `spaces`: allow U+0020, which a quoted local part may hold.
    """
    if argument.isascii() and argument.isprintable():
        if " " in argument and not spaces:
            raise ForbiddenCharacter
        return
    for character in argument:
        if unicodedata.category(character)[0] not in "LMNPS" and not (spaces and character == " "):
            raise ForbiddenCharacter


def _bracketed(text: str) -> tuple[str, str]:
    """Split after the closing bracket, which does not count inside quotes or after a backslash."""
    quoted = escaped = False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == ">" and not quoted:
            return text[:position], text[position + 1 :]
    return _unclosed(text)


def _unclosed(text: str) -> tuple[str, str]:
    """A path whose bracket never closes ends at the first space, or with the line."""
    closing = text.rfind(">")
    if closing >= 0:
        return text[:closing], text[closing + 1 :]
    return _bare(text)


def _bare(text: str) -> tuple[str, str]:
    argument, _, tail = text.partition(" ")
    return argument, tail


def _parameters(tail: str) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    for word in tail.split():
        name, equals, value = word.partition("=")
        parameters[name.upper()] = value if equals else None
    return parameters
