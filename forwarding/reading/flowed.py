"""format=flowed text (RFC 3676): soft line breaks joined, stuffing removed, quote marks kept."""

import re

_QUOTES = re.compile(r">*")
_SIGNATURE = "-- "


def unflow(text: str, *, delete_space: bool) -> str:
    """Join flowed lines of one quote depth; with `delete_space` (DelSp=yes) the trailing space goes."""
    paragraphs: list[list[str]] = []
    depth, flowing = 0, False
    for line in text.split("\n"):
        quotes, content = _depth_and_content(line)
        flows = content.endswith(" ") and content != _SIGNATURE
        shown = content[:-1] if delete_space and flows else content
        if flowing and quotes == depth and content != _SIGNATURE:
            paragraphs[-1].append(shown)
        else:
            paragraphs.append([f"{'>' * quotes} {shown}" if quotes else shown])
        depth, flowing = quotes, flows
    return "\n".join("".join(paragraph) for paragraph in paragraphs)


def _depth_and_content(line: str) -> tuple[int, str]:
    match = _QUOTES.match(line)
    depth = match.end() if match else 0
    content = line[depth:]
    return depth, content.removeprefix(" ")
