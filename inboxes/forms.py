"""Forms about an inbox."""

from __future__ import annotations

from typing import ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

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
        fields = ("name", "confirmation")
        widgets: ClassVar = {"confirmation": forms.Textarea(attrs={"rows": 5})}


class SignatureForm(forms.ModelForm):
    """The part of the signature that everybody who answers shares."""

    class Meta:
        model = Inbox
        fields = ("signature",)
        widgets: ClassVar = {"signature": forms.Textarea(attrs={"rows": 6})}
