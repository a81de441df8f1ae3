"""A mail service's HTTP API as relay, through django-anymail's clients: finished octets in, the service's answer out.

Anymail's own way, a Django message that the service builds a mail from, would break our signature and lose our
Message-ID. So only its sessions, credentials, requests' errors and the reading of answers are used, and only of services
that take a finished mail. docs/decisions/0014 says what each service keeps of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings

from whitelabel.relay import Envelope, Outcome, RelayUnavailable, Reply, shown

SCHEME = "anymail+"
MAILGUN_URL = "https://api.mailgun.net/v3"
ACCEPTED_STATUS = "2.0.0"
TOO_LARGE = 413

# Answers about the account or the service, not about the mail: it must not be given up for them.
ACCOUNT_STATUSES = frozenset({401, 402, 403, 404, 421, 429})
BUSY = 503
SES_REFUSALS = frozenset({"MessageRejected", "BadRequestException", "InvalidParameterValue"})


@dataclass(frozen=True)
class ApiAddress:
    """Which service, as whom, and where; read from RELAY_URL.

    `anymail+mailgun://<key>@<sending domain>` and `anymail+amazon-ses://<key>:<secret>@<region>`, with
    `?endpoint=https://…` for an API somewhere else than usual, such as Mailgun's in the EU.
    """

    service: str
    place: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    endpoint: str = ""

    @classmethod
    def of(cls, url: str) -> ApiAddress:
        """Raises ValueError for a service that cannot be a relay, and for a URL without a domain or region."""
        parts = urlsplit(url)
        service = parts.scheme.removeprefix(SCHEME)
        if service not in _CLIENTS:
            raise ValueError(
                f"RELAY_URL: {service} would write the mail anew, which breaks its signature and its Message-ID. "
                f"Use the service by SMTP, or one of {', '.join(f'{SCHEME}{name}' for name in _CLIENTS)}."
            )
        if not parts.hostname:
            raise ValueError("RELAY_URL is anymail+mailgun://<key>@<sending domain> or anymail+amazon-ses://<region>")
        endpoint = parse_qs(parts.query).get("endpoint", [""])[0]
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(service, parts.hostname, user, password, endpoint)


class ApiRelay:
    """Hands mail to the service: one request for each recipient, because each has a return path of its own."""

    def __init__(self, address: ApiAddress) -> None:
        self.address = address
        self._backend: Any = None

    def send(
        self,
        envelope_sender: str,
        recipient: str,
        content: bytes,
        *,
        following: Envelope | None = None,
        waiting: Callable[[], None] = lambda: None,
    ) -> Reply:
        """Hand over one mail, as `relay.Relay.send` does, but `waiting` is never called: an answer comes soon or not.

        Raises RelayUnavailable when nothing could be asked.
        """
        if not Envelope(envelope_sender, recipient, len(content)).is_writable:
            return Reply(Outcome.REFUSED, "5.1.3", "the address cannot be written in SMTP")
        from anymail.exceptions import AnymailAPIError

        connect, payload_of = _CLIENTS[self.address.service]
        if self._backend is None:
            self._backend = connect(self.address)
            self._backend.open()
        payload = payload_of(self._backend, envelope_sender, recipient, content)
        try:
            answer = self._backend.post_to_esp(payload, payload)
            [taken] = self._backend.parse_recipient_status(answer, payload, payload).values()
        except AnymailAPIError as error:
            return _failure(error)
        return Reply(Outcome.ACCEPTED, ACCEPTED_STATUS, shown(f"queued as {taken.message_id}"))

    def close(self) -> None:
        """End the session."""
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()


class _Payload(SimpleNamespace):
    """What anymail's clients ask of a payload."""

    def get_request_params(self, api_url: str) -> dict[str, Any]:
        """For clients of `requests`."""
        return {"url": f"{api_url}{self.path}", "method": "POST", **self.request}

    def finalize_payload(self) -> None:
        """Nothing to do: the mail is final."""

    def parse_recipient_status(self, response: dict[str, Any]) -> dict[str, Any]:
        """For SES, which leaves this to the payload."""
        return {self.all_recipients[0].addr_spec: SimpleNamespace(message_id=response.get("MessageId", ""))}


def _mailgun(address: ApiAddress) -> Any:
    from anymail.backends.mailgun import EmailBackend

    return EmailBackend(
        api_key=address.user,
        sender_domain=address.place,
        api_url=address.endpoint or MAILGUN_URL,
        timeout=settings.RELAY_TIMEOUT_SECONDS,
    )


def _mailgun_payload(backend: Any, envelope_sender: str, recipient: str, content: bytes) -> _Payload:
    """Mailgun's messages.mime. Its links must stay as they were signed; the return path is Mailgun's own."""
    return _Payload(
        path=f"{backend.sender_domain}/messages.mime",
        sender_domain=backend.sender_domain,
        request={
            "auth": ("api", backend.api_key),
            "data": {"to": recipient, "o:tracking": "no"},
            "files": {"message": ("mail.eml", content, "message/rfc822")},
        },
        all_recipients=[SimpleNamespace(addr_spec=recipient)],
    )


def _ses(address: ApiAddress) -> Any:
    from anymail.backends.amazon_ses import EmailBackend
    from botocore.config import Config

    parameters: dict[str, Any] = {
        "region_name": address.place,
        # A repetition of its own would be a mail that leaves twice without our knowing.
        "config": Config(
            retries={"total_max_attempts": 1},
            connect_timeout=settings.RELAY_TIMEOUT_SECONDS,
            read_timeout=settings.RELAY_TIMEOUT_SECONDS,
        ),
    }
    if address.user:
        parameters |= {"aws_access_key_id": address.user, "aws_secret_access_key": address.password}
    if address.endpoint:
        parameters["endpoint_url"] = address.endpoint
    return EmailBackend(client_params=parameters)


def _ses_payload(backend: Any, envelope_sender: str, recipient: str, content: bytes) -> _Payload:
    """SESv2 SendEmail with raw content; reports come to our return path as SES's own mails."""
    return _Payload(
        api_name="send_email",
        params={
            "Destination": {"ToAddresses": [recipient]},
            "FeedbackForwardingEmailAddress": envelope_sender,
            "Content": {"Raw": {"Data": content}},
        },
        all_recipients=[SimpleNamespace(addr_spec=recipient)],
    )


_CLIENTS: dict[str, tuple[Callable[[ApiAddress], Any], Callable[[Any, str, str, bytes], _Payload]]] = {
    "mailgun": (_mailgun, _mailgun_payload),
    "amazon-ses": (_ses, _ses_payload),
}


def _failure(error: Any) -> Reply:
    """What an error of the client means. Raises RelayUnavailable when no connection was made."""
    response = error.response
    if response is None:
        if any(type(cause).__name__ in _NOT_CONNECTED for cause in _causes(error)):
            raise RelayUnavailable(shown(str(error.__cause__ or error))) from error
        return Reply(Outcome.UNKNOWN, "4.4.2", shown(str(error.__cause__ or error)), trouble=True)
    if isinstance(response, dict):
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        code, words = response.get("Error", {}).get("Code", ""), response.get("Error", {}).get("Message", "")
        return _said(status, f"{code} {words}", is_refusal=code in SES_REFUSALS)
    status = response.status_code
    return _said(status, _words(response.text), is_refusal=400 <= status < 500 and status not in ACCOUNT_STATUSES)


def _said(status: int, words: str, *, is_refusal: bool) -> Reply:
    text = shown(f"{status} {words}")
    if is_refusal:
        return Reply(Outcome.REFUSED, "5.3.4" if status == TOO_LARGE else "5.0.0", text)
    if status < 300 or (status >= 500 and status != BUSY):
        # An answer nobody understands, or one of a gateway before the service: the mail may be on its way.
        return Reply(Outcome.UNKNOWN, "4.4.2", text, trouble=True)
    return Reply(Outcome.LATER, "4.0.0", text, trouble=True)


# Of requests, urllib3 and botocore, by name: nothing of them is imported where no service is used.
_NOT_CONNECTED = frozenset(
    {"ConnectTimeout", "ConnectTimeoutError", "NewConnectionError", "EndpointConnectionError", "SSLError"}
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and what urllib3 wraps as its reason."""
    seen: list[BaseException] = [error]
    for each in seen:
        more = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        seen.extend(one for one in more if isinstance(one, BaseException) and one not in seen)
        yield each


def _words(text: str) -> str:
    """The sentence in a JSON answer, or the answer."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text
