"""Reading mail beside other readers, over the public corpora: `python -m bench.reading`.

Every reader runs in this process over the same octets; the table gives faults, agreement with the expectations that
come with the corpora, and processor time a mail. Readers that cannot be installed here are named with the reason.
"""

import email
import logging
import sys
from collections.abc import Callable

from flufl.bounce import all_failures

from bench import packages
from forwarding.bounces import read_bounces
from forwarding.reading import read_mail
from tests.forwarding.reading.corpora import cases, figures
from tests.forwarding.reading.corpora.readers import Reader, available
from tests.forwarding.reading.corpora.scoring import Verdict
from tests.forwarding.test_bounce_corpus import expected_recipients, mails_of_people

ROWS = (
    "mails",
    "exceptions",
    "unstorable strings",
    "with U+FFFD",
    "with U+FFFD that the mail had not",
    "body lost",
    "any of these",
    "attached mails leaking",
    "Zammad: all fields as expected",
    "… besides faulty expectations",
    "Stalwart: all fields as expected",
    "… besides faulty expectations",
    "replies trimmed exactly",
    "replies with words lost",
    "CPU ms mean",
    "CPU ms median",
    "CPU ms 99th percentile",
    "CPU ms maximum",
)
BOUNCE_ROWS = ("delivery reports", "recognised", "all recipients right", "people's mails taken for reports")


def column(reader: Reader) -> list[str]:
    """The figures of one reader, in the order of `ROWS`."""
    measured = figures.measure(reader)
    zammad, stalwart = figures.zammad(reader), figures.stalwart(reader)
    replies = figures.trimming(reader)
    median, high, maximum = measured.cpu()
    return [
        str(measured.cases),
        str(len(measured.exceptions)),
        str(len(measured.unstorable)),
        str(len(measured.replaced)),
        str(len(measured.replacements)),
        str(len(measured.lost)),
        str(measured.defective),
        f"{len(measured.leaks)} of {measured.attached}",
        *agreement(zammad),
        *agreement(stalwart),
        f"{sum(reply.exact for reply in replies)} of {len(replies)}",
        str(sum(reply.lost for reply in replies)),
        f"{measured.cpu_mean:.2f}",
        f"{median:.2f}",
        f"{high:.1f}",
        f"{maximum:.0f}",
    ]


def agreement(verdicts: list[Verdict]) -> tuple[str, str]:
    """Cases read as expected: of all, and of those whose expectation is sound (docs/decisions/0018)."""
    sound = [verdict for verdict in verdicts if not verdict.faulty]
    right, right_of_sound = (sum(verdict.right for verdict in some) for some in (verdicts, sound))
    return f"{right} of {len(verdicts)}", f"{right_of_sound} of {len(sound)}"


def table(columns: dict[str, list[str]], rows: tuple[str, ...]) -> str:
    """The columns as a Markdown table, one row a figure."""
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    lines += [
        f"| {row} | " + " | ".join(values[number] for values in columns.values()) + " |"
        for number, row in enumerate(rows)
    ]
    return "\n".join(lines)


def recipients_by_us(raw: bytes) -> set[str]:
    """Failed recipients as this project reads them."""
    return {bounce.recipient.lower() for bounce in read_bounces(raw, read_mail(raw), None)}


def recipients_by_flufl(raw: bytes) -> set[str]:
    """Failed recipients as flufl.bounce reads them; none where it raises."""
    try:
        temporary, permanent = all_failures(email.message_from_bytes(raw))
    except Exception:  # noqa: BLE001 - it raises IndexError and others on malformed mail, which counts as not recognised
        return set()
    return {found.decode("latin-1").lower() for found in {*temporary, *permanent}}


def bounce_column(read: Callable[[bytes], set[str]]) -> list[str]:
    """Reports recognised and right, and people's mails taken for reports."""
    wanted = expected_recipients()
    found = {path: read(path.read_bytes()) for path in wanted}
    people = mails_of_people()
    return [
        str(len(wanted)),
        f"{sum(bool(one) for one in found.values()) / len(wanted):.1%}",
        f"{sum(found[path] == recipients for path, recipients in wanted.items()) / len(wanted):.1%}",
        f"{sum(bool(read(path.read_bytes())) for path in people)} of {len(people)}",
    ]


def main() -> int:
    """Print the table; 1 when the corpora are not there."""
    if not (cases.corpora_folder() / "CASES.csv").is_file():
        print(f"There are no mail corpora in {cases.corpora_folder()}; set CORPORA_DIR to their folder.")
        return 1
    missing = packages.made_available()
    for other in ("mailparser", "flufl.bounce"):
        logging.getLogger(other).setLevel(logging.CRITICAL + 1)  # they report each of their own faults
    columns = {name: column(reader) for name, reader in available().items()}
    columns |= {name: ["not here", *[""] * (len(ROWS) - 1)] for name in missing}
    print(table(columns, ROWS))
    for name, reason in missing.items():
        print(f"{name} is not here: {reason}")
    print("Faulty expectations are listed, with the reasons, in docs/decisions/0018-unfair-expectations.md.")
    print()
    bounces = {"KundoMail": recipients_by_us, "flufl.bounce": recipients_by_flufl}
    print(table({name: bounce_column(read) for name, read in bounces.items()}, BOUNCE_ROWS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
