"""Reading in a child process that may be killed (forwarding.limited_child), and the ladder for what stops it.

A mail that cannot be read within the limits goes one step down: all of it, then headers only, then the envelope.
"""

from dataclasses import replace
from types import TracebackType
from typing import Self

from forwarding.limited_child import ChildLimits, ChildStopped, LimitedChild
from forwarding.reading.limits import Limits
from forwarding.reading.mail import Stage
from forwarding.understanding import Understood, by_envelope

__all__ = ["ChildLimits", "Reader"]

HOLDING = {
    "forwarding.reading.mail": {"Address", "Attachment", "CalendarEvent", "ReadMail", "TextRange"},
    "forwarding.bounces.reading": {"Bounce", "Complaint", "Disposition"},
    "forwarding.classifying": {"MailClass"},
    "forwarding.understanding": {"Understood"},
    "datetime": {"datetime", "date", "timedelta", "timezone"},
}
"""What an answer may hold."""

_LADDER: tuple[Stage, ...] = ("full", "headers")


class Reader:
    """Reads mails in a child process that is started when needed; safe to share between threads."""

    def __init__(self, limits: ChildLimits | None = None, reading: Limits | None = None) -> None:
        self.child = LimitedChild(
            "forwarding.understanding", Understood, HOLDING, limits or ChildLimits(), reading=reading or Limits()
        )

    def read(self, raw: bytes, mail_from: str | None = None, stage: Stage = "full") -> Understood:
        """Read one mail from `stage` of the ladder on; never raises on any octets.

        A mail that stops the child is read by headers, or not at all. `mail_from`: the envelope sender.
        """
        steps = _LADDER[_LADDER.index(stage) :] if stage in _LADDER else ()
        for step in steps:
            try:
                understood = self.child.ask(step, raw, mail_from)
            except ChildStopped:
                continue
            return understood if step == stage else _stopped(understood)
        understood = by_envelope(raw, mail_from)
        return _stopped(understood) if steps else understood

    def close(self) -> None:
        """End the child; a later `read` starts a new one."""
        self.child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stopped(understood: Understood) -> Understood:
    mail = replace(understood.mail, defects=(*understood.mail.defects, "reading_stopped"))
    return replace(understood, mail=mail)
