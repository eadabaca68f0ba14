"""XAdES: enveloped as NF-e has it, and detached from any file; xmlsec1 believes both, and notices every change."""

import dataclasses

import pytest

from hsm_service.documents.domain.form import Form, Format, Packaging
from hsm_service.documents.errors import BadPreparation, FormNotPossible, UnsuitableDocument
from tests.agent.pki import Authority, Holder
from tests.documents import strangers
from tests.documents.signing import finished, service, sign, signatory

ENVELOPED = Form(Format.XADES)
DETACHED = Form(Format.XADES, packaging=Packaging.DETACHED)
NFE = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<NFe xmlns="http://www.portalfiscal.inf.br/nfe">'
    b'<infNFe Id="NFe31" versao="4.00"><ide><natOp>Venda \xc3\xa0 vista</natOp></ide></infNFe></NFe>'
)
FREE = b"<contrato><parte>Maria</parte><!-- nota --></contrato>"


@pytest.mark.parametrize("algorithm", ["RSA-PKCS1-SHA256", "RSA-PKCS1-SHA512", "ECDSA-SHA256"])
async def test_xmlsec_calls_it_valid(
    algorithm: str, rsa_holder: Holder, ec_holder: Holder, authority: Authority
) -> None:
    """The element by its Id, the whole document, a file beside; and not when one letter changes."""
    holder, root = ec_holder if algorithm.startswith("ECDSA") else rsa_holder, authority.certificate
    for content, element, letter in ((NFE, "NFe31", b"Venda"), (FREE, None, b"Maria")):
        signed = await finished(service(), ENVELOPED, holder, algorithm, content=content, element=element)
        assert "OK" in strangers.xmlsec(signed.content, root)
        assert "OK" not in strangers.xmlsec(signed.content.replace(letter, letter.lower()), root)
        assert (b'URI="#NFe31"' in signed.content) is (element is not None)
    beside = await finished(service(), DETACHED, holder, algorithm, content=b"bytes\0quaisquer", name="nota.bin")
    assert beside.detached
    assert "OK" in strangers.xmlsec(beside.content, root, {"nota.bin": b"bytes\0quaisquer"})
    assert "OK" not in strangers.xmlsec(beside.content, root, {"nota.bin": b"outros bytes"})


async def test_hostile_xml_is_not_signed(rsa_holder: Holder) -> None:
    """Entities, bombs, files of ours, two elements of one name, no element of that name, no XML at all."""
    by = signatory(rsa_holder)
    lol = b'<!DOCTYPE a [<!ENTITY b "lol">' + b"".join(
        b'<!ENTITY b%d "%s">' % (n, b"&b%s;" % (b"" if n == 0 else b"%d" % (n - 1)) * 10) for n in range(9)
    )
    hostile = {
        lol + b"]><a>&b8;</a>": None,
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>': None,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>': None,
        b"<a>" * 100_000: None,
        b"<a>&x;</a>": None,
        b'<a Id="r"/>': None,
        NFE + b" ": "NFe32",
        b'<a><b Id="x"/><c Id="x"/></a>': "x",
        b"": None,
        b"%PDF-1.7": None,
        "<a/>".encode("utf-16")[:7]: None,
    }
    for xml, element in hostile.items():
        with pytest.raises(UnsuitableDocument):
            await service().prepare(ENVELOPED, by, content=xml, element=element)
    for name in ("", "../x", "a/b", "http://x", "x" * 101, "é"):
        with pytest.raises(FormNotPossible):
            await service().prepare(DETACHED, by, content=b"x", name=name)
    with pytest.raises(FormNotPossible):
        await service().prepare(ENVELOPED, by, digest=bytes(32))


async def test_a_document_that_was_changed_between_the_halves_is_refused(rsa_holder: Holder) -> None:
    """Another text, another reference, a value already there, a second signature, none."""
    prepared = await service().prepare(ENVELOPED, signatory(rsa_holder), content=NFE, element="NFe31")
    signature = sign(rsa_holder, prepared)
    assert (await service().finish(prepared, signature)).content
    for change in (
        (b"Venda", b"Venta"),
        (b'URI="#NFe31"', b'URI="#NFe32"'),
        (b"<ds:SignatureValue/>", b"<ds:SignatureValue>AA==</ds:SignatureValue>"),
        (b"</NFe>", b"<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/></NFe>"),
        (b"SigningTime>20", b"SigningTime>21"),
    ):
        assert change[0] in prepared.content
        with pytest.raises((BadPreparation, UnsuitableDocument)):
            await service().finish(dataclasses.replace(prepared, content=prepared.content.replace(*change)), signature)
    with pytest.raises((BadPreparation, UnsuitableDocument)):
        await service().finish(dataclasses.replace(prepared, content=NFE), signature)
