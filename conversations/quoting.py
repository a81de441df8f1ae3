"""The mail that is answered or forwarded, below the answer: always as text, so nothing of its HTML is sent on."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations.models import Message

MAX_QUOTED_CHARACTERS = 50_000
"""A long history grows with every answer; what is older is in the earlier mails."""


def reply_quote(message: Message) -> str:
    """An attribution line and the mail's text, each line after "> "."""
    with translation.override(settings.LANGUAGE_CODE):
        attribution = _("On %(date)s, %(person)s wrote:") % {"date": _moment(message), "person": _person(message)}
    return f"{attribution}\n{_marked(message.text)}"


def forward_quote(message: Message) -> str:
    """A head with sender, date, subject and recipients, then the mail's text as it is."""
    with translation.override(settings.LANGUAGE_CODE):
        head = [
            _("---------- Forwarded message ----------"),
            _("From: %(person)s") % {"person": _person(message)},
            _("Date: %(date)s") % {"date": _moment(message)},
            _("Subject: %(subject)s") % {"subject": message.subject},
            _("To: %(people)s") % {"people": _people(message.to)},
        ]
        if message.cc:
            head.append(_("Cc: %(people)s") % {"people": _people(message.cc)})
    return "\n".join([*head, "", message.text[:MAX_QUOTED_CHARACTERS].strip("\n")])


def _marked(text: str) -> str:
    lines = text[:MAX_QUOTED_CHARACTERS].replace("\r\n", "\n").strip("\n").split("\n")
    return "\n".join(f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in lines)


def _moment(message: Message) -> str:
    local = timezone.localtime(message.date_header or message.received_at)
    return date_format(local, _("j F Y, H:i"))


def _person(message: Message) -> str:
    return f"{message.from_name} <{message.from_address}>" if message.from_name else message.from_address


def _people(people: Sequence[dict[str, str]]) -> str:
    return ", ".join(f"{p['name']} <{p['address']}>" if p.get("name") else p["address"] for p in people)
