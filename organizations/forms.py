"""Forms about people and organizations."""

from __future__ import annotations

from typing import Any, ClassVar
from unicodedata import category

from allauth.account.adapter import get_adapter
from django import forms
from django.utils.translation import gettext_lazy as _

from organizations.accounts import is_service_address
from organizations.models import Membership, User


class NameField(forms.CharField):
    """A name: one line, without characters that reorder or hide others. It stands in headers and in mail of ours."""

    def to_python(self, value: Any) -> str:
        """The words of `value` with one space between them."""
        shown = "".join(" " if category(character).startswith(("C", "Z")) else character for character in value or "")
        return str(super().to_python(" ".join(shown.split())))


class SignupForm(forms.Form):
    """What signing up asks for beside email address and password."""

    name = NameField(label=_("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))

    def signup(self, request: Any, user: Any) -> None:
        """Called by allauth when the account has been made."""
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])


class OrganizationForm(forms.Form):
    """The name of a new organization."""

    name = NameField(
        label=_("Name of the organization"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )


class InvitationForm(forms.Form):
    """Whom to invite, and as what."""

    email = forms.EmailField(label=_("Email address"))
    role = forms.ChoiceField(label=_("Role"), choices=Membership.Role.choices, initial=Membership.Role.AGENT)

    def clean_email(self) -> str:
        """An address of the service proves nobody; members are not invited again."""
        email = str(self.cleaned_data["email"]).lower()
        if is_service_address(email):
            raise forms.ValidationError(_("Invite a person's own work address, not an address of this service."))
        if Membership.objects.filter(user__email=email).exists():
            raise forms.ValidationError(_("This person is already a member."))
        return str(get_adapter().clean_email(email))


class RoleForm(forms.Form):
    """A member's new role, or removal."""

    REMOVE = "remove"
    role = forms.ChoiceField(choices=[*Membership.Role.choices, (REMOVE, _("Remove"))])


class ProfileForm(forms.ModelForm):
    """What a person decides about themselves."""

    class Meta:
        model = User
        fields = ("name", "title", "signature", "language", "keyboard_shortcuts")
        field_classes: ClassVar = {"name": NameField, "title": NameField}
        widgets: ClassVar = {"signature": forms.Textarea(attrs={"rows": 4})}
        help_texts: ClassVar = {
            "signature": _("Comes before the inbox's common signature."),
            "keyboard_shortcuts": _("Press ? on any page to see them."),
        }
