"""SMS by Twilio's Messages API, through the ``twilio`` library on a transport of our own.

Why not the library's asynchronous transport (9.13): it ignores the timeout it is constructed with, repeats POSTs when
told to retry (Messages has no idempotency key, so people get the same SMS twice), keeps the last request with its body,
and logs. ``_Transport`` is one aiohttp session, one deadline, one POST. The rest (addresses, forms, models, errors)
stays the library's.

An answer that does not come is not an answer: from the moment the request may have reached Twilio until its answer is
here, the message may have been sent. That is CarrierUnsure, and nobody repeats it but the person who waits for it.
"""

import base64
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from foundation.clock import Clock
from push.errors import CarrierBusy, CarrierRefused, CarrierUnsure
from push.ports import Parcel
from push.settings import TwilioSettings

DEADLINE: Final = 10.0
"""Seconds from connecting to the answer. Twilio answers within one; below the outbox's own 20 s."""
CONNECT_SECONDS: Final = 4.0

_LONGEST_VALIDITY: Final = 36_000
"""Seconds; the longest ``ValidityPeriod`` Twilio takes, and its default: a code could arrive ten hours late."""
_SLOW_DOWN: Final = frozenset({429, 503})
_FAILED: Final = frozenset({"failed", "undelivered", "canceled"})
_NO_ENVIRONMENT: Final = {"": ""}
"""So that TWILIO_REGION and TWILIO_EDGE are not read behind our settings' back; an empty one counts as none given."""
_SILENT = logging.getLogger(f"{__name__}.silent")
_SILENT.disabled = True


class TwilioSms:
    """See ports.Carrier. Make it inside a running loop; ``close`` it."""

    def __init__(
        self,
        settings: TwilioSettings,
        clock: Clock,
        *,
        callback: str | None = None,
        base_url: str | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        """``callback``: where Twilio tells what became of a message, to which its number is added; None: nowhere.
        ``base_url``: where the Messages API is instead of at Twilio's, for a stand-in."""
        self._clock = clock
        self._callback = callback
        self._sender: Mapping[str, str] = settings.sender_parameter
        self._transport = _Transport(deadline)
        self._client = Client(
            settings.api_key,
            settings.api_secret.get_secret_value(),
            settings.account,
            http_client=self._transport,
            environment=_NO_ENVIRONMENT,
        )
        if base_url is not None:
            self._client.api.base_url = base_url

    async def carry(self, parcel: Parcel) -> None:
        """One POST."""
        told = {} if self._callback is None else {"status_callback": f"{self._callback}{parcel.number}"}
        left = int((parcel.expires_at - self._clock.now()) / timedelta(seconds=1))
        try:
            message = await self._client.messages.create_async(
                to=parcel.content["to"],
                body=parcel.content["text"],
                validity_period=max(1, min(left, _LONGEST_VALIDITY)),
                **self._sender,
                **told,
            )
        except TwilioRestException as cause:
            raise _refusal(cause) from None  # its text repeats the number
        except TwilioException as cause:
            raise CarrierRefused(f"the library refused it: {type(cause).__name__}") from None
        if message.status in _FAILED:
            raise CarrierRefused(f"Twilio answered {message.status}, code {message.error_code}")

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


class TwilioSignature:
    """See ports.CallbackSignature: HMAC-SHA1 over address and sorted parameters, by the account's token."""

    def __init__(self, auth_token: str) -> None:
        """``auth_token``: the account's."""
        self._validator = RequestValidator(auth_token)

    def holds(self, url: str, form: Mapping[str, str], given: str) -> bool:
        """See ports.CallbackSignature."""
        return bool(given) and bool(self._validator.validate(url, dict(form), given))


def _refusal(error: TwilioRestException) -> CarrierBusy | CarrierRefused | CarrierUnsure:
    """Which of the three an HTTP error of Twilio's is."""
    said = f"status {error.status}, code {error.code}"
    if error.status in _SLOW_DOWN:
        return CarrierBusy(said)
    if error.status >= 500:
        return CarrierUnsure(said)  # something behind their door broke, maybe after our message went through it
    return CarrierRefused(said)


class _Transport(AsyncHttpClient):  # type: ignore[misc]  # the library has no types
    """One session, one deadline, one request per call; foreign errors become ours."""

    def __init__(self, deadline: float) -> None:
        super().__init__(_SILENT, is_async=True, timeout=deadline)
        timeout = aiohttp.ClientTimeout(total=deadline, connect=min(CONNECT_SECONDS, deadline))
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True)

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        allow_redirects: bool = False,
    ) -> Response:
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode("ascii")
        try:
            async with self._session.request(
                method, url, params=params, data=data, headers=sent, allow_redirects=False
            ) as response:
                return Response(response.status, await response.text(), response.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as cause:
            raise CarrierBusy(f"not connected: {type(cause).__name__}") from cause
        except (aiohttp.ClientError, TimeoutError) as cause:
            raise CarrierUnsure(f"no answer: {type(cause).__name__}") from cause

    async def close(self) -> None:
        await self._session.close()
