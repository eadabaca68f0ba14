"""The phone: pairing, what waits, approving and refusing, scanning.

    async with await SandboxPhone.open(app_url="http://localhost:8440") as phone:
        await phone.ask_code("+55 11 98765-4321")
        (credential, *_) = await phone.give_code("123456")
        await phone.bind(credential["id"], password="Cacto8Vidro2", nickname="Celular da Maria")
        await phone.approve_test()
        statement = await phone.wait_for("sign")
        await phone.approve(statement, password="Cacto8Vidro2")

Everything shown or decided comes out of a :class:`Statement`, that is, out of bytes that a trust root signed; what the
gateway says beside them is believed for nothing.
"""

import asyncio
import random
import re
import secrets
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Self

from sandbox_phone.domain import codes, keys
from sandbox_phone.domain import decision as decisions
from sandbox_phone.domain.passkey import Passkey
from sandbox_phone.domain.statement import Statement, open_statement
from sandbox_phone.domain.trust import Trust, open_signed, read_trust
from sandbox_phone.errors import Expired, GatewayRefused, GatewayUnreachable, NotReady, TimedOut, Untrusted
from sandbox_phone.gateway import Gateway, fetch_trust, wall_clock
from sandbox_phone.storage import MemoryStorage, Storage

PHONE_TYPES: Final = (
    "pair", "test", "associate", "identify", "unblock", "generator", "admit", "passkey", "passkey-end", "sign",
    "session", "consent",
)  # fmt: skip
REQUEST_QR: Final = "/r#1."
"""Between the app's address and the id of a request, in the QR that a computer shows when the phone does not ring."""
_FRAME_KEY: Final = re.compile(r"/l#1\.[^.]+\.[^.]+\.[^.]+\.([A-Za-z0-9_-]{43})\Z")
"""What a computer adds to the frames it shows: the thumbprint of the key that it wants associated."""
STILL_CODE: Final = "/l#2."
"""Between the app's address and what an application's own code says: it asks who is there, and nothing else."""
RECONNECT_SECONDS: Final = 1.0
"""Between a live channel that broke (not one that ended in order) and the next attempt."""
MAX_AWAY_SECONDS: Final = 75.0
"""A gateway that has no room says when to come back; no longer than this, whatever it says."""


class SandboxPhone:
    """One phone. Make it with :meth:`open`."""

    def __init__(self, trust: Trust, storage: Storage, tls: ssl.SSLContext | None, clock: Callable[[], int]) -> None:
        self.trust = trust
        self._storage = storage
        self._clock = clock
        self._state = storage.load()
        if "key" not in self._state:
            self._state["key"] = keys.to_pem(keys.new_key())
            self._keep(trust=trust.source.decode("utf-8"))
        self._key = keys.from_pem(self._state["key"])
        self.jkt = keys.thumbprint(keys.public_jwk(self._key))
        self._passkey: Passkey | None = None
        if "passkey" in self._state:
            key, handle = keys.from_pem(self._state["passkey"]), bytes.fromhex(self._state["passkey_id"])
            self._passkey = Passkey(key, handle, trust.app)
        self._gateway = Gateway(trust.gateway, self._key, tls=tls, clock=clock)
        self._gateway.token = self._state.get("token")

    @classmethod
    async def open(
        cls,
        app_url: str | None = None,
        *,
        trust: Trust | None = None,
        storage: Storage | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], int] = wall_clock,
    ) -> Self:
        """A phone with its state from ``storage``, or a fresh one.

        Trust comes from the state (pinned the first time), else from ``trust``, else from the app host at ``app_url``.
        Raises Untrusted, GatewayUnreachable.
        """
        storage = storage or MemoryStorage()
        pinned = storage.load().get("trust")
        if pinned is not None:
            trust = read_trust(pinned.encode("utf-8"))
        elif trust is None:
            if app_url is None:
                raise NotReady("a fresh phone needs the address of the app or its trust.json")
            trust = await fetch_trust(app_url, tls)
        return cls(trust, storage, tls, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._gateway.close()

    @property
    def device(self) -> str | None:
        """This phone's ``dev_`` id, once its number was confirmed."""
        device: str | None = self._state.get("device")
        return device

    # --- pairing ------------------------------------------------------------------------------------------------------

    async def ask_code(self, number: str) -> dict[str, Any]:
        """*Pedir código de confirmação*. Answers what the gateway says of the challenge (masked number, times)."""
        answer = await self._gateway.call("POST", "/phone/v1/pairings", {"number": number})
        self._keep(pairing=answer["pairing"])
        return answer

    async def ask_again(self) -> dict[str, Any]:
        """The code once more. Raises GatewayRefused with ``retry_after`` when it is too soon."""
        return await self._gateway.call("POST", f"/phone/v1/pairings/{self._pairing()}/resend", {})

    async def give_code(self, code: str) -> list[dict[str, Any]]:
        """The SMS code. Answers the credentials of that number; from now on this phone has a device token."""
        answer = await self._gateway.call("POST", f"/phone/v1/pairings/{self._pairing()}/code", {"code": code})
        self._gateway.token = answer["token"]
        self._keep(device=answer["device"], token=answer["token"])
        credentials: list[dict[str, Any]] = answer["credentials"]
        return credentials

    async def set_nickname(self, nickname: str) -> None:
        """*Apelido*."""
        await self._gateway.call("PUT", "/phone/v1/device", {"nickname": nickname})
        self._keep(nickname=nickname)

    async def bind(self, credential: str, password: str, nickname: str | None = None) -> str:
        """Bind this phone to ``credential`` with its usage password. Answers the id of the test that will ring.

        Raises GatewayRefused (``password_wrong`` …), Untrusted when the statement is about something else.
        """
        if nickname is not None:
            await self.set_nickname(nickname)
        answer = await self._gateway.call("POST", "/phone/v1/bindings", {"credential": credential})
        statement = self.read(answer["statement"], "pair")
        if statement.content.get("credential") != credential:
            raise Untrusted("this pairs another certificate than the one chosen")
        result = await self.approve(statement, password)
        test: str = result["next"]["document"]
        return test

    async def approve_test(self, seconds: float = 30) -> Statement:
        """Wait for the test ring that pairing ends with and approve it: the binding becomes active."""
        statement = await self.wait_for("test", seconds)
        await self.approve(statement)
        return statement

    # --- what waits, deciding -----------------------------------------------------------------------------------------

    def read(self, token: object, *expected: str, id: str | None = None) -> Statement:
        """Verify a statement for this phone; ``expected`` types, any of a phone's when none is named."""
        return open_statement(
            self.trust, token, expected=expected or PHONE_TYPES, own_key=self.jkt, now=self._clock(), id=id
        )

    async def waiting(self) -> list[Statement]:
        """What this phone may decide now, verified; what expired on the way is left out."""
        answer = await self._gateway.call("GET", "/phone/v1/waiting")
        found = []
        for item in answer["items"]:
            try:
                found.append(self.read(item["statement"], id=item["id"]))
            except Expired:
                continue
        return found

    async def fetch(self, document: str) -> Statement:
        """One document by its id."""
        answer = await self._gateway.call("GET", f"/phone/v1/documents/{document}")
        return self.read(answer["statement"], id=document)

    async def wait_for(self, kind: str, seconds: float = 60) -> Statement:
        """The first undecided ``kind``: one that waits already, or the next to ring. Raises TimedOut."""

        async def fits(statement: Statement) -> bool:
            return statement.type == kind

        return await self._wait_until(fits, kind, seconds)

    async def wait_for_number(self, seconds: float = 60) -> Statement:
        """The first question who is there that wants the number which its application shows. Raises TimedOut."""

        async def fits(statement: Statement) -> bool:
            return statement.type == "identify" and await self.wants_number(statement.id)

        return await self._wait_until(fits, "identify with a number", seconds)

    async def _wait_until(self, fits: Callable[[Statement], Awaitable[bool]], kind: str, seconds: float) -> Statement:
        try:
            async with asyncio.timeout(seconds), aclosing(self.rings()) as rings:
                async for _ in rings:
                    for statement in await self.waiting():
                        if await fits(statement):
                            return statement
        except TimeoutError as cause:
            raise TimedOut(f"no {kind} in {seconds} s") from cause
        raise TimedOut(f"no {kind}")

    async def rings(self) -> AsyncGenerator[str, None]:
        """Doorbells, for ever: the channel is opened again whenever it ends.

        A ring means no more than "look at what waits"; each opening of the channel counts as one, because something may
        have rung while it was closed.
        """
        while True:
            try:
                async with self._gateway.live() as events:
                    async for event, data in events:
                        if event in ("hello", "doorbell"):
                            yield str(data.get("id", event))
            except GatewayUnreachable:
                await asyncio.sleep(RECONNECT_SECONDS)
            except GatewayRefused as refused:
                after = refused.data.get("retry_after")
                if refused.status not in (429, 503) or not isinstance(after, int):
                    raise
                some = random.random()  # noqa: S311 - within that second, phones come one after the other
                await asyncio.sleep(min(max(after, 1), MAX_AWAY_SECONDS) + some)

    async def wants_number(self, document: str) -> bool:
        """Whether the application that asks shows a number, without which the gateway takes no yes."""
        return "shown_number" in await self._gateway.call("GET", f"/phone/v1/documents/{document}")

    async def approve(
        self,
        statement: Statement,
        password: str | None = None,
        *,
        without_key: bool = False,
        shown_number: str | None = None,
    ) -> dict[str, Any]:
        """Sign the yes. Answers {``state``, ``next``?}.

        ``without_key``: the express yes that a session without keys needs, and nothing else takes. ``shown_number``:
        what the application shows that asks who is there.

        When the transport key retired meanwhile, the statement is fetched again, must be about the very same bytes, and
        the approval is repeated once. Raises GatewayRefused, Untrusted, BadPassword.
        """
        word = decisions.APPROVE_WITHOUT_KEY if without_key else decisions.APPROVE
        try:
            return await self._decide(statement, word, password, shown_number)
        except GatewayRefused as refused:
            if refused.reason != "transport_key_retired":
                raise
        fresh = await self.fetch(statement.id)
        if fresh.document != statement.document:
            raise Untrusted("the document changed after it was shown")
        return await self._decide(fresh, word, password, shown_number)

    async def refuse(self, statement: Statement, reason: str = "refuse:changed-mind") -> dict[str, Any]:
        """Sign the no. ``reason``: one of the protocol's three, with or without ``refuse:``."""
        return await self._decide(statement, "refuse:" + reason.removeprefix("refuse:"), None)

    async def scan(self, text: str) -> Statement:
        """What the camera read, or a code typed by hand.

        The QR of a request opens that request and no other: what the asking computer shows is bound to what is approved
        here, whatever the gateway answers; a frame with a computer's key leads to that computer and no other; a code
        that an application draws associates nothing. Raises GatewayRefused (``frame_expired`` …), Untrusted.
        """
        answer = await self._gateway.call("POST", "/phone/v1/scan", {"text": text})
        _, of_request, request = text.strip().rpartition(REQUEST_QR)
        if of_request:
            return self.read(answer["statement"], "sign", "session", "consent", id=request)
        if STILL_CODE in text:
            return self.read(answer["statement"], "identify")
        statement = self.read(answer["statement"], "associate", "identify")
        key = _FRAME_KEY.search(text.strip())
        if key and (statement.content.get("computer") or {}).get("key") != key[1]:
            raise Untrusted("another computer than the one that showed the code")
        return statement

    async def _decide(
        self, statement: Statement, decision: str, password: str | None, shown_number: str | None = None
    ) -> dict[str, Any]:
        body = await asyncio.to_thread(decisions.decide, self._key, statement, decision, password=password)
        if shown_number is not None:
            body["shown_number"] = shown_number
        if decision in decisions.APPROVALS and statement.type not in ("pair", "test") and self._passkey is not None:
            body["passkey"] = self._passkey.speak(statement.document)
        return await self._send(statement, body)

    async def _send(self, statement: Statement, body: dict[str, Any]) -> dict[str, Any]:
        return await self._gateway.call("POST", f"/phone/v1/documents/{statement.id}/decision", body)

    # --- what this phone is bound to ----------------------------------------------------------------------------------

    async def about(self) -> dict[str, Any]:
        """This phone as the gateway lists it: nickname, bindings, computers."""
        return await self._gateway.call("GET", "/phone/v1/device")

    async def computers(self) -> list[dict[str, Any]]:
        """Associated computers."""
        computers: list[dict[str, Any]] = (await self.about())["computers"]
        return computers

    async def remove_computer(self, computer: str) -> None:
        """End an association."""
        await self._gateway.call("DELETE", f"/phone/v1/computers/{computer}")

    async def sessions(self) -> list[dict[str, Any]]:
        """Open sessions of this phone's certificates, as the gateway lists them."""
        answer = await self._gateway.call("GET", "/phone/v1/sessions")
        sessions: list[dict[str, Any]] = answer["sessions"]
        return sessions

    async def end_session(self, activation: str) -> None:
        """End one, at once."""
        await self._gateway.call("POST", f"/phone/v1/sessions/{activation}/end", {})

    async def consents(self) -> list[dict[str, Any]]:
        """What applications were allowed, as the gateway lists it."""
        consents: list[dict[str, Any]] = (await self._gateway.call("GET", "/phone/v1/consents"))["consents"]
        return consents

    async def end_consent(self, consent: str) -> None:
        """Take one back, at once."""
        await self._gateway.call("POST", f"/phone/v1/consents/{consent}/end", {})

    async def get_generator(self, credential: str, password: str) -> None:
        """*Código para usar sem internet*: from now on :meth:`code` works. Raises GatewayRefused, Untrusted."""
        key = keys.new_key()
        public = keys.public_jwk(key)
        body = {"credential": credential, "delivery_key": public}
        answer = await self._gateway.call("POST", "/phone/v1/generators", body)
        statement = self.read(answer["statement"], "generator")
        said = (statement.content.get("credential"), statement.content.get("delivery_key"))
        if said != (credential, keys.thumbprint(public)):
            raise Untrusted("this delivers to another key, or for another certificate")
        result = await self.approve(statement, password)
        secret = codes.open_delivery(key, result.get("next", {}).get("generator"), credential)
        self._keep(**{f"generator {credential}": secret.hex()})

    async def protect(self, credential: str, password: str) -> None:
        """*Proteger com a tela de bloqueio*: from now on a passkey speaks for each yes. Raises GatewayRefused,
        Untrusted."""
        made = Passkey(keys.new_key(), secrets.token_bytes(32), self.trust.app)
        body = {"credential": credential, "passkey": made.members}
        statement = self.read((await self._gateway.call("POST", "/phone/v1/passkeys", body))["statement"], "passkey")
        shown = {"id": made.members["id"], "key": keys.thumbprint(made.members["key"])}
        if statement.content.get("credential") != credential or statement.content.get("passkey") != shown:
            raise Untrusted("this enrols another passkey, or for another certificate")
        self._passkey = made
        try:
            await self.approve(statement, password)
        except BaseException:
            self._passkey = None
            raise
        self._keep(passkey=keys.to_pem(made.key), passkey_id=made.handle.hex())

    async def unprotect(self, credential: str, password: str) -> None:
        """The passkey's last word. Raises GatewayRefused, Untrusted."""
        answer = await self._gateway.call("POST", "/phone/v1/passkeys/end", {"credential": credential})
        await self.approve(self.read(answer["statement"], "passkey-end"), password)
        self._passkey = None
        self._state = {name: value for name, value in self._state.items() if not name.startswith("passkey")}
        self._keep()

    def code(self, credential: str, at: int | None = None) -> str:
        """The code of this moment, or of another (seconds since 1970). Raises NotReady before :meth:`get_generator`."""
        secret = self._state.get(f"generator {credential}")
        if secret is None:
            raise NotReady("this phone makes no codes for that certificate yet")
        return codes.code_at(bytes.fromhex(secret), self._clock() if at is None else at)

    async def admit(self, phone: str, credential: str) -> dict[str, Any]:
        """*Fui eu*: another phone of this holder's, which waits, decides now. Raises GatewayRefused, Untrusted."""
        return await self.approve(await self._admission(phone, credential))

    async def turn_away(self, phone: str, credential: str) -> dict[str, Any]:
        """*Não fui eu*: a phone that waits is sent away. Raises GatewayRefused, Untrusted."""
        return await self.refuse(await self._admission(phone, credential), "not-me")

    async def _admission(self, phone: str, credential: str) -> Statement:
        path = f"/phone/v1/devices/{phone}/admission"
        statement = self.read(
            (await self._gateway.call("POST", path, {"credential": credential}))["statement"], "admit"
        )
        shown = statement.content.get("phone")
        if (
            statement.content.get("credential") != credential
            or not isinstance(shown, dict)
            or shown.get("device") != phone
        ):
            raise Untrusted("this admits another phone than the one chosen, or to another certificate")
        return statement

    async def block(self) -> list[dict[str, Any]]:
        """*Bloquear tudo*: nothing is signed with this phone's certificates any more. What stands."""
        blocked: list[dict[str, Any]] = (await self._gateway.call("POST", "/phone/v1/block"))["blocked"]
        return blocked

    async def unblock(self, credential: str, password: str) -> dict[str, Any]:
        """Open it again, when its time has come. Raises GatewayRefused (``unblock_too_early`` …), Untrusted."""
        answer = await self._gateway.call("POST", "/phone/v1/unblock", {"credential": credential})
        statement = self.read(answer["statement"], "unblock")
        if statement.content.get("credential") != credential:
            raise Untrusted("this opens another certificate than the one chosen")
        return await self.approve(statement, password)

    async def phones(self) -> list[dict[str, Any]]:
        """Every phone of this one's certificates, itself included."""
        phones: list[dict[str, Any]] = (await self._gateway.call("GET", "/phone/v1/devices"))["devices"]
        return phones

    async def remove_phone(self, device: str) -> None:
        """Send another phone away."""
        await self._gateway.call("DELETE", f"/phone/v1/devices/{device}")

    async def history(self, before: str | None = None) -> dict[str, Any]:
        """A page of past requests: {``requests``, ``more``}; ``before``: the last one of the page before."""
        query = "" if before is None else f"?before={before}"
        return await self._gateway.call("GET", f"/phone/v1/history{query}")

    async def evidence(self, request: str) -> str:
        """What is kept of an answered request, signed by the SAM's root. Raises GatewayRefused, Untrusted."""
        answer = await self._gateway.call("GET", f"/phone/v1/documents/{request}/evidence")
        open_signed(self.trust, answer["evidence"], role="sam", kind="evidence", now=self._clock(), endless=True)
        evidence: str = answer["evidence"]
        return evidence

    async def unpair(self) -> None:
        """Unpair this phone and forget its key."""
        await self._gateway.call("DELETE", "/phone/v1/device")
        self._gateway.token = None
        self._state = {}
        self._storage.save({})

    def _pairing(self) -> str:
        if "pairing" not in self._state:
            raise NotReady("ask for a code first")
        pairing: str = self._state["pairing"]
        return pairing

    def _keep(self, **members: str) -> None:
        self._state.update(members)
        self._storage.save(self._state)
