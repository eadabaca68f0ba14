"""The permit without which nothing is certified, and the check that alone mints it.

Two rules for whoever edits this file:

1. ``IssuancePermit`` is made in ``permit_issuance`` and nowhere else; ``RevocationPermit`` in ``permit_revocation``.
2. The steps below carry the numbers of docs/walkthroughs/one-emission.md. A step that moves keeps its number.

Everything is checked from evidence that somebody else signed, each time from the bytes: the AC's own rows are believed
only as far as an HMAC of its HSM holds. So neither a gateway nor a rewritten database can have a certificate made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from foundation.encoding import BadEncoding, JsonObject, JsonValue, canonical_json, unb64u
from foundation.ids import is_id, same
from issuance.ac.domain.certificate import HolderKey, checked_request
from issuance.domain.order import check_order, expired
from issuance.domain.term import TERMS
from issuance.errors import EmissionOutOfOrder, OrderTooOld, PermitSpent, PossessionInvalid
from protocol.decisions import message, message_from_hashes, proof_hash
from protocol.documents import Document
from protocol.errors import DecisionInvalid, OrderInvalid, SignatureInvalid
from protocol.keys import SIGNATURE_BYTES, P256Key
from protocol.orders import IssueOrder, RevokeOrder, open_order
from protocol.statements import open_root_signed

_MINT: Final = object()
_MAX_DER: Final = 4096
"""Bytes of a CSR or a public key; ours have below 700."""
_POSSESSION: Final = frozenset(
    {"v", "type", "emission", "credential", "key", "spki", "csr", "document_hash", "proof_hash", "signature"}
    | {"created", "expires"}
)


@dataclass(frozen=True)
class Pins:
    """Keys the AC was told to trust, from files beside the process: never from a row, never from a message."""

    operators: Mapping[str, P256Key]
    sam_roots: Mapping[str, P256Key]


@dataclass(frozen=True)
class EmissionEvidence:
    """A visit to the emission page, as stored."""

    id: str
    protocol: str
    order_id: str
    key: P256Key
    identify: Document
    term: Document
    agreement: bytes
    identified_mac: bytes


@dataclass(frozen=True)
class Possession:
    """What the SAM's root signed about a key it made."""

    emission: str
    credential: str
    key: str
    spki: bytes
    csr: bytes
    document_hash: bytes
    proof_hash: bytes
    signature: bytes

    @classmethod
    def open(cls, jws: str, roots: Mapping[str, P256Key], now: datetime) -> "Possession":
        """Step I5, first half: signed by the pinned SAM root, not expired, exactly its members.

        Raises PossessionInvalid.
        """
        try:
            payload = open_root_signed(jws, "possession", roots, now=now)
            if set(payload) != _POSSESSION:
                raise PossessionInvalid("not the members of a possession statement")
            return cls(
                emission=_text(payload, "emission"),
                credential=_text(payload, "credential"),
                key=_text(payload, "key"),
                spki=unb64u(_text(payload, "spki"), max_len=_MAX_DER),
                csr=unb64u(_text(payload, "csr"), max_len=_MAX_DER),
                document_hash=unb64u(_text(payload, "document_hash"), max_len=32),
                proof_hash=unb64u(_text(payload, "proof_hash"), max_len=32),
                signature=unb64u(_text(payload, "signature"), max_len=SIGNATURE_BYTES),
            )
        except (SignatureInvalid, BadEncoding) as cause:
            raise PossessionInvalid(cause.detail) from cause


@dataclass
class IssuancePermit:
    """One certificate may be made: for this order, this key, this credential. Used once."""

    order: IssueOrder
    emission: str
    credential: str
    key: HolderKey
    spki: bytes
    _minted_by: object = field(repr=False)
    _spent: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        """Made by ``permit_issuance`` alone."""
        if self._minted_by is not _MINT:
            raise PermitSpent("a permit is minted by its check only")

    def spend(self) -> None:
        """Called by the signer. Raises PermitSpent the second time."""
        if self._spent:
            raise PermitSpent
        self._spent = True


@dataclass(frozen=True)
class RevocationPermit:
    """One certificate may be ended, for this reason, on this order."""

    order: RevokeOrder
    _minted_by: object = field(repr=False)

    def __post_init__(self) -> None:
        """Made by ``permit_revocation`` alone."""
        if self._minted_by is not _MINT:
            raise PermitSpent("a permit is minted by its check only")


def identified_message(emission: str, order_id: str, protocol: str, key: P256Key, identify: Document) -> bytes:
    """What the HSM MACs when a visit is identified (I3): later rows are believed only with it."""
    meaning: JsonObject = {
        "v": 1,
        "emission": emission,
        "order": order_id,
        "protocol": protocol,
        "key": key.jkt,
        "document": identify.hash,
    }
    return b"linkid-identified-v1\x00" + canonical_json(meaning)


def permit_issuance(
    order_jws: str,
    evidence: EmissionEvidence,
    identified_mac: bytes,
    possession: Possession,
    pins: Pins,
    now: datetime,
) -> IssuancePermit:
    """Steps I1 to I7. ``identified_mac``: the HSM's HMAC over ``identified_message`` of this evidence, made just now.

    Left to the caller: that the order has no other certificate and the key none at all (the database decides, I2 and
    I7), and I8 to I10. Raises OrderInvalid, BadOrder, OrderTooOld, EmissionOutOfOrder, DecisionInvalid,
    PossessionInvalid, BadRequest.
    """
    # (I1) the order: signed by an operator whose key is pinned now (one that was unpinned orders nothing any more)
    order, _ = open_order(order_jws, pins.operators)
    if not isinstance(order, IssueOrder) or order.id != evidence.order_id or order.protocol != evidence.protocol:
        raise OrderInvalid("the order is not the one of this emission")
    # (I2) it still satisfies the rules, and is not too old; that it is unused is the database's promise
    if expired(order, now):
        raise OrderTooOld
    check_order(order, now)
    # (I3) the installation password and the CPF were proved by this key: our own HSM said so then and says so now
    if not same(identified_mac, evidence.identified_mac):
        raise EmissionOutOfOrder("the row was not written by this authority")
    # (I4) this key signed the term, naming this person and this emission
    _check_agreement(order, evidence)
    # (I5) the SAM made a key for this emission and this emission key
    if possession.emission != evidence.id or possession.key != evidence.key.jkt:
        raise PossessionInvalid("made for another emission or another emission key")
    if not is_id(possession.credential, "cred"):
        raise PossessionInvalid("credential is not an id")
    # (I6) the emission key signed the usage password's proof and the document it was asked with
    _check_password_decision(evidence, possession)
    # (I7) the new key itself signed the request, and is a sound key of the ordered kind
    key = checked_request(possession.csr, possession.spki, order.key_algorithm)
    return IssuancePermit(order, evidence.id, possession.credential, key, possession.spki, _MINT)


def permit_revocation(order_jws: str, pins: Pins, now: datetime) -> RevocationPermit:
    """A revocation needs an operator's signed order and nothing else. Raises OrderInvalid, BadOrder."""
    order, _ = open_order(order_jws, pins.operators)
    if not isinstance(order, RevokeOrder):
        raise OrderInvalid("not an order to revoke")
    check_order(order, now)
    return RevocationPermit(order, _MINT)


def _check_agreement(order: IssueOrder, evidence: EmissionEvidence) -> None:
    term = evidence.term
    said = (term.type, *(term.members.get(name) for name in ("emission", "protocol", "key", "cpf", "name")))
    meant = ("emission-term", evidence.id, order.protocol, evidence.key.jkt, order.person.cpf, order.person.name)
    if said != meant:
        raise EmissionOutOfOrder("the term is about something else")
    shown = term.object("term")
    version = shown.get("version")
    known = TERMS.get(version) if isinstance(version, str) else None
    if known is None or known.as_json() != shown:
        raise EmissionOutOfOrder("the term is none of ours")
    try:
        evidence.key.verify(evidence.agreement, message(term.digest, "approve", None))
    except SignatureInvalid as cause:
        raise DecisionInvalid("the agreement is not signed by the emission key") from cause


def _check_password_decision(evidence: EmissionEvidence, possession: Possession) -> None:
    if possession.document_hash in (evidence.identify.digest, evidence.term.digest):
        raise PossessionInvalid("the decision is one the emission key gave to us, for something else")
    if possession.proof_hash == proof_hash(None):
        raise PossessionInvalid("there is no password behind the decision")
    if len(possession.document_hash) != 32 or len(possession.proof_hash) != 32:
        raise PossessionInvalid("hashes have 32 bytes")
    signed = message_from_hashes(possession.document_hash, "approve", possession.proof_hash)
    try:
        evidence.key.verify(possession.signature, signed)
    except SignatureInvalid as cause:
        raise PossessionInvalid("the decision is not signed by the emission key") from cause


def _text(payload: Mapping[str, JsonValue], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str):
        raise PossessionInvalid(f"{name} is text")
    return value
