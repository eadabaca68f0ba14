"""The story: one person, one certificate, one phone, one computer, four documents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from demo import evidence, proof
from demo.agent import Agent, Ended
from demo.paper import contract
from demo.phones import Phone, Refused, open_phone
from demo.proof import Authority
from demo.stack import Stack

MARIA: Final = {
    "name": "Maria da Silva",
    "cpf": "529.982.247-25",
    "birth": "31/12/1979",
    "email": "maria@example.com",
    "phone": "(31) 99999-8888",
}
PASSWORD: Final = "Tr4vessia7Lua"
WRONG: Final = "OutraSenha9"
NUMBER: Final = "+5531999998888"

REFUSED, TIMED_OUT, DENIED = 4, 5, 11
"""Exit codes of linkid-desktop."""

Say = Callable[[str], None]


class StoryBroke(Exception):
    """Something that must happen did not, or something happened that must not."""


@dataclass
class Story:
    """``folder``: what it leaves behind. ``kind``: of phone, ``chromium`` or ``simulated``."""

    stack: Stack
    folder: Path
    kind: str
    say: Say

    async def tell(self) -> None:
        """From an empty database to a revoked certificate. Raises StoryBroke, NotProven, AgentFailed, StackFailed."""
        settings = self.stack.settings
        agent = Agent(self.folder / "computer", self.stack.app)
        authority = Authority(settings.places.root_certificate, settings.url("pki"))
        phone = await open_phone(self.kind, self.stack.app, self.folder / "pictures")
        try:
            placed = await self._issue(phone)
            await self._pair(phone, agent)
            await self._sign(phone, agent, authority)
            await self._refuse(phone, agent)
            await self._wrong_password(phone, agent)
            await self._revoke(placed, agent, authority)
        finally:
            await phone.close()

    async def _issue(self, phone: Phone) -> dict[str, Any]:
        self._chapter(1, "An operator orders a certificate for Maria (a signed order)")
        placed = await self.stack.new_request(**MARIA)
        self.say(f"   protocol {placed['protocol']}; the installation password is shown once, to Maria")
        self._chapter(2, "Maria opens the emission page, agrees to the term, chooses her usage password")
        cpf = MARIA["cpf"].replace(".", "").replace("-", "")
        await phone.emit(placed["protocol"], cpf, placed["install_password"], PASSWORD)
        self.say("   the key was born in the HSM; the certificate names it; nobody but Maria knows the password")
        return placed

    async def _pair(self, phone: Phone, agent: Agent) -> None:
        self._chapter(3, "She pairs her phone: number, SMS (read in the development inbox), nickname, usage password")
        await phone.pair(NUMBER, lambda: self.stack.sms_code(NUMBER), "Celular da Maria", PASSWORD)
        self.say("   the phone rang, she approved the test: it is active")
        self._chapter(4, "She associates her computer by the QR code that changes every second")
        ended = await agent.associate("Notebook da Maria", phone.associate)
        _demand(ended, 0)
        self.say("   the check code from the phone was typed into the computer: it is hers")

    async def _sign(self, phone: Phone, agent: Agent, authority: Authority) -> None:
        self._chapter(5, "The computer asks to sign contrato.pdf; the phone shows it; she approves with her password")
        signed = self.folder / "signed.pdf"
        signed.unlink(missing_ok=True)
        shown: list[str] = []

        async def approve(code: str) -> None:
            shown.extend((code, await phone.approve(PASSWORD)))

        paper = contract(self.folder / "contrato.pdf", "Contrato de demonstracao")
        _demand(await agent.sign(paper, approve, out=signed), 0)
        if shown[0] != shown[1]:
            raise StoryBroke(f"computer and phone show different verification codes: {shown}")
        self.say(f"   both showed the verification code {shown[0]}; signed: {signed}")
        self._chapter(6, "Strangers look at it")
        self.say(f"   pdfsig   {await asyncio.to_thread(proof.by_pdfsig, signed, authority)}")
        self.say(f"   openssl  {await proof.by_openssl(signed, authority)} (chain and revocation lists checked)")
        self.say(f"   openssl  OCSP says {await proof.by_ocsp(signed, authority)}")
        self.say(f"   pyHanko  {await proof.by_pyhanko(signed, authority)} (chain and revocation checked)")
        file = self.folder / "evidence.json"
        evidence.write(phone.evidence[-1], file)
        evidence.check(file, proof.approved_digest(signed))
        self.say(f"   evidence of the approval, checked against the signature: {file}")

    async def _refuse(self, phone: Phone, agent: Agent) -> None:
        self._chapter(7, "Another document is asked for, and she refuses")
        paper = contract(self.folder / "proposta.pdf", "Proposta que ninguem quer")

        async def refuse(_code: str) -> None:
            await phone.refuse()

        self._nothing(await agent.sign(paper, refuse), REFUSED, paper)
        self.say("   the computer was told at once; nothing was signed")

    async def _wrong_password(self, phone: Phone, agent: Agent) -> None:
        self._chapter(8, "Somebody has her phone, but not her password")
        paper = contract(self.folder / "procuracao.pdf", "Procuracao")

        async def guess(_code: str) -> None:
            try:
                await phone.approve(WRONG)
            except Refused as told:
                self.say(f"   the phone was told: {told}")
            else:
                raise StoryBroke("a wrong password was taken")
            await phone.refuse()

        # After a refusal the same computer has to wait a while: against those who ask until somebody gives in.
        await self._patiently(agent, paper, guess)
        self.say("   nothing was signed, and the try was counted")

    async def _patiently(self, agent: Agent, paper: Path, act: Callable[[str], Any]) -> None:
        until = time.monotonic() + 120
        ended = await agent.sign(paper, act)
        while ended.exit_code == DENIED and time.monotonic() < until:
            await asyncio.sleep(3)
            ended = await agent.sign(paper, act)
        self._nothing(ended, REFUSED, paper)

    async def _revoke(self, placed: dict[str, Any], agent: Agent, authority: Authority) -> None:
        self._chapter(9, "She reports the phone stolen; the operator revokes the certificate")
        await self.stack.linkid("certificate", "revoke", "--protocol", placed["protocol"], "--reason", "keyCompromise")
        said = await proof.by_ocsp(self.folder / "signed.pdf", authority)
        if said != "revoked":
            raise StoryBroke(f"OCSP says {said}")
        self.say("   OCSP says revoked")
        paper = contract(self.folder / "tarde.pdf", "Tarde demais")
        ended = await agent.sign(paper)
        self._nothing(ended, None, paper)
        self.say("   the computer asks once more and is denied: no phone rings, nothing is signed")

    def _nothing(self, ended: Ended, exit_code: int | None, paper: Path) -> None:
        if exit_code is not None:
            _demand(ended, exit_code)
        elif ended.exit_code == 0:
            raise StoryBroke(f"it was signed:\n{ended.said}")
        left = [file.name for file in paper.parent.glob(f"{paper.stem}-*")]
        if left:
            raise StoryBroke(f"something was written: {left}")

    def _chapter(self, number: int, title: str) -> None:
        self.say(f"\n{number}. {title}")


def _demand(ended: Ended, exit_code: int) -> None:
    if ended.exit_code != exit_code:
        raise StoryBroke(f"linkid-desktop ended with {ended.exit_code} instead of {exit_code}:\n{ended.said}")
