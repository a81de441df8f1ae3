"""Forms about an inbox."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from inboxes import opening_hours
from inboxes.models import Inbox


class NewInboxForm(forms.Form):
    """The organization's own address and the name shown beside it. Whether the address can be used is said by creating."""

    address = forms.CharField(
        label=_("Your address"),
        max_length=320,
        help_text=_("The address people write to today, for example jobb@lillestad.se."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "inputmode": "email", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )
    name = forms.CharField(
        label=_("Name"), max_length=200, help_text=_("Shown as sender of your answers, for example Lillestad, Jobb.")
    )


class GeneralForm(forms.ModelForm):
    """The name people see, and what they are told when their mail has arrived."""

    class Meta:
        model = Inbox
        fields = ("name", "names_author", "confirmation", "confirmation_when_closed")
        widgets: ClassVar = {
            "confirmation": forms.Textarea(attrs={"rows": 5}),
            "confirmation_when_closed": forms.Textarea(attrs={"rows": 5}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for day in opening_hours.DAYS:
            self.fields[f"day_{day}"] = _OpenField(
                label=WEEKDAYS[day].capitalize(), initial=opening_hours.written_day(self.instance.hours, day)
            )

    def days(self) -> list[forms.BoundField]:
        """The fields of the weekdays, Monday first."""
        return [self[f"day_{day}"] for day in opening_hours.DAYS]

    def clean(self) -> None:
        """Put the days together. A text for closed hours needs hours."""
        super().clean()
        days = [(day, self.cleaned_data.get(f"day_{day}", [])) for day in opening_hours.DAYS]
        self.instance.hours = [[day, *interval] for day, intervals in days for interval in intervals]
        no_hours = not self.instance.hours and not any(f"day_{day}" in self.errors for day in opening_hours.DAYS)
        if self.cleaned_data.get("confirmation_when_closed") and no_hours:
            self.add_error("confirmation_when_closed", _("Write the opening hours too; without them it is never sent."))


class _OpenField(forms.CharField):
    """The opening hours of one day, as text; cleaned to intervals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            required=False, max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}), **options
        )

    def clean(self, value: Any) -> list[tuple[str, str]]:
        """Intervals, empty on a day that is closed."""
        try:
            return opening_hours.read_day(super().clean(value))
        except opening_hours.UnreadableHours as error:
            raise forms.ValidationError(
                _("Write from when to when, for example 8–16:30 or 8–12, 13–17; nothing on a day you are closed.")
            ) from error


class SignatureForm(forms.ModelForm):
    """The part of the signature that everybody who answers shares."""

    class Meta:
        model = Inbox
        fields = ("signature",)
        widgets: ClassVar = {"signature": forms.Textarea(attrs={"rows": 6})}


class ReceiveForm(forms.ModelForm):
    """How mail that arrives is put together."""

    match_subjects = forms.BooleanField(
        label=_("Put mail with the same subject together"),
        required=False,
        help_text=_(
            "Mail that does not tell what it answers is put with what the same sender wrote lately under the same subject."
        ),
    )

    class Meta:
        model = Inbox
        fields = ("match_subjects",)
