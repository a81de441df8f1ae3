"""What the composer shows: which kind of mail, to whom, as whom, and what has been written so far."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations import circle, drafts, recipients
from conversations import composer as composing
from conversations.addressees import Person, answered_message
from conversations.forms import DraftForm, NoteForm, ReplyForm
from conversations.models import Attachment, Conversation, Draft, DraftFile, Message
from organizations.models import User
from organizations.requests import number_in

MODES: dict[str, str | Promise] = {
    "reply": gettext_lazy("Reply"),
    "reply_all": gettext_lazy("Reply all"),
    "forward": gettext_lazy("Forward"),
}


@dataclass(frozen=True)
class News:
    """A message that came while one wrote: who, when, and its first words."""

    who: str
    at: datetime
    words: str


@dataclass
class Composer:
    """One composer on one page. `problem` is what stopped a mail, in words; `news` what came in meanwhile.

    `forwarded` are the forwarded mail's files, `left_out` the ids of those that stay behind, `kept` the files chosen.
    `others` are texts of the person's that were put aside. `warnings` are asked about before sending; `agreed` names the
    questions of this kind that were answered with yes.
    """

    conversation: Conversation
    mode: str
    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    identity: Any = None
    answered: Message | None = None
    is_wider: bool = False
    signature: str = ""
    quoted: str = ""
    forwarded: tuple[Attachment, ...] = ()
    left_out: tuple[int, ...] = ()
    kept: list[DraftFile] = field(default_factory=list)
    others: list[Draft] = field(default_factory=list)
    saved_at: Any = None
    submission_key: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: int = 0
    include_history: bool = True
    opened: bool = False
    form: ReplyForm | NoteForm | None = None
    problem: str = ""
    news: list[News] = field(default_factory=list)
    more_news: int = 0
    warnings: list[str] = field(default_factory=list)
    agreed: tuple[str, ...] = ()

    @property
    def is_note(self) -> bool:
        """Whether an internal comment is being written."""
        return self.mode == "note"

    @property
    def modes(self) -> list[dict[str, Any]]:
        """The kinds of mail to choose from."""
        return [{"mode": mode, "label": label, "current": mode == self.mode} for mode, label in MODES.items()]

    @property
    def mode_label(self) -> str | Promise:
        """The name of the kind being written."""
        return MODES.get(self.mode, "")

    @property
    def newcomers(self) -> list[str]:
        """Recipients that have not been in the conversation before."""
        return circle.newcomers(self.conversation, self.answered, self._people)

    @property
    def colleagues(self) -> list[str]:
        """Recipients of an answer that are colleagues, and whom the mail answered did not bring."""
        return [] if self.mode == "forward" else circle.colleagues(self.answered, self._people)

    @property
    def _people(self) -> list[Person]:
        return recipients.readable(self.to, self.cc, self.bcc)

    @property
    def send_label(self) -> str:
        """What the send button does: "Send to Barry +2"."""
        return send_label(self.to, self.cc, self.bcc)

    @property
    def send_words(self) -> dict[str, str]:
        """The same with places for the names, for the script that follows what is typed."""
        return {"nobody": _("Send"), "one": _("Send to %(name)s"), "several": _("Send to %(name)s +%(others)s")}

    @property
    def tomorrow(self) -> str:
        """What "send later" suggests: the next morning, as an input of a local time takes it."""
        morning = timezone.localtime() + timedelta(days=1)
        return f"{morning:%Y-%m-%d}T08:00"

    @property
    def has_copies(self) -> bool:
        """Whether the fields for copies must be seen from the start."""
        return bool(self.cc or self.bcc)

    @classmethod
    def for_page(cls, conversation: Conversation, request: HttpRequest) -> Composer:
        """The composer as a page opens it: with the draft, if there is one, or as asked for by ?compose=…"""
        user: Any = request.user
        asked = request.GET.get("compose", "")
        made = cls.fresh(conversation, user, asked if asked in DraftForm.MODES else "")
        made.opened = bool(asked)
        return made

    @classmethod
    def fresh(cls, conversation: Conversation, user: User, mode: str = "") -> Composer:
        """A composer filled in by the rules for recipients and with the person's draft; by default in its mode."""
        draft = drafts.current(conversation, user, mode)
        made = cls(conversation, mode or (draft.mode if draft else ""), version=conversation.version)
        if not made.is_note:
            made._prefill(user, draft)
        if draft is not None:
            made._take_over(draft)
        return made

    @classmethod
    def written(cls, conversation: Conversation, written: Mapping[str, str]) -> Composer:
        """Only what is known of the recipients as they are written now (DraftForm's cleaned data)."""
        answered = answered_message(conversation)
        to, cc, bcc = (written[name] for name in ("to", "cc", "bcc"))
        return cls(conversation, written["mode"], to=to, cc=cc, bcc=bcc, answered=answered)

    @classmethod
    def refused(cls, conversation: Conversation, user: User, form: ReplyForm, problem: str = "") -> Composer:
        """A composer with everything as it was sent in, and what was wrong with it."""
        given: Mapping[str, Any] = form.data
        mode = given.get("mode", "reply")
        made = cls(conversation, mode if mode in MODES else "reply", form=form, problem=problem, opened=True)
        # The same key: what was refused was not sent, and its draft bears it.
        key = form.cleaned_data.get("submission_key")
        made.submission_key = str(key or made.submission_key)
        made._prefill(user, drafts.of_composer(conversation, user, {"mode": made.mode, "submission_key": key}))
        made.to, made.cc, made.bcc = (given.get(name, "") for name in ("to", "cc", "bcc"))
        made.subject, made.text = given.get("subject", ""), given.get("text", "")
        made.include_history = bool(given.get("include_history"))
        left = {file.pk for file in made.forwarded} - set(form.cleaned_data.get("forwarded", ()))
        made.left_out = tuple(left)
        made.agreed = tuple(name for name in ("anyway", "despite_warnings") if given.get(name))
        version = number_in(given.get("version", ""))
        made.version = conversation.version if version is None else version
        return made

    def _prefill(self, user: User, draft: Draft | None) -> None:
        filled = composing.prefill(self.conversation, self.mode or None, user)  # type: ignore[arg-type]  # one of MODES
        self.mode, self.answered, self.is_wider = filled.action, filled.answered, filled.is_wider
        self.to, self.cc, self.bcc = (recipients.write(people) for people in (filled.to, filled.cc, filled.bcc))
        self.subject, self.text = filled.subject, filled.text
        self.identity, self.signature, self.quoted = filled.identity, filled.signature, filled.quoted
        self.forwarded = filled.attachments
        self.kept = list(draft.files.order_by("pk")) if draft else []
        self.others = drafts.put_aside(self.conversation, user)

    def _take_over(self, draft: Draft) -> None:
        """What was written; its recipients, subject and choices too, in the mode it was written in."""
        self.text, self.saved_at = draft.text, draft.updated_at
        self.submission_key = str(draft.submission_key or self.submission_key)
        if draft.mode != self.mode or self.is_note:
            return
        if draft.to or draft.cc or draft.bcc:
            self.to, self.cc, self.bcc = (recipients.write(people) for people in (draft.to, draft.cc, draft.bcc))
        self.subject = draft.subject or self.subject
        self.include_history, self.left_out = draft.include_history, tuple(draft.left_out)


def send_label(*fields: str) -> str:
    """The text of the send button for some fields of recipients; plain "Send" when nobody can be read from them."""
    try:
        people = [person for text in fields for person in recipients.read(text)]
    except recipients.UnreadableRecipient:
        people = []
    if not people:
        return _("Send")
    first = recipients.label(people[0])
    if len(people) == 1:
        return _("Send to %(name)s") % {"name": first}
    return _("Send to %(name)s +%(others)s") % {"name": first, "others": len(people) - 1}
