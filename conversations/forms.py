"""Forms of the composer and of the acts on a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations import recipients
from conversations.models import Conversation

People = tuple[dict[str, str], ...]
Status = Conversation.Status


class RecipientsField(forms.CharField):
    """Mail addresses in one line, cleaned to ({name, address}, …)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=20_000, **kwargs)

    def clean(self, value: Any) -> People:
        """Raise ValidationError that names the part that is no address."""
        try:
            found = recipients.read(super().clean(value))
        except recipients.UnreadableRecipient as error:
            raise ValidationError(
                _("“%(part)s” is not an email address. Write it like name@example.se, with a comma between addresses.")
                % {"part": str(error)[:100]}
            ) from error
        if len(found) > recipients.RECIPIENTS_MAX:
            raise ValidationError(
                _("A mail can have at most %(number)s recipients in one field.") % {"number": recipients.RECIPIENTS_MAX}
            )
        return found


class FilesInput(forms.ClearableFileInput):
    """A file input that takes several."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, together within the limit of one mail."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> tuple[UploadedFile, ...]:
        """Raise ValidationError that says the total and the limit."""
        given: Sequence[UploadedFile] = data if isinstance(data, list | tuple) else [data] if data else []
        total = sum(file.size or 0 for file in given)
        if total > settings.ATTACHMENT_UPLOAD_OCTETS:
            raise ValidationError(
                _("The files are %(total)s together, and a mail can carry %(limit)s. Send fewer, or a link instead.")
                % {"total": filesizeformat(total), "limit": filesizeformat(settings.ATTACHMENT_UPLOAD_OCTETS)}
            )
        return tuple(given)


class PrimaryKeysField(forms.Field):
    """Ids of chosen rows; anything else is left out."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> list[int]:
        """Whether the rows exist, and are the person's to use, is for the view to ask."""
        return [
            int(each) for each in value or () if str(each).isascii() and str(each).isdigit() and len(str(each)) < 19
        ]


class DraftForm(forms.Form):
    """What the composer keeps while one writes; nothing in it can be wrong."""

    MODES = ("reply", "reply_all", "forward", "note")

    mode = forms.ChoiceField(choices=[(mode, mode) for mode in MODES])
    to = forms.CharField(required=False)
    cc = forms.CharField(required=False)
    bcc = forms.CharField(required=False)
    subject = forms.CharField(required=False, max_length=900)
    text = forms.CharField(required=False, strip=False, max_length=settings.DRAFT_CHARACTERS)
    forwarded = PrimaryKeysField(required=False)
    include_history = forms.BooleanField(required=False)
    submission_key = forms.UUIDField(required=False)


class FilesForm(forms.Form):
    """Files that are chosen for a draft."""

    attachments = FilesField(required=False)


class ReplyForm(forms.Form):
    """A mail about to be sent."""

    mode = forms.ChoiceField(choices=[(mode, mode) for mode in ("reply", "reply_all", "forward")])
    to = RecipientsField(label=gettext_lazy("To"))
    cc = RecipientsField(label=gettext_lazy("Cc"))
    bcc = RecipientsField(label=gettext_lazy("Bcc"))
    subject = forms.CharField(label=gettext_lazy("Subject"), required=False, max_length=900)
    text = forms.CharField(label=gettext_lazy("Message"), required=False, max_length=settings.DRAFT_CHARACTERS)
    attachments = FilesField(label=gettext_lazy("Files"), required=False)
    kept = PrimaryKeysField(required=False)
    forwarded = PrimaryKeysField(required=False)
    include_history = forms.BooleanField(required=False)
    submission_key = forms.UUIDField()
    version = forms.IntegerField(min_value=0)
    anyway = forms.BooleanField(required=False)
    despite_warnings = forms.BooleanField(required=False)
    later = forms.BooleanField(required=False)
    send_at = forms.DateTimeField(required=False, input_formats=["%Y-%m-%dT%H:%M"])
    then = forms.ChoiceField(choices=[(act, act) for act in ("keep", "done", "wait")], required=False)

    def clean(self) -> dict[str, Any]:
        """A mail needs somebody to go to and something to say."""
        data = super().clean() or {}
        if not {"to", "cc", "bcc"} & set(self.errors) and not any(data.get(field) for field in ("to", "cc", "bcc")):
            self.add_error("to", _("The mail has no recipient yet. Write an address in the field To."))
        files = data.get("attachments") or data.get("kept")
        if not data.get("text", "").strip() and not files and data.get("mode") != "forward":
            self.add_error("text", _("The mail is empty. Write something before you send it."))
        if data.get("later") and "send_at" not in self.errors:
            self._check_time(data.get("send_at"))
        return data

    def _check_time(self, send_at: datetime | None) -> None:
        now = timezone.now()
        if send_at is None or send_at <= now:
            self.add_error("send_at", _("Choose a time that has not passed, or send the mail now."))
        elif send_at > now + timedelta(days=settings.SEND_LATER_DAYS):
            self.add_error("send_at", _("Choose a time within %(days)s days.") % {"days": settings.SEND_LATER_DAYS})


class NoteForm(forms.Form):
    """An internal comment."""

    text = forms.CharField(
        label=gettext_lazy("Internal comment"),
        max_length=settings.DRAFT_CHARACTERS,
        error_messages={"required": gettext_lazy("The comment is empty. Write something before you save it.")},
    )


class StatusForm(forms.Form):
    """A new state; waiting may have an end."""

    status = forms.ChoiceField(choices=[(each, each) for each in (Status.UNANSWERED, Status.WAITING, Status.DONE)])
    until = forms.DateField(required=False)
