"""Time stamps and evidence, from our own authority in its HSM slot: believed by strangers who have the root alone."""

import asyncio
import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from asn1crypto import cms as asn1_cms
from asn1crypto import tsp
from pyhanko.pdf_utils.reader import PdfFileReader

from hsm_service.documents.adapters.authority import AuthorityEvidence, AuthorityTsa
from hsm_service.documents.adapters.http_tsa import HttpTsa
from hsm_service.documents.domain.findings import Reason, Verdict
from hsm_service.documents.domain.form import Form, Format, Level, Packaging
from hsm_service.documents.errors import BadCertificate, NoEvidence, NoTimeStamp
from hsm_service.documents.service.judging import judge
from hsm_service.documents.service.time_stamps import TimeStampClient
from tests.agent.pki import Authority, der
from tests.documents import strangers
from tests.documents.test_xml import NFE
from tests.documents.vouched import Vouched, vouched
from tests.issuance.people import PROTOCOL

__all__ = ["vouched"]

CONTENT = b"conteudo\n"


async def test_a_pdf_for_the_long_term(vouched: Vouched, contract: bytes) -> None:
    """B-LTA: poppler and openssl call signature and stamp valid; pyHanko proves both from the file alone, later."""
    signed = await vouched.finished(Form(Format.PADES, Level.LTA), content=contract)
    said = strangers.pdfsig(signed.content)
    assert said.count("Signature is Valid.") == 1, said  # poppler does not know document time-stamps
    assert "LinkID-TS-" in said
    stamp = PdfFileReader(BytesIO(signed.content)).embedded_timestamp_signatures[0]
    start, first, second, rest = stamp.byte_range
    covered = signed.content[start:first] + signed.content[second : second + rest]
    assert second + rest == len(signed.content)
    assert "Verification: OK" in strangers.openssl_ts(stamp.pkcs7_content.rstrip(b"\0"), covered, vouched.root)
    later = vouched.world.now + timedelta(days=30)  # the holders' list was for a day
    assert await strangers.pyhanko_long_term(signed.content, vouched.root, later) == "PASSED"
    less = await vouched.finished(Form(Format.PADES, Level.LT), content=contract)
    assert await strangers.pyhanko_by_store(less.content, vouched.root, vouched.world.now)
    assert await strangers.pyhanko_long_term(less.content, vouched.root, later) == "INDETERMINATE"
    stamped = await vouched.finished(Form(Format.PADES, Level.T), content=contract)
    signed_data = PdfFileReader(BytesIO(stamped.content)).embedded_regular_signatures[0].signed_data
    assert signed_data["signer_infos"][0]["unsigned_attrs"][0]["type"].native == "signature_time_stamp_token"
    with pytest.raises(Exception, match="DSS"):
        await strangers.pyhanko_by_store(stamped.content, vouched.root, vouched.world.now)
    assert signed.evidence is not None
    assert [len(part) for part in (signed.evidence.certificates, signed.evidence.crls, signed.evidence.ocsps)] == [
        2,
        2,
        1,
    ]


async def test_cades_with_stamp_and_evidence(vouched: Vouched) -> None:
    """B-T carries a token over the signature value; B-LT lists besides; openssl verifies both, the token too."""
    for level in (Level.T, Level.LT):
        form = Form(Format.CADES, level, Packaging.ATTACHED)
        signed = await vouched.finished(form, content=CONTENT)
        assert "successful" in strangers.openssl_cms(signed.content, vouched.root, None), level
        info = asn1_cms.ContentInfo.load(signed.content)["content"]["signer_infos"][0]
        (token,) = info["unsigned_attrs"][0]["values"]
        assert "Verification: OK" in strangers.openssl_ts(token.dump(), info["signature"].native, vouched.root)
        assert len(asn1_cms.ContentInfo.load(signed.content)["content"]["crls"]) == (2 if level is Level.LT else 0)


async def test_a_revoked_holder_gets_no_evidence(vouched: Vouched, contract: bytes) -> None:
    """Between approval and finish the certificate was revoked: no long-term signature says that it was not."""
    form = Form(Format.PADES, Level.LT)
    await vouched.world.operator.revoke(vouched.world.now, protocol=PROTOCOL, reason="keyCompromise")
    with pytest.raises(BadCertificate):
        await vouched.finished(form, content=contract)


async def test_verification_knows_our_revocations(vouched: Vouched, contract: bytes) -> None:
    """Valid while the lists say nothing; once revoked, only what was stamped before stays valid."""
    plain = (await vouched.finished(Form(Format.PADES), content=contract)).content
    stamped = (await vouched.finished(Form(Format.PADES, Level.LTA), content=contract)).content
    cades = (await vouched.finished(Form(Format.CADES, Level.T, Packaging.ATTACHED), content=CONTENT)).content
    nfe = Form(Format.XADES, Level.T)
    xades = (await vouched.finished(nfe, content=NFE, element="NFe31")).content
    for document in (plain, stamped, cades, xades):
        report = await judge(document, None, await vouched.trust())
        assert report.verdict is Verdict.VALID, report
    assert [each.is_stamp for each in (await judge(stamped, None, await vouched.trust())).findings] == [False, True]
    assert (await judge(stamped, None, await vouched.trust())).findings[0].stamped_at == vouched.world.now.timestamp()
    before = vouched.world.now.timestamp()
    vouched.world.clock.advance(timedelta(minutes=5))
    await vouched.world.operator.revoke(vouched.world.now, protocol=PROTOCOL, reason="keyCompromise")
    vouched.world.clock.advance(timedelta(minutes=5))
    (found,) = (await judge(plain, None, await vouched.trust())).findings
    assert found.reasons == (Reason.REVOKED,)
    assert (await judge(stamped, None, await vouched.trust())).findings[0].verdict is Verdict.VALID
    assert (await judge(cades, None, await vouched.trust())).findings[0].verdict is Verdict.VALID
    (found,) = (await judge(xades, None, await vouched.trust())).findings
    assert (found.verdict, found.stamped_at) == (Verdict.VALID, int(before))
    token = re.findall(rb"EncapsulatedTimeStamp>(.*?)<", xades)[0]
    other = await vouched.finished(nfe, content=NFE, element="NFe31")
    theirs = re.findall(rb"EncapsulatedTimeStamp>(.*?)<", other.content)[0]
    for lie in (theirs, b"AAAA", b"%", token[:-8]):
        (found,) = (await judge(xades.replace(token, lie), None, await vouched.trust())).findings
        assert Reason.STAMP_BROKEN in found.reasons
        assert found.stamped_at is None


async def test_evidence_is_for_our_own_certificates(vouched: Vouched) -> None:
    """Of another authority we know nothing, and say so; nobody there is asked."""
    with pytest.raises(NoEvidence):
        await AuthorityEvidence(vouched.world.client).collect([der(Authority().certificate)])


async def test_an_authority_that_lies_is_not_believed(vouched: Vouched) -> None:
    """Another digest, another nonce, a broken signature, a refusal, rubbish, endless, slow: the next one is asked."""
    honest = AuthorityTsa(vouched.world.client)
    digest = bytes(range(32))

    async def for_others(request: bytes) -> bytes:
        other = tsp.TimeStampReq.load(request)
        other["message_imprint"]["hashed_message"] = bytes(32)
        return await honest.ask(other.dump(force=True))

    async def replayed(request: bytes) -> bytes:
        other = tsp.TimeStampReq.load(request)
        other["nonce"] = 5
        return await honest.ask(other.dump(force=True))

    async def forged(request: bytes) -> bytes:
        answer = bytearray(await honest.ask(request))
        answer[-10] ^= 1
        return bytes(answer)

    async def refusing(request: bytes) -> bytes:
        return await honest.ask(request[:-4])

    async def rubbish(_request: bytes) -> bytes:
        return b"\x30\x03\x02\x01"

    for lie in (for_others, replayed, forged, refusing, rubbish):
        with pytest.raises(NoTimeStamp):
            await TimeStampClient([Asked(lie)]).stamp(digest, "sha256")
        assert await TimeStampClient([Asked(lie), honest]).stamp(digest, "sha256")


async def test_over_http_an_answer_has_a_type_a_size_and_a_time(vouched: Vouched) -> None:
    """What is no answer of a time-stamping authority is not waited for, followed or read to its end."""
    honest, never = AuthorityTsa(vouched.world.client), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        body, kind = await honest.ask(await request.read()), "application/timestamp-reply"
        match request.match_info["how"]:
            case "honest":
                return web.Response(body=body, content_type=kind)
            case "typeless":
                return web.Response(body=body)
            case "elsewhere":
                raise web.HTTPFound("/honest")
            case "endless":
                return web.Response(body=bytes(200_000), content_type=kind)
            case _:
                await never.wait()
                return web.Response()

    app = web.Application()
    app.router.add_post("/{how}", answer)
    async with TestServer(app) as server:

        async def asked(how: str, seconds: float = 30) -> bytes:
            return await TimeStampClient([HttpTsa(str(server.make_url(how)), seconds=seconds)]).stamp(
                bytes(32), "sha256"
            )

        assert await asked("/honest")
        for how in ("/typeless", "/elsewhere", "/endless"):
            with pytest.raises(NoTimeStamp):
                await asked(how)
        with pytest.raises(NoTimeStamp):
            await asked("/never", 0.05)
        never.set()
    with pytest.raises(NoTimeStamp):
        await TimeStampClient([HttpTsa("http://127.0.0.1:1/", seconds=5)]).stamp(bytes(32), "sha256")


class Asked:
    """An authority made of a function."""

    def __init__(self, ask: Any) -> None:
        self.ask = ask
