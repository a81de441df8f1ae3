"""A worker that is killed with SIGKILL just before its Nth statement: `python -m tests.support.dying_worker <work> N`.

The work is `filing` or `delivering`. Prints how many statements it ran when it gets to the end alive.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django


def file_mail() -> None:
    """File what is due."""
    from forwarding import filing
    from forwarding.reading.child import Reader

    with Reader() as reader:
        while filing.file_due(reader):
            pass


def deliver_mail() -> None:
    """Send what is due."""
    from whitelabel.delivery import Courier

    courier = Courier()
    while courier.step():
        pass


WORK = {"filing": file_mail, "delivering": deliver_mail}


def main(work: str, last: int) -> None:
    """Do the work until the last statement comes."""
    django.setup()
    from django.db import connection

    count = 0

    def die_in_time(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*arguments)

    with connection.execute_wrapper(die_in_time):
        WORK[work]()
    print(count)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
