"""Forms about people and organizations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class SignupForm(forms.Form):
    """What signing up asks for beside e-mail address and password."""

    name = forms.CharField(label=_("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))

    def signup(self, request: Any, user: Any) -> None:
        """Called by allauth when the account has been made."""
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
