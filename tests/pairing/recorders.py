"""Ports that only write down what they were asked, once the transaction they were asked in committed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection
from pairing.domain.letters import Letter
from pairing.ports import Verdict


@dataclass(frozen=True)
class SentSms:
    """A message that left, or would have (`to` None)."""

    to: str | None
    text: str
    expires: datetime


class RecordingSms:
    """`pairing.ports.Sms`."""

    def __init__(self) -> None:
        self.sent: list[SentSms] = []

    async def send(self, connection: Connection, to: str | None, text: str, expires: datetime) -> None:
        async def committed() -> None:
            self.sent.append(SentSms(to, text, expires))

        connection.after_commit(committed)

    def last_code(self, number: str | None) -> str:
        """The code in the last message to a number, as its owner reads it."""
        return next(one.text[:6] for one in reversed(self.sent) if one.to == number)


class RecordingDoorbell:
    """`pairing.ports.Doorbell`."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, str]] = []
        self.settled: list[str] = []
        self.heard_by: list[str] = []
        self.gone: list[str] = []

    async def ring(self, connection: Connection, devices: Sequence[str], document: str, expires: datetime) -> None:
        async def committed() -> None:
            self.rung += [(device, document) for device in devices]

        connection.after_commit(committed)

    async def settle(self, connection: Connection, document: str) -> None:
        async def committed() -> None:
            self.settled.append(document)

        connection.after_commit(committed)

    async def heard(self, device: str) -> None:
        self.heard_by.append(device)

    async def removed(self, connection: Connection, device: str) -> None:
        async def committed() -> None:
            self.gone.append(device)

        connection.after_commit(committed)


class RecordingLetters:
    """`pairing.ports.Letters`."""

    def __init__(self) -> None:
        self.sent: list[tuple[tuple[str, ...], str]] = []

    async def to_holders(self, credentials: Sequence[str], letter: Letter) -> None:
        if credentials:
            self.sent.append((tuple(credentials), letter.subject))


class RecordingCallers:
    """`pairing.ports.Callers`."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.ended: list[str] = []
        self.told: list[str] = []
        self.heard_now: set[str] = set()
        """What is told to who waits here, while it is written down."""

    @contextmanager
    def heard(self, document: str, verdict: Verdict) -> Iterator[None]:
        self.heard_now.add(document)
        yield
        self.heard_now.discard(document)

    async def decided(self, connection: Connection, document: str, verdict: Verdict) -> None:
        async def committed() -> None:
            self.woken.append(document)

        assert document in self.heard_now
        connection.after_commit(committed)

    async def session_ended(self, activation: str) -> None:
        self.ended.append(activation)

    async def answered(self, link: str) -> None:
        self.told.append(link)
