"""Whether mail from our servers would pass SPF (RFC 7208), evaluated by pyspf on answers that a check already has.

Nothing here asks the DNS: `unknown` names what an evaluation misses, the caller looks that up and tries again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import spf

from whitelabel import effects
from whitelabel.survey.values import Question, Record, Reply, Survey

Answers = Mapping[Question, Reply]
MOST_ROUNDS = 6
"""An include within an include within …: each level is one round of questions."""


class _Unknown(Exception):
    """The evaluation needs an answer that is not there."""

    def __init__(self, question: Question) -> None:
        super().__init__(f"{question.name} {question.type}")
        self.question = question


class _Query(spf.query):
    """pyspf's evaluation, with answers from a mapping instead of the network."""

    def __init__(self, answers: Answers, *, ip: str, mail_from: str, helo: str) -> None:
        super().__init__(i=ip, s=mail_from, h=helo)
        self.answers = answers

    def dns(self, name: str, qtype: str, cnames: Any = None, ignore_void: bool = False) -> list[Any]:
        """What pyspf's own look-up returns. Raises spf.TempError for a failure, _Unknown for what nobody asked."""
        question = Question(str(name).rstrip(".").lower(), qtype)
        reply = self.answers.get(question)
        if reply is None:
            raise _Unknown(question)
        if not reply.outcome.definite:
            raise spf.TempError(f"no answer about {question.name}")
        found = effects.seen(reply, question, self.answers).records
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("too many look-ups without an answer")
        return [_value(record) for record in found]


def evaluate(answers: Answers, *, ip: str, mail_from: str, helo: str) -> tuple[str, Question | None]:
    """The SPF result ("pass", "softfail", "temperror", …), or "" and the question that has to be answered first."""
    try:
        return str(_Query(answers, ip=ip, mail_from=mail_from, helo=helo).check()[0]), None
    except _Unknown as missing:
        return "", missing.question


def unknown(answers: Answers, *, ips: Sequence[str], mail_from: str, helo: str) -> tuple[Question, ...]:
    """The questions that an evaluation for these addresses needs and that are not answered yet."""
    results = (evaluate(answers, ip=ip, mail_from=mail_from, helo=helo) for ip in ips)
    return tuple(dict.fromkeys(question for _result, question in results if question is not None))


def answers_of(survey: Survey) -> dict[Question, Reply]:
    """One reply to each question of a survey: what an authoritative server said, else what a resolver said."""
    chosen: dict[Question, Reply] = dict(survey.resolved)
    for question, asked in survey.replies.items():
        if best := next((reply for reply in asked.values() if reply.outcome.definite), None):
            chosen[question] = best
    return chosen


def _value(record: Record) -> Any:
    if record.type in ("TXT", "SPF"):
        return list(record.strings)
    return (record.preference, record.target) if record.type == "MX" else record.target
