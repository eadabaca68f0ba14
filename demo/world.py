"""Somebody settled: a certificate, a phone and a computer that are programs. For journeys and benchmarks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from demo.computer import Ask, ComputerProgram
from demo.stack import Stack
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.phone import SandboxPhone


@dataclass(frozen=True)
class Holder:
    """Who, and what they know."""

    name: str = "Maria da Silva"
    cpf: str = "52998224725"
    number: str = "+5531999998888"
    password: str = "Tr4vessia7Lua"
    key: str = "RSA-2048"

    @property
    def order(self) -> dict[str, str]:
        """As `linkid request new` wants it."""
        mail = f"{self.name.split()[0].lower()}@example.com"
        person = {"name": self.name, "cpf": self.cpf, "birth": "31/12/1979", "email": mail, "phone": self.number}
        return {**person, "key": self.key}


@dataclass
class World:
    """Everything joined, on a running stack."""

    stack: Stack
    holder: Holder
    phone: SandboxPhone
    computer: ComputerProgram
    credential: str
    protocol: str
    certificate: x509.Certificate

    async def approved(self, ask: Ask) -> str:
        """The holder approves; the SAD."""
        await self.phone.approve(await self.phone.fetch(ask.request), self.holder.password)
        return await self.computer.sad(ask)

    async def signed(self, count: int = 1) -> list[bytes]:
        """One whole signature request."""
        ask = await self.computer.ask(self.credential, count=count)
        return await self.computer.sign(self.credential, await self.approved(ask), ask.hashes)

    def verify(self, digest: bytes, signature: bytes) -> None:
        """With the certificate. Raises InvalidSignature."""
        key = self.certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        else:
            raise TypeError(type(key))


async def emitted(stack: Stack, holder: Holder, phone: SandboxPhone) -> tuple[str, x509.Certificate]:
    """An order and the visit to the emission page; protocol number and certificate."""
    placed = await stack.new_request(**holder.order)
    async with SandboxEmission(phone.trust) as visit:
        answer = await visit.emit(
            protocol=placed["protocol"],
            cpf=holder.cpf,
            install_password=placed["install_password"],
            usage_password=holder.password,
        )
    return placed["protocol"], x509.load_pem_x509_certificate(answer["certificate"]["pem"].encode())


async def paired(stack: Stack, holder: Holder, phone: SandboxPhone, nickname: str = "Celular de prova") -> str:
    """The phone bound to the holder's newest certificate; the credential."""
    before = max((message["number"] for message in await stack.messages()), default=0)
    await phone.ask_code(holder.number)
    credentials = await phone.give_code(await stack.sms_code(holder.number, after=before))
    credential: str = credentials[0]["id"]
    await phone.bind(credential, holder.password, nickname)
    await phone.approve_test()
    return credential


@asynccontextmanager
async def settled(stack: Stack, holder: Holder | None = None) -> AsyncIterator[World]:
    """A holder with everything, on a running stack."""
    holder = holder or Holder()
    async with await SandboxPhone.open(stack.app) as phone:
        protocol, certificate = await emitted(stack, holder, phone)
        credential = await paired(stack, holder, phone)
        async with ComputerProgram(stack.gateway, stack.app) as computer:
            await computer.associate(phone)
            yield World(stack, holder, phone, computer, credential, protocol, certificate)
