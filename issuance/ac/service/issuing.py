"""Making a certificate: steps I1 to I10 of docs/walkthroughs/one-emission.md.

I1 to I7 are the check that mints a permit (``domain.permit``); here are the rows, the order of effects, and I8 to I10.
After a crash anywhere the same call goes on: the intention names serial and validity, so what is signed again is the
same.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u
from foundation.errors import JsonObject
from foundation.ids import Random, is_id, same
from issuance.ac.domain.authority import BACKDATED, Authority
from issuance.ac.domain.certificate import (
    Validity,
    check_made,
    fingerprint,
    holder_certificate,
    new_serial,
    serial_text,
    validity,
)
from issuance.ac.domain.permit import (
    EmissionEvidence,
    IssuancePermit,
    Pins,
    Possession,
    identified_message,
    permit_issuance,
)
from issuance.ac.ports import AuthorityKeys
from issuance.ac.service.emission import EMISSION_LIFE
from issuance.ac.service.founding import Chain
from issuance.ac.store import AcStore, Emission, StoredCertificate
from issuance.errors import AlreadyEmitted, EmissionExpired, EmissionOutOfOrder, EmissionUnknown
from protocol.orders import IssueOrder

_ROUNDS: Final = 3
"""How often a rival may be first before we give up: each loss means that somebody else completed a step."""


@dataclass(frozen=True)
class Intention:
    """Step I8: which certificate is about to be made, so that a retry makes no other."""

    serial: int
    span: Validity


class Signer:
    """The only caller of the issuing key for holders' certificates; it takes nothing but a permit."""

    def __init__(self, keys: AuthorityKeys, chain: Chain, authority: Authority) -> None:
        """The issuing certificate is that of ``chain`` at the time of signing."""
        self._keys = keys
        self._chain = chain
        self._authority = authority

    async def sign(self, permit: IssuancePermit, intention: Intention) -> x509.Certificate:
        """Steps I9 and I10, first half: sign once, and check what the HSM made. Raises BadCertificateMade."""
        permit.spend()
        issuer = self._chain.issuing
        builder = holder_certificate(
            permit.order, permit.key, issuer, self._authority, serial=intention.serial, span=intention.span
        )
        # (I9)
        made = await self._keys.sign_certificate(builder, "ca-issuing")
        # (I10) before anybody sees it
        check_made(made, issuer, serial=intention.serial, spki=permit.spki, span=intention.span)
        return made


class IssuingService:
    """From an agreed emission and the SAM's possession statement to a certificate."""

    def __init__(
        self,
        database: Database,
        keys: AuthorityKeys,
        pins: Callable[[], Pins],
        audit: AuditChain,
        clock: Clock,
        chain: Chain,
        authority: Authority,
        random: Random = secrets.token_bytes,
    ) -> None:
        """One per process."""
        self._database = database
        self._store = AcStore(database)
        self._keys = keys
        self._pins = pins
        self._audit = audit
        self._clock = clock
        self._chain = chain
        self._signer = Signer(keys, chain, authority)
        self._random = random

    async def issue(self, emission_id: str, possession_jws: str) -> JsonObject:
        """{``chain``, ``holder``}. The same emission and key get the same certificate, however often they ask.

        Raises EmissionUnknown, EmissionExpired, EmissionOutOfOrder, AlreadyEmitted, KeySeenBefore, and what
        ``permit_issuance`` raises.
        """
        emission = await self._store.emission(emission_id) if is_id(emission_id, "ems") else None
        if emission is None:
            raise EmissionUnknown
        for _ in range(_ROUNDS):
            # (I5) opened at each round and before all else: who has no statement by the SAM learns nothing here
            possession = Possession.open(possession_jws, self._pins().sam_roots, self._clock.now())
            permit = await self._permit(emission, possession)
            existing = await self._store.certificate_of_order(permit.order.id)
            if existing is not None and existing.state == "issued":
                return self._again(existing, permit)
            if emission.expires_at <= self._clock.now():
                raise EmissionExpired
            if existing is None or not self._can_go_on(existing, permit):
                intention = await self._intend(permit, existing, possession_jws)
            else:
                intention = Intention(int(existing.serial, 16), existing.span)
            if intention is None:
                continue
            made = await self._signer.sign(permit, intention)
            if await self._complete(permit, made):
                return self._answer(made.public_bytes(Encoding.DER), permit.order)
        raise EmissionOutOfOrder("others were first, again and again")

    # --- parts ---

    async def _permit(self, emission: Emission, possession: Possession) -> IssuancePermit:
        if (
            emission.order_id is None
            or emission.term is None
            or emission.agreement is None
            or emission.identified_mac is None
        ):
            raise EmissionOutOfOrder("nobody agreed to a term")
        stored = await self._store.order(emission.order_id)
        if stored is None:
            raise EmissionOutOfOrder("the order is not there")
        evidence = EmissionEvidence(
            id=emission.id,
            protocol=emission.protocol,
            order_id=emission.order_id,
            key=emission.key,
            identify=emission.identify,
            term=emission.term,
            agreement=emission.agreement,
            identified_mac=emission.identified_mac,
        )
        mac = await self._keys.mac(
            identified_message(emission.id, emission.order_id, emission.protocol, emission.key, emission.identify)
        )
        return permit_issuance(stored.jws, evidence, mac, possession, self._pins(), self._clock.now())

    def _is_of(self, existing: StoredCertificate, permit: IssuancePermit) -> bool:
        return existing.emission == permit.emission and same(existing.spki_hash, _hash(permit.spki))

    def _can_go_on(self, existing: StoredCertificate, permit: IssuancePermit) -> bool:
        """Whether an intention is one that we might have had: a row gives no certificate more days than the order."""
        span, now, issuer = existing.span, self._clock.now(), self._chain.issuing
        return (
            self._is_of(existing, permit)
            and now - EMISSION_LIFE - BACKDATED <= span.start <= now
            and span.end <= min(span.start + timedelta(days=permit.order.valid_days), issuer.not_valid_after_utc)
        )

    def _again(self, existing: StoredCertificate, permit: IssuancePermit) -> JsonObject:
        """A repeated call: the same certificate to the same emission and key, nothing to anybody else (I2)."""
        if not self._is_of(existing, permit) or existing.der is None:
            raise AlreadyEmitted
        return self._answer(existing.der, permit.order)

    async def _intend(
        self, permit: IssuancePermit, existing: StoredCertificate | None, possession_jws: str
    ) -> Intention | None:
        """Step I8: the intention, in rows and in the audit, before anything is signed. None when a rival was first.

        An intention left behind by a visit that died is abandoned: whatever was signed for it was never released, and
        counts as revoked from now on.
        """
        now = self._clock.now()
        serial = new_serial(self._random)
        span = validity(permit.order, self._chain.issuing, now)
        wanted = StoredCertificate(
            serial=serial_text(serial),
            order_id=permit.order.id,
            emission=permit.emission,
            credential=permit.credential,
            spki_hash=_hash(permit.spki),
            span=span,
            state="intended",
            der=None,
            fingerprint=None,
            issued_at=None,
            revoked_at=None,
            reason=None,
        )
        try:
            async with self._database.transaction() as connection:
                if existing is not None:
                    if not await self._store.abandon(connection, existing.serial, now):
                        return None
                    self._audit.note(connection, "certificate.abandoned", serial=_serial(existing.serial))
                # (I2) unused and (I7) never seen: two unique indexes decide, also between rivals
                await self._store.add_intention(connection, wanted, possession_jws, now)
                self._audit.note(
                    connection,
                    "certificate.intended",
                    serial=_serial(wanted.serial),
                    order=permit.order.id,
                    emission=permit.emission,
                    credential=permit.credential,
                    spki=wanted.spki_hash.hex(),
                )
        except AlreadyEmitted:
            return None  # somebody else's intention for this order: look again what it is
        return Intention(serial, span)

    async def _complete(self, permit: IssuancePermit, made: x509.Certificate) -> bool:
        """Step I10, second half: stored and audited before it is released. False when a rival was first."""
        serial, digest = serial_text(made.serial_number), fingerprint(made)
        async with self._database.transaction() as connection:
            stored = await self._store.set_certificate(
                connection, serial, made.public_bytes(Encoding.DER), digest, permit.emission, self._clock.now()
            )
            if stored:
                self._audit.note(
                    connection,
                    "certificate.issued",
                    serial=_serial(serial),
                    order=permit.order.id,
                    certificate=digest.hex(),
                )
        return stored

    def _answer(self, der: bytes, order: IssueOrder) -> JsonObject:
        chain = [der, *(part.public_bytes(Encoding.DER) for part in (self._chain.issuing, self._chain.root))]
        holder: Mapping[str, str] = {
            "name": order.person.name if order.company is None else order.company.name,
            "phone": order.person.phone,
            "email": order.person.email,
            "kind": "person" if order.company is None else "company",
        }
        return {"chain": [b64u(part) for part in chain], "holder": holder}


def _hash(spki: bytes) -> bytes:
    return hashlib.sha256(spki).digest()


def _serial(text: str) -> str:
    """As audit lines have it: never a run of digits that might be somebody's number."""
    return f"sn{text}"
