"""Ending a certificate on an operator's order."""

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u
from foundation.errors import JsonObject, JsonValue, Unavailable
from foundation.logs import get_logger
from issuance.ac.domain.permit import Pins, RevocationPermit, permit_revocation
from issuance.ac.ports import AuthorityKeys
from issuance.ac.service.publishing import Publisher
from issuance.ac.store import AcStore, StoredCertificate, StoredOrder
from issuance.errors import CertificateUnknown, OrderTaken

MAX_LISTED = 100

_log = get_logger(__name__)


class RevocationService:
    """Revocations, and what an operator may look up."""

    def __init__(
        self,
        database: Database,
        keys: AuthorityKeys,
        pins: Callable[[], Pins],
        audit: AuditChain,
        clock: Clock,
        publisher: Publisher,
    ) -> None:
        """One per process."""
        self._database = database
        self._store = AcStore(database)
        self._keys = keys
        self._pins = pins
        self._audit = audit
        self._clock = clock
        self._publisher = publisher

    async def revoke(self, jws: str) -> JsonObject:
        """{``revocation``}, root-signed, for the SAM. A certificate that is revoked already gets the same statement.

        Raises OrderInvalid, BadOrder, OrderTaken (another order of that id), CertificateUnknown.
        """
        permit = permit_revocation(jws, self._pins(), self._clock.now())
        known = await self._store.order(permit.order.id)
        if known is not None and known.jws != jws:
            raise OrderTaken
        target = await self._target(permit)
        if target.revoked_at is None:
            await self._revoke(permit, jws, target, new=known is None)
            target = await self._target(permit)
        try:
            await self._publisher.renew_crl("issuing")
        except Unavailable:
            # Revoked it is: OCSP says so at once, and the timer makes the list.
            _log.exception("crl_not_renewed")
        return {"revocation": await self._statement(target)}

    async def listed(self, protocol: str | None, serial: str | None, limit: int) -> JsonObject:
        """{``certificates``} for operators: issued ones, newest first."""
        if serial is not None:
            found = await self._store.certificate(serial)
            rows = [found] if found is not None and found.state == "issued" else []
        else:
            rows = await self._store.certificates(protocol, max(1, min(limit, MAX_LISTED)))
        return {"certificates": [_described(row) for row in rows if row.der is not None]}

    async def _target(self, permit: RevocationPermit) -> StoredCertificate:
        order = permit.order
        if order.serial is not None:
            found = await self._store.certificate(order.serial)
        else:
            issue = await self._store.issue_order(order.protocol or "")
            found = None if issue is None else await self._store.certificate_of_order(issue.id)
        if found is None or found.state != "issued":
            raise CertificateUnknown
        return found

    async def _revoke(self, permit: RevocationPermit, jws: str, target: StoredCertificate, *, new: bool) -> None:
        now = self._clock.now()
        order = permit.order
        async with self._database.transaction() as connection:
            if new:
                await self._store.add_order(connection, StoredOrder(order.id, "revoke", order.protocol, jws, None, now))
            if await self._store.revoke(connection, target.serial, order.reason, order.id, now):
                self._audit.note(
                    connection,
                    "certificate.revoked",
                    serial=f"sn{target.serial}",
                    order=order.id,
                    reason=order.reason,
                )

    async def _statement(self, target: StoredCertificate) -> str:
        assert target.revoked_at is not None
        assert target.fingerprint is not None
        payload: JsonObject = {
            "v": 1,
            "type": "revoked",
            "serial": target.serial,
            "certificate": b64u(target.fingerprint),
            "at": int(target.revoked_at.timestamp()),
            "reason": target.reason,
        }
        return await self._keys.sign_root(payload)


def _described(row: StoredCertificate) -> JsonObject:
    assert row.der is not None
    certificate = x509.load_der_x509_certificate(row.der)
    described: dict[str, JsonValue] = {
        "serial": row.serial,
        "order": row.order_id,
        "credential": row.credential,
        "subject": certificate.subject.rfc4514_string(),
        "valid_from": _instant(row.span.start.isoformat()),
        "valid_to": _instant(row.span.end.isoformat()),
        "state": "valid" if row.revoked_at is None else "revoked",
        "pem": certificate.public_bytes(Encoding.PEM).decode("ascii"),
    }
    if row.revoked_at is not None:
        described |= {"revoked_at": _instant(row.revoked_at.isoformat()), "reason": row.reason}
    return described


def _instant(text: str) -> str:
    return text.replace("+00:00", "Z")
