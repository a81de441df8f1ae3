"""What is asked before a mail leaves. A person decides."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations import circle, pictures
from conversations.addressees import Person, answered_message
from conversations.models import Contact, Conversation
from whitelabel import mime

_SPEAKS_OF_A_FILE = re.compile(r"\b(?:bifog|attach|enclos)|bilag", re.IGNORECASE)


def warnings(
    conversation: Conversation, action: str, people: Sequence[Person], text: str, files: Sequence[str]
) -> list[str]:
    """Sentences about a mail as it is about to be sent; `files` are the names of its attachments.

    About recipients whose mail came back because the address does not exist, colleagues among those of an answer, pictures
    that the text names and that are not among the files, and words about a file when there is none.
    """
    return [
        *_lost_pictures(text, files),
        *_forgotten_file(text, files),
        *_bounced(people),
        *_colleagues(conversation, action, people),
    ]


def _forgotten_file(text: str, files: Sequence[str]) -> list[str]:
    written = "\n".join(line for line in text.splitlines() if not line.startswith(">"))
    if files or not _SPEAKS_OF_A_FILE.search(written):
        return []
    return [_("You write about an attached file, and no file is attached.")]


def _colleagues(conversation: Conversation, action: str, people: Sequence[Person]) -> list[str]:
    if action == "forward":
        return []
    return [
        _("%(address)s belongs to your organization. What is for colleagues alone can be an internal comment instead.")
        % {"address": address}
        for address in circle.colleagues(answered_message(conversation), people)
    ]


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
