"""The test time-stamping authority: openssl believes it, and it stamps nothing it does not understand."""

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import tsp
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from pkcs11 import ObjectClass

from foundation.encoding import b64u, unb64u
from foundation.errors import LinkIdError
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_ac_slot
from hsm_service.hsm.token import Token
from issuance.ac.domain.authority import TSA_RENEW_BEFORE
from issuance.ac.domain.time_stamp import RefusedResponse
from issuance.ac.service.time_stamping import NoStampingKey
from linkid.platform import program
from tests.issuance.conftest import World

DATA = b"o que se carimba\n"


async def stamped(world: World, request: bytes) -> bytes:
    answer = await world.client.call("pki/tsa", {"request": b64u(request)})
    assert answer["content_type"] == "application/timestamp-reply"
    assert answer["max_age"] == 0
    return unb64u(str(answer["body"]), max_len=16_384)


def openssl(*words: object) -> str:
    done = subprocess.run([str(program("openssl")), *map(str, words)], capture_output=True, text=True)
    return done.stdout + done.stderr


async def test_openssl_asks_and_verifies(world: World, tmp_path: Path) -> None:
    """``openssl ts`` makes the request and calls the answer good for this content, and for no other."""
    data, asked, answered, root = (tmp_path / name for name in ("data", "asked", "answered", "root.pem"))
    data.write_bytes(DATA)
    openssl("ts", "-query", "-data", data, "-sha256", "-cert", "-out", asked)
    answered.write_bytes(await stamped(world, asked.read_bytes()))
    found = load_der_x509_certificate((world.settings.pki_folder / "root.crt").read_bytes())
    root.write_bytes(found.public_bytes(Encoding.PEM))
    verify = ("ts", "-verify", "-in", answered, "-CAfile", root)
    assert "Verification: OK" in openssl(*verify, "-queryfile", asked)
    assert "Verification: OK" in openssl(*verify, "-data", data)
    data.write_bytes(DATA + b"!")
    assert "Verification: FAILED" in openssl(*verify, "-data", data)
    info = token_info(answered.read_bytes())
    assert info["gen_time"].native == world.now
    assert info["policy"].native == world.settings.authority.stamping_policy


async def test_each_stamp_has_its_serial_number_and_nonce(world: World) -> None:
    """The nonce comes back, serial numbers differ, and the certificate comes only when asked for."""
    answers = [await stamped(world, request(nonce=7, cert_req=True)), await stamped(world, request())]
    infos = [token_info(answer) for answer in answers]
    assert [info["nonce"].native for info in infos] == [7, None]
    assert len({info["serial_number"].native for info in infos}) == 2
    signed = [tsp.TimeStampResp.load(answer)["time_stamp_token"]["content"] for answer in answers]
    assert [len(each["certificates"]) if each["certificates"] else 0 for each in signed] == [1, 0]


async def test_what_it_does_not_understand_gets_no_token(world: World) -> None:
    """The answer says why in RFC 3161's words; rubbish on the channel is a bad request."""
    refused = {
        b"": "bad_data_format",
        b"\x30\x80rubbish": "bad_data_format",
        request() + b"\0": "bad_data_format",
        request(algorithm="sha1", digest=bytes(20)): "bad_alg",
        request(digest=bytes(31)): "bad_data_format",
        request(nonce=1 << 300): "bad_data_format",
        request(req_policy="1.2.3.4"): "unaccepted_policy",
        request(extensions=[{"extn_id": "2.5.29.19", "extn_value": b"\x30\x00"}]): "unaccepted_extensions",
    }
    for der, why in refused.items():
        answer = RefusedResponse.load(await stamped(world, der), strict=True)  # there is nothing else in it
        assert answer["status"]["status"].native == "rejection"
        assert answer["status"]["fail_info"].native == {why}
    for body in ({}, {"request": 1}, {"request": "A" * 9000}, {"request": "="}, {"request": b64u(bytes(5000))}):
        with pytest.raises(LinkIdError, match=r"bad|invalid|encoding"):
            await world.client.call("pki/tsa", body)


async def test_its_certificate_is_renewed_while_we_run(world: World) -> None:
    """A year before its end; the key stays."""
    file = world.settings.pki_folder / "tsa.crt"
    before = load_der_x509_certificate(file.read_bytes())
    world.clock.advance(before.not_valid_after_utc - TSA_RENEW_BEFORE - world.now)
    await world.ac.publisher.keep_fresh()
    after = load_der_x509_certificate(file.read_bytes())
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert after.public_key() == before.public_key()
    token = tsp.TimeStampResp.load(await stamped(world, request(cert_req=True)))["time_stamp_token"]
    assert token["content"]["certificates"][0].chosen.serial_number == after.serial_number


async def test_without_a_key_nothing_else_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot from before: 503 for stamps, the rest answers."""
    monkeypatch.setattr(world.ac.publisher._chain, "tsa", None)
    with pytest.raises(NoStampingKey):
        await world.client.call("pki/tsa", {"request": b64u(request())})
    assert (await world.client.call("pki/root.crt"))["body"]


def test_a_slot_in_use_gets_the_key_it_lacks(ac_slot: HsmSettings) -> None:
    """`linkid hsm init` on a slot from before makes ``tsa.1``, and changes nothing else."""
    token = Token(ac_slot)

    def lose(kind: ObjectClass) -> None:
        token.run(lambda room: room.find("tsa.1", kind).destroy())

    root = token.run(lambda room: room.p256_public("root.1"))
    lose(ObjectClass.PRIVATE_KEY)
    lose(ObjectClass.PUBLIC_KEY)
    token = Token(ac_slot)
    assert token.run(lambda room: room.versions("tsa", ObjectClass.PRIVATE_KEY)) == []
    assert initialise_ac_slot(token, datetime.now(UTC)) == root
    assert token.run(lambda room: room.versions("tsa", ObjectClass.PRIVATE_KEY)) == [1]


def request(*, algorithm: str = "sha256", digest: bytes | None = None, **more: object) -> bytes:
    imprint = {
        "hash_algorithm": {"algorithm": algorithm},
        "hashed_message": hashlib.sha256(DATA).digest() if digest is None else digest,
    }
    return bytes(tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, **more}).dump())


def token_info(answer: bytes) -> tsp.TSTInfo:
    return tsp.TimeStampResp.load(answer)["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
