"""What the public reads: a chain, lists and OCSP answers that openssl and pkilint accept."""

import asyncio
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from foundation.encoding import b64u, unb64u
from foundation.errors import JsonValue
from hsm_service.hsm.faults import HsmUnavailable
from issuance.ac.domain.authority import OCSP_RENEW_BEFORE
from issuance.ac.domain.publication import BadKeptList, next_crl_number
from issuance.ac.process import initialise_authority, serving_ac
from issuance.ac.service.founding import AuthorityMismatch
from issuance.errors import CertificateUnknown
from linkid.platform import program
from protocol.errors import OrderInvalid
from protocol.orders import sign_order
from protocol.statements import open_root_signed
from tests.issuance.conftest import World
from tests.issuance.linting import certificate_findings, crl_findings, icp_findings, ocsp_findings
from tests.issuance.people import PROTOCOL, FakeSam, new_p256

STATUS = ocsp.OCSPCertStatus


class Reader:
    """Somebody who checks a certificate, with the authority's public files."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder

    async def file(self, name: str) -> bytes:
        answer = await self.world.client.call(f"pki/{name}")
        return unb64u(str(answer["body"]), max_len=1 << 20)

    async def crl(self, name: str = "issuing.crl") -> x509.CertificateRevocationList:
        return x509.load_der_x509_crl(await self.file(name))

    async def ask(self, request: bytes) -> tuple[ocsp.OCSPResponse, JsonValue]:
        answer = await self.world.client.call("pki/ocsp", {"request": b64u(request)})
        der = unb64u(str(answer["body"]), max_len=1 << 16)
        return ocsp.load_der_ocsp_response(der), answer["max_age"]

    async def status(self, leaf: x509.Certificate, issuing: x509.Certificate) -> STATUS:
        response, _ = await self.ask(request_for(leaf, issuing))
        assert response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        return response.certificate_status

    def keep(self, *certificates: x509.Certificate) -> list[Path]:
        files = [self.folder / f"{index}.pem" for index in range(len(certificates))]
        for file, certificate in zip(files, certificates, strict=True):
            file.write_bytes(certificate.public_bytes(Encoding.PEM))
        return files


def request_for(
    leaf: x509.Certificate, issuer: x509.Certificate, algorithm: Any = None, nonce: bytes | None = None
) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, algorithm or hashes.SHA1())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), False)
    return builder.build().public_bytes(Encoding.DER)


def openssl(*words: object) -> tuple[int, str]:
    done = subprocess.run([str(program("openssl")), *map(str, words)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def reader(world: World, tmp_path: Path) -> Reader:
    return Reader(world, tmp_path)


async def issued(world: World, protocol: str = PROTOCOL, algorithm: str = "P-256") -> list[x509.Certificate]:
    """A certificate with its chain."""
    world.sam = FakeSam(algorithm, world.sam.root)
    await world.operator.place(world.now, protocol=protocol, key_algorithm=algorithm)
    visitor = world.visitor()
    await visitor.start(world.now, protocol)
    await visitor.identify(world.now)
    await visitor.agree()
    return await visitor.issue(world.sam.possession(visitor, world.now))


@pytest.mark.parametrize("algorithm", ["RSA-2048", "P-256"])
async def test_the_chain_by_openssl_and_pkilint(world: World, reader: Reader, algorithm: str) -> None:
    """openssl verifies it strictly, revocation checked; no error of pkilint, none of ICP-Brasil's rules."""
    leaf, issuing, root = await issued(world, algorithm=algorithm)
    files = reader.keep(leaf, issuing, root)
    lists = reader.folder / "lists.pem"
    both = [(await reader.crl(name)).public_bytes(Encoding.PEM) for name in ("issuing.crl", "root.crl")]
    lists.write_bytes(b"".join(both))
    code, said = openssl(
        *("verify", "-x509_strict", "-purpose", "smimesign", "-crl_check_all", "-CRLfile", lists),
        *("-CAfile", files[2], "-untrusted", files[1], files[0]),
    )
    assert code == 0, said
    for certificate in (leaf, issuing, root):
        assert certificate_findings(certificate, reader.folder) == ""
    assert icp_findings(leaf) == []
    assert leaf.signature_hash_algorithm is not None
    assert leaf.signature_hash_algorithm.name == "sha256"
    assert issuing.public_key().key_size == root.public_key().key_size == 4096  # type: ignore[union-attr]


async def test_the_published_files_are_the_chain(world: World, reader: Reader) -> None:
    """root.crt, issuing.crt and chain.p7b are what certificates point to."""
    _, issuing, root = await issued(world)
    assert x509.load_der_x509_certificate(await reader.file("root.crt")) == root
    assert x509.load_der_x509_certificate(await reader.file("issuing.crt")) == issuing
    bundle = reader.folder / "chain.p7b"
    bundle.write_bytes(await reader.file("chain.p7b"))
    code, said = openssl("pkcs7", "-inform", "DER", "-in", bundle, "-print_certs", "-noout")
    assert code == 0, said
    assert said.count("subject=") == 2


# --- revocation lists -------------------------------------------------------------------------------------------------


async def test_a_revocation_is_on_the_list_at_once(world: World, reader: Reader) -> None:
    """The list is made anew with a higher number; openssl refuses the certificate, whose neighbour stays good."""
    leaf, issuing, root = await issued(world)
    other, _, _ = await issued(world, "1000000002")
    before = await reader.crl()
    assert list(before) == []
    await world.operator.revoke(world.now, serial=f"{leaf.serial_number:x}", reason="keyCompromise")
    after = await reader.crl()
    assert number(after) > number(before)
    assert after.get_revoked_certificate_by_serial_number(other.serial_number) is None
    entry = after.get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert after.is_signature_valid(issuing.public_key())  # type: ignore[arg-type]
    assert crl_findings(await reader.file("issuing.crl"), reader.folder) == ""
    assert crl_findings(await reader.file("root.crl"), reader.folder) == ""
    lists = reader.folder / "list.pem"
    lists.write_bytes(after.public_bytes(Encoding.PEM))
    files = reader.keep(leaf, issuing, root)
    code, said = openssl(
        "verify", "-crl_check", "-CRLfile", lists, "-CAfile", files[2], "-untrusted", files[1], files[0]
    )
    assert code != 0
    assert "revoked" in said


async def test_an_unspecified_reason_is_left_out(world: World, reader: Reader) -> None:
    """RFC 5280 section 5.3.1: the extension should be absent instead of saying unspecified."""
    leaf, _, _ = await issued(world)
    await world.operator.revoke(world.now, protocol=PROTOCOL, reason="unspecified")
    entry = (await reader.crl()).get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert entry is not None
    assert list(entry.extensions) == []


async def test_numbers_rise_however_many_ask(world: World, reader: Reader) -> None:
    """Twenty lists made at once have twenty numbers."""
    made = await asyncio.gather(*(world.ac.publisher.renew_crl("issuing") for _ in range(20)))
    assert len({crl.number for crl in made}) == 20
    assert number(await reader.crl()) == max(crl.number for crl in made)


async def test_a_list_is_renewed_before_it_ends(world: World, reader: Reader) -> None:
    """The timer makes a new one after six hours and no sooner; the old one is still good for long."""
    first = await reader.crl()
    world.clock.advance(timedelta(hours=5, minutes=59))
    await world.ac.publisher.keep_fresh()
    assert number(await reader.crl()) == number(first)
    world.clock.advance(timedelta(minutes=1))
    await world.ac.publisher.keep_fresh()
    second = await reader.crl()
    assert number(second) > number(first)
    assert first.next_update_utc is not None
    assert first.next_update_utc - second.last_update_utc >= timedelta(hours=12)


async def test_numbers_rise_after_a_restore(world: World, reader: Reader) -> None:
    """A database restored from a backup does not make the lists' numbers fall back."""
    for _ in range(3):
        await world.ac.publisher.renew_crl("issuing")
    newest = number(await reader.crl())
    assert newest >= int(world.now.timestamp())
    world.clock.advance(60)
    assert next_crl_number(0, world.now) >= newest


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


async def test_nobody_takes_a_revocation_back(world: World, reader: Reader) -> None:
    """A row rewritten or deleted, or a backup restored: OCSP and the next list say revoked all the same."""
    leaf, issuing, _ = await issued(world)
    other, _, _ = await issued(world, "1000000002")
    await world.operator.revoke(world.now, protocol=PROTOCOL, reason="keyCompromise")
    await world.operator.revoke(world.now, protocol="1000000002", reason="superseded")
    connection = await asyncpg.connect(world.database.dsn())
    try:
        await connection.execute(
            "UPDATE ac.certificates SET revoked_at = NULL, reason = NULL WHERE serial = $1", f"{leaf.serial_number:x}"
        )
        await connection.execute("DELETE FROM ac.certificates WHERE serial = $1", f"{other.serial_number:x}")
        await connection.execute("DELETE FROM ac.crls")
    finally:
        await connection.close()
    before = number(x509.load_der_x509_crl((world.settings.pki_folder / "issuing.crl").read_bytes()))
    await world.ac.server.close()
    async with serving_ac(world.settings, world.clock) as again:
        for certificate in (leaf, other):
            assert await reader.status(certificate, issuing) is STATUS.REVOKED
        world.clock.advance(timedelta(hours=6))
        await again.publisher.keep_fresh()
        after = await reader.crl()
    assert number(after) > before
    assert {entry.serial_number for entry in after} == {leaf.serial_number, other.serial_number}


async def test_a_list_leaves_out_what_ended_by_itself(world: World, reader: Reader) -> None:
    """After its last day a certificate needs no revocation: the list does not grow for ever."""
    await issued(world)
    await world.operator.revoke(world.now, protocol=PROTOCOL, reason="superseded")
    assert len(list(await reader.crl())) == 1
    world.clock.advance(timedelta(days=1096))
    await world.ac.publisher.keep_fresh()
    assert len(list(await reader.crl())) == 0


async def test_a_kept_list_that_is_not_ours_stops_us(world: World) -> None:
    """Rubbish, or a list by another key, in place of the kept one: nothing is published until somebody looks."""
    kept = world.settings.pki_folder / "issuing.crl"
    root = await world.client.call("pki/root.crl")
    await world.ac.server.close()
    for content in (b"rubbish", unb64u(str(root["body"]), max_len=1 << 16)):
        kept.write_bytes(content)
        with pytest.raises(BadKeptList):
            async with serving_ac(world.settings, world.clock):
                pass


# --- OCSP -------------------------------------------------------------------------------------------------------------


async def test_ocsp_says_good_then_revoked(world: World, reader: Reader) -> None:
    """By the delegated key, at once after the revocation, with reason and time."""
    leaf, issuing, _ = await issued(world)
    assert await reader.status(leaf, issuing) is STATUS.GOOD
    await world.operator.revoke(world.now, protocol=PROTOCOL, reason="superseded")
    response, _ = await reader.ask(request_for(leaf, issuing))
    assert response.certificate_status is STATUS.REVOKED
    assert response.revocation_reason is x509.ReasonFlags.superseded
    assert response.revocation_time_utc == world.now
    (responder,) = response.certificates
    assert x509.OCSPNoCheck in {type(extension.value) for extension in responder.extensions}
    assert ocsp_findings(response.public_bytes(Encoding.DER), reader.folder) == ""
    assert certificate_findings(responder, reader.folder) == ""


async def test_ocsp_by_openssl(world: World, reader: Reader) -> None:
    """openssl believes the delegated responder, checks the nonce, and reads good and revoked."""
    leaf, issuing, root = await issued(world)
    files = reader.keep(leaf, issuing, root)
    asked, answered = reader.folder / "asked.der", reader.folder / "answered.der"
    for expected in ("Cert Status: good", "Cert Status: revoked"):
        code, said = openssl("ocsp", "-issuer", files[1], "-cert", files[0], "-reqout", asked)
        assert code == 0, said
        response, _ = await reader.ask(asked.read_bytes())
        answered.write_bytes(response.public_bytes(Encoding.DER))
        code, said = openssl(
            *("ocsp", "-reqin", asked, "-respin", answered, "-resp_text"),
            *("-CAfile", files[2], "-verify_other", files[1]),
        )
        assert "Response verify OK" in said
        assert expected in said
        assert "WARNING: no nonce" not in said
        if expected.endswith("good"):
            await world.operator.revoke(world.now, protocol=PROTOCOL, reason="keyCompromise")


async def test_a_nonce_comes_back_and_is_not_kept(world: World, reader: Reader) -> None:
    """The answer to a nonce is for one asker: no relay may keep it."""
    leaf, issuing, _ = await issued(world)
    for length in (1, 16, 32, 128):
        nonce = bytes(range(length))
        response, max_age = await reader.ask(request_for(leaf, issuing, nonce=nonce))
        assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce
        assert max_age == 0
    _, without = await reader.ask(request_for(leaf, issuing))
    assert without == 60


async def test_a_serial_that_was_never_issued(world: World, reader: Reader) -> None:
    """Unknown, never good: a forged certificate with a serial of its own gets no support."""
    leaf, issuing, _ = await issued(world)
    key = issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    name = hashes.Hash(hashes.SHA1())
    name.update(issuing.subject.public_bytes())
    for serial in (leaf.serial_number + 1, 1, 1 << 159):
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name.copy().finalize(), key, serial, hashes.SHA1())
        response, max_age = await reader.ask(builder.build().public_bytes(Encoding.DER))
        assert response.certificate_status is STATUS.UNKNOWN
        assert max_age == 0


async def test_other_issuers_are_not_ours_to_speak_about(world: World, reader: Reader) -> None:
    """`unauthorized`, whatever the serial; also about our own root's certificates."""
    leaf, issuing, root = await issued(world)
    for request in (request_for(leaf, root), request_for(issuing, root)):
        response, _ = await reader.ask(request)
        assert response.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    good, _ = await reader.ask(request_for(leaf, issuing, hashes.SHA256()))
    assert good.certificate_status is STATUS.GOOD


async def test_requests_that_are_none(world: World, reader: Reader) -> None:
    """`malformedRequest`, never a fault of ours."""
    for request in (b"", b"\x30\x00", b"nonsense" * 100, b"\x30\x84\xff\xff\xff\xff"):
        response, max_age = await reader.ask(request)
        assert response.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
        assert max_age == 0


async def test_a_nonce_that_is_too_long(world: World, reader: Reader) -> None:
    """RFC 9654 allows 128 octets: more would let an asker have us sign whatever he likes."""
    leaf, issuing, _ = await issued(world)
    response, _ = await reader.ask(request_for(leaf, issuing, nonce=bytes(129)))
    assert response.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


# --- revocation -------------------------------------------------------------------------------------------------------


async def test_the_statement_for_the_sam(world: World) -> None:
    """Root-signed, naming certificate, time and reason; the same whenever it is asked for again."""
    leaf, _, _ = await issued(world)
    first = await world.operator.revoke(world.now, serial=f"{leaf.serial_number:x}", reason="keyCompromise")
    root = world.operator.ac_root
    payload = open_root_signed(first, "revoked", {root.jkt: root}, now=world.now, expires=False)
    assert payload == {
        "v": 1,
        "type": "revoked",
        "serial": f"{leaf.serial_number:x}",
        "certificate": b64u(leaf.fingerprint(hashes.SHA256())),
        "at": int(world.now.timestamp()),
        "reason": "keyCompromise",
    }
    world.clock.advance(60)
    again = await world.operator.revoke(world.now, protocol=PROTOCOL, reason="superseded")
    assert open_root_signed(again, "revoked", {root.jkt: root}, now=world.now, expires=False) == payload


async def test_who_may_not_revoke(world: World, reader: Reader) -> None:
    """No order of an unknown key, no order to issue, no order about what does not exist."""
    leaf, issuing, _ = await issued(world)
    order: dict[str, JsonValue] = {
        "v": 1,
        "type": "revoke",
        "id": "ord_" + "0" * 26,
        "created": int(world.now.timestamp()),
    }
    order |= {"serial": f"{leaf.serial_number:x}", "reason": "keyCompromise"}
    forged = sign_order(order, new_p256())
    issue = world.operator.sign(await world.operator.issue_order(world.now, protocol="1000000003"))
    for jws in (forged, issue, "a.b.c", ""):
        with pytest.raises(OrderInvalid):
            await world.client.call("certificates/revoke", {"order": jws})
    for members in ({"serial": "abc123"}, {"protocol": "1999999999"}):
        with pytest.raises(CertificateUnknown):
            await world.operator.revoke(world.now, reason="keyCompromise", **members)
    assert await reader.status(leaf, issuing) is STATUS.GOOD


async def test_reasons_that_no_holder_has(world: World) -> None:
    """ICP-Brasil knows no suspension, and a holder's certificate is no authority's."""
    await issued(world)
    for reason in ("certificateHold", "removeFromCRL", "cACompromise"):
        with pytest.raises(OrderInvalid):
            await world.operator.revoke(world.now, protocol=PROTOCOL, reason=reason)


async def test_a_revocation_counts_when_the_list_cannot_be_made(
    world: World, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The HSM may fail in between: OCSP says revoked all the same, and the timer makes the list."""
    leaf, issuing, _ = await issued(world)

    async def fails(*_: object, **__: object) -> None:
        raise HsmUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(type(world.ac.publisher), "renew_crl", fails)
        await world.operator.revoke(world.now, protocol=PROTOCOL, reason="keyCompromise")
    assert await reader.status(leaf, issuing) is STATUS.REVOKED
    assert list(await reader.crl()) == []
    await world.ac.publisher.keep_fresh()
    assert [entry.serial_number for entry in await reader.crl()] == [leaf.serial_number]


# --- the authority itself ---------------------------------------------------------------------------------------------


async def test_the_authority_is_made_once(world: World) -> None:
    """Running it again keeps every certificate."""
    before = {file.name: file.read_bytes() for file in world.settings.pki_folder.iterdir()}
    assert set(before) == {"root.crt", "issuing.crt", "ocsp.crt", "tsa.crt", "chain.p7b", "issuing.crl"}
    await initialise_authority(world.settings, world.clock)
    assert {file.name: file.read_bytes() for file in world.settings.pki_folder.iterdir()} == before


async def test_the_responders_certificate_is_renewed(world: World, reader: Reader) -> None:
    """Ten days before its end, while we run; answers go on verifying."""
    leaf, issuing, _ = await issued(world)
    before = (await reader.ask(request_for(leaf, issuing)))[0].certificates[0]
    world.clock.advance(before.not_valid_after_utc - OCSP_RENEW_BEFORE - world.now)
    await world.ac.publisher.keep_fresh()
    after = (await reader.ask(request_for(leaf, issuing)))[0].certificates[0]
    assert after.not_valid_after_utc > before.not_valid_after_utc
    after.verify_directly_issued_by(issuing)


async def test_files_of_another_authority_stop_us(world: World) -> None:
    """A certificate that does not belong to the key in the slot is never overwritten, nor used."""
    (world.settings.pki_folder / "issuing.crt").write_bytes((world.settings.pki_folder / "root.crt").read_bytes())
    with pytest.raises(AuthorityMismatch):
        await initialise_authority(world.settings, world.clock)
    (world.settings.pki_folder / "issuing.crt").write_bytes(b"rubbish")
    with pytest.raises(AuthorityMismatch):
        async with serving_ac(world.settings, world.clock):
            pass
