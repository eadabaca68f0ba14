"""The table of docs/formats.md is what programs that are not ours say of each form, today.

`LINKID_WRITE_FORMATS=1 make test TESTS=tests/documents/test_formats_table.py` writes it anew.
"""

import asyncio
import os
from base64 import b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from asn1crypto import cms as asn1_cms
from asn1crypto import core
from lxml import etree

from demo.proof import signed_parts
from hsm_service.documents.adapters.files import read_policies
from hsm_service.documents.domain.form import Form, Format, Level, Packaging, policy_form
from hsm_service.documents.domain.stamp import Stamp
from hsm_service.documents.service import Finished
from hsm_service.documents.service.xades import DS, XADES
from hsm_service.documents.settings import PolicyFile, PolicySettings
from tests.documents import strangers
from tests.documents.policy_files import policy_file
from tests.documents.test_xml import FREE, NFE
from tests.documents.vouched import Vouched, vouched

__all__ = ["vouched"]

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
BEGIN, END = "<!-- written by tests/documents/test_formats_table.py -->\n", "<!-- end -->"
CONTENT = b"conteudo\n"
NAMES = ("pdfsig", "mutool", "pyHanko", "openssl cms", "openssl ts", "xmlsec1", "signxml")
FORMS: Mapping[str, tuple[Form, dict[str, Any]]] = {
    "CMS, detached": (Form(Format.CMS), {"content": CONTENT}),
    "CAdES B-B, detached": (Form(Format.CADES), {"content": CONTENT}),
    "CAdES B-B, attached": (Form(Format.CADES, packaging=Packaging.ATTACHED), {"content": CONTENT}),
    "CAdES AD-RB": (policy_form(Format.CADES, "AD-RB"), {"content": CONTENT}),
    "CAdES AD-RT": (policy_form(Format.CADES, "AD-RT"), {"content": CONTENT}),
    "CAdES B-T": (Form(Format.CADES, Level.T), {"content": CONTENT}),
    "CAdES B-LT": (Form(Format.CADES, Level.LT), {"content": CONTENT}),
    "PAdES B-B": (Form(Format.PADES), {}),
    "PAdES B-B, with a stamp": (Form(Format.PADES), {"stamp": Stamp("https://linkid.example/verificar")}),
    "PAdES AD-RB": (policy_form(Format.PADES, "AD-RB"), {}),
    "PAdES AD-RT": (policy_form(Format.PADES, "AD-RT"), {}),
    "PAdES B-T": (Form(Format.PADES, Level.T), {}),
    "PAdES B-LT": (Form(Format.PADES, Level.LT), {}),
    "PAdES B-LTA": (Form(Format.PADES, Level.LTA), {}),
    "XAdES B-B, enveloped, an element (NF-e)": (Form(Format.XADES), {"content": NFE, "element": "NFe31"}),
    "XAdES B-B, enveloped, the document": (Form(Format.XADES), {"content": FREE}),
    "XAdES B-B, detached": (Form(Format.XADES, packaging=Packaging.DETACHED), {"content": CONTENT, "name": "nota.bin"}),
    "XAdES B-T, enveloped, an element (NF-e)": (Form(Format.XADES, Level.T), {"content": NFE, "element": "NFe31"}),
    "XAdES B-T, enveloped, the document": (Form(Format.XADES, Level.T), {"content": FREE}),
    "XAdES B-T, detached": (
        Form(Format.XADES, Level.T, Packaging.DETACHED),
        {"content": CONTENT, "name": "nota.bin"},
    ),
}


async def test_the_table_is_what_they_say(vouched: Vouched, contract: bytes, tmp_path: Path) -> None:
    """Each form, through prepare and finish, with certificate and stamps of the AC in SoftHSM, by each verifier."""
    file = tmp_path / "policy.der"
    file.write_bytes(policy_file("2.16.76.1.7.1.1.2.999"))
    given = PolicyFile(file=file, uri="http://politicas.example/PA.der")
    shelf = read_policies(PolicySettings(cades_ad_rb=given, cades_ad_rt=given, pades_ad_rb=given, pades_ad_rt=given))
    with_policies = vouched.with_policies(shelf)
    rows = []
    for name, (form, what) in FORMS.items():
        made = await with_policies.finished(form, **{"content": contract, **what})
        said = await asyncio.to_thread(verdicts, form, made, what, vouched)
        rows.append(f"| {name} | " + " | ".join(said.get(each, "-") for each in NAMES) + " |\n")
    table = f"| form | {' | '.join(NAMES)} |\n|{'---|' * (len(NAMES) + 1)}\n" + "".join(rows)
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    written, _, after = rest.partition(END)
    if os.environ.get("LINKID_WRITE_FORMATS"):
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")
        return
    assert written.strip() == table.strip()


def verdicts(form: Form, made: Finished, what: Mapping[str, Any], vouched: Vouched) -> dict[str, str]:
    """By verifier: valid, or what it said."""
    match form.format:
        case Format.PADES:
            return of_pdf(made.content, vouched)
        case Format.XADES:
            return of_xml(form, made.content, what, vouched)
        case _:
            return of_cms(form, made.content, vouched)


def of_pdf(pdf: bytes, vouched: Vouched) -> dict[str, str]:
    covered, cms = signed_parts_of_first(pdf)
    found = {
        "pdfsig": valid("Signature is Valid." in strangers.pdfsig(pdf)),
        "mutool": by_mutool(strangers.mutool(pdf)),
        "pyHanko": valid(asyncio.run(strangers.pyhanko_pdf(pdf, vouched.root))),
        "openssl cms": valid("successful" in strangers.openssl_cms(cms, vouched.root, covered)),
    }
    return {**found, **stamp_of(cms, vouched)}


def by_mutool(said: str) -> str:
    """It tells apart what others do not: an update after the signature is an edit, also one that only adds evidence."""
    if "signature is valid but there have been edits" in said:
        return "valid, edited since"
    return valid("unchanged since signing" in said)


def of_cms(form: Form, cms: bytes, vouched: Vouched) -> dict[str, str]:
    content = None if form.packaging is Packaging.ATTACHED else CONTENT
    found = {
        "pyHanko": valid(asyncio.run(strangers.pyhanko_cms(cms, content, vouched.root))),
        "openssl cms": valid("successful" in strangers.openssl_cms(cms, vouched.root, content)),
    }
    return {**found, **stamp_of(cms, vouched)}


def of_xml(form: Form, xml: bytes, what: Mapping[str, Any], vouched: Vouched) -> dict[str, str]:
    detached = form.packaging is Packaging.DETACHED
    beside = {what["name"]: what["content"]} if detached else {}
    found = {
        "xmlsec1": valid("OK" in strangers.xmlsec(xml, vouched.root, beside, vouched.holder.chain[1:])),
        "signxml": valid(strangers.signxml(xml, vouched.holder.certificate, what["content"] if detached else None)),
    }
    token = etree.fromstring(xml).find(f".//{XADES}SignatureTimeStamp/{XADES}EncapsulatedTimeStamp")
    if token is None:
        return found
    value = etree.fromstring(xml).find(f".//{DS}SignatureValue")
    stamped = etree.tostring(value, method="c14n", exclusive=True)
    said = strangers.openssl_ts(b64decode(token.text), stamped, vouched.root)
    return {**found, "openssl ts": valid("Verification: OK" in said)}


def stamp_of(cms: bytes, vouched: Vouched) -> dict[str, str]:
    info = asn1_cms.ContentInfo.load(cms)["content"]["signer_infos"][0]
    if isinstance(info["unsigned_attrs"], core.Void):
        return {}
    (token,) = info["unsigned_attrs"][0]["values"]
    said = strangers.openssl_ts(token.dump(), info["signature"].native, vouched.root)
    return {"openssl ts": valid("Verification: OK" in said)}


def signed_parts_of_first(pdf: bytes) -> tuple[bytes, bytes]:
    """Of the holder's signature: a document time-stamp comes after it."""
    end = pdf.index(b"%%EOF", pdf.index(b"/ByteRange")) + 6
    return signed_parts(pdf[:end])


valid: Callable[[bool], str] = {True: "valid", False: "**refused**"}.__getitem__
