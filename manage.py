#!/usr/bin/env python3
"""Command line of the project. In a checkout it runs in the checkout's own environment, .venv, whoever calls it."""

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent


def main() -> None:
    """Enter the environment that `make run` made, make it first for `up`, and run the command there."""
    from kundomail.local import bootstrap  # needs nothing but Python itself

    if sys.argv[1:2] == ["up"]:
        bootstrap.install(CHECKOUT, "local")
    bootstrap.enter(CHECKOUT)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kundomail.settings")
    from django.core.management import execute_from_command_line  # installed by bootstrap

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
