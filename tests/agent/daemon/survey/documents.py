"""Programs that sign PDFs: poppler, pyHanko, LibreOffice. A stranger's validator has the word on each."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pyhanko.pdf_utils.misc import PdfReadError

from tests.agent import pdfs
from tests.agent.daemon import programs
from tests.agent.daemon.programs import module
from tests.agent.daemon.survey.rows import LOST, row
from tests.agent.daemon.survey.world import MARIA, Lacking, World


async def _valid(world: World, pdf: Path) -> bool:
    if not pdf.exists() or not pdf.stat().st_size:
        return False
    try:
        return await asyncio.to_thread(pdfs.all_valid, pdf, world.people.authority)
    except PdfReadError as error:
        world.said += f"\npyHanko: {error}"
        return False


@row("pdfsig -add-signature", "signs twice, another digest each time: two approvals, or a session")
async def _(world: World) -> bool:
    database, source = await world.nss(), await programs.pdf_to_sign(world.folder)
    output = world.folder / "assinado.pdf"
    output.unlink(missing_ok=True)
    await world.run(*programs.pdfsig_sign(database, source, output, f"Link ID:{MARIA}"))
    return await _valid(world, output)


_WITH_PYHANKO = """
import sys
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign import signers
from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session
library, label, source, output = sys.argv[1:]
with open_pkcs11_session(library, token_criteria=TokenCriteria(label="Link ID")) as session:
    signer, metadata = PKCS11Signer(session, label, key_label=label), signers.PdfSignatureMetadata(field_name="S")
    with open(source, "rb") as i, open(output, "wb") as o:
        signers.sign_pdf(IncrementalPdfFileWriter(i, strict=False), metadata, signer, output=o)
"""


@row("pyHanko (PKCS11Signer)")
async def _(world: World) -> bool:
    source, output = await programs.pdf_to_sign(world.folder), world.folder / "pyhanko.pdf"
    output.unlink(missing_ok=True)
    await world.run(sys.executable, "-c", _WITH_PYHANKO, module(), MARIA, source, output)
    return await _valid(world, output)


# --- LibreOffice ------------------------------------------------------------------------------------------------------

_ZONE = "America/Sao_Paulo"
"""At Greenwich time LibreOffice 7.4 ends a signature's date with ``Z'``, which pyHanko reads as no date."""
_PYTHON_OF_UNO = Path("/usr/bin/python3")
_WITH_UNO = """
import sys, time, uno
from com.sun.star.beans import PropertyValue
pipe, holder, output = sys.argv[1:]
def given(name, value):
    made = PropertyValue()
    made.Name, made.Value = name, value
    return made
local = uno.getComponentContext()
resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
for _ in range(600):
    try:
        context = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        break
    except Exception:
        time.sleep(0.1)
manager = context.ServiceManager
crypto = manager.createInstanceWithContext("com.sun.star.xml.crypto.SEInitializer", context).createSecurityContext("")
certificates = crypto.getSecurityEnvironment().getPersonalCertificates()
print("certificates:", [one.SubjectName for one in certificates])
desktop = manager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
document = desktop.loadComponentFromURL("private:factory/swriter", "_blank", 0, (given("Hidden", True),))
try:
    document.Text.setString("Contrato")
    chosen = next(one for one in certificates if holder in one.SubjectName)
    options = (given("SignPDF", True), given("SignatureCertificate", chosen))
    data = uno.Any("[]com.sun.star.beans.PropertyValue", options)
    document.storeToURL("file://" + output, (given("FilterName", "writer_pdf_Export"), given("FilterData", data)))
finally:
    document.close(True)
"""


async def _office(world: World) -> str:
    """The name of the pipe at which one listens."""
    pipe = f"{world.folder.name}office"
    if "office" not in world.running:
        if not Path("/usr/lib/python3/dist-packages/uno.py").exists():
            raise Lacking("LibreOffice (with python3-uno) is not on this machine")
        where = f"-env:UserInstallation=file://{world.folder}/office"
        words = ["--headless", "--norestore", "--nologo", "--nodefault", f"--accept=pipe,name={pipe};urp;"]
        database = await world.nss()
        world.running["office"] = await world.start(
            "soffice", where, *words, MOZILLA_CERTIFICATE_FOLDER=f"sql:{database}", TZ=_ZONE
        )
    return pipe


@row(
    "LibreOffice (PDF export with a signature)",
    "the certificates of an NSS database that has the module (MOZILLA_CERTIFICATE_FOLDER, or Firefox's profile)",
    unusual=LOST,
    lives_on=True,
)
async def _(world: World) -> bool:
    pipe, output = await _office(world), world.folder / "office.pdf"
    output.unlink(missing_ok=True)
    await world.run(_PYTHON_OF_UNO, "-c", _WITH_UNO, pipe, f"CN={MARIA}", output)
    return await _valid(world, output)
