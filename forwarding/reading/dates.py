"""The Date header (RFC 5322, section 3.3) and what senders write instead of it."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

_COMMENT = re.compile(r"\([^()]{0,100}\)")
_ZONE = re.compile(r"(?:GMT|UTC)?([+-]\d{2}):?(\d{2})\b")
_MAXIMUM = 200
_DAY_IN_SECONDS = 86_400


def parse_date(value: str) -> datetime | None:
    """Aware datetime in the sender's offset (UTC when there is none); None when it cannot be a date."""
    value = _COMMENT.sub(" ", value[:_MAXIMUM]).strip()
    if not value:
        return None
    return _iso_date(value) or _rfc_date(_ZONE.sub(r"\1\2", value))


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
