"""Mail that asks nobody for an answer. It changes no conversation's state, and what it opens lies in a list of its own.

Classes are those of forwarding.classifying.
"""

from __future__ import annotations

from conversations.models import Conversation

Folder = Conversation.Folder

# A receipt is an answer that a mail program gives by itself; a complaint is a mail service's report, as a bounce is.
_FOLDERS = {
    "auto_reply": Folder.AUTOREPLIES,
    "mdn": Folder.AUTOREPLIES,
    "dsn": Folder.BOUNCES,
    "arf": Folder.BOUNCES,
}
QUIET_CLASSES = frozenset(_FOLDERS)
REPORT_CLASSES = QUIET_CLASSES - {"auto_reply"}
"""Mail systems that report on mail: nobody to get to know."""


def folder_of(mail_class: str) -> str:
    """The folder of a conversation that a mail of this class opens; "" is where people's mail is."""
    return _FOLDERS.get(mail_class, "")
