"""The page /components/: every part of the interface in all its states, with how to use it. Local mode only."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from kundomail.templatetags.ui import STATES

# Examples are mail as it comes in, so they are written in Swedish in both languages.
DKIM_VALUE = (
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDLo5y0k3mYv1JfQpVt9mGk2wR7sXzE4uNhB8cTqAo6dPWlIjUy"
    "ZrF1xHbVnMeKsC0gQwOaLtD5Y3"
)


class ExampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(
        label=gettext_lazy("Name of the inbox"),
        initial="Jobb",
        help_text=gettext_lazy("Shown to your colleagues, and as sender name."),
    )
    address = forms.CharField(label=gettext_lazy("Email address"), initial="jobb")
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=[("sv", "Svenska"), ("en", "English")])
    signature = forms.CharField(
        label=gettext_lazy("Signature"),
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        initial="Vänliga hälsningar\nLillestads kommun",
    )
    receipt = forms.BooleanField(
        label=gettext_lazy("Send a receipt for new mail"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Only for the first mail of a conversation."),
    )
    alarm = forms.BooleanField(
        label=gettext_lazy("Tell me when no mail arrives"),
        required=False,
        initial=True,
        help_text=gettext_lazy("By email, when the inbox is silent for longer than usual."),
    )
    sort = forms.ChoiceField(
        label=gettext_lazy("Order"),
        choices=[("oldest", gettext_lazy("Oldest first")), ("latest", gettext_lazy("Latest activity"))],
        widget=forms.RadioSelect,
        initial="oldest",
    )


class WrongForm(forms.Form):
    """A field with an error that says what to do."""

    address = forms.CharField(
        label=gettext_lazy("Email address"), help_text=gettext_lazy("The address your customers write to.")
    )

    def clean_address(self) -> str:
        """Refuse everything: the error is what is shown."""
        raise forms.ValidationError(
            _("“jobb@lillestad” is not a complete address: the part after @ has no dot. Write it as jobb@lillestad.se.")
        )


@dataclass(frozen=True)
class StateRow:
    """A DNS record or step as the state row shows it."""

    kind: str
    title: str
    word: str
    text: str


def _rows(now: datetime) -> list[dict[str, Any]]:
    common = {"inbox": "", "tags": [], "attachments": False, "notes": 0, "assignee": "", "promise": "", "url": "#rows"}
    examples = [
        {
            "sender": "Barbro Lindström",
            "subject": "Fråga om ansökan som undersköterska",
            "text": "Hej! Jag såg er annons och undrar om det går att söka tjänsten på deltid.",
            "at": now - timedelta(minutes=4),
            "unread": True,
            "new": True,
        },
        {
            "sender": "Jonas Ek",
            "subject": "Komplettering av betyg",
            "text": "Här kommer betyget som saknades i min ansökan.",
            "at": now - timedelta(hours=2),
            "attachments": True,
            "assignee": "Anna Berg",
            "tags": ["Komplettering", "Vikarie", "Sommar"],
            "notes": 2,
            "current": True,
        },
        {
            "sender": "Familjen Öström-Zetterqvist på Norra Åsgatan",
            "subject": "Angående uppsägning av plats på förskolan Ängslyckan från och med augusti månad",
            "text": "Vi flyttar i sommar.",
            "at": now - timedelta(days=2),
            "unread": True,
            "promise": "wrong",
            "promise_text": _("The promised time has passed"),
            "inbox": "Barn- och utbildning",
        },
        {
            "sender": "Rektor Håkansson",
            "subject": "Intervju på torsdag",
            "text": "Passar klockan tio?",
            "at": now - timedelta(days=3),
            "promise": "waiting",
            "promise_text": _("Promised within 1 h"),
            "assignee": "Mikael Sund",
            "writer": "Anna",
            "priority": "highest",
        },
        {
            "sender": "noreply@forening.example",
            "subject": "Vinn en resa",
            "text": "Klicka här",
            "at": now - timedelta(days=40),
            "tags": [_("Spam")],
            "selected": True,
        },
        {
            "sender": "Lena Holm",
            "subject": "SV: Tack för din ansökan",
            "text": "Adressen finns inte",
            "at": now - timedelta(days=400),
            "bounced": True,
            "assignee": "Anna Berg",
        },
    ]
    return [{**common, "id": number, **example} for number, example in enumerate(examples, start=1)]


def _state_rows() -> list[StateRow]:
    return [
        StateRow("right", "TXT mgeu.lillestad.se", _("Right since 12/3 10:44"), ""),
        StateRow(
            "waiting",
            "MX mgeu.lillestad.se",
            _("Not found yet (checked 10:42)"),
            _("New records are often visible within an hour, sometimes only after a day."),
        ),
        StateRow(
            "wrong",
            "TXT k1._domainkey.mgeu.lillestad.se",
            _("Wrong value"),
            _("The value lies at mgeu.lillestad.se.lillestad.se: remove the domain from the Name field."),
        ),
        StateRow("unchecked", "TXT _kundomail.lillestad.se", _("Not checked"), ""),
        StateRow(
            "unasked",
            "TXT k2._domainkey.mgeu.lillestad.se",
            _("Could not ask"),
            _("The name servers of lillestad.se did not answer. The last known state is kept."),
        ),
    ]


def _events(now: datetime) -> list[dict[str, Any]]:
    return [
        {"kind": "right", "title": _("Test mail sent to jobb@lillestad.se"), "time_text": "10:42:07"},
        {
            "kind": "right",
            "title": _("Arrived after 4 s"),
            "text": "SRS0=hHk2=LillEstad.se@outlook.com",
            "time_text": "10:42:11",
        },
        {"kind": "waiting", "title": _("Waiting for the filing"), "at": now - timedelta(minutes=1)},
        {"kind": "unchecked", "title": _("Visible in the dashboard")},
    ]


def _tokens() -> dict[str, list[str]]:
    return {
        "surfaces": ["ground", "surface", "raised", "sunken", "line", "line-control", "note", "accent-soft"],
        "colours": ["text", "text-soft", "text-faint", "accent", "right", "waiting", "wrong", "unknown"],
        "sizes": ["heading-1", "heading-2", "heading-3", "body", "meta", "label"],
    }


def _context() -> dict[str, Any]:
    now = timezone.now()
    return {
        "form": ExampleForm(),
        "wrong_form": WrongForm({"address": "jobb@lillestad"}),
        "states": STATES,
        "state_rows": _state_rows(),
        "rows": _rows(now),
        "events": _events(now),
        "moments": [
            now,
            now - timedelta(minutes=4),
            now - timedelta(hours=3),
            now - timedelta(days=3),
            now - timedelta(days=400),
        ],
        "tabs": [
            SimpleNamespace(url="#tabs", label=_("Receive"), current=True, count=0),
            SimpleNamespace(url="#tabs", label=_("Send"), current=False, count=2),
            SimpleNamespace(url="#tabs", label=_("History"), current=False, count=0),
        ],
        "people": ["Anna Berg", "Mikael Sund", "Åsa Öberg", "Jonas Ek", "lena.holm@lillestad.se", "Barbro Lindström"],
        "dkim": DKIM_VALUE,
        "three": "123",
        "tokens": _tokens(),
    }


ERROR_PAGES = (403, 429, 500, 503)


def components(request: HttpRequest) -> HttpResponse:
    """Show every component with all its states; 404 outside local mode."""
    if not settings.LOCAL:
        raise Http404
    if request.method == "POST":
        messages.success(request, _("Nothing was saved: this page only shows the parts."))
    return render(request, "components/page.html", _context())


def undone(request: HttpRequest) -> HttpResponse:
    """Answer the undo button of the example toast; 404 outside local mode."""
    if not settings.LOCAL:
        raise Http404
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps({"toast": {"text": _("Undone")}})
    return response


def error(request: HttpRequest, code: int) -> HttpResponse:
    """Show the page of an error that cannot be had by asking for it; 404 outside local mode and for other codes."""
    if not settings.LOCAL or code not in ERROR_PAGES:
        raise Http404
    return render(request, f"{code}.html", status=code)


def work_example(request: HttpRequest) -> HttpResponse:
    """Show the working layout with example rows; 404 outside local mode."""
    if not settings.LOCAL:
        raise Http404
    rows = _rows(timezone.now())
    nav = {
        "home_url": "#", "settings_url": "#",
        "inboxes": [
            {"label": _("All inboxes"), "url": "#", "count": 1204, "icon": "layers"},
            {"label": "Jobb", "url": "#", "count": 37, "current": True},
            {"label": "Barn- och utbildningsförvaltningen", "url": "#", "count": 4, "fault": _("No mail for 26 h")},
        ],
        "lists": [
            {"label": pgettext("list", "Unanswered"), "url": "#", "icon": "mail", "count": 37, "current": True},
            {"label": pgettext("list", "Mine"), "url": "#", "icon": "user-round", "count": 6},
            {"label": pgettext("list", "Unassigned"), "url": "#", "icon": "user-round-x", "count": 12},
            {"label": pgettext("list", "Waiting"), "url": "#", "icon": "clock", "count": 3},
            {"label": pgettext("list", "Done"), "url": "#", "icon": "circle-check", "count": 0},
            {"label": pgettext("list", "Latest activity"), "url": "#", "icon": "activity", "count": 0},
        ],
    }  # fmt: skip
    pane = request.GET.get("pane", "conversation")
    return render(
        request, "components/work_page.html", {"nav": nav, "rows": rows * 3, "pane": pane, "show_panel": True}
    )
