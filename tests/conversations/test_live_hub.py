"""The thread that feeds open pages lives as long as there is one."""

from __future__ import annotations

import asyncio

import pytest

from conversations import live


@pytest.mark.django_db(transaction=True)
def test_the_thread_ends_after_a_page_whose_server_was_stopped_before_it_could_unsubscribe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "LISTEN_SECONDS", 0.1)
    hub = live.Hub()

    async def forget() -> None:
        assert await hub.subscribe(1).next(10) == {"kind": "reload"}

    asyncio.run(forget())
    thread = hub._thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
