"""Which Chromium drives the browser tests and takes the pictures."""

import os
from pathlib import Path

# The shell has no windows to draw and takes half the processor time for the same pages.
_KNOWN = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))


def _chosen() -> Path:
    if named := os.environ.get("CHROMIUM_PATH"):
        return Path(named)
    return next((path for path in _KNOWN if path.exists()), _KNOWN[-1])


CHROMIUM = _chosen()
"""May not exist: then the browser tests are skipped and say so."""
