"""The words a message is found by.

Swedish stems and unstemmed words of the same text, so that both `ansökningar` → `ansökan` and names or case numbers
are found. The organization and the inbox are lexemes too: the GIN index then intersects the lists itself.
"""

from __future__ import annotations

from django.contrib.postgres.search import SearchVector, SearchVectorCombinable, SearchVectorField
from django.db.models import Value
from django.db.models.expressions import Combinable, RawSQL

from conversations.models import Message

INDEXED_CHARACTERS = 100_000  # a tsvector holds at most 1 MiB


def search_vector(message: Message) -> Combinable:
    """The tsvector of a message about to be stored, as an expression PostgreSQL computes."""
    people = " ".join([message.from_name, message.from_address, *(p["address"] for p in [*message.to, *message.cc])])
    text = message.text[:INDEXED_CHARACTERS]
    return (
        SearchVector(Value(message.subject), config="swedish", weight="A")
        + SearchVector(Value(people), config="simple", weight="B")
        + SearchVector(Value(text), config="swedish", weight="C")
        + SearchVector(Value(f"{message.subject} {text}"), config="simple", weight="D")
        + _scope_lexemes(message.organization_id, message.inbox_id)
    )


class _ScopeLexemes(SearchVectorCombinable, RawSQL):
    """Constant lexemes, joined to the words with ||."""


def _scope_lexemes(organization_id: int, inbox_id: int) -> Combinable:
    return _ScopeLexemes("%s::tsvector", [f"'o{organization_id}' 'i{inbox_id}'"], output_field=SearchVectorField())
