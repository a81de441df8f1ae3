"""The search form of the ledger."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from forwarding import ledger
from forwarding.ledger import Search
from forwarding.ledger_words import STATE_LABELS


class LedgerForm(forms.Form):
    """What is looked for. Every field is optional."""

    sender = forms.CharField(label=_("Sender"), required=False, max_length=320, help_text=_("An address or a domain."))
    recipient = forms.CharField(
        label=_("Recipient"), required=False, max_length=320, help_text=_("Your address, or the one it forwards to.")
    )
    message_id = forms.CharField(
        label=_("Message-ID"), required=False, max_length=1100, help_text=_("Stands in the header of the mail.")
    )
    since = forms.DateField(label=_("From day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    state = forms.ChoiceField(label=_("What became of it"), required=False, choices=())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("Everything")), *((each, STATE_LABELS[each]) for each in ledger.STATES)]
        self.fields["state"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField
        for name in ("since", "until"):
            # The only form that <input type=date> takes.
            self.fields[name].widget.format = "%Y-%m-%d"

    def clean(self) -> dict[str, Any]:
        """The interval must not be empty."""
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("This day is before the first one. Choose the same day or a later one."))
        return cleaned

    def search(self) -> Search:
        """What the valid form asks for; days are the reader's."""
        found = self.cleaned_data
        return Search(
            sender=found["sender"],
            recipient=found["recipient"],
            message_id=found["message_id"],
            state=found["state"],
            since=_beginning(found["since"]) if found["since"] else None,
            until=_beginning(found["until"] + timedelta(days=1)) if found["until"] else None,
        )


def _beginning(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
