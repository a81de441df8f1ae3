"""Full-text search over messages, by Swedish and English stems and by plain words, and by conversation number.

The index sees row-level security as a filter that must run first, unless the match operator is marked leakproof
(kundomail.local does so for the embedded server, docs/operations.md for others). The organization and the inbox are
lexemes of every message, so the GIN index finds the rows of one organization by itself.
"""

from __future__ import annotations

import re

from django.conf import settings
from django.contrib.postgres.search import SearchQuery
from django.db.models import Max, QuerySet

from conversations.lists import Page, rows
from conversations.models import Conversation, Message
from organizations import scope

QUERY_CHARACTERS = 200
BEGINNING_CHARACTERS = 3  # of a word that also finds longer ones; fewer would match a large part of the index
_NUMBER = re.compile(r"#?(\d{1,9})")
_WORD = re.compile(r"[\w@.+-]+")


def search(text: str, *, inbox_id: int | None = None) -> Page:
    """The conversations that hold all the words, latest first; a number finds its conversation first of all."""
    text = text.strip()[:QUERY_CHARACTERS]
    found = _by_number(text)
    matching = _by_words(text, inbox_id)
    if matching is not None:
        found += [conversation for conversation in matching if conversation.pk not in {each.pk for each in found}]
    return Page(found)


def _by_number(text: str) -> list[Conversation]:
    match = _NUMBER.fullmatch(text)
    return list(rows().filter(number=int(match[1]))) if match else []


def _by_words(text: str, inbox_id: int | None) -> list[Conversation] | None:
    query = words_query(text)
    if query is None:
        return None
    place = f"'o{scope.current_id()}'" + (f" & 'i{inbox_id}'" if inbox_id else "")
    latest = _matching(SearchQuery(place, search_type="raw", config="simple") & query)
    by_pk = {each.pk: each for each in rows().filter(pk__in=latest)}
    return [by_pk[pk] for pk in latest if pk in by_pk]


def _matching(query: SearchQuery) -> list[int]:
    """Ids of conversations with a matching message, the latest message first."""
    found: QuerySet[Message] = Message.objects.filter(search_vector=query)
    return list(
        found.values("conversation_id")
        .annotate(latest=Max("received_at"))
        .order_by("-latest")
        .values_list("conversation_id", flat=True)[: settings.SEARCH_RESULTS]
    )


def words_query(text: str) -> SearchQuery | None:
    """What people type, as a query: quotes, "or" and "-" work; and every word alone also finds words it begins."""
    words = _WORD.findall(text)
    if not words:
        return None
    typed = SearchQuery(text, search_type="websearch", config="swedish") | SearchQuery(
        text, search_type="websearch", config="simple"
    )
    if any(sign in text for sign in '"-') or " or " in f" {text.lower()} ":
        return typed
    beginnings = " & ".join(f"'{word}':*" if len(word) >= BEGINNING_CHARACTERS else f"'{word}'" for word in words)
    # The index holds whole words: an English stem finds them as their beginning.
    for config in ("simple", "english"):
        typed = typed | SearchQuery(beginnings, search_type="raw", config=config)
    return typed
