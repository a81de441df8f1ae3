"""Headers that keep an answer in its conversation, in every program: ours, threading by References, and Outlook. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from conversations import thread_index
from conversations.subjects import topic
from whitelabel import tokens

NO_ID_MARK = "@no-id."
"""Ids we made up for mail that came without one: nobody else knows them."""


@dataclass(frozen=True)
class Parent:
    """What is needed of the mail that is answered; ids without angle brackets.

    `thread_index` is the header's octets, `guid` the GUID in it in 32 hexadecimal digits, which may be known alone.
    """

    message_id: str = ""
    references: tuple[str, ...] = ()
    guid: str = ""
    thread_topic: str = ""
    thread_index: bytes = b""


@dataclass(frozen=True)
class ThreadHeaders:
    """Ids with angle brackets; `thread_index` is the header's octets, `guid` its GUID in hex."""

    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    thread_topic: str
    thread_index: bytes
    guid: str
    marker: str
    loop: str

    @property
    def own_fields(self) -> tuple[tuple[str, str], ...]:
        """The fields by which our mail is known when it, or a report about it, comes back."""
        return (("X-Kundo-Msg", self.message_id.strip("<>").partition("@")[0]), ("X-Kundo-Loop", self.loop))


def thread_headers(
    keys: tokens.TokenKeys,
    *,
    organization_id: int,
    conversation_id: int,
    message_id: int,
    sending_domain: str,
    subject: str,
    parent: Parent | None,
    at: datetime,
) -> ThreadHeaders:
    """The thread headers of one mail. Without a parent (a new or forwarded mail) only our own anchor is referred to.

    The anchor, a second id signed by us, stands in every References: the conversation is found by it even where a
    provider has rewritten our Message-ID.
    """
    own = tokens.sign_message_id(keys, tokens.MessageIdToken(organization_id, conversation_id, message_id))
    anchor = tokens.sign_message_id(keys, tokens.MessageIdToken(organization_id, conversation_id))
    parent_id = parent.message_id if parent and NO_ID_MARK not in parent.message_id else ""
    earlier = [i for i in (parent.references if parent else ()) if NO_ID_MARK not in i]
    index = _thread_index(parent or Parent(), hashlib.sha256(anchor.encode()).hexdigest()[:32], at, salt=message_id)
    return ThreadHeaders(
        message_id=f"<{own}@{sending_domain}>",
        in_reply_to=_bracketed(parent_id),
        references=_references(earlier, f"{anchor}@{sending_domain}", parent_id),
        thread_topic=(parent.thread_topic if parent else "") or topic(subject),
        thread_index=index,
        guid=thread_index.guid(index),
        marker=tokens.sign_marker(keys, tokens.MarkerToken(organization_id, conversation_id, message_id)),
        loop=tokens.sign_loop(keys, tokens.LoopToken(organization_id, message_id)),
    )


def _thread_index(parent: Parent, own_guid: str, at: datetime, *, salt: int) -> bytes:
    """The parent's with one block more; a fresh one where the parent has none, or none that is whole."""
    if thread_index.is_whole(parent.thread_index):
        return thread_index.extended(parent.thread_index, at, salt=salt)
    return thread_index.begun(parent.guid if len(parent.guid) == len(own_guid) else own_guid, at)


def _references(earlier: Sequence[str], anchor: str, parent_id: str) -> tuple[str, ...]:
    """The parent last, as RFC 5322 section 3.6.4 asks, and the anchor just before it, unless it comes first of all.

    Programs shorten a long list, ours too (mime_headers.message_ids): what is at its beginning or end stays.
    """
    local_part = anchor.partition("@")[0]
    ids = [i for i in earlier if i != parent_id]
    if not ids or local_part not in ids[0]:
        ids = [*(i for i in ids if local_part not in i), anchor]
    return tuple(_bracketed(i) for i in [*ids, parent_id] if i)


def _bracketed(message_id: str) -> str:
    return f"<{message_id.strip('<>')}>" if message_id else ""
