"""Coverage-guided fuzzing of the reader, which must never raise, whatever the octets.

    python -m tests.forwarding.fuzz.fuzz_reading [options of libFuzzer] [folder of mails ...]

Stops at the first mail that breaks a promise and keeps it as a file `crash-…`; add it to the tests of the reader.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["forwarding.reading"]):
    from forwarding.reading import Limits, read_headers
    from forwarding.reading.reader import read_in_full

from tests.forwarding.reading.test_totality import check

LIMITS = Limits()
NARROW = Limits(
    header_octets=300, header_fields=5, header_value_octets=100, mime_depth=2, mime_parts=3, shown_text_octets=300,
    text_characters=200, filename_characters=12, quoting_lines=5, tnef_octets=300, rtf_octets=200, calendar_octets=300,
    reference_ids=2, addresses_per_header=2, parameters_per_header=3,
)  # fmt: skip


def examine(raw: bytes) -> None:
    """Raises unless a mail is read in full, with strings that can be stored and ranges that cover the text."""
    check(read_in_full(raw, LIMITS))
    check(read_in_full(raw, NARROW))
    check(read_headers(raw, LIMITS))


def main() -> None:
    """Fuzz as the command line says; does not return."""
    atheris.Setup(sys.argv, examine)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
