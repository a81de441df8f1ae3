"""The SMTP server without the promise of its 250: the control of the crash test must lose mail with it."""

from __future__ import annotations

import os
import sys
from functools import partial

import django
from django.core.management import call_command

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "kundomail.settings"
    django.setup()
    from forwarding import receiving, spool

    receiving.DatabaseSpool = partial(spool.DatabaseSpool, durability="off")  # type: ignore[assignment,misc]  # on purpose
    call_command("receive_mail", *sys.argv[1:])
