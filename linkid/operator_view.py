"""What an operator may see of a holder, and that they looked.

The rules, whoever adds to this file:

1. A look that cannot be written down is not shown: the audit line is committed first.
2. Nothing shown opens anything: no code, token, key, address, digest or content. Numbers, e-mail addresses and CPFs are
   masked: whoever calls says theirs, and the operator compares.
3. The audit has ids and counts, and the name of the operator's key; never what was searched for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import BadInput, NotFound
from foundation.ids import is_id
from hsm_service.credentials.service import CredentialService
from hsm_service.credentials.store import Holder, Wanted
from pairing.domain.numbers import masked, read_number
from pairing.service.look import Fact, LookService
from pairing.settings import PairingSettings
from push.service.deliveries import DeliveryReport

FOUND: Final = 20
"""Holders listed at most: who needs more is not looking for one."""
_LEAST_NAME: Final = 3
_DIGITS: Final = re.compile(r"\d{11,14}")


class NotSearchable(BadInput):
    """What is searched for is no number, address, id or name."""

    code = "not_searchable"
    summary = "Give an id, a telephone number, an e-mail address, or at least three letters of a name."


class NoSuchHolder(NotFound):
    """No holder has this id."""

    code = "no_such_holder"
    summary = "There is no such holder."


@dataclass(frozen=True)
class HolderLine:
    """A holder in a list."""

    holder: str
    name: str
    number: str
    email: str
    credentials: Sequence[str]


@dataclass(frozen=True)
class HolderPage:
    """Everything about one."""

    line: HolderLine
    credentials: Sequence[Fact]
    phones: Sequence[Fact]
    computers: Sequence[Fact]
    locks: Sequence[Fact]
    proofs: Sequence[Fact]


@dataclass(frozen=True)
class Deliveries:
    """What left, what waits, and how codes convert."""

    sent: Sequence[Mapping[str, Any]]
    waiting: Sequence[Mapping[str, Any]]
    conversions: Sequence[Fact]


class OperatorView:
    """One operator's, for one command."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        operator: str,
        countries: Sequence[str] = PairingSettings().countries,
    ) -> None:
        """The gateway's database and a chain of its own; ``operator``: the jkt of the key of who looks."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._operator, self._countries = operator, countries
        self._credentials = CredentialService(database, clock)
        self._look = LookService(database)
        self._report = DeliveryReport(database)

    async def find(self, text: str) -> list[HolderLine]:
        """Holders by one thing that somebody says. Raises NotSearchable."""
        by, wanted = _wanted(text.strip(), self._countries)
        found = await self._credentials.find_holders(wanted, FOUND)
        lines = [_line(one, await self._credentials.holdings(one.id)) for one in found]
        await self._note("operator.searched", by=by, count=len(lines))
        return lines

    async def show(self, holder: str) -> HolderPage:
        """One holder. Raises NoSuchHolder."""
        found = await self._credentials.find_holders(Wanted(holder=holder), 1) if is_id(holder, "hld") else []
        if not found:
            await self._note("operator.looked", count=0)
            raise NoSuchHolder(f"there is no holder {holder[:40]}")
        [one] = found
        ids = await self._credentials.holdings(one.id)
        look = await self._look.of(ids, one.data.phone)
        known = await self._credentials.known(ids)
        phones = [{**phone, **await self._report.of_phone(phone["id"])} for phone in look.phones]
        await self._note("operator.looked", holder=one.id)
        return HolderPage(
            _line(one, ids),
            [
                {
                    "id": each.id,
                    "subject": without_cpf(each.subject),
                    "state": each.state,
                    "valid_to": each.valid_to,
                }
                for each in known
            ],
            phones,
            look.computers,
            look.locks,
            look.proofs,
        )

    async def deliveries(self, span: timedelta) -> Deliveries:
        """Of the last hours, at most two days (older ones are forgotten)."""
        since: datetime = self._clock.now() - span
        told = Deliveries(
            await self._report.since(since), await self._report.waiting(), await self._look.conversions(since)
        )
        await self._note("operator.counted", count=len(told.sent))
        return told

    async def _note(self, event: str, **ids: str | int) -> None:
        async with self._database.transaction() as connection:
            self._audit.note(connection, event, operator=self._operator, **ids)


def without_cpf(subject: str) -> str:
    """A subject with the numbers of person and company taken out, which ICP-Brasil writes behind the name."""
    return _DIGITS.sub("•••", subject)


def masked_email(address: str | None) -> str:
    """``m•••@example.com``."""
    if not address:
        return "-"
    name, _, host = address.rpartition("@")
    return f"{name[:1]}•••@{host}"


def _line(holder: Holder, credentials: Sequence[str]) -> HolderLine:
    data = holder.data
    return HolderLine(holder.id, without_cpf(data.name), masked(data.phone), masked_email(data.email), credentials)


def _wanted(text: str, countries: Sequence[str]) -> tuple[str, Wanted]:
    """How it is searched, and what for. Raises NotSearchable."""
    if is_id(text, "hld"):
        return "holder", Wanted(holder=text)
    if is_id(text, "cred"):
        return "credential", Wanted(credentials=[text])
    if "@" in text:
        return "email", Wanted(email=text)
    if re.fullmatch(r"[\d\s()+.-]+", text):
        try:
            return "number", Wanted(number=read_number(text, countries))
        except BadInput as cause:
            raise NotSearchable("not a mobile number") from cause
    if sum(char.isalpha() for char in text) >= _LEAST_NAME:
        return "name", Wanted(name=text)
    raise NotSearchable()
