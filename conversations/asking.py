"""What is asked before a mail leaves. A person decides."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations import pictures
from conversations.addressees import Person
from conversations.models import Contact
from whitelabel import mime


def warnings(people: Sequence[Person], text: str = "", files: Sequence[str] = ()) -> list[str]:
    """Sentences about a mail as it is about to be sent; `files` are the names of its attachments.

    About recipients whose mail came back because the address does not exist, and about pictures that the text names and
    that are not among the files.
    """
    return [*_lost_pictures(text, files), *_bounced(people)]


def _lost_pictures(text: str, files: Sequence[str]) -> list[str]:
    lost = pictures.lost(text, [mime.file_name(name) for name in files])
    return [_("The picture %(name)s in the text is not attached.") % {"name": name} for name in lost]


def _bounced(people: Sequence[Person]) -> list[str]:
    addresses = [person["address"].lower() for person in people]
    found = Contact.objects.filter(address__in=addresses, undeliverable_since__isnull=False).order_by("address")
    return [
        _("Mail to %(address)s came back on %(date)s: the address does not exist.")
        % {
            "address": contact.address,
            "date": date_format(timezone.localtime(contact.undeliverable_since), "DATE_FORMAT"),
        }
        for contact in found
    ]
