"""Idle connections to the database that the server has ended, found before a mail is put off because of them."""

from __future__ import annotations

import select

from django.db import connection


def drop_if_lost() -> None:
    """Close this thread's connection if the server has ended it; the next statement opens a new one.

    Call outside of a transaction. Nothing is sent: an idle connection that does not LISTEN can be read from only when
    the server says goodbye or is gone.
    """
    link = connection.connection
    if link is None or link.closed:
        return
    watch = select.poll()  # select() knows no descriptors from 1024 on
    watch.register(link.fileno(), select.POLLIN)
    if watch.poll(0):
        connection.close()
