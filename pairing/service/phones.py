"""A phone introduces itself: number, code, nickname; and is known again by its token and its key.

The steps have the numbers of docs/walkthroughs/one-pairing.md. What is *not* done here: nothing in this file gives a
phone any right to sign. That needs the usage password and the SAM (``decisions.py``).
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import JsonObject
from foundation.errors import LinkIdError
from foundation.ids import BadToken, Random, new_id, new_token, parse_token, same, secret_digest, secret_matches
from foundation.network import network
from foundation.together import Together
from pairing.domain.ceremony import CODE_LIFE, MAX_SENDS, MAX_TRIES, NUMBER_PROOF, NumberProof, resend_at
from pairing.domain.codes import SMS_DIGITS, CodeKey, read_digits, sms_text
from pairing.domain.letters import number_proved_elsewhere
from pairing.domain.limits import SENDING, Scope, budget, budget_abroad
from pairing.domain.names import read_nickname
from pairing.domain.numbers import country, is_of, masked, neighbourhood, read_number
from pairing.errors import (
    CodeExpired,
    CodeSpent,
    CodeWrong,
    DeviceUnknown,
    MessagesPaused,
    NoSendsLeft,
    PairingNotFound,
    ResendTooSoon,
    TooManyMessages,
    TooManyTries,
)
from pairing.ports import Binding, Blocked, CredentialFacts, Doorbell, Holders, Letters, Sam, Sms
from pairing.service.meter import Meter
from pairing.service.numbers import PairingNumbers
from pairing.service.pauses import PauseService
from pairing.settings import PairingSettings
from pairing.store import AssociatedRow, ComputerStore, DeviceRow, DeviceStore, PairingRow, PairingStore

SEEN_AGAIN: Final = timedelta(hours=1)
"""How exactly a holder is told when a phone was last heard of; one write each, for however many calls."""


@dataclass(frozen=True)
class CodeOnItsWay:
    """What the phone is told after a message was sent, or would have been. Durations in whole seconds."""

    pairing: str
    number: str
    expires_in: int
    resend_in: int
    sends_left: int


@dataclass(frozen=True)
class Paired:
    """A number is proved: the device, its token (shown once), and the credentials it may ask to be bound to."""

    device: str
    token: str = field(repr=False)
    credentials: Sequence[CredentialFacts]


@dataclass(frozen=True)
class Portrait:
    """All that a phone is told about itself."""

    device: str
    nickname: str | None
    bindings: Sequence[tuple[Binding, CredentialFacts]]
    blocks: Mapping[str, Blocked]
    """By credential: those that stand now."""
    computers: Sequence[AssociatedRow]


class PhoneService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        code_key: CodeKey,
        holders: Holders,
        sms: Sms,
        sam: Sam,
        letters: Letters,
        doorbell: Doorbell,
        app_host: str,
        settings: PairingSettings,
        pauses: PauseService,
        numbers: PairingNumbers | None = None,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``app_host``: the phone app's host, for origin-bound codes."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._code_key = code_key
        self._holders = holders
        self._sms = sms
        self._sam = sam
        self._letters = letters
        self._doorbell = doorbell
        self._app_host = app_host.partition(":")[0]  # origin-bound codes know no ports
        self._countries, self._pauses = settings.countries, pauses
        self._budget, self._abroad = budget(settings.messages_per_day), budget_abroad(settings.messages_per_day_abroad)
        self._numbers = numbers or PairingNumbers()
        self._random = random
        self._meter = Meter(database)
        self._pairings = PairingStore(database)
        self._devices = DeviceStore(database)
        self._computers = ComputerStore(database)
        # Each call of each phone looks here; when all phones come at one moment, they share it.
        self._by_token: Together[str, DeviceRow] = Together(self._devices.by_tokens)
        self._seen: Together[str, None] = Together(self._touch)

    async def start(self, jkt: str, key: JsonObject, number_text: str, address: str) -> CodeOnItsWay:
        """A phone gives its number; a code is sent if any credential has it, and the answer does not tell whether.

        Raises NumberInvalid, NumberNotMobile, NumberForeign, TooManyMessages, MessagesPaused.
        """
        # 1. One spelling for each number.
        number = read_number(number_text, self._countries)
        # 2. Known or not, everything from here on is the same, down to a message to nobody.
        known = bool(await self._holders.for_number(number))
        now = self._clock.now()
        row = PairingRow(
            id=new_id("par", self._random),
            jkt=jkt,
            key=key,
            number=number,
            known=known,
            state=NUMBER_PROOF.start,
            sends=1,
            tries=0,
            sent_at=now,
            expires_at=now + CODE_LIFE,
        )
        # 3. One transaction: limits, the pairing, the message, the audit line. The worker sends after it committed.
        async with self._database.transaction() as connection:
            await self._spend(connection, row, address, now)
            await self._pairings.add(connection, row)
            await self._send(connection, row, send=1, expires_at=row.expires_at)
            self._audit.note(connection, "pairing.started", pairing=row.id, device_key=jkt)
        return _on_its_way(row, now)

    async def resend(self, jkt: str, pairing: str, address: str) -> CodeOnItsWay:
        """Another code, which voids the last.

        Raises PairingNotFound, CodeSpent, TooManyTries, NoSendsLeft, ResendTooSoon, TooManyMessages, MessagesPaused.
        """
        now = self._clock.now()
        row = await self._pairings.find(pairing, jkt)
        if row is None:
            raise PairingNotFound()
        _demand_another_message(row, now)
        expires_at = now + CODE_LIFE
        async with self._database.transaction() as connection:
            await self._spend(connection, row, address, now)
            send = await self._pairings.send_again(connection, row, now, expires_at)
            if send is None:
                raise ResendTooSoon("a rival just sent one", retry_after=1)
            await self._send(connection, row, send=send, expires_at=expires_at)
            self._audit.note(connection, "pairing.resent", pairing=row.id, count=send)
        return _on_its_way(replace(row, sends=send, sent_at=now, expires_at=expires_at), now)

    async def verify(self, jkt: str, pairing: str, typed: str) -> Paired:
        """The code of the last message, once.

        Raises CodeMalformed, PairingNotFound, CodeWrong, CodeExpired, CodeSpent, TooManyTries.
        """
        code = read_digits(typed, SMS_DIGITS)
        now = self._clock.now()
        # 4a. Count the try, committed, before anything is compared.
        row = await self._pairings.reserve_try(pairing, jkt, now)
        if row is None:
            raise _why_no_try(await self._pairings.find(pairing, jkt), now)
        # 4b. Compare. For a number nobody has, no code is right: none was sent.
        right = self._code_key.sms_code_matches(code, row.id, row.sends) and row.known
        if not right:
            raise await self._wrong(row)
        # 4c. Consume the code and give the phone its token, together or not at all.
        token = new_token("dvt", self._random)
        credentials = await self._holders.for_number(row.number)
        async with self._database.transaction() as connection:
            if not await self._pairings.take_code(connection, row, now):
                raise CodeSpent("a rival consumed it, or another code was sent meanwhile")
            device = await self._devices.add(
                connection,
                new_id("dev", self._random),
                row,
                token=token.public_id,
                digest=secret_digest(token.secret),
                now=now,
            )
            used = await self._devices.rung_elsewhere(connection, [one.id for one in credentials], device.id)
            self._audit.note(
                connection, "pairing.verified", pairing=row.id, device=device.id, device_key=jkt, state=device.state
            )
        self._numbers.entered(row.number)
        # 4d. Whoever uses these credentials on another phone already is told: the number may have been stolen.
        await self._letters.to_holders(used, number_proved_elsewhere(now))
        return Paired(device.id, token.text, credentials)

    async def find(self, token_text: str) -> DeviceRow:
        """The phone of a token. Raises DeviceUnknown."""
        try:
            public_id, secret = parse_token(token_text, "dvt")
        except BadToken as cause:
            raise DeviceUnknown("not a device token") from cause
        device = await self._by_token.get(public_id)
        if device is None or not secret_matches(secret, device.token_digest):
            raise DeviceUnknown("no such token")
        return device

    async def admit(self, device: DeviceRow, jkt: str) -> DeviceRow:
        """The phone, if its key is ``jkt`` (proved by DPoP, on this request); it was heard of. Raises DeviceUnknown."""
        if not same(device.jkt, jkt):
            raise DeviceUnknown("the token of another key")
        now = self._clock.now()
        if device.last_seen_at is None or device.last_seen_at < now - SEEN_AGAIN:
            await self._seen.get(device.id)
        return device

    async def _touch(self, devices: Sequence[str]) -> Mapping[str, None]:
        now = self._clock.now()
        await self._devices.touch(devices, now, now - SEEN_AGAIN)
        return {}

    async def standing(self, tokens: Sequence[str]) -> frozenset[str]:
        """Those of these tokens' public halves by which a phone would still be let in."""
        return await self._devices.standing(tokens)

    async def name(self, device: DeviceRow, nickname_text: str) -> Portrait:
        """The phone's nickname. Raises NicknameInvalid."""
        # 5. Before the binding: the document that the holder approves next shows it.
        nickname = read_nickname(nickname_text)
        async with self._database.transaction() as connection:
            named = await self._devices.name(connection, device.id, nickname)
            if named is None:
                raise DeviceUnknown("removed meanwhile")
            self._audit.note(connection, "device.named", device=device.id)
        return await self.portrait(named)

    async def portrait(self, device: DeviceRow) -> Portrait:
        """What a phone is told about itself: bindings are the SAM's word, names the credentials' own."""
        bindings = await self._sam.bindings(device.id)
        facts = {one.id: one for one in await self._holders.facts([binding.credential for binding in bindings])}
        return Portrait(
            device.id,
            device.nickname,
            [(binding, facts[binding.credential]) for binding in bindings if binding.credential in facts],
            {one.credential: one for one in await self._sam.blocks(device.id)},
            await self._known_computers(device),
        )

    async def number_of(self, connection: Connection, device: str) -> str | None:
        """The number that a phone proved last, in E.164."""
        return await self._devices.last_number(connection, device)

    async def remove(self, device: DeviceRow) -> None:
        """Unpair: first the rights (the SAM's), then what we know. Repeating it after a failure finishes it.

        Computers of its certificates go with it, whichever phone introduced them, save those whose certificates another
        phone of the holder still answers for: whoever moves to a new phone keeps them.
        """
        active = [one for one in await self._sam.phones(device.id) if one.state == "active"]
        kept = sorted({one.credential for one in active if one.device != device.id})
        alone = {one.credential for one in active} - set(kept)
        listed = [*await self._known_computers(device), *await self._computers.of_device(device.id)]
        going = sorted({one.id for one in listed if not set(one.credentials) <= set(kept)})
        for computer in going:
            await self._sam.end_association(computer, device.id)  # while the SAM knows this phone as bound
        await self._sam.end_bindings(device.id)
        now = self._clock.now()
        async with self._database.transaction() as connection:
            for computer in going:
                await self._computers.end(connection, computer, device.id, now, sorted(alone))
            if await self._devices.remove(connection, device.id, now, kept):
                await self._doorbell.removed(connection, device.id)
                self._audit.note(connection, "device.removed", device=device.id)

    async def _known_computers(self, device: DeviceRow) -> list[AssociatedRow]:
        """Every computer that may ask for this phone's certificates: the SAM's word, with when it came last."""
        found: dict[str, AssociatedRow] = {}
        told = await self._sam.computers(device.id)
        used = await self._computers.used(sorted({one.id for one in told}))
        for one in told:
            before = found.get(one.id)
            credentials = (*(before.credentials if before else ()), one.credential)
            since = one.since if before is None else min(before.since, one.since)
            found[one.id] = AssociatedRow(one.id, one.name, one.os, since, used.get(one.id, since), credentials)
        return list(found.values())

    async def _spend(self, connection: Connection, row: PairingRow, address: str, now: datetime) -> None:
        """Every limit of sending, for known and unknown numbers alike; only real messages cost the budgets."""
        await self._pauses.demand_none(connection, row.number)
        subjects = {
            Scope.NUMBER: row.number,
            Scope.NEIGHBOURHOOD: neighbourhood(row.number),
            Scope.NETWORK: network(address),
        }
        await self._meter.spend(connection, [(limit, subjects[limit.scope]) for limit in SENDING], now, TooManyMessages)
        budgets = [(self._budget, "all")]
        if not is_of(row.number, self._countries[0]):
            budgets.append((self._abroad, country(row.number)))
        await self._meter.spend(connection, budgets, now, MessagesPaused, counted=row.known)

    async def _send(self, connection: Connection, row: PairingRow, *, send: int, expires_at: datetime) -> None:
        text = sms_text(self._code_key.sms_code(row.id, send), self._app_host)
        await self._sms.send(connection, row.number if row.known else None, text, expires_at)
        if row.known:

            async def committed() -> None:
                self._numbers.sent(row.number)

            connection.after_commit(committed)

    async def _wrong(self, row: PairingRow) -> LinkIdError:
        """Write down that a code was wrong, and end the pairing if it was the last try."""
        left = MAX_TRIES - row.tries
        async with self._database.transaction() as connection:
            if left == 0:
                await self._pairings.spend_tries(connection, row.id)
            self._audit.note(connection, "pairing.code_wrong", pairing=row.id, tries_left=left)
        return CodeWrong(data={"tries_left": left}) if left else TooManyTries()


def _on_its_way(row: PairingRow, now: datetime) -> CodeOnItsWay:
    return CodeOnItsWay(
        pairing=row.id,
        number=masked(row.number),
        expires_in=_seconds(row.expires_at - now),
        resend_in=_seconds(resend_at(row.sends, row.sent_at) - now),
        sends_left=MAX_SENDS - row.sends,
    )


def _demand_another_message(row: PairingRow, now: datetime) -> None:
    """Raise unless another message may be sent for this pairing now."""
    if row.state is NumberProof.VERIFIED:
        raise CodeSpent()
    if row.state is NumberProof.DEAD or row.tries >= MAX_TRIES:
        raise TooManyTries()
    if row.sends >= MAX_SENDS:
        raise NoSendsLeft()
    wait = resend_at(row.sends, row.sent_at) - now
    if wait > timedelta(0):
        raise ResendTooSoon(retry_after=_seconds(wait))


def _why_no_try(row: PairingRow | None, now: datetime) -> LinkIdError:
    """Why a code is not even looked at."""
    if row is None:
        return PairingNotFound()
    if row.state is NumberProof.VERIFIED:
        return CodeSpent()
    if row.tries >= MAX_TRIES:
        return TooManyTries()
    if row.state is NumberProof.DEAD:
        return PairingNotFound("a newer one replaced it")
    return CodeExpired() if now >= row.expires_at else TooManyTries("its last try is being made")


def _seconds(span: timedelta) -> int:
    """Whole seconds, rounded up, never negative."""
    return max(0, -(-span // timedelta(seconds=1)))
