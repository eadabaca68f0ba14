"""FCM through ``firebase-admin`` (7.7), whose faults under asyncio are met here.

* It fetches its access token with a blocking client inside the asynchronous send: a slow token endpoint of Google's
  would stop every stream of the gateway, for up to two minutes. So the token is fetched in a thread, before it is
  needed, with a deadline. The library holds a credential that cannot fetch: a token that Google takes back early costs
  that push a second attempt from the outbox.
* It repeats 500 and 503 four times by itself, and nothing else. Our deadline stands around all of it; what is worth
  repeating is the outbox's to repeat. A push that went twice replaces itself.
* One refused message would come out as an answer of a batch; we send one at a time and look at it.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import firebase_admin
import google.auth.credentials
import google.auth.exceptions
import google.auth.transport.requests
from firebase_admin import credentials, exceptions, messaging

from foundation.clock import Clock
from foundation.ids import Random
from foundation.logs import get_logger
from push.domain.addresses import Address, FcmAddress
from push.domain.waits import seconds_of
from push.errors import AddressDead, CarrierBusy, CarrierRefused

DEADLINE: Final = 10.0
"""Seconds for a push, the library's own repetitions included; below the outbox's own 20 s."""
TOKEN_SECONDS: Final = 5.0
"""For Google's token endpoint to answer."""
_RENEW_BEFORE: Final = timedelta(minutes=5)
_COLLAPSE: Final = "linkid-waiting"
_TITLE: Final = "Link ID"
_BODY: Final = "Há um pedido esperando."

_log = get_logger(__name__)


class FirebasePushService:
    """See ports.PushService. ``close`` it."""

    def __init__(
        self,
        service_account: str,
        clock: Clock,
        *,
        deadline: float = DEADLINE,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``service_account``: the JSON that Google gave. Raises ValueError when it is none."""
        self._clock = clock
        self._deadline = deadline
        certificate = credentials.Certificate(json.loads(service_account))
        self._source = certificate.get_credential()
        self._held = _Held()
        self._app = firebase_admin.initialize_app(
            _Holder(self._held),
            name=f"linkid-{random(8).hex()}",
            options={"httpTimeout": deadline / 2, "projectId": certificate.project_id},
        )
        self._renewing = asyncio.Lock()

    async def ring(self, address: Address, doorbell: str, life: timedelta) -> None:
        """See ports.PushService."""
        assert isinstance(address, FcmAddress), "the carrier chose by kind"
        message = _message(address.fid, doorbell, life, self._clock.now())
        try:
            async with asyncio.timeout(self._deadline):
                await self._renew()
                answered = await messaging.send_each_async([message], app=self._app)
        except TimeoutError:
            raise CarrierBusy("no answer in time") from None
        except exceptions.FirebaseError as cause:
            self._held.token = None  # most likely Google took it back, and the credential that cannot fetch said so
            raise CarrierBusy(f"the library failed: {type(cause).__name__}") from None
        error = answered.responses[0].exception
        if error is not None:
            raise _ours(error, self._clock.now())

    async def close(self) -> None:
        """The library's own closing runs a loop of its own, so it needs a thread without one."""
        await asyncio.to_thread(firebase_admin.delete_app, self._app)

    async def _renew(self) -> None:
        """Have a token that lasts. Raises CarrierBusy."""
        if self._lasts():
            return
        async with self._renewing:
            if self._lasts():
                return
            try:
                await asyncio.to_thread(self._source.refresh, _impatient)
            except google.auth.exceptions.GoogleAuthError as cause:
                _log.warning("fcm_token_refused", reason=type(cause).__name__)
                raise CarrierBusy(f"no token: {type(cause).__name__}") from None
            self._held.token, self._held.expiry = self._source.token, self._source.expiry

    def _lasts(self) -> bool:
        expiry = self._held.expiry
        # The library's own clock decides whether it would fetch anew: naive, in UTC, and the machine's.
        return self._held.token is not None and expiry is not None and expiry - _RENEW_BEFORE > _utc_now()


class _Held(google.auth.credentials.Credentials):
    """A token that somebody else fetches."""

    def refresh(self, request: Any) -> None:
        raise google.auth.exceptions.RefreshError("not inside the event loop")


class _Holder(credentials.Base):  # type: ignore[misc]  # the library has no types
    """The form in which ``firebase-admin`` takes a credential."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def get_credential(self) -> _Held:
        return self._held


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _impatient(*args: Any, **kwargs: Any) -> Any:
    """A request of Google's library with our deadline: its own is two minutes."""
    return google.auth.transport.requests.Request()(*args, **{**kwargs, "timeout": TOKEN_SECONDS})


def _message(fid: str, doorbell: str, life: timedelta, now: datetime) -> messaging.Message:
    """The opaque id for the app, and words for the lock screen that say nothing."""
    seconds = max(1, int(life.total_seconds()))
    return messaging.Message(
        fid=fid,
        data={"id": doorbell},
        notification=messaging.Notification(title=_TITLE, body=_BODY),
        android=messaging.AndroidConfig(
            priority="high",
            ttl=timedelta(seconds=seconds),
            collapse_key=_COLLAPSE,
            notification=messaging.AndroidNotification(tag=_COLLAPSE, visibility="private"),
        ),
        apns=messaging.APNSConfig(
            headers={
                "apns-priority": "10",
                "apns-push-type": "alert",
                "apns-expiration": str(int(now.timestamp()) + seconds),
                "apns-collapse-id": _COLLAPSE,
            },
            payload=messaging.APNSPayload(aps=messaging.Aps(sound="default")),
        ),
    )


_LATER: Final = (
    messaging.QuotaExceededError,
    exceptions.UnavailableError,
    exceptions.InternalError,
    exceptions.DeadlineExceededError,
    exceptions.ResourceExhaustedError,
    exceptions.UnknownError,
    exceptions.AbortedError,
)


def _ours(error: Exception, now: datetime) -> AddressDead | CarrierBusy | CarrierRefused:
    """Which of the three an error of FCM's is. Its text may repeat the address, so only its kind is kept."""
    said = type(error).__name__
    if isinstance(error, messaging.UnregisteredError):
        return AddressDead(said)
    if isinstance(error, _LATER):
        headers: Mapping[str, str] = getattr(getattr(error, "http_response", None), "headers", None) or {}
        return CarrierBusy(said, retry_after=seconds_of(headers.get("Retry-After"), now))
    # Our account (of another project: SENDER_ID_MISMATCH), our message, Apple's key at Google: the operator's to mend.
    # No address dies of it: one wrong file would make every phone forget us.
    return CarrierRefused(said)
