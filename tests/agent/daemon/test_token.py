"""What a program finds, and what it can have signed: every mechanism, in both encodings that p11-kit has."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from desktop_agent.pkcs11.codes import Cka, Ckm, Rv
from desktop_agent.pkcs11.wire import blob, u32, u64
from tests.agent.daemon.conftest import Running
from tests.agent.daemon.p11_client import Ckr, P11Client
from tests.agent.pki import Holder, der

DATA = b"o que se assina"
SHA = {256: (hashes.SHA256(), 0x250, 2, "3031300d060960864801650304020105000420"),
       384: (hashes.SHA384(), 0x260, 3, "3041300d060960864801650304020205000430"),
       512: (hashes.SHA512(), 0x270, 4, "3051300d060960864801650304020305000440")}  # fmt: skip


def digest(bits: int) -> bytes:
    return hashlib.new(f"sha{bits}", DATA).digest()


def pss(bits: int, salt: int | None = None, mask: int | None = None) -> bytes:
    _, kind, own_mask, _ = SHA[bits]
    return u64(kind) + u64(own_mask if mask is None else mask) + u64(bits // 8 if salt is None else salt)


def verify(holder: Holder, signature: bytes, bits: int, *, salted: bool = False, data: bytes = DATA) -> None:
    sha = SHA[bits][0]
    public = holder.key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        pad = padding.PSS(padding.MGF1(sha), bits // 8) if salted else padding.PKCS1v15()
        public.verify(signature, data, pad, sha)
    else:
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        public.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(sha))


async def key_of(client: P11Client, holder: str) -> int:
    (found,) = await client.find(await client.session(), {Cka.CLASS: 3, Cka.LABEL: holder.encode()})
    return found


async def test_the_token_holds_everything(running: Running, client: P11Client, ana: Holder, maria: Holder) -> None:
    """Certificate and both keys of each holder, tied by their id, and the issuer; nothing asks for a login."""
    session = await client.session()
    certificates = await client.find(session, {Cka.CLASS: 1})
    assert len(certificates) == 3
    assert len(await client.find(session, {})) == 7
    (mine,) = await client.find(session, {Cka.CLASS: 1, Cka.VALUE: der(maria.certificate)})
    answer = await client.call("get_attribute_value", u64(session) + u64(mine) + u32(1) + u32(Cka.ID) + u32(64))
    assert (answer.u32(), answer.u32(), answer.byte(), answer.u32()) == (1, Cka.ID, 1, 20)
    ident = answer.blob()
    assert len(await client.find(session, {Cka.ID: ident})) == 3
    info = await client.call("get_token_info", u64(0))
    for _ in range(4):
        info.blob()
    assert not info.u64() & 0x4, "CKF_LOGIN_REQUIRED makes Firefox ring the phone before it shows anything"
    assert len(await client.find(session, {Cka.CLASS: 3, Cka.PRIVATE: 1})) == 0


@pytest.mark.parametrize("version", [0, 1, 2, 7])
async def test_every_way_to_sign(running: Running, ana: Holder, maria: Holder, version: int) -> None:
    """Hashed here or there, PKCS#1, PSS and ECDSA, SHA-256 to 512: what comes verifies with the certificate."""
    client = await P11Client.connect(running.socket, version)
    assert client.agreed == min(version, 2)
    rsa_key, ec_key = await key_of(client, "MARIA DA SILVA"), await key_of(client, "ANA SOUZA")
    for bits, whole, salted in ((256, 0x40, 0x43), (384, 0x41, 0x44), (512, 0x42, 0x45)):
        verify(maria, await client.sign(rsa_key, whole, DATA), bits)
        verify(maria, await client.sign(rsa_key, Ckm.RSA_PKCS, bytes.fromhex(SHA[bits][3]) + digest(bits)), bits)
        hashed = await client.sign(rsa_key, salted, DATA, parameters=pss(bits))
        verify(maria, hashed, bits, salted=True)
        raw = await client.sign(rsa_key, Ckm.RSA_PKCS_PSS, digest(bits), parameters=pss(bits))
        verify(maria, raw, bits, salted=True)
    verify(ana, await client.sign(ec_key, Ckm.ECDSA, digest(256)), 256)
    verify(ana, await client.sign(ec_key, Ckm.ECDSA_SHA256, DATA), 256)
    await client.close()


async def test_signing_in_pieces(running: Running, client: P11Client, maria: Holder) -> None:
    """C_SignUpdate as often as one likes; C_Sign may not follow it; C_SignFinal tells the length and keeps the data."""
    key, session = await key_of(client, "MARIA DA SILVA"), await client.session()
    await client.call("sign_init", u64(session) + client.mechanism(Ckm.SHA256_RSA_PKCS) + u64(key))
    for piece in (DATA[:5], b"", DATA[5:]):
        await client.call("sign_update", u64(session) + b"\1" + blob(piece))
    assert (await client.call("sign_final", u64(session) + u32(0))).byte() == 0
    answer = await client.call("sign_final", u64(session) + u32(256))
    assert answer.byte() == 1
    verify(maria, answer.blob() or b"", 256)
    await client.call("sign_init", u64(session) + client.mechanism(Ckm.SHA256_RSA_PKCS) + u64(key))
    await client.call("sign_update", u64(session) + b"\1" + blob(b"a"))
    with pytest.raises(Ckr) as ended:
        await client.call("sign", u64(session) + b"\1" + blob(b"a") + u32(256))
    assert ended.value.rv == Rv.OPERATION_ACTIVE


@pytest.mark.parametrize(
    ("holder", "kind", "parameters", "data", "rv"),
    [
        ("MARIA DA SILVA", Ckm.RSA_PKCS, None, b"not a digest", Rv.DATA_INVALID),
        (
            "MARIA DA SILVA",
            Ckm.RSA_PKCS,
            None,
            bytes.fromhex("3021300906052b0e03021a05000414") + bytes(20),
            Rv.DATA_INVALID,
        ),
        ("MARIA DA SILVA", Ckm.RSA_PKCS, None, bytes(36), Rv.DATA_INVALID),
        ("MARIA DA SILVA", Ckm.RSA_PKCS, None, bytes(70_000), Rv.DATA_LEN_RANGE),
        ("MARIA DA SILVA", Ckm.RSA_PKCS_PSS, pss(256), bytes(48), Rv.DATA_LEN_RANGE),
        ("MARIA DA SILVA", Ckm.RSA_PKCS_PSS, pss(256, salt=20), digest(256), Rv.MECHANISM_PARAM_INVALID),
        ("MARIA DA SILVA", Ckm.RSA_PKCS_PSS, pss(256, mask=3), digest(256), Rv.MECHANISM_PARAM_INVALID),
        ("MARIA DA SILVA", Ckm.SHA384_RSA_PKCS_PSS, pss(256), DATA, Rv.MECHANISM_PARAM_INVALID),
        ("MARIA DA SILVA", Ckm.RSA_PKCS_PSS, u64(0x220) + u64(1) + u64(20), bytes(20), Rv.MECHANISM_PARAM_INVALID),
        ("MARIA DA SILVA", Ckm.ECDSA, None, digest(256), Rv.MECHANISM_INVALID),
        ("MARIA DA SILVA", 0x06, None, DATA, Rv.MECHANISM_INVALID),
        ("MARIA DA SILVA", 0x03, None, DATA, Rv.MECHANISM_INVALID),
        ("ANA SOUZA", Ckm.ECDSA, None, digest(384), Rv.DATA_LEN_RANGE),
        ("ANA SOUZA", Ckm.ECDSA, None, bytes(20), Rv.DATA_LEN_RANGE),
        ("ANA SOUZA", Ckm.ECDSA_SHA384, None, DATA, Rv.MECHANISM_INVALID),
    ],
    ids=str,
)
async def test_what_the_service_would_not_sign(
    client: P11Client, running: Running, holder: str, kind: int, parameters: bytes | None, data: bytes, rv: Rv
) -> None:
    """SHA-1, raw RSA, another salt, a hash that is not the curve's: refused here, and no phone rings for it."""
    with pytest.raises(Ckr) as ended:
        await client.sign(await key_of(client, holder), kind, data, parameters=parameters)
    assert ended.value.rv == rv
    assert running.gateway.requests == []


async def test_a_certificate_that_may_not_sign_is_not_shown(running: Running) -> None:
    """Revoked or suspended: programs do not offer it; without any, the slot is empty and says so."""
    running.gateway.key_status = dict.fromkeys(running.gateway.credentials, "disabled")
    client = await P11Client.connect(running.socket)
    answer = await client.call("get_slot_list", b"\1" + u32(10))
    assert (answer.byte(), answer.u32()) == (1, 0)
    with pytest.raises(Ckr) as ended:
        await client.session()
    assert ended.value.rv == Rv.TOKEN_NOT_PRESENT
    await client.close()
