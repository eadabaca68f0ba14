"""How a key is born, and which certificate it gets: of the page that proved itself, by a chain of the pinned root."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from foundation.encoding import b64u, unb64u
from foundation.ids import new_id
from hsm_service.hsm.faults import HsmRequestFault
from hsm_service.hsm.keys import WrappedKey
from protocol.algorithms import SIGN_ALGORITHMS
from protocol.decisions import message_from_hashes
from protocol.keys import P256Key, sign_raw
from tests.sam.world import START, Authority, Signer, World, raw


async def prepared(world: World, page: Signer, emission: str | None = None) -> dict[str, Any]:
    return await world.call(
        "emission/prepare", emission=emission or new_id("ems"), key=page.public.jkt, key_algorithm="P-256"
    )


async def test_the_possession_can_be_verified_by_the_ac(world: World) -> None:
    """It names emission, key, SPKI and request, and carries the page's own signature over document and proof."""
    page = Signer()
    possession = await world.bound_key("P-256", page)
    assert set(possession) == {
        "v", "type", "emission", "credential", "key", "spki", "csr", "document_hash", "proof_hash", "signature",
        "created", "expires",
    }  # fmt: skip
    message = message_from_hashes(raw(possession["document_hash"]), "approve", raw(possession["proof_hash"]))
    page.public.verify(raw(possession["signature"]), message)
    request = x509.load_der_x509_csr(raw(possession["csr"]))
    assert request.is_signature_valid
    public = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public == raw(possession["spki"])


async def test_the_key_is_only_in_the_database_and_only_bound(world: World) -> None:
    """What is stored does not contain the wrapped key in the clear, let alone the key: two layers lie around it."""
    possession = await world.bound_key("RSA-2048")
    row = (await world.sql("SELECT * FROM sam.credentials"))[0]
    assert len(row["bound"]) > 1200
    for blob in (bytes(row["bound"]), bytes(row["bound"])[12:], bytes(row["bound"])[12:-16]):
        with pytest.raises(HsmRequestFault):
            await world.sam.hsm.sign_wrapped(
                WrappedKey(blob, raw(possession["spki"]), 1),
                "RSA-2048",
                SIGN_ALGORITHMS["RSA-PKCS1-SHA256"],
                [bytes(32)],
            )


async def test_somebody_else_sets_no_password(world: World) -> None:
    """Another key, another proof, a late or second answer: no key is made."""
    page, stranger = Signer(), Signer()
    made = await prepared(world, page)
    statement = world.open(made["statement"])
    body = page.decision(statement)
    for lie, key, code in (
        (stranger.decision(statement), stranger.public, "decision_invalid"),
        (stranger.decision(statement), page.public, "decision_invalid"),
        (page.decision(statement, purpose="sign"), page.public, "proof_invalid"),
        (page.decision(statement, device=stranger.public), page.public, "proof_invalid"),
        (page.decision(statement, password=None), page.public, "proof_invalid"),
        ({**body, "proof": page.decision(statement)["proof"]}, page.public, "decision_invalid"),
    ):
        assert await world.refused("emission/keys", document=made["document"], key_jwk=key.jwk, **lie) == code
    assert await world.sql("SELECT * FROM sam.credentials WHERE state <> 'prepared'") == []
    # a phone's call decides no emission, and the emission's call no phone's document
    assert (
        await world.refused("documents/decide", document=made["document"], device=page.id, **body) == "document_unknown"
    )
    world.clock.advance(timedelta(seconds=300))
    late = await world.refused("emission/keys", document=made["document"], key_jwk=page.public.jwk, **body)
    assert late == "document_expired"
    again = await prepared(world, page, made_emission(statement))
    assert again["document"] != made["document"]
    assert again["credential"] == made["credential"]


def made_emission(statement: Any) -> str:
    return str(statement.document.text("emission"))


async def test_an_emission_belongs_to_its_first_key(world: World) -> None:
    """A second key or algorithm for the same emission is refused, and so is a second password after the first."""
    page, emission = Signer(), new_id("ems")
    made = await prepared(world, page, emission)
    for key, algorithm in ((Signer().public.jkt, "P-256"), (page.public.jkt, "RSA-2048")):
        code = await world.refused("emission/prepare", emission=emission, key=key, key_algorithm=algorithm)
        assert code == "emission_conflict"
    statement = world.open(made["statement"])
    first = page.decision(statement)
    await world.call("emission/keys", document=made["document"], key_jwk=page.public.jwk, **first)
    other = page.decision(statement, "Outra1234")
    assert (
        await world.refused("emission/keys", document=made["document"], key_jwk=page.public.jwk, **other)
        == "document_decided"
    )
    code = await world.refused("emission/prepare", emission=emission, key=page.public.jkt, key_algorithm="P-256")
    assert code == "emission_conflict"


async def test_a_refused_emission_is_over(world: World) -> None:
    """The page may say no; no key is made then."""
    page = Signer()
    made = await prepared(world, page)
    body = page.decision(world.open(made["statement"]), word="refuse:changed-mind")
    assert (
        await world.refused("emission/keys", document=made["document"], key_jwk=page.public.jwk, **body)
        == "document_decided"
    )
    assert await world.sql("SELECT * FROM sam.credentials WHERE state <> 'prepared'") == []


async def test_only_a_chain_of_the_pinned_root_for_our_key(world: World) -> None:
    """Every other certificate is refused, and the credential stays without one."""
    possession = await world.bound_key("P-256")
    spki, credential, authority = raw(possession["spki"]), possession["credential"], world.authority
    stranger = Authority()
    other_key = Signer().key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    good = authority.chain(spki)
    not_a_ca = authority.certificate(authority.key, "Leaf CA", authority.issuing_key.public_key(), issuer="Root")
    deep_key = ec.generate_private_key(ec.SECP256R1())
    deep = authority.certificate(authority.issuing_key, "Deep", deep_key.public_key(), ca=0, issuer="Issuing")
    public = load_der_public_key(spki)
    below_deep = authority.certificate(deep_key, "MARIA", public, issuer="Deep")
    by_leaf = authority.certificate(authority.issuing_key, "MARIA", public, issuer="Leaf CA")

    def der(*certificates: x509.Certificate) -> list[str]:
        return [b64u(one.public_bytes(Encoding.DER)) for one in certificates]

    wrong = {
        "another authority": stranger.chain(spki),
        "another authority's leaf over ours": [stranger.chain(spki)[0], good[1]],
        "another key": authority.chain(other_key),
        "expired": authority.chain(spki, start=START - timedelta(days=10), days=5),
        "not yet valid": authority.chain(spki, start=START + timedelta(days=1)),
        "the issuing certificate is missing": good[:1],
        "no CA in the middle": der(by_leaf, not_a_ca),
        "too deep for the path length": der(below_deep, deep, authority.issuing),
        "turned around": good[::-1],
        "nothing": [],
        "not a certificate": [b64u(b"x"), good[1]],
        "too many": good + good + good,
        "self-signed": der(stranger.certificate(Signer().key, "MARIA", Signer().key.public_key())),
    }
    for why, chain in wrong.items():
        code = await world.refused("credentials/activate", credential=credential, chain=chain)
        assert (why, code) == (why, "certificate_refused")
    assert await world.refused("credentials/activate", credential=new_id("cred"), chain=good) == "credential_unknown"
    await world.call("credentials/activate", credential=credential, chain=good)
    second = authority.chain(spki)
    assert await world.refused("credentials/activate", credential=credential, chain=second) == "certificate_refused"


async def test_a_credential_without_certificate_signs_nothing(world: World) -> None:
    """Before the AC issued there is nothing to pair with and nothing to ask for."""
    possession = await world.bound_key("P-256")
    credential = str(possession["credential"])
    phone = Signer()
    code = await world.refused("documents/pair", device=phone.id, device_key=phone.public.jwk, nickname="x",
                               credential=credential)  # fmt: skip
    assert code == "credential_not_active"
    with pytest.raises(Exception, match="credential_not_active"):
        await world.ask(credential, algorithm="ECDSA-SHA256")


async def test_an_expired_certificate_signs_nothing(world: World) -> None:
    """From the second its validity ends."""
    credential = await world.credential("P-256")
    world.clock.advance(timedelta(days=1000))
    with pytest.raises(Exception, match="credential_not_active"):
        await world.ask(credential, algorithm="ECDSA-SHA256")


async def test_statements_are_the_roots(world: World) -> None:
    """Every statement verifies with the SAM's root only, and names parameters above every client's floor."""
    made = await prepared(world, Signer())
    statement = world.open(made["statement"])
    assert statement.proof is not None
    assert (statement.proof.argon2.m, statement.proof.argon2.t, statement.proof.argon2.p) == (19456, 2, 1)
    head, body, tail = made["statement"].split(".")
    stranger = Signer()
    forged = f"{head}.{body}.{b64u(sign_raw(stranger.key, f'{head}.{body}'.encode()))}"
    with pytest.raises(Exception, match="signature_invalid"):
        world.open(forged)
    assert len(unb64u(tail, max_len=64)) == 64
    assert isinstance(stranger.public, P256Key)
