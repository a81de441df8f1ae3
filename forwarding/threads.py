"""What the database knows about where a mail could belong: the look-ups behind `forwarding.threading`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Q

from conversations.models import Conversation, Message
from forwarding.models import Delivery
from forwarding.reading import ReadMail
from forwarding.threading import Candidate, Decision, choose, evidence_of
from inboxes.models import Inbox
from whitelabel.keys import token_keys

CANDIDATES = 20  # conversations looked at for one kind of evidence


def decide(delivery: Delivery, inbox: Inbox, mail: ReadMail, reported_conversation: int | None = None) -> Decision:
    """Choose the conversation of a mail. Call inside the organization's scope."""
    evidence = evidence_of(
        mail,
        keys=token_keys(),
        organization_id=delivery.organization_id,
        inbox_id=inbox.pk,
        received_at=delivery.received_at,
        key=delivery.recipient.rpartition("@")[0],
        tag=delivery.tag,
        reported_conversation=reported_conversation,
    )
    return choose(evidence, InboxLookup(inbox))


class InboxLookup:
    """`forwarding.threading.Lookup` for one inbox."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    def conversation(self, conversation_id: int) -> Candidate | None:
        """The conversation with this id, or None when it does not exist."""
        found = self._candidates([conversation_id])
        return found[0] if found else None

    def by_message_ids(self, message_ids: Sequence[str]) -> Sequence[tuple[str, Candidate]]:
        """Conversations that hold a message of this inbox with one of these Message-IDs, with the id each has."""
        rows = list(
            Message.objects.filter(inbox=self.inbox, message_id__in=message_ids)
            .order_by("-received_at")
            .values_list("message_id", "conversation_id")[:CANDIDATES]
        )
        candidates = {candidate.conversation_id: candidate for candidate in self._candidates(pk for _, pk in rows)}
        return [(message_id, candidates[pk]) for message_id, pk in rows]

    def by_root(self, root_ids: Sequence[str], since: datetime) -> Sequence[Candidate]:
        """Conversations of this inbox with a message since then whose References or In-Reply-To begin with one of these."""
        same_root = Q(references__0__in=root_ids) | Q(in_reply_to__0__in=root_ids)
        return self._of(Message.objects.filter(same_root, inbox=self.inbox, received_at__gte=since))

    def by_thread_index(self, guid: str) -> Sequence[Candidate]:
        """Conversations of this inbox with a message that has this Thread-Index GUID (32 hexadecimal digits)."""
        return self._of(Message.objects.filter(inbox=self.inbox, thread_index=guid))

    def by_subject(self, subject: str, customer: str) -> Sequence[Candidate]:
        """Conversations of this inbox with this normalised subject and this customer's address."""
        rows = Conversation.objects.filter(inbox=self.inbox, normal_subject=subject, contact__address=customer)
        return self._candidates(rows.order_by("-last_activity_at").values_list("pk", flat=True)[:CANDIDATES])

    def _of(self, messages: object) -> Sequence[Candidate]:
        pks = messages.order_by("-received_at").values_list("conversation_id", flat=True)[:CANDIDATES]  # type: ignore[attr-defined]
        return self._candidates(pks)

    def _candidates(self, pks: Iterable[int]) -> list[Candidate]:
        """Candidates in the order given, each once."""
        wanted = list(dict.fromkeys(pks))
        if not wanted:
            return []
        rows = Conversation.objects.select_related("contact").filter(pk__in=wanted)
        people: dict[int, set[str]] = {pk: set() for pk in wanted}
        inboxes: dict[int, set[int]] = {pk: set() for pk in wanted}
        subjects: dict[int, set[str]] = {pk: set() for pk in wanted}
        messages = Message.objects.filter(conversation_id__in=wanted).exclude(kind=Message.Kind.NOTE)
        for pk, kind, sender, to, cc, inbox_id in messages.values_list(
            "conversation_id", "kind", "from_address", "to", "cc", "inbox_id"
        ):
            inboxes[pk].add(inbox_id)
            written_to = [person["address"].lower() for person in [*to, *cc]]
            people[pk].update([sender.lower()] if kind == Message.Kind.INBOUND else written_to)
        found = {row.pk: row for row in rows}
        return [
            Candidate(
                conversation_id=pk,
                inbox_ids=frozenset(inboxes[pk] | {found[pk].inbox_id}),
                participants=frozenset(people[pk] - {self.inbox.address}),
                subjects=frozenset(subjects[pk] | {found[pk].normal_subject}),
                last_activity_at=found[pk].last_activity_at,
                is_open=found[pk].status != Conversation.Status.DONE,
                merged_into=found[pk].merged_into_id,
                customer=found[pk].contact.address if found[pk].contact else "",
            )
            for pk in wanted
            if pk in found
        ]
