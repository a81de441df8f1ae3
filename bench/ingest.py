"""`python -m bench.ingest`: from SMTP to the inbox, beside yardsticks that get the same messages on the same machine.

The contenders take turns in short rounds, in another order each time, and the ratios of one round are what is compared:
neighbours of the machine disturb all of a round alike. Each round every contender accepts the messages, then the filing
worker makes those of KundoMail visible, and django-helpdesk files the same. Every second message answers an earlier one.
"""

from __future__ import annotations

import argparse
import os
import pickle
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import helpdesk, processes
from bench.accepting import BARE, OURS, POSTFIX, Contender, Load, Ours, Taken, receiving, yardsticks
from bench.answers import threaded_set
from bench.database import Database, database
from bench.filing import Filed, Worker, filing
from bench.sending import wire

ACCEPT_AIMS = {BARE: 0.9, POSTFIX: 1.3}
FILING_AIM_MS = 8.0
HELPDESK_AIM = 4.0
CONNECTIONS = (8, 32)


@dataclass
class Figures:
    """What was measured, a value for each round; `taken` by number of connections and name."""

    taken: dict[tuple[int, str], list[Taken]] = field(default_factory=lambda: defaultdict(list))
    filed: list[Filed] = field(default_factory=list)
    theirs: list[helpdesk.Filed] = field(default_factory=list)


def main() -> None:
    """Run the rounds and print the tables."""
    options = _options()
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg()[:2])
    print(
        f"{options.messages} messages a round, {options.rounds} rounds, {options.processes} SMTP processes, "
        f"{os.cpu_count()} cores; load of the machine before, 1 and 5 minutes: {load}\n",
        flush=True,
    )
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        base = running.enter_context(database("bench-ingest"))
        _empty(base)
        worker = running.enter_context(filing(base))
        ours = running.enter_context(receiving(base, options.processes))
        contenders: dict[str, Contender] = {OURS: ours.take, **yardsticks(running, base)}
        theirs = helpdesk.Helpdesk(base) if not options.without_helpdesk and helpdesk.installed() else None
        figures = _rounds(options, folder / "messages", contenders, worker, theirs)
        _print_accepting(figures, list(contenders))
        _print_filing(figures)
        _print_memory(ours, worker)
        _print_right(worker)
        _print_dominating(figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--messages", type=int, default=300, help="of one round, for each number of connections")
    parser.add_argument("--processes", type=int, default=2, help="of the SMTP server")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--without-helpdesk", action="store_true", help="do not compare with django-helpdesk")
    return parser.parse_args()


def _empty(base: Database) -> None:
    with base.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE forwarding_delivery, forwarding_rawmail, conversations_conversation, conversations_contact CASCADE"
        )
    connection.close()


def _rounds(
    options: argparse.Namespace,
    file: Path,
    contenders: dict[str, Contender],
    worker: Worker,
    theirs: helpdesk.Helpdesk | None,
) -> Figures:
    figures = Figures()
    names = list(contenders)
    count = options.messages
    messages = threaded_set((options.rounds + 1) * len(CONNECTIONS) * count)
    for number in range(options.rounds + 1):
        # The first round warms up caches, files and connections.
        kept = figures if number else Figures()
        for connections in CONNECTIONS:
            part, messages = messages[:count], messages[count:]
            file.write_bytes(pickle.dumps([wire(message) for message in part]))
            names = [*names[1:], names[0]]
            for name in names:
                kept.taken[connections, name].append(contenders[name](Load(part, file, connections)))
        kept.filed.append(worker.file())
        if theirs:
            kept.theirs.append(theirs.file(part))
    return figures


def _print_accepting(figures: Figures, names: Sequence[str]) -> None:
    for connections in CONNECTIONS:
        print(
            f"{f'accepting, {connections} connections':32}{'messages/s':>12}{'ours / it: median (least, most)':>36}{'aim':>8}{'CPU ms':>10}"
        )
        mine = figures.taken[connections, OURS]
        for name in names:
            its = figures.taken[connections, name]
            ratios = [one.per_second / other.per_second for one, other in zip(mine, its, strict=True)]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f})"
            aim = f">= {ACCEPT_AIMS[name]}" if name in ACCEPT_AIMS else ""
            cpu = " + ".join(f"{ms:.2f}" for ms in _middle(taken.cpu_ms for taken in its).values())
            print(f"{name:32}{_median(its, lambda t: t.per_second):12,.0f}{spread:>36}{aim:>8}{cpu:>14}")
        wait, worst = _median(mine, lambda t: t.median_ms), _median(mine, lambda t: t.p99_ms)
        print(f"from MAIL to 250: median {wait:.1f} ms, 99th percentile {worst:.1f} ms\n")


def _print_filing(figures: Figures) -> None:
    cpu = _middle(filed.cpu_ms for filed in figures.filed)
    parts = ", ".join(f"{part} {ms:.2f}" for part, ms in cpu.items())
    print(f"filing, from the spool to visible: {_median(figures.filed, lambda f: f.per_second):,.0f} messages/s")
    print(f"CPU ms per message: {parts}, together {sum(cpu.values()):.2f} (aim <= {FILING_AIM_MS:g})")
    print(f"the author's proof, which nobody waits for: {_median(figures.filed, lambda f: f.afterwards_ms):.2f} ms")
    if not figures.theirs:
        print("django-helpdesk: skipped, it could not be installed or was not wanted\n")
        return
    ratios = [ours.per_second / theirs.per_second for ours, theirs in zip(figures.filed, figures.theirs, strict=True)]
    work = [
        theirs.cpu_ms / sum(ours.cpu_ms.values()) for ours, theirs in zip(figures.filed, figures.theirs, strict=True)
    ]
    print(
        f"django-helpdesk, process_email: {_median(figures.theirs, lambda f: f.per_second):,.0f} messages/s, "
        f"{_median(figures.theirs, lambda f: f.cpu_ms):.2f} ms; we file {statistics.median(ratios):.1f} "
        f"({min(ratios):.1f}, {max(ratios):.1f}) x as many a second (aim >= {HELPDESK_AIM:g}) "
        f"with {statistics.median(work):.1f} x less CPU\n"
    )


def _print_memory(ours: Ours, worker: Worker) -> None:
    server = processes.peak_megabytes(ours.process.pid)
    print(f"peak memory of a process: SMTP server {server:.0f} MB, filing worker {worker.megabytes():.0f} MB")


def _print_right(worker: Worker) -> None:
    states, (answers, right) = worker.states(), worker.answers()
    print(
        f"right: {states.get('filed', 0)} of {sum(states.values())} messages are in the inbox, "
        f"{right} of {answers} answers in the conversation of what they answer\n"
    )


def _print_dominating(figures: Figures) -> None:
    accepting = _middle(taken.cpu_ms for taken in figures.taken[CONNECTIONS[0], OURS])
    stages = {f"accepting: {part}": ms for part, ms in accepting.items()}
    stages |= {f"filing: {part}": ms for part, ms in _middle(filed.cpu_ms for filed in figures.filed).items()}
    whole = sum(stages.values())
    ordered = sorted(stages.items(), key=lambda stage: -stage[1])
    shares = ", ".join(f"{name} {100 * ms / whole:.0f} %" for name, ms in ordered)
    print(f"{ordered[0][0]} dominates the {whole:.1f} ms from SMTP to the inbox: {shares}")


def _median(rounds: Sequence[object], figure: Callable[..., float]) -> float:
    return statistics.median(figure(one) for one in rounds)


def _middle(rounds: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The median of each part."""
    every = list(rounds)
    return {part: statistics.median(one[part] for one in every) for part in every[0]}


if __name__ == "__main__":
    main()
