"""The invitation in a text/calendar part (RFC 5545, RFC 5546), for display; nothing is ever answered by itself."""

from datetime import date, datetime, timezone
from typing import Any

from forwarding.reading.charsets import decode
from forwarding.reading.limits import Limits
from forwarding.reading.mail import Address, CalendarEvent
from forwarding.reading.storable import pg_line, pg_text
from forwarding.reading.structure import Part

CALENDAR_TYPES = ("text/calendar", "application/ics", "text/x-vcalendar")


def read_event(part: Part, limits: Limits) -> CalendarEvent | None:
    """The first event of a calendar part; None when it holds none or cannot be read."""
    octets = part.octets()
    if len(octets) > limits.calendar_octets or b"BEGIN:VEVENT" not in octets.upper():
        return None
    text = pg_text(decode(octets, part.kind.get("charset") or "utf-8").text)
    try:
        return _event(text, part.kind.get("method"))
    except Exception:  # noqa: BLE001 - the library raises whatever its property parsers raise; the part stays attached
        return None


def _event(text: str, method: str) -> CalendarEvent | None:
    from icalendar import Calendar  # 100 ms to import, rarely needed

    for calendar in Calendar.from_ical(text[text.upper().find("BEGIN:VCALENDAR") :], multiple=True):
        for event in calendar.walk("VEVENT"):
            return CalendarEvent(
                method=pg_line(str(calendar.get("METHOD", method))).upper(),
                uid=_line(event, "UID"),
                summary=_line(event, "SUMMARY"),
                starts=_time(event, "DTSTART"),
                ends=_end(event),
                location=_line(event, "LOCATION"),
                organizer=_organizer(event),
                status=_line(event, "STATUS").upper(),
            )
    return None


def _line(event: Any, name: str) -> str:
    value = event.get(name, "")
    return pg_line(str(value[0] if isinstance(value, list) and value else value))


def _time(event: Any, name: str) -> datetime | date | None:
    return _plain(getattr(event.get(name), "dt", None))


def _plain(value: object) -> datetime | date | None:
    """Aware times keep their offset but not the zone object, so that the value can be stored and passed on."""
    if isinstance(value, datetime):
        offset = value.utcoffset()
        return value if offset is None else value.replace(tzinfo=timezone(offset))
    return value if isinstance(value, date) else None


def _end(event: Any) -> datetime | date | None:
    if (end := _time(event, "DTEND")) is not None:
        return end
    start, duration = getattr(event.get("DTSTART"), "dt", None), getattr(event.get("DURATION"), "dt", None)
    return _plain(start + duration) if start is not None and duration is not None else None


def _organizer(event: Any) -> Address | None:
    value = event.get("ORGANIZER")
    if value is None:
        return None
    address = pg_line(str(value))
    address = address[7:] if address[:7].lower() == "mailto:" else address
    return Address(pg_line(str(value.params.get("CN", ""))), address)
