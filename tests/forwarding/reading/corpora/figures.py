"""All figures of one reader over the corpora, as the aims and the bench table need them."""

import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.forwarding.reading.corpora import cases, observing, scoring
from tests.forwarding.reading.corpora.cases import Case
from tests.forwarding.reading.corpora.readers import Reader
from tests.forwarding.reading.corpora.scoring import Reading, Verdict

_WORD = re.compile(r"\w+")
_TRIMMING_FOLDERS = {
    "discourse email_reply_trimmer": "email_reply_trimmer/emails",
    "talon standard_replies": "talon/standard_replies",
    "github email_reply_parser": "email_reply_parser",
    "discourse receiver (text part)": "discourse-emails",
}
_WRAPPER = b"From: a@example.se\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n"


@dataclass
class Figures:
    """What a reader did with every case."""

    cases: int = 0
    exceptions: list[str] = field(default_factory=list)
    unstorable: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    replacements: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    attached: int = 0
    cpu_ms: list[tuple[float, str]] = field(default_factory=list)

    @property
    def defective(self) -> int:
        """Cases with any fault but a leak."""
        return len({*self.exceptions, *self.unstorable, *self.replacements, *self.lost})

    @property
    def cpu_mean(self) -> float:
        """Processor milliseconds a mail, on average."""
        return statistics.fmean(milliseconds for milliseconds, _ in self.cpu_ms)

    def cpu(self) -> tuple[float, float, float]:
        """Median, 99th percentile and maximum, in processor milliseconds a mail."""
        spent = sorted(milliseconds for milliseconds, _ in self.cpu_ms)
        return statistics.median(spent), spent[int(len(spent) * 0.99)], spent[-1]


def measure(reader: Reader) -> Figures:
    """Read every case once and look at each answer a second time."""
    figures = Figures()
    for case in cases.all_cases():
        figures.cases += 1
        raw = case.raw
        reading = timed(reader, raw, case, figures)
        if reading is not None:
            observe(case, raw, reading, figures)
    return figures


def timed(reader: Reader, raw: bytes, case: Case, figures: Figures) -> Reading | None:
    """Read one case; an exception is a finding, whatever it is."""
    started = time.process_time()
    try:
        return reader(raw)
    except Exception:  # noqa: BLE001 - other readers raise anything, and that is what is counted
        figures.exceptions.append(case.path)
        return None
    finally:
        figures.cpu_ms.append(((time.process_time() - started) * 1000, case.path))


def observe(case: Case, raw: bytes, reading: Reading, figures: Figures) -> None:
    """Sort the faults of one answer into the figures."""
    if observing.unstorable(reading):
        figures.unstorable.append(case.path)
    if any("\ufffd" in string for string in reading.strings):
        figures.replaced.append(case.path)
    if observing.new_replacements(raw, reading):
        figures.replacements.append(case.path)
    if observing.lost_body(raw, reading):
        figures.lost.append(case.path)
    if observing.has_attached_mail(raw):
        figures.attached += 1
        if observing.leaked_lines(raw, reading):
            figures.leaks.append(case.path)


def zammad(reader: Reader) -> list[Verdict]:
    """Verdicts over Zammad's mails."""
    judged = ((case, wanted, guarded(reader, case.raw)) for case, wanted in scoring.zammad_cases())
    return [scoring.judge_zammad(case, wanted, reading) for case, wanted, reading in judged]


def stalwart(reader: Reader) -> list[Verdict]:
    """Verdicts over Stalwart's mails, LF and CRLF."""
    judged = ((name, wanted, guarded(reader, raw)) for name, raw, wanted in scoring.stalwart_cases())
    return [scoring.judge_stalwart(name, wanted, reading) for name, wanted, reading in judged]


def guarded(reader: Reader, raw: bytes) -> Reading:
    """An empty reading where the reader raises."""
    try:
        return reader(raw)
    except Exception as error:  # noqa: BLE001 - as in `timed`
        return Reading(error=repr(error))


@dataclass(frozen=True)
class Trimming:
    """One reply: its own words as expected, and those shown."""

    case: str
    expected: list[str]
    shown: list[str]

    @property
    def exact(self) -> bool:
        return self.expected == self.shown

    @property
    def lost(self) -> bool:
        """True when a word of the author is not shown."""
        return bool(Counter(self.expected) - Counter(self.shown))


def trimming(reader: Reader) -> list[Trimming]:
    """Replies of the trimming corpora, read as mails."""
    return [
        Trimming(name, _WORD.findall(wanted), _WORD.findall(guarded(reader, raw).visible))
        for name, raw, wanted in trimming_cases()
    ]


def trimming_cases() -> Iterator[tuple[str, bytes, str]]:
    """Name, mail and expected words of every reply; bare texts are wrapped into a mail."""
    for corpus, pairs in cases.expected("reply_trimming.json").items():
        for name, wanted in pairs:
            path = cases.corpora_folder() / _TRIMMING_FOLDERS[corpus] / name
            if path.is_file():
                raw = path.read_bytes()
                yield name, raw if path.suffix == ".eml" else _WRAPPER + raw, wanted
