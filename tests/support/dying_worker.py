"""A filing worker that is killed with SIGKILL just before its Nth statement: `python -m tests.support.dying_worker N`.

Prints how many statements it ran when it gets to the end alive.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django


def main(last: int) -> None:
    """File what is due until the last statement comes."""
    django.setup()
    from django.db import connection

    from forwarding import filing
    from forwarding.reading.child import Reader

    count = 0

    def die_in_time(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*arguments)

    with connection.execute_wrapper(die_in_time), Reader() as reader:
        while filing.file_due(reader):
            pass
    print(count)


if __name__ == "__main__":
    main(int(sys.argv[1]))
