"""The words a message is found by.

Swedish stems and unstemmed words of the same text, so that both `ansökningar` → `ansökan` and names or case numbers
are found. The organization and the inbox are lexemes too: the GIN index then intersects the lists itself.
"""

from __future__ import annotations

import re

from django.contrib.postgres.search import SearchVectorField
from django.db.models.expressions import Combinable, RawSQL

from conversations.models import Message

INDEXED_CHARACTERS = 100_000  # a tsvector holds at most 1 MiB
RUN_CHARACTERS = 100  # longer than words and addresses that people look for
_RUN = re.compile(rf"\S{{{RUN_CHARACTERS}}}")

# One expression instead of Django's SearchVector objects, which cost more to put together than PostgreSQL needs to run.
# Small vectors are joined first, because every || copies all it has; D is the weight that words have by themselves.
_VECTOR = """
    setweight(to_tsvector('swedish', %s), 'A') || setweight(to_tsvector('simple', %s), 'B') || %s::tsvector
    || setweight(to_tsvector('swedish', %s), 'C') || to_tsvector('simple', %s)
"""


def search_vector(message: Message) -> Combinable:
    """The tsvector of a message about to be stored, as an expression PostgreSQL computes."""
    people = " ".join([message.from_name, message.from_address, *(p["address"] for p in [*message.to, *message.cc])])
    subject, text = indexed(message.subject), indexed(f"{message.text}\n{message.other_text}")
    place = f"'o{message.organization_id}' 'i{message.inbox_id}'"
    parameters = [subject, indexed(people), place, text, f"{subject} {text}"]
    return RawSQL(_VECTOR, parameters, output_field=SearchVectorField())  # noqa: S611  (a constant, with parameters)


def indexed(text: str) -> str:
    """What of a text is given to PostgreSQL's parser: its beginning, without what costs the parser quadratic time.

    It looks ahead for the end of a tag, an address or a path from every place where one may begin: `<!--` or `x@1`
    written a hundred thousand times would take it minutes.
    """
    return _RUN.sub(r"\g<0> ", text[:INDEXED_CHARACTERS].replace("<", " "))
