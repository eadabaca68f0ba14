"""Signing files, step by step; the numbers are those of docs/walkthroughs/one-signature.md where they meet.

a. Every file is checked before anybody is asked anything. b. The certificate is chosen. c. Each file is prepared: its
digest exists. 1 to 8 is one approval on the phone: `approval.py`. d. Each signature goes into its file, the result is
validated and published.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from desktop_agent import cms_file, copies, pdf
from desktop_agent.approval import QR_AFTER, Approval, Pace
from desktop_agent.client.csc_client import UNUSABLE, UNUSABLE_ADVICE, Credential, CscClient
from desktop_agent.client.http import Caller
from desktop_agent.domain.request import Document, clean_label
from desktop_agent.domain.signed import EarlierSignature
from desktop_agent.domain.trust import Trust
from desktop_agent.errors import BadCommand, NotAssociated, ServiceRefused
from desktop_agent.plan import Form, Job
from desktop_agent.ui.port import SigningView


class Prepared(Protocol):
    """A file between its two halves, whatever its form. ``digest`` is what the key must sign."""

    source: Path
    size: int
    copy: Path
    digest: bytes

    def finish(self, signature: bytes) -> None:
        """Put it in, validate the result as a stranger would. Raises UnsuitablePdf."""
        ...

    def discard(self) -> None:
        """Nothing of it stays but what was published."""
        ...


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    credential: str | None = None
    """Id, or the beginning of one; or part of the holder's name."""
    reason: str | None = None
    overwrite: bool = False
    qr_after: float = QR_AFTER
    tick: float = 1.0
    """Seconds between two looks at the clock; tests pass quickly."""


class Signing:
    """The story, for one association."""

    def __init__(
        self,
        caller: Caller,
        computer: str,
        trust: Trust,
        view: SigningView,
        options: Options,
    ) -> None:
        self._caller = caller
        self._csc = CscClient(caller, computer)
        self._view = view
        self._options = options
        self._approval = Approval(caller, self._csc, trust, view, Pace(options.qr_after, options.tick))

    async def run(self, jobs: Sequence[Job]) -> None:
        """All of them in one approval (several when the service takes fewer at once). Raises any AgentError."""
        for job in jobs:  # a
            for earlier in await asyncio.to_thread(_check, job):
                if not earlier.good:
                    who = f" ({earlier.signer})" if earlier.signer else ""
                    await self._view.warning(f"{job.source.name} já traz uma assinatura que não é válida{who}.")
        credential = await self._choose()  # b
        for start in range(0, len(jobs), credential.batch):
            await self._sign(credential, jobs[start : start + credential.batch])

    async def _sign(self, credential: Credential, jobs: Sequence[Job]) -> None:
        prepared: list[Prepared] = []
        try:
            for job in jobs:  # c
                await self._view.preparing(job.source, job.source.stat().st_size)
                prepared.append(await asyncio.to_thread(self._prepare, job, credential))
            documents = tuple(Document(clean_label(half.source.name), half.size, half.digest) for half in prepared)
            signatures = await self._approval.ask(credential, documents)
            for job, half, signature in zip(jobs, prepared, signatures, strict=True):  # d
                await asyncio.to_thread(half.finish, signature)
                over = self._options.overwrite
                await asyncio.to_thread(copies.publish, half.copy, half.source, job.output, overwrite=over)
                await self._view.signed(job.source, job.output)
        finally:
            for half in prepared:
                half.discard()

    def _prepare(self, job: Job, credential: Credential) -> Prepared:
        reason, beside, certificate = self._options.reason, job.output.parent, credential.certificate
        match job.form:
            case Form.PDF:
                return pdf.prepare(job.source, beside, certificate, reason=reason, stamp=job.stamp)
            case Form.XML:
                from desktop_agent import xml_file

                return xml_file.prepare(job.source, beside, certificate)
            case Form.BESIDE:
                return cms_file.prepare(job.source, beside, certificate)

    async def _choose(self) -> Credential:
        """b. Raises ServiceRefused, BadCommand, NotAssociated."""
        known = await self._csc.credentials()
        if not known:
            raise NotAssociated("Nenhum certificado está disponível neste computador.")
        wanted = self._options.credential
        if wanted is not None:
            found = [item for item in known if _matches(item, wanted)]
            if len(found) != 1:
                which = "Nenhum certificado" if not found else "Mais de um certificado"
                raise BadCommand(f"{which} corresponde a {wanted!r}.", "Veja os números com: linkid-desktop certs")
        else:
            found = [item for item in known if item.usable] or known
        if len(found) > 1:
            chosen = await self._view.choose(found)
            if chosen is None:
                raise BadCommand("Há mais de um certificado.", "Escolha com --certificate; veja: linkid-desktop certs")
            found = [chosen]
        (credential,) = found
        if not credential.usable:
            raise ServiceRefused(UNUSABLE, UNUSABLE_ADVICE)
        credential.certificate.check_dates(datetime.fromtimestamp(self._caller.clock(), UTC))
        return credential


def _check(job: Job) -> list[EarlierSignature]:
    """Raises UnsuitablePdf."""
    match job.form:
        case Form.PDF:
            return pdf.check(job.source)
        case Form.XML:
            from desktop_agent import xml_file  # its libraries take a fifth of a second, and most files are PDFs

            return xml_file.check(job.source)
        case Form.BESIDE:
            return cms_file.check(job.source)


def _matches(credential: Credential, wanted: str) -> bool:
    return credential.id.startswith(wanted) or wanted.casefold() in credential.certificate.holder.casefold()
