"""Signature policies of ICP-Brasil (DOC-ICP-15.03; RFC 3125): what is read of a policy file, and what is signed of it.

``sigPolicyHash`` is the policy's *own* ``signPolicyHash``: the ITI's verifier refuses the hash of the file. OIDs,
hashes and periods come out of the files that the settings name; none is written here. Whether the field agrees with
the rest of the file is not computed again: how issuers counted it differs, and verifiers compare the field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, TypeAlias

from asn1crypto import algos, core
from pyhanko.sign.ades import cades_asn1

from hsm_service.documents.domain.form import Form, Format, Policy
from hsm_service.documents.errors import PolicyNotAvailable, PolicyUnreadable

MAX_POLICY: Final = 256 * 1024
_HASH_BYTES: Final = {"sha256": 32, "sha384": 48, "sha512": 64}


class _BareAlgorithm(core.Sequence):  # type: ignore[misc]
    """An AlgorithmIdentifier without parameters: asn1crypto's own adds NULL, and the ITI's verifier refuses that."""

    _fields: ClassVar = [("algorithm", algos.DigestAlgorithmId)]


class _SigningPeriod(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [("not_before", core.GeneralizedTime), ("not_after", core.GeneralizedTime, {"optional": True})]


class _ValidationPolicy(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("signing_period", _SigningPeriod),
        ("common_rules", core.Any),
        ("commitment_rules", core.Any),
        ("extensions", core.Any, {"optional": True}),
    ]


class _PolicyInfo(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("identifier", core.ObjectIdentifier),
        ("date_of_issue", core.GeneralizedTime),
        ("issuer_name", core.Any),
        ("field_of_application", core.Any),
        ("validation_policy", _ValidationPolicy),
        ("extensions", core.Any, {"optional": True}),
    ]


class _SignaturePolicy(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("hash_algorithm", algos.DigestAlgorithm),
        ("info", _PolicyInfo),
        ("hash", core.OctetString, {"optional": True}),
    ]


@dataclass(frozen=True)
class SignaturePolicy:
    """What a signature says of its policy, and when the policy may be signed under."""

    oid: str
    hash_algorithm: str
    """``sha256``, as asn1crypto names it."""
    hash: bytes
    not_before: datetime
    not_after: datetime | None
    uri: str
    """Where the policy is published: the qualifier SPuri."""

    def identifier(self) -> cades_asn1.SignaturePolicyIdentifier:
        """The value of the attribute id-aa-ets-sigPolicyId. The hash algorithm has no NULL parameters."""
        algorithm = algos.DigestAlgorithm.load(_BareAlgorithm({"algorithm": self.hash_algorithm}).dump())
        qualifier = cades_asn1.SigPolicyQualifierInfo(
            {"sig_policy_qualifier_id": "sp_uri", "sig_qualifier": core.IA5String(self.uri)}
        )
        policy = cades_asn1.SignaturePolicyId(
            {
                "sig_policy_id": core.ObjectIdentifier(self.oid),
                "sig_policy_hash": algos.DigestInfo({"digest_algorithm": algorithm, "digest": self.hash}),
                "sig_policy_qualifiers": [qualifier],
            }
        )
        return cades_asn1.SignaturePolicyIdentifier(name="signature_policy_id", value=policy)


def read_policy(der: bytes, uri: str) -> SignaturePolicy:
    """A policy file. Raises PolicyUnreadable."""
    try:
        policy = _SignaturePolicy.load(der[:MAX_POLICY], strict=True)
        info = policy["info"]
        period = info["validation_policy"]["signing_period"]
        found = SignaturePolicy(
            info["identifier"].native,
            policy["hash_algorithm"]["algorithm"].native,
            policy["hash"].native or b"",
            period["not_before"].native,
            period["not_after"].native,
            uri,
        )
    except (ValueError, TypeError, LookupError) as cause:
        raise PolicyUnreadable("not a SignaturePolicy") from cause
    if len(found.hash) != _HASH_BYTES.get(found.hash_algorithm):
        raise PolicyUnreadable("its signPolicyHash is missing, or not of its algorithm")
    return found


PolicyShelf: TypeAlias = Mapping[tuple[Format, Policy], SignaturePolicy]
"""Every policy that the settings name."""


def policy_for(shelf: PolicyShelf, form: Form, at: datetime) -> SignaturePolicy | None:
    """The policy of a form; None for a form without. Raises PolicyNotAvailable: not there, or outside its period."""
    if form.policy is None:
        return None
    found = shelf.get((form.format, form.policy))
    if found is None:
        raise PolicyNotAvailable(f"no file of {form.policy} for {form.format} is set up")
    if at < found.not_before or (found.not_after is not None and at > found.not_after):
        raise PolicyNotAvailable(f"{form.policy} ({found.oid}) is outside its signing period")
    return found
