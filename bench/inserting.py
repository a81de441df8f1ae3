"""The bare yardstick of the spool: N clients that insert the same octets, a commit for each, and nothing else."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier

import psycopg2

from bench.database import Database

_CREATE = """
    DROP TABLE IF EXISTS bench_bare;
    CREATE TABLE bench_bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, content bytea NOT NULL);
    ALTER TABLE bench_bare ALTER COLUMN content SET STORAGE EXTERNAL;
"""
_INSERT = "INSERT INTO bench_bare (content) VALUES (%s)"


def insert(database: Database, messages: Sequence[bytes], *, clients: int) -> float:
    """Insert all messages; returns messages a second. Every client is a process, so that Python's lock holds none up."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_CREATE)
    connection.close()
    # forkserver or spawn would copy the messages into each client.
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(clients + 1)
    shares = [messages[number::clients] for number in range(clients)]
    workers = [context.Process(target=_client, args=(database, share, barrier)) for share in shares]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return len(messages) / (time.perf_counter() - began)


def _client(database: Database, messages: Sequence[bytes], barrier: Barrier) -> None:
    connection = database.connect()
    cursor = connection.cursor()
    barrier.wait()
    for message in messages:
        cursor.execute(_INSERT, [psycopg2.Binary(message)])
        connection.commit()
    connection.close()
