"""The relay that RELAY_URL names: a server that speaks SMTP, or a mail service's API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from django.conf import settings

from whitelabel import relay_api
from whitelabel.relay import Envelope, Relay, Reply
from whitelabel.relay_session import RelayAddress


class Carrier(Protocol):
    """What carries mail; see `relay.Relay`."""

    def send(
        self,
        envelope_sender: str,
        recipient: str,
        content: bytes,
        *,
        following: Envelope | None = None,
        waiting: Callable[[], None] = ...,
    ) -> Reply:
        """Hand over one mail for one recipient. Raises RelayUnavailable."""

    def close(self) -> None:
        """End the session."""


def from_settings() -> Carrier:
    """The relay of this installation, not yet connected. Raises ValueError for a RELAY_URL that names none."""
    if settings.RELAY_URL.startswith(relay_api.SCHEME):
        return relay_api.ApiRelay(relay_api.ApiAddress.of(settings.RELAY_URL))
    return Relay(RelayAddress.from_settings())
