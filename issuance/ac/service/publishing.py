"""What the public reads: certificates, revocation lists, OCSP. All of it is signed: whoever relays is not trusted."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.ids import digest_text
from foundation.logs import get_logger
from issuance.ac.domain.authority import OCSP_RENEW_BEFORE, TSA_RENEW_BEFORE, Authority
from issuance.ac.domain.certificate import serial_text
from issuance.ac.domain.publication import (
    BadOcspRequest,
    RevokedLine,
    Status,
    is_about,
    lines_of,
    next_crl_number,
    ocsp_answer,
    read_ocsp_request,
    refused,
    revocation_list,
)
from issuance.ac.ports import AuthorityKeys, KeptList
from issuance.ac.service.founding import Chain, found
from issuance.ac.store import AcStore, StoredCrl

Issuer = Literal["root", "issuing"]

ROOT_CRL_LIFE: Final = timedelta(days=90)
"""The root revokes authorities only; DOC-ICP-05 lets its list live that long."""
CRL_MAX_AGE: Final = 300
"""Seconds a relay may keep a list: a revocation shows there at latest after five minutes."""
CERTIFICATE_MAX_AGE: Final = 86_400
OCSP_MAX_AGE: Final = 60

_log = get_logger(__name__)


@dataclass(frozen=True)
class Published:
    """A file with its type and for how long relays may keep it (0: not at all)."""

    content_type: str
    body: bytes
    max_age: int


class Publisher:
    """Answers and keeps fresh."""

    def __init__(
        self,
        database: Database,
        keys: AuthorityKeys,
        audit: AuditChain,
        clock: Clock,
        chain: Chain,
        authority: Authority,
        folder: Path,
        kept: KeptList,
        *,
        crl_life: timedelta,
        crl_every: timedelta,
        ocsp_life: timedelta,
    ) -> None:
        """``crl_every``: how often a list is made again without a revocation; ``folder``: of ``founding``."""
        self._database = database
        self._store = AcStore(database)
        self._keys = keys
        self._audit = audit
        self._clock = clock
        self._chain = chain
        self._authority = authority
        self._folder = folder
        self._kept = kept
        self._known: dict[int, RevokedLine] = {}
        self._known_number = 0
        self._keeping = asyncio.Lock()
        self._crl_life = crl_life
        self._crl_every = crl_every
        self._ocsp_life = ocsp_life

    async def open(self) -> None:
        """Read the list kept outside the database; once, before anything is published. Raises BadKeptList."""
        der = await self._kept.read()
        if der is not None:
            self._known_number, self._known = lines_of(der, self._chain.issuing)

    # --- certificates and lists ---

    def certificate(self, which: Issuer) -> Published:
        """The root's or the issuing authority's certificate, DER."""
        found_ = self._chain.root if which == "root" else self._chain.issuing
        return Published("application/pkix-cert", found_.public_bytes(Encoding.DER), CERTIFICATE_MAX_AGE)

    def chain(self) -> Published:
        """Both as PKCS#7."""
        return Published("application/pkcs7-mime", self._chain.p7b(), CERTIFICATE_MAX_AGE)

    async def crl(self, which: Issuer) -> Published:
        """The list in force; made now when there is none."""
        stored = await self._store.newest_crl(which) or await self.renew_crl(which)
        left = int((stored.next_update - self._clock.now()).total_seconds())
        return Published("application/pkix-crl", stored.der, max(0, min(CRL_MAX_AGE, left)))

    async def renew_crl(self, which: Issuer, *, only_if_due: bool = False) -> StoredCrl:
        """Make and keep the next list. Numbers rise under a row lock, so two that race do not repeat one.

        Raises HsmUnavailable; then nothing changed, and the timer tries again.
        """
        async with self._database.transaction() as connection:
            last = await self._store.lock_crl_number(connection, which)
            now = self._clock.now().replace(microsecond=0)
            newest = await self._store.newest_crl(which, connection)
            # Counted before they are read: a list may hold more than it claims, never less.
            revocations = await self._store.count_revocations(connection) if which == "issuing" else 0
            if only_if_due and newest is not None and not self._due(newest, which, revocations, now):
                return newest
            number = next_crl_number(max(last, self._known_number), now)
            crl = await self._make_crl(connection, which, number, revocations, now)
            await self._store.add_crl(connection, which, crl)
            self._audit.note(connection, "crl.published", issuer=which, crl=digest_text(crl.der))
        if which == "issuing":
            await self._keep(crl)
        return crl

    async def keep_fresh(self) -> None:
        """The timer's call: lists that are due, and the certificates of OCSP and time stamps."""
        await self.renew_crl("issuing", only_if_due=True)
        await self.renew_crl("root", only_if_due=True)
        now, tsa = self._clock.now(), self._chain.tsa
        due = self._chain.ocsp.not_valid_after_utc - OCSP_RENEW_BEFORE <= now
        if due or (tsa is not None and tsa.not_valid_after_utc - TSA_RENEW_BEFORE <= now):
            renewed = await found(self._keys, self._folder, self._authority, now)
            self._chain.ocsp, self._chain.tsa = renewed.ocsp, renewed.tsa

    # --- OCSP ---

    async def ocsp(self, der: bytes) -> Published:
        """An answer to a request, always with status 200: errors are inside (RFC 6960 section 2.3)."""
        try:
            asked = read_ocsp_request(der)
        except BadOcspRequest:
            return _ocsp(refused(ocsp.OCSPResponseStatus.MALFORMED_REQUEST), 0)
        if not is_about(asked, self._chain.issuing):
            # RFC 5019 section 2.2.3: we have no authority to speak about other issuers' certificates.
            return _ocsp(refused(ocsp.OCSPResponseStatus.UNAUTHORIZED), 0)
        status = await self._status(asked.serial)
        builder = ocsp_answer(asked, status, self._chain.ocsp, now=self._clock.now(), life=self._ocsp_life)
        response = await self._keys.sign_ocsp(builder)
        cacheable = asked.nonce is None and status is not None
        return _ocsp(response.public_bytes(Encoding.DER), OCSP_MAX_AGE if cacheable else 0)

    # --- parts ---

    async def _status(self, serial: int) -> Status | None:
        """None for what we never issued. An intention is not issued; an abandoned one counts as revoked."""
        if serial == self._chain.ocsp.serial_number:
            return Status(None)
        stored = await self._store.certificate(serial_text(serial)) if 0 < serial < 1 << 160 else None
        if stored is not None and stored.revoked_at is not None and stored.reason is not None:
            return Status(RevokedLine(serial, stored.revoked_at, stored.reason))
        if serial in self._known:  # the rows do not say so (any more), the list we signed does
            return Status(self._known[serial])
        return None if stored is None or stored.state == "intended" else Status(None)

    def _due(self, newest: StoredCrl, which: Issuer, revocations: int, now: datetime) -> bool:
        every = self._crl_every if which == "issuing" else ROOT_CRL_LIFE / 3
        return newest.this_update + every <= now or newest.revocations != revocations

    async def _make_crl(
        self, connection: Connection, which: Issuer, number: int, revocations: int, now: datetime
    ) -> StoredCrl:
        issuer, key = self._issuer(which)
        life = self._crl_life if which == "issuing" else ROOT_CRL_LIFE
        lines: list[RevokedLine] = []
        if which == "issuing":
            lines = await self._revocations(connection, now)
        builder = revocation_list(issuer, number, lines, now=now, life=life)
        made = await self._keys.sign_crl(builder, key)
        return StoredCrl(number, now, now + life, revocations, made.public_bytes(Encoding.DER))

    async def _keep(self, crl: StoredCrl) -> None:
        """Outside the database, after the commit; of several that were made at once the newest stays."""
        async with self._keeping:
            if crl.number > self._known_number:
                self._known_number, self._known = lines_of(crl.der, self._chain.issuing)
                await self._kept.write(crl.der)

    async def _revocations(self, connection: Connection, now: datetime) -> list[RevokedLine]:
        """What the rows say, and what the list we signed before says and the rows do not: nobody is un-revoked."""
        lines = [RevokedLine(line.serial, line.at, line.reason) for line in await self._store.revoked(connection, now)]
        said = {line.serial for line in lines}
        for serial, line in self._known.items():
            if serial in said:
                continue
            stored = await self._store.certificate(serial_text(serial))
            if stored is not None and stored.revoked_at is not None and stored.span.end <= now:
                continue  # it ended by itself: RFC 5280 section 3.3 lets it leave the list
            _log.error("revocation_not_in_the_database", serial=serial_text(serial))
            lines.append(line)
        return lines

    def _issuer(self, which: Issuer) -> tuple[x509.Certificate, Literal["ca-root", "ca-issuing"]]:
        return (self._chain.root, "ca-root") if which == "root" else (self._chain.issuing, "ca-issuing")


def _ocsp(body: bytes, max_age: int) -> Published:
    return Published("application/ocsp-response", body, max_age)
