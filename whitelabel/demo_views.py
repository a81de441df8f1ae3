"""/demo/sent/: what the demo relay was given, for people who try the product out. Local mode only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.parser import BytesHeaderParser

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from organizations import scope
from organizations.models import Membership
from whitelabel import demo_sink, keys, tokens
from whitelabel.demo_sink import SentMail

MAILS_SHOWN = 50
SOURCE_CHARACTERS = 20_000
FIELDS = ("From", "Reply-To", "To", "Cc", "Subject", "Message-ID", "In-Reply-To")


@dataclass(frozen=True)
class Row:
    """A mail as the page shows it: the fields of interest (name, decoded value), and the source as it came."""

    mail: SentMail
    fields: list[tuple[str, str]]
    source: str
    cut: bool


@login_required
def sent(request: HttpRequest) -> HttpResponse:
    """The newest mails of the person's organizations, with envelope, headers and what DKIM says. 404 outside local mode."""
    if not settings.LOCAL:
        raise Http404
    person = int(request.user.pk or 0)
    with scope.person(person):
        organizations = set(Membership.of_person.filter(user=person).values_list("organization_id", flat=True))
    mails = list(_mails_of(organizations))
    return render(request, "whitelabel/demo_sink.html", {"rows": [_row(mail) for mail in mails[:MAILS_SHOWN]]})


def _mails_of(organizations: set[int]) -> Iterator[SentMail]:
    """The envelope sender says whose mail it is, signed. Mail from the service itself is shown to everybody here."""
    for mail in demo_sink.sent_mails(settings.DEMO_SINK_MAILS):
        token = tokens.read_verp(keys.token_keys(), mail.envelope_sender.partition("@")[0])
        if mail.envelope_sender == settings.SERVICE_RETURN_PATH or (token and token.organization_id in organizations):
            yield mail


def _row(mail: SentMail) -> Row:
    headers = BytesHeaderParser(policy=policy.default).parsebytes(mail.content)
    fields = [(name, str(headers[name])) for name in FIELDS if name in headers]
    source = mail.content.decode("utf-8", "replace").replace("\r\n", "\n")
    return Row(mail, fields, source[:SOURCE_CHARACTERS], cut=len(source) > SOURCE_CHARACTERS)
