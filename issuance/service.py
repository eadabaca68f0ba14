"""The emission page's relay between AC and SAM (docs/protocol.md section 9.1).

It decides nothing. Every answer that matters is signed by AC or SAM for the page, and what the page signs is judged by
them; here are the captcha, the limits, and the memory that lets a lost answer be asked for again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonObject
from foundation.web import AddressWindow
from issuance.errors import CaptchaInvalid, EmissionOutOfOrder, EmissionUnknown, PossessionInvalid
from issuance.ports import Ac, Captcha, Holders, PasswordWanted, Sam, UsedOnce
from issuance.store import Visit, VisitStore

CAPTCHAS: Final = (30, timedelta(minutes=1))
STARTS: Final = (10, timedelta(minutes=1))
ANSWERS: Final = (30, timedelta(minutes=1))
"""Calls per address. An office with one address emits for several people at once; a guesser is stopped by the AC."""


@dataclass(frozen=True)
class Answer:
    """A decision as the page sent it; it goes through unread."""

    decision: str
    proof: str | None
    signature: str


class EmissionRelay:
    """One per gateway."""

    def __init__(
        self, database: Database, ac: Ac, sam: Sam, captcha: Captcha, used: UsedOnce, holders: Holders, clock: Clock
    ) -> None:
        """``used``: shared by all gateways, so that a captcha is used once."""
        self._store = VisitStore(database)
        self._ac = ac
        self._sam = sam
        self._captcha = captcha
        self._used = used
        self._holders = holders
        self._clock = clock
        self._captchas, self._starts, self._answers = (AddressWindow(*limit) for limit in (CAPTCHAS, STARTS, ANSWERS))

    def challenge(self, address: str) -> JsonObject:
        """A captcha. Raises TooMany."""
        self._captchas.demand(address, self._clock.now())
        return self._captcha.challenge()

    async def start(self, protocol: str, captcha: str, jkt: str, jwk: Mapping[str, str], address: str) -> JsonObject:
        """Step c: {``emission``, ``statement``}. Raises CaptchaInvalid, TooMany, BadInput."""
        now = self._clock.now()
        self._starts.demand(address, now)
        solved = self._captcha.verify(captcha)
        if not await self._used.first_use(solved.digest, solved.until):
            raise CaptchaInvalid("used before")
        emission, statement = await self._ac.start(protocol, jwk)
        await self._store.add(emission, jkt, now)
        return {"emission": emission, "statement": statement}

    async def identify(self, emission: str, jkt: str, answer: Answer, address: str) -> JsonObject:
        """{``statement``} about the term. Raises what the AC raises, EmissionUnknown for another key's visit."""
        self._answers.demand(address, self._clock.now())
        visit = await self._visit(emission, jkt)
        statement = await self._ac.identify(
            visit.emission, decision=answer.decision, proof=answer.proof, signature=answer.signature
        )
        return {"statement": statement}

    async def agree(self, emission: str, jkt: str, answer: Answer, address: str) -> JsonObject:
        """{``statement``} about the usage password, by the SAM. May be repeated: it fixes a new one."""
        self._answers.demand(address, self._clock.now())
        visit = await self._visit(emission, jkt)
        algorithm = await self._ac.agree(visit.emission, decision=answer.decision, signature=answer.signature)
        wanted: PasswordWanted = await self._sam.prepare(visit.emission, jkt, algorithm)
        if not await self._store.set_document(visit.emission, wanted.document, wanted.credential):
            raise EmissionOutOfOrder("the certificate is there")
        return {"statement": wanted.statement}

    async def password(
        self, emission: str, jkt: str, jwk: Mapping[str, str], answer: Answer, address: str
    ) -> JsonObject:
        """{``state``, ``certificate``}. Each step is kept, so that a repeated call goes on where the last one ended."""
        self._answers.demand(address, self._clock.now())
        visit = await self._visit(emission, jkt)
        if visit.certificate is not None:
            return _emitted(visit.certificate)
        visit = await self._with_possession(visit, jwk, answer)
        assert visit.possession is not None
        assert visit.credential is not None
        try:
            issued = await self._ac.issue(visit.emission, visit.possession)
        except PossessionInvalid:
            # It may have expired while we were away: the SAM is asked again with the same answer.
            visit = await self._with_possession(visit, jwk, answer, again=True)
            issued = await self._ac.issue(visit.emission, visit.possession or "")
        # h. The SAM takes the chain; then the holder's row.
        await self._sam.activate(visit.credential or "", issued.chain)
        await self._holders.record_holder(
            credential=visit.credential or "",
            name=issued.name,
            phone=issued.phone,
            email=issued.email,
            kind=issued.kind,
        )
        await self._store.set_certificate(visit.emission, issued.chain[0])
        return _emitted(issued.chain[0])

    async def _visit(self, emission: str, jkt: str) -> Visit:
        visit = await self._store.visit(emission, jkt)
        if visit is None:
            raise EmissionUnknown
        return visit

    async def _with_possession(
        self, visit: Visit, jwk: Mapping[str, str], answer: Answer, *, again: bool = False
    ) -> Visit:
        if visit.possession is not None and not again:
            return visit
        if visit.document is None:
            raise EmissionOutOfOrder("the term is not agreed to")
        made = await self._sam.make_keys(
            visit.document, jwk, decision=answer.decision, proof=answer.proof, signature=answer.signature
        )
        kept = await self._store.set_possession(visit.emission, visit.document, made.statement, made.credential)
        if not kept:
            raise EmissionOutOfOrder("another password was asked for meanwhile")
        return Visit(visit.emission, visit.jkt, visit.document, made.credential, made.statement, None)


def _emitted(der: bytes) -> JsonObject:
    """What the success page shows."""
    certificate = x509.load_der_x509_certificate(der)
    return {
        "state": "emitted",
        "certificate": {
            "subject": _common_name(certificate.subject),
            "serial": f"{certificate.serial_number:x}",
            "valid_from": _instant(certificate.not_valid_before_utc.isoformat()),
            "valid_to": _instant(certificate.not_valid_after_utc.isoformat()),
            "issuer": _common_name(certificate.issuer),
            "pem": certificate.public_bytes(Encoding.PEM).decode("ascii"),
        },
    }


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else ""


def _instant(text: str) -> str:
    return text.replace("+00:00", "Z")
