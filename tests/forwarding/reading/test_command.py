"""`manage.py read_mail`: JSON lines without a database."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.forwarding.reading.messages import mail, multipart, part

PROJECT = Path(__file__).resolve().parents[3]


def read_mail_command(*paths: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "KUNDOMAIL_LOCAL": "1", "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}
    command = [sys.executable, "manage.py", "read_mail", *map(str, paths)]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two mails in a folder, read by one run of the command, by file name."""
    folder = tmp_path_factory.mktemp("mails")
    (folder / "inner").mkdir()
    (folder / "a.eml").write_bytes(
        mail(
            b"Tack igen!\r\n\r\n-- \r\nAnna\r\n",
            b"Cc: Bo <bo@x.se>",
            b"Message-ID: <1@x.se>",
            b"Reply-To: <svar@x.se>",
        )
    )
    file = part(b"%PDF", "application/pdf; name=cv.pdf", encoding="base64")
    (folder / "inner" / "b.eml").write_bytes(multipart(part("<p>Räk</p>", "text/html; charset=utf-8"), file))
    (folder / "inner" / "c.eml").write_bytes(b"\xff\x00junk")
    status = "Reporting-MTA: dns; mx.example.se\r\n\r\nFinal-Recipient: rfc822; bo@example.se\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    original = part("Message-ID: <7@lillestad.se>\r\nSubject: Hej\r\n", "text/rfc822-headers")
    report = multipart(part("Sorry."), part(status, "message/delivery-status"), original, subtype="report")
    (folder / "inner" / "d.eml").write_bytes(report.replace(b"anna@example.se", b"mailer-daemon@example.se"))
    done = read_mail_command(folder)
    assert (done.returncode, done.stderr) == (0, "")
    return {Path(line["path"]).name: line for line in map(json.loads, done.stdout.splitlines())}


def test_every_file_of_a_folder_is_read(lines: dict[str, Any]) -> None:
    assert sorted(lines) == ["a.eml", "b.eml", "c.eml", "d.eml"]


def test_a_line_holds_what_support_asks_for(lines: dict[str, Any]) -> None:
    line = dict(lines["a.eml"])
    assert line.pop("cpu_ms") > 0
    assert line.pop("path").endswith("a.eml")
    assert line == {
        "from": {"name": "Anna", "address": "anna@example.se"},
        "reply_to": [{"name": "", "address": "svar@x.se"}],
        "to": [{"name": "", "address": "jobb@lillestad.se"}],
        "cc": [{"name": "Bo", "address": "bo@x.se"}],
        "subject": "Hej",
        "date": "2024-02-05T10:12:00+01:00",
        "message_id": "1@x.se",
        "other_text": "",
        "text": "Tack igen!\n\n-- \nAnna\n",
        "visible_text": "Tack igen!\n",
        "quoted_text": "\n-- \nAnna\n",
        "has_html": False,
        "attachments": [],
        "class": "human",
        "bounces": [],
        "defects": [],
        "stage": "full",
    }


def test_a_report_is_classed_and_its_recipients_are_listed(lines: dict[str, Any]) -> None:
    line = lines["d.eml"]
    assert line["class"] == "dsn"
    assert line["bounces"] == [
        {"recipient": "bo@example.se", "action": "failed", "status": "5.1.1", "original_message_id": "7@lillestad.se"}
    ]


def test_attachments_are_listed_without_their_content(lines: dict[str, Any]) -> None:
    line = lines["b.eml"]
    assert (line["text"], line["has_html"]) == ("Räk\n", True)
    assert line["attachments"] == [{"name": "cv.pdf", "type": "application/pdf", "size": 4, "inline": False}]


def test_a_missing_path_is_said_and_fails(tmp_path: Path) -> None:
    done = read_mail_command(tmp_path / "nowhere.eml")
    assert done.returncode != 0
    assert "nowhere.eml" in done.stderr
