"""What the documents say about the project is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


def code() -> str:
    folders = ("kundomail", "organizations", "whitelabel", "inboxes", "conversations", "forwarding")
    return "\n".join(path.read_text() for folder in folders for path in (CHECKOUT / folder).rglob("*.py"))


def test_every_variable_of_the_readme_is_read_by_the_project():
    table = (CHECKOUT / "README.md").read_text().partition("## Configuration")[2].partition("\n## ")[0]
    variables = set(re.findall(r"^\| (?:`([A-Z_]+)`(?:, `([A-Z_]+)`)?)", table, re.MULTILINE))
    names = {name for pair in variables for name in pair if name}
    assert len(names) > 15
    text = code()
    assert {name for name in names if f'"{name}"' not in text} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_link_and_picture_of_a_document_exists(document):
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_module_a_document_names_exists(document):
    names = re.findall(
        r"`((?:organizations|whitelabel|inboxes|conversations|forwarding)\.[a-z_]+)", document.read_text()
    )
    missing = [
        name
        for name in names
        if not (CHECKOUT / name.replace(".", "/")).is_dir()
        and not (CHECKOUT / (name.replace(".", "/") + ".py")).is_file()
    ]
    assert missing == []


def test_every_make_target_of_the_readme_exists():
    makefile = (CHECKOUT / "Makefile").read_text()
    targets = set(re.findall(r"make ([a-z-]+)", (CHECKOUT / "README.md").read_text()))
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_every_management_command_of_the_documents_exists():
    commands = {path.stem for path in CHECKOUT.glob("*/management/commands/*.py")} | {
        "migrate",
        "collectstatic",
        "check",
        "createsuperuser",
    }
    named = {name for document in DOCUMENTS for name in re.findall(r"manage\.py ([a-z_]+)", document.read_text())}
    assert named - commands == set()
