"""Compiles the translations in locale/ for gettext; the compiled files are never committed."""

import os
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


def compile_catalogues(checkout: Path) -> int:
    """Write the .mo file beside every .po file that is newer than it; gives how many were written.

    Safe beside other processes doing the same: each file is replaced in one step.
    """
    sources = sorted((checkout / "locale").glob("**/LC_MESSAGES/*.po"))
    outdated = [source for source in sources if _is_outdated(source)]
    for source in outdated:
        _compile(source)
    return len(outdated)


def _is_outdated(source: Path) -> bool:
    compiled = source.with_suffix(".mo")
    return not compiled.exists() or compiled.stat().st_mtime_ns < source.stat().st_mtime_ns


def _compile(source: Path) -> None:
    modified = source.stat().st_mtime_ns
    with source.open("rb") as file:
        catalogue = read_po(file, locale=source.parent.parent.name, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    partial = source.with_name(f".{source.stem}.{os.getpid()}.mo")
    partial.write_bytes(compiled.getvalue())
    os.utime(partial, ns=(modified, modified))  # An edit while we compiled stays newer than the result.
    partial.rename(source.with_suffix(".mo"))


if __name__ == "__main__":
    print(f"{compile_catalogues(Path(__file__).resolve().parents[2])} catalogues compiled")
