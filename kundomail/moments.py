"""How a moment is written: relative under a day, then dates. The same rules run in the page (static/base/time.js)."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, pgettext

JUST_NOW = timedelta(minutes=1)
AN_HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)
A_WEEK = timedelta(days=6)


def _is_swedish() -> bool:
    return (get_language() or "").startswith("sv")


def exact(value: datetime) -> str:
    """Date and clock in full: "12 mars 2026 10:42" or "12 March 2026, 10:42", in the current time zone."""
    return date_format(timezone.localtime(value), "j F Y H:i" if _is_swedish() else "j F Y, H:i")


def _date(local: datetime, now: datetime) -> str:
    year = "" if local.year == now.year else " Y"
    if _is_swedish():
        # The letter M cuts months to three letters; Swedish writes mars, april, juni and juli.
        return date_format(local, f"j N{year}").replace(".", "").lower()
    return date_format(local, f"j M{year}")


def _relative(local: datetime, now: datetime) -> str:
    age = now - local
    if age < timedelta(0) or age >= A_DAY:
        return f"{_date(local, now)} {local:%H:%M}"
    if age < JUST_NOW:
        return gettext("just now")
    if age < AN_HOUR:
        return gettext("%(number)s min ago") % {"number": age // JUST_NOW}
    return gettext("%(number)s h ago") % {"number": age // AN_HOUR}


def _in_list(local: datetime, now: datetime) -> str:
    if local.date() == now.date():
        return f"{local:%H:%M}"
    if timedelta(0) < now.date() - local.date() <= A_WEEK:
        weekday = date_format(local, "D")
        return weekday.lower() if _is_swedish() else weekday
    return _date(local, now)


def shown(value: datetime, style: str, *, now: datetime | None = None) -> str:
    """Write a moment in one of three styles: "relative", "list" or "exact"; ValueError for another."""
    local, current = timezone.localtime(value), timezone.localtime(now)
    match style:
        case "relative":
            return _relative(local, current)
        case "list":
            return _in_list(local, current)
        case "exact":
            return exact(value)
    raise ValueError(f"{style!r} is not a style of time: relative, list or exact")


def words() -> dict[str, str]:
    """The words time.js needs to go on counting, with `%(number)s` where the number goes."""
    return {
        "now": gettext("just now"),
        "minutes": pgettext("template for script", "%(number)s min ago"),
        "hours": pgettext("template for script", "%(number)s h ago"),
    }
