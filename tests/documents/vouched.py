"""The real AC beside the documents' service, and a holder whose certificate it issued; the key is in memory."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from hsm_service.documents.adapters.authority import AuthorityEvidence, AuthorityTsa
from hsm_service.documents.domain.form import Form
from hsm_service.documents.domain.policies import PolicyShelf
from hsm_service.documents.service import DocumentService, Finished
from hsm_service.documents.service.judging.trust import Trust
from hsm_service.documents.service.time_stamps import TimeStampClient
from tests.agent.pki import Holder, der
from tests.documents.signing import finished
from tests.issuance.conftest import World
from tests.issuance.people import PROTOCOL


class IssuedHolder(Holder):
    """A holder whose certificate the real AC issued; the key is in memory, as no SAM takes part here."""

    def __init__(self, key: rsa.RSAPrivateKey, certificates: list[x509.Certificate]) -> None:
        self.key = key
        self.certificate = certificates[0]
        self._chain = [der(each) for each in certificates[:2]]

    @property
    def chain(self) -> list[bytes]:
        return self._chain


@dataclass
class Vouched:
    """The AC, a holder of its, and the documents' service beside it."""

    world: World
    holder: IssuedHolder
    root: x509.Certificate
    service: DocumentService

    def with_policies(self, policies: PolicyShelf) -> "Vouched":
        """The same, knowing signature policies."""
        return replace(self, service=documents_beside(self.world, policies))

    async def trust(self) -> Trust:
        """As the verification gets it: root, issuing authority, lists of now."""
        ours = await AuthorityEvidence(self.world.client).collect([])
        *issuers, root = ours.certificates
        return Trust((root,), tuple(issuers), ours.crls, self.world.now)

    async def finished(self, form: Form, **what: Any) -> Finished:
        return await finished(self.service, form, self.holder, **what)


@pytest.fixture
async def vouched(world: World) -> Vouched:
    """An emission with the holder's key in our hands."""
    world.sam.key_algorithm = "RSA-2048"
    await world.operator.place(world.now, protocol=PROTOCOL, key_algorithm="RSA-2048")
    visitor = world.visitor()
    await visitor.start(world.now, PROTOCOL)
    await visitor.identify(world.now)
    await visitor.agree()
    key = rsa.generate_private_key(65537, 2048)
    chain = await visitor.issue(world.sam.possession(visitor, world.now, key))
    return Vouched(world, IssuedHolder(key, chain), chain[2], documents_beside(world))


def documents_beside(world: World, policies: PolicyShelf | None = None) -> DocumentService:
    """As the gateway makes it."""
    return DocumentService(
        world.clock,
        policies=policies,
        time_stamps=TimeStampClient([AuthorityTsa(world.client)]),
        evidences=AuthorityEvidence(world.client),
    )
