"""The state of a conversation, and what leads from one to another. Pure: rows are changed and not stored.

States (Conversation.Status)

    unanswered  the customer wrote last         ← a person's mail arrives, a hard bounce, reopened
    answered    we wrote last                   ← a reply is sent
    waiting     somebody else has to act        ← set by an agent, optionally until a time
    done        nothing more to do              ← set by an agent, or "send and mark as done"

Folders (Conversation.Folder) keep apart what is no work for anybody. What people do brings it back to the work: a
person's mail, an answer, waiting, reopening. From spam only an agent brings it back; mail there disturbs nobody.
"""

from __future__ import annotations

from datetime import datetime

from conversations.models import Conversation

Status = Conversation.Status
State = dict[str, str | None]
"""Status, folder, waiting_until and unanswered_since of a conversation as JSON values."""
# What "send and …" means for the state.
AFTER_SENDING = {"keep": Status.ANSWERED, "done": Status.DONE, "wait": Status.WAITING}


def of(conversation: Conversation) -> State:
    """State, folder and times of a conversation as JSON values, for `restore`."""
    times = {"waiting_until": conversation.waiting_until, "unanswered_since": conversation.unanswered_since}
    written = {name: at.isoformat() if at else None for name, at in times.items()}
    return {"status": conversation.status, "folder": conversation.folder, **written}


def restore(conversation: Conversation, state: State) -> None:
    """Put a conversation into a state that `of` has written."""
    conversation.status, conversation.folder = state["status"] or Status.UNANSWERED, state.get("folder") or ""
    conversation.waiting_until = _moment(state["waiting_until"])
    conversation.unanswered_since = _moment(state["unanswered_since"])


def move(conversation: Conversation, status: str, *, at: datetime) -> None:
    """Give a conversation a status. What was unanswered already has been so since then, and not since `at`."""
    if status == Status.UNANSWERED:
        conversation.unanswered_since = conversation.unanswered_since or at
    else:
        conversation.unanswered_since = None
    conversation.status = status
    conversation.waiting_until = None


def take_back_sending(conversation: Conversation, before: State, after: State) -> None:
    """As it was before a mail was sent; but what happened after the sending stands."""
    waiting_since = _moment(before["unanswered_since"])
    if of(conversation) == {**_left_by_sending(conversation.status), **after}:
        restore(conversation, before)
    elif conversation.unanswered_since and waiting_since:
        conversation.unanswered_since = min(conversation.unanswered_since, waiting_since)


def _left_by_sending(status: str) -> State:
    """What holds of `after` where the event of the sending does not say it: older events name no folder, or nothing at all.

    Sending leads to several statuses, so any that is not unanswered is taken for its own: at worst what somebody has
    decided since is undone, and no customer is forgotten.
    """
    return {"status": status, "folder": "", "waiting_until": None, "unanswered_since": None}


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
