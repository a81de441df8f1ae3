"""Reading mail beside other readers, over the public corpora: `python -m bench.reading`.

Every reader runs in this process over the same octets; the table gives faults, agreement with the expectations that
come with the corpora, and processor time a mail. Readers that are not installed are left out.
"""

import sys

from tests.forwarding.reading.corpora import cases, figures
from tests.forwarding.reading.corpora.readers import Reader, available

ROWS = (
    "mails",
    "exceptions",
    "unstorable strings",
    "new U+FFFD",
    "body lost",
    "any of these",
    "attached mails leaking",
    "Zammad: all fields right",
    "Stalwart: all fields right",
    "replies trimmed exactly",
    "replies with words lost",
    "CPU ms median",
    "CPU ms 99th percentile",
    "CPU ms maximum",
)


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
        str(len(measured.replacements)),
        str(len(measured.lost)),
        str(measured.defective),
        f"{len(measured.leaks)} of {measured.attached}",
        f"{sum(verdict.right for verdict in zammad)} of {len(zammad)}",
        f"{sum(verdict.right for verdict in stalwart)} of {len(stalwart)}",
        f"{sum(reply.exact for reply in replies)} of {len(replies)}",
        str(sum(reply.lost for reply in replies)),
        f"{median:.2f}",
        f"{high:.1f}",
        f"{maximum:.0f}",
    ]


def table(columns: dict[str, list[str]]) -> str:
    """The columns as a Markdown table, one row a figure."""
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    lines += [
        f"| {row} | " + " | ".join(values[number] for values in columns.values()) + " |"
        for number, row in enumerate(ROWS)
    ]
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 when the corpora are not there."""
    if not (cases.corpora_folder() / "CASES.csv").is_file():
        print(f"There are no mail corpora in {cases.corpora_folder()}; set CORPORA_DIR to their folder.")
        return 1
    readers = available()
    for name in ("mail-parser", "fast-mail-parser"):
        if name not in readers:
            print(f"{name} is not installed and left out.")
    print(table({name: column(reader) for name, reader in readers.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
