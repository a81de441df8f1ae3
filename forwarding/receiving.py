"""The SMTP server put together from the settings: limits, certificate, directory and spool."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import timedelta
from ipaddress import ip_network

from django.conf import settings

from forwarding.directory import ServiceDirectory
from forwarding.refusals import RefusalLog
from forwarding.smtpd.door import Door, FloodGate, Network
from forwarding.smtpd.limits import Limits
from forwarding.smtpd.service import Service
from forwarding.smtpd.tls import configured_context, self_made_context
from forwarding.spool import DatabaseSpool, SpoolLimits
from whitelabel.keys import token_keys


def limits_from_settings() -> Limits:
    """Every limit is the setting of its name: `message_octets` is SMTP_MESSAGE_OCTETS."""
    return Limits(**{field.name: getattr(settings, f"SMTP_{field.name.upper()}") for field in fields(Limits)})


def networks(texts: Sequence[str]) -> list[Network]:
    """Networks in CIDR notation. Raises ValueError."""
    return [ip_network(text) for text in texts]


def tls_from_settings() -> ssl.SSLContext:
    """The configured certificate, or one made now. Raises OSError or ssl.SSLError."""
    if settings.SMTP_CERTIFICATE:
        return configured_context(*_certificate())
    return self_made_context(settings.SMTP_HOSTNAME)


def service_maker(limits: Limits, door: Door, tls: ssl.SSLContext) -> Callable[[], Service]:
    """What makes a process's service. The parts given here and the flood gate are shared by all processes."""
    flood = FloodGate(limits.flood_per_minute)
    proxies, fronts = networks(settings.SMTP_PROXY_NETWORKS), networks(settings.SMTP_XFORWARD_NETWORKS)

    def make() -> Service:
        return Service(
            limits=limits,
            directory=_directory(),
            spool=_spool(),
            door=door,
            flood=flood,
            hostname=settings.SMTP_HOSTNAME,
            own_hosts=frozenset(host.lower().rstrip(".") for host in settings.SMTP_OWN_HOSTS),
            tls=tls,
            certificate=_certificate() if settings.SMTP_CERTIFICATE else None,
            proxy_networks=proxies,
            xforward_networks=fronts,
            temporary_directory=settings.SMTP_TEMPORARY_DIRECTORY or None,
            refusals=RefusalLog(per_day=settings.LEDGER_REFUSALS_PER_INBOX_AND_DAY),
        )

    return make


def _certificate() -> tuple[str, str]:
    return settings.SMTP_CERTIFICATE, settings.SMTP_CERTIFICATE_KEY or settings.SMTP_CERTIFICATE


def _directory() -> ServiceDirectory:
    return ServiceDirectory(
        mail_domain=settings.MAIL_DOMAIN,
        operator_key=settings.SMTP_OPERATOR_KEY,
        token_keys=token_keys(),
        suspension=timedelta(days=settings.SMTP_SUSPENSION_DAYS),
        threads=settings.SMTP_DIRECTORY_THREADS,
    )


def _spool() -> DatabaseSpool:
    return DatabaseSpool(
        SpoolLimits(
            group_messages=settings.SMTP_GROUP_MESSAGES,
            group_octets=settings.SMTP_GROUP_OCTETS,
            statement_seconds=settings.SMTP_STATEMENT_SECONDS,
            threads=settings.SMTP_SPOOL_THREADS,
        )
    )
