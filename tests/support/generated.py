"""The generated message set of the ingest measurements, and the verifier that comes with it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

GENERATOR = Path(__file__).resolve().parents[3] / "shared" / "bench" / "genmsgs.py"


def generated(folder: Path, messages: int) -> tuple[ModuleType, list[dict[str, Any]]]:
    """Write that many messages into a folder; gives the verifier and what is known of each message."""
    command = [sys.executable, str(GENERATOR), str(folder), "--n", str(messages)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    spec = importlib.util.spec_from_file_location("verify", GENERATOR.with_name("verify.py"))
    assert spec is not None
    assert spec.loader is not None
    verifier = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verifier)
    return verifier, verifier.load(str(folder))
