"""The generated message set of the ingest measurements, read and judged by the verifier that comes with it."""

import hashlib
from pathlib import Path

import pytest

from forwarding.reading import read_mail
from tests.support.generated import GENERATOR, generated

MESSAGES = 200

pytestmark = pytest.mark.skipif(not GENERATOR.is_file(), reason=f"no message generator in {GENERATOR.parent}")


def test_every_text_and_file_of_the_generated_set_is_right(tmp_path: Path) -> None:
    verifier, metas = generated(tmp_path, MESSAGES)
    verdict = verifier.check(str(tmp_path), [row(tmp_path, meta) for meta in metas], metas)
    assert (verdict["arrived"], verdict["text_right"]) == (MESSAGES, MESSAGES)
    assert verdict["text_nonascii_right"] == verdict["text_nonascii"] > 0
    assert verdict["attachments_right"] == verdict["attachment_names_right"] == verdict["attachments"] > 0


def row(folder: Path, meta: dict[str, str]) -> dict[str, object]:
    """One message as the verifier wants it, out of what was read. What belongs together is decided later, in filing."""
    read = read_mail((folder / meta["file"]).read_bytes())
    files = [(one.name, hashlib.sha256(one.content).hexdigest()) for one in read.attachments]
    return {
        "token": meta["token"] if meta["token"] in read.text else "",
        "conv": meta["id"],
        "text": read.text,
        "atts": files,
    }
