"""The embedded servers: what they start on, what they refuse, and what the application may do in them."""

import asyncio
import os
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from kundomail.local import directories, embedded, paths, postgres, programs
from kundomail.local.account import server_account
from kundomail.local.errors import LocalError
from kundomail.local.locking import FileLock
from kundomail.local.supervisor import Supervisor

Lines = list[tuple[str, str]]


def _start_and_stop(instance: embedded.Instance) -> Lines:
    """Bring both servers up, provision the database, and stop them; gives their output."""
    lines: Lines = []

    async def session() -> None:
        async with Supervisor(lambda name, line: lines.append((name, line))) as supervisor:
            await supervisor.start_all(instance.services())
            await asyncio.to_thread(postgres.provision, instance.cluster)
            with closing(instance.cluster.connect(paths.DATABASE, paths.ROLE)) as opened, opened.cursor() as cursor:
                cursor.execute("CREATE TABLE IF NOT EXISTS proof (n int)")
                cursor.execute("INSERT INTO proof VALUES (1)")
            assert instance.broker.is_ready()

    asyncio.run(session())
    return lines


@pytest.mark.django_db
def test_the_application_is_bound_by_row_level_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, True)


@pytest.mark.django_db
def test_the_full_text_match_is_leakproof_so_that_its_index_works_below_row_level_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT proleakproof FROM pg_proc WHERE proname = 'ts_match_vq'")
        assert cursor.fetchone() == (True,)


@pytest.mark.django_db
def test_swedish_words_with_umlauts_are_found_by_their_stem() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_tsvector('swedish', 'om ÅTERVINNING') @@ to_tsquery('swedish', 'återvinningen')")
        assert cursor.fetchone() == (True,)


def test_both_servers_start_on_nothing_and_again_on_their_own_data(elsewhere: Path) -> None:
    instance = embedded.instance(elsewhere)
    _start_and_stop(instance)
    lines = _start_and_stop(instance)
    assert any("was shut down" in line for name, line in lines if name == "postgres")
    assert not any("recovery" in line for _, line in lines)


def test_a_database_directory_without_version_is_wiped_and_made_again(elsewhere: Path) -> None:
    cluster = embedded.instance(elsewhere).cluster
    (cluster.data / "base").mkdir(parents=True)
    postgres.prepare(cluster)
    assert (cluster.data / "PG_VERSION").exists()
    assert (cluster.data / "global" / "pg_control").exists()


def test_an_initdb_that_was_killed_leaves_nothing_that_looks_like_a_database(elsewhere: Path) -> None:
    cluster = embedded.instance(elsewhere).cluster
    half_made = cluster.data.with_name("postgres.unfinished")
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    postgres.prepare(cluster)
    assert not half_made.exists()
    assert (cluster.data / "global" / "pg_control").exists()


def test_data_of_another_version_is_refused_and_kept(elsewhere: Path) -> None:
    cluster = embedded.instance(elsewhere).cluster
    cluster.data.mkdir()
    (cluster.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(LocalError, match="written by PostgreSQL 15, and the installed one is 18"):
        postgres.prepare(cluster)
    assert (cluster.data / "PG_VERSION").read_text() == "15\n"


def test_sockets_and_process_numbers_of_a_crash_do_not_hinder_the_next_start(elsewhere: Path) -> None:
    instance = embedded.instance(elsewhere)
    postgres.prepare(instance.cluster)
    # The number belongs to a living process, as it can after a crash: this one.
    (instance.cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{instance.cluster.data}\n1\n5432\n")
    for name in (paths.POSTGRES_SOCKET, paths.VALKEY_SOCKET):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(instance.sockets / name))
    _start_and_stop(instance)


def test_a_server_that_still_lives_is_waited_for_and_not_doubled(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kundomail.local.supervisor.LOCK_WAIT_SECONDS", 0.2)
    instance = embedded.instance(elsewhere)

    async def session() -> None:
        async with Supervisor(lambda *_: None) as first, Supervisor(lambda *_: None) as second:
            await first.start(instance.valkey_service())
            with pytest.raises(LocalError, match=r"valkey\.lock is locked"):
                await second.start(instance.valkey_service())

    asyncio.run(session())


def test_a_socket_directory_that_is_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "parent").mkdir()
    (tmp_path / "parent" / "run").symlink_to(tmp_path / "target")
    os.chown(tmp_path / "parent", server_account().uid, server_account().gid)
    with pytest.raises(LocalError, match="is not a directory of user"):
        directories.make_private(tmp_path / "parent" / "run", server_account())


def test_private_directories_are_closed_to_all_others(elsewhere: Path) -> None:
    instance = embedded.instance(elsewhere)
    for directory in (instance.sockets, instance.sockets.parent, paths.state_directory(elsewhere)):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_socket_path_is_never_too_long_for_the_kernel(elsewhere: Path) -> None:
    deep = {"TMPDIR": "/" + "d" * 90}
    directory = paths.socket_directory(elsewhere, environment=deep)
    assert len(os.fsencode(directory / paths.POSTGRES_SOCKET)) <= paths.SOCKET_PATH_MAX_OCTETS


def test_two_checkouts_never_share_servers(tmp_path: Path) -> None:
    assert paths.socket_directory(tmp_path / "a") != paths.socket_directory(tmp_path / "b")
    assert paths.state_directory(tmp_path / "a") != paths.state_directory(tmp_path / "b")


@pytest.mark.skipif(os.getuid() != 0, reason="only root runs the servers as somebody else")
def test_an_account_that_cannot_reach_the_wheel_gets_a_copy_of_its_programs(tmp_path: Path) -> None:
    package = tmp_path / "closed" / "wheel"
    program = package / "pginstall18" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho postgres 18\n")
    program.chmod(0o755)
    (tmp_path / "closed").chmod(0o700)
    copies = Path("/run") / paths.ACCOUNT / f"copies-{os.getpid()}"
    account = server_account()
    try:
        assert not programs._runs(program, account)
        copied = programs._copy(package, package / "pginstall18", copies / "wheel-1")
        assert programs._runs(copied / "bin" / "postgres", account)
        assert (tmp_path / "closed").stat().st_mode & 0o777 == 0o700
    finally:
        programs.shutil.rmtree(copies)


def test_a_lock_shared_by_two_keeps_a_third_from_having_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path, shared=True) as first, FileLock(path, shared=True) as second, FileLock(path) as alone:
        assert first.try_acquire()
        assert second.try_acquire()
        first.close()
        assert not alone.try_acquire()
        second.close()
        assert alone.try_acquire()


def test_the_database_container_makes_the_same_role_and_database(elsewhere: Path) -> None:
    """deploy/postgres/10-role.sh, run as the official image runs it: on an empty server, as superuser."""
    instance = embedded.instance(elsewhere)
    script = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "10-role.sh"
    environment = {
        "PATH": f"{instance.cluster.programs}:{os.defpath}",
        "PGHOST": str(instance.sockets),
        "DATABASE_PASSWORD": "it's a $ecret",
    }

    async def session() -> None:
        async with Supervisor(lambda *_: None) as supervisor:
            await supervisor.start(instance.postgres_service())
            await asyncio.to_thread(subprocess.run, [str(script)], env=environment, check=True, capture_output=True)
            with closing(instance.cluster.connect(paths.DATABASE, paths.ROLE)) as opened, opened.cursor() as cursor:
                cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
                assert cursor.fetchone() == (False, False)
                cursor.execute("SELECT proleakproof FROM pg_proc WHERE proname = 'ts_match_vq'")
                assert cursor.fetchone() == (True,)

    asyncio.run(session())
