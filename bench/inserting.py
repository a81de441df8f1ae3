"""The bare yardstick of the spool: N clients that insert the same octets, a commit for each, and nothing else."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier

import psycopg2

from bench import processes
from bench.database import Database

_CREATE = """
    DROP TABLE IF EXISTS bench_bare;
    CREATE TABLE bench_bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, content bytea NOT NULL);
    ALTER TABLE bench_bare ALTER COLUMN content SET STORAGE EXTERNAL;
"""
_INSERT = "INSERT INTO bench_bare (content) VALUES (%s)"


@dataclass(frozen=True)
class Inserted:
    """Messages a second, and CPU seconds of clients and database."""

    per_second: float
    clients: float
    database: float


def insert(database: Database, messages: Sequence[bytes], *, clients: int) -> Inserted:
    """Insert all messages. Every client is a process, so that Python's lock holds none up."""
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
    before, spent = processes.cpu_seconds(database.pid), _children_seconds()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    return Inserted(len(messages) / seconds, _children_seconds() - spent, processes.cpu_seconds(database.pid) - before)


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _client(database: Database, messages: Sequence[bytes], barrier: Barrier) -> None:
    connection = database.connect()
    cursor = connection.cursor()
    barrier.wait()
    for message in messages:
        cursor.execute(_INSERT, [psycopg2.Binary(message)])
        connection.commit()
    connection.close()
