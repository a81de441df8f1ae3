"""The Date header (RFC 5322, section 3.3) and what senders write instead of it."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

_COMMENT = re.compile(r"\([^()]{0,100}\)")
_ZONE = re.compile(r"(?:GMT|UTC)?([+-]\d{2}):?(\d{2})\b")
_NAMED_ZONE = re.compile(r"(?<=\d )([A-Z]{3,4})$")
_ZONES = {
    "CET": "+0100", "CEST": "+0200", "MEZ": "+0100", "MESZ": "+0200", "WEST": "+0100", "EET": "+0200", "EEST": "+0300",
    "MSK": "+0300", "JST": "+0900", "KST": "+0900", "AEST": "+1000", "AEDT": "+1100",
}  # fmt: skip
"""Zones that mail programs name and RFC 5322 (section 4.3) does not; ambiguous ones (IST, BST, CST) are not here."""
_MAXIMUM = 200
_DAY_IN_SECONDS = 86_400


def parse_date(value: str) -> datetime | None:
    """Aware datetime in the sender's offset (UTC when there is none); None when it cannot be a date."""
    value = _COMMENT.sub(" ", value[:_MAXIMUM]).strip()
    if not value:
        return None
    return _iso_date(value) or _rfc_date(_named_zone(_ZONE.sub(r"\1\2", value)))


def _named_zone(value: str) -> str:
    return _NAMED_ZONE.sub(lambda match: _ZONES.get(match[1], match[1]), value)


def _rfc_date(value: str) -> datetime | None:
    try:
        parsed = parsedate_tz(value)
        if parsed is None:
            return None
        offset = parsed[9] or 0
        zone = timezone(timedelta(seconds=offset)) if abs(offset) < _DAY_IN_SECONDS else UTC
        return datetime(*parsed[:5], min(parsed[5], 59), tzinfo=zone)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None  # the standard library's parser raises on dates that are none


def _iso_date(value: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
