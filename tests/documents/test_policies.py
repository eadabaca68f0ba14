"""ICP-Brasil's policies: read from files, named in the signature by their own hash, refused outside their period."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import core

from hsm_service.documents.adapters.files import read_policies, read_roots
from hsm_service.documents.domain.form import Format, Packaging, policy_form
from hsm_service.documents.domain.policies import PolicyShelf, read_policy
from hsm_service.documents.errors import NoTimeStamp, PolicyNotAvailable, PolicyUnreadable, RootUnreadable
from hsm_service.documents.settings import PolicyFile, PolicySettings
from tests.agent.pki import Authority, Holder, der
from tests.documents import strangers
from tests.documents.policy_files import policy_file
from tests.documents.signing import NOW, finished, service, signatory

OID = "2.16.76.1.7.1.1.2.999"
URI = "http://politicas.example/PA_AD_RB.der"
CONTENT = b"conteudo\n"


def shelf(tmp_path: Path, **period: Any) -> PolicyShelf:
    file = tmp_path / "policy.der"
    file.write_bytes(policy_file(OID, **period))
    given = PolicyFile(file=file, uri=URI)
    return read_policies(PolicySettings(cades_ad_rb=given, pades_ad_rb=given, pades_ad_rt=given))


async def test_a_signature_names_its_policy(
    tmp_path: Path, rsa_holder: Holder, authority: Authority, contract: bytes
) -> None:
    """OID, the policy's own hash, its address; no NULL beside the hash algorithm; signingTime in CAdES, not in PDF."""
    policies = shelf(tmp_path)
    policy = policies[Format.CADES, "AD-RB"]
    own_hash = core.Sequence.load((tmp_path / "policy.der").read_bytes())[2].native
    form = policy_form(Format.CADES, "AD-RB", Packaging.ATTACHED)
    signed = await finished(service(policies=policies), form, rsa_holder, content=CONTENT)
    assert "successful" in strangers.openssl_cms(signed.content, authority.certificate, None)
    named = attributes(signed.content)
    told = named["signature_policy_identifier"].chosen
    assert told["sig_policy_id"].native == OID
    assert told["sig_policy_hash"]["digest"].native == policy.hash == own_hash
    assert told["sig_policy_hash"]["digest_algorithm"].dump() == bytes.fromhex("300b0609608648016503040201")
    (qualifier,) = told["sig_policy_qualifiers"]
    assert qualifier["sig_policy_qualifier_id"].dotted == "1.2.840.113549.1.9.16.5.1"
    assert qualifier["sig_qualifier"].native == URI
    assert "signing_time" in named
    pdf = await finished(service(policies=policies), policy_form(Format.PADES, "AD-RB"), rsa_holder, content=contract)
    assert "Signature is Valid." in strangers.pdfsig(pdf.content)
    start = pdf.content.index(b"/Contents <") + len(b"/Contents <")
    inside = attributes(bytes.fromhex(pdf.content[start : pdf.content.index(b">", start)].decode()))
    assert {"signature_policy_identifier"} <= set(inside)
    assert "signing_time" not in inside


async def test_a_policy_that_is_not_to_be_had_is_refused_at_once(tmp_path: Path, rsa_holder: Holder) -> None:
    """Not set up, not begun, over: nobody is asked to approve. AD-RT needs an authority that stamps."""
    by = signatory(rsa_holder)
    periods: list[dict[str, datetime]] = [
        {"since": NOW + timedelta(days=1)},
        {"since": NOW - timedelta(days=9), "until": NOW - timedelta(seconds=1)},
    ]
    for policies in [{}, *(shelf(tmp_path, **period) for period in periods)]:
        with pytest.raises(PolicyNotAvailable):
            await service(policies=policies).prepare(policy_form(Format.CADES, "AD-RB"), by, content=CONTENT)
    living = shelf(tmp_path, since=NOW - timedelta(days=9), until=NOW)
    await service(policies=living).prepare(policy_form(Format.CADES, "AD-RB"), by, content=CONTENT)
    with pytest.raises(NoTimeStamp):
        await service(policies=living).prepare(policy_form(Format.PADES, "AD-RT"), by, digest=bytes(32))


def test_what_is_no_policy_or_root_stops_us_before_anything_is_served(tmp_path: Path, authority: Authority) -> None:
    """A missing file, rubbish, a policy without its own hash, a root that is none: the file is named."""
    whole = policy_file(OID)
    bad = [b"", b"rubbish", whole[:-1], whole + b"\0", policy_file(OID, with_hash=False), whole[:40], b"\x30\x00"]
    for rubbish in bad:
        with pytest.raises(PolicyUnreadable):
            read_policy(rubbish, URI)
    with pytest.raises(PolicyUnreadable, match=r"missing\.der"):
        read_policies(PolicySettings(cades_ad_rb=PolicyFile(file=tmp_path / "missing.der", uri=URI)))
    (tmp_path / "root.pem").write_bytes(strangers.pem(authority.certificate))
    (tmp_path / "root.der").write_bytes(der(authority.certificate))
    (tmp_path / "bad.pem").write_bytes(b"-----BEGIN CERTIFICATE-----")
    assert read_roots([tmp_path / "root.pem", tmp_path / "root.der"]) == [der(authority.certificate)] * 2
    for name in ("bad.pem", "missing.pem", "policy.der"):
        with pytest.raises(RootUnreadable, match=name):
            read_roots([tmp_path / name])
    assert read_policy(whole, URI).not_before == datetime(2025, 7, 23, tzinfo=UTC)
    assert read_policy(whole, URI).not_after is None


def attributes(der: bytes) -> dict[str, asn1_cms.CMSAttribute]:
    info = asn1_cms.ContentInfo.load(der)["content"]["signer_infos"][0]
    return {each["type"].native: each["values"][0] for each in info["signed_attrs"]}
