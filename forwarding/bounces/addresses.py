"""Finding mail addresses in the free text and the fields of reports."""

import re

MAX_ADDRESS_CHARACTERS = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""

_LOCAL_EDGE = "<>()[]{}\"',;:`“”‘’«»"
_FOREIGN_TAIL = re.compile("[^\u0000-\u024f].*")
"""Text without spaces between words (Chinese, Japanese) that follows a Latin domain at once."""

_ADDRESS = re.compile(
    r"(?:\"[^\"\s@]{1,64}\"|[^\s<>()\[\]{}\"',;:@\\“”‘’«»（）＜＞：，。、]{1,64})@(?:[^\s<>()\[\]{}\"',;:@\\/“”‘’«»（）＜＞：，。、]{1,253}|\[[0-9a-fA-F.:IPv]{3,45}\])"
)


def addresses_in(text: str) -> tuple[str, ...]:
    """The addresses written in `text`, in order, without doubles."""
    return tuple(dict.fromkeys(cleaned for found in _ADDRESS.findall(text) if (cleaned := clean_address(found))))


def clean_address(text: str) -> str:
    """Strip what surrounds an address in a report; empty when no address remains."""
    address = text.strip(_LOCAL_EDGE + " \t").rstrip(".!?*")
    address += "]" if "@[" in address else ""
    local_part, at, domain = address.rpartition("@")
    if local_part.endswith('"') or f'"{local_part}"@' in text:
        local_part = f'"{local_part.strip(chr(34))}"'
    domain = _FOREIGN_TAIL.sub("", domain) if domain[:1].isascii() else domain
    if not at or not local_part or not domain or " " in address or len(address) > MAX_ADDRESS_CHARACTERS:
        return ""
    return f"{local_part}@{domain}"
