"""Whose credentials are these: the one holder that a grant is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from hsm_service.credentials.domain.credential import Credential
from hsm_service.credentials.domain.identification import Identification, identification_of
from hsm_service.credentials.service import CredentialService, Identifications
from hsm_service.psc.errors import UserDenied
from hsm_service.signing.domain import request as signing_request
from protocol.algorithms import SIGN_ALGORITHMS, HashName


@dataclass(frozen=True)
class GrantedHolder:
    """A person or company with those of its credentials that can sign now, valid longest first; never none."""

    identification: Identification
    credentials: Sequence[Credential]

    @property
    def ids(self) -> list[str]:
        """Of the credentials."""
        return [credential.id for credential in self.credentials]


class Holders:
    """One per gateway."""

    def __init__(self, credentials: CredentialService, identifications: Identifications) -> None:
        """The credentials slice."""
        self._credentials = credentials
        self._identifications = identifications

    def digest(self, identification: Identification) -> bytes:
        """How a row names the holder that a ``login_hint`` asks for."""
        return self._identifications.digest(identification)

    async def found(self, digest: bytes) -> list[Credential]:
        """What the holder of a number can sign with now; maybe nothing."""
        return await self._credentials.known(await self._identifications.credentials(digest), only_valid=True)

    async def one_of(self, ids: Sequence[str], hint: bytes | None = None) -> GrantedHolder:
        """The one holder among these credentials: of the hint, or else whose certificate is valid longest.

        A phone may hold certificates of several (a person, and a company it answers for), and a token is of one.
        Raises UserDenied when none can sign, bears a number, and is of the hint.
        """
        numbered: list[tuple[Credential, Identification]] = []
        for credential in await self._credentials.known(ids, only_valid=True):
            identification = identification_of(credential.chain[0])
            if identification is not None and (hint is None or self.digest(identification) == hint):
                numbered.append((credential, identification))
        if not numbered:
            raise UserDenied("no usable certificate of the holder asked for")
        whose = numbered[0][1]
        return GrantedHolder(whose, [credential for credential, of in numbered if of == whose])


def signing_caller(client: str, name: str) -> signing_request.Caller:
    """An application, as signing knows it."""
    return signing_request.Caller(signing_request.CallerKind.INTEGRATOR, client, name)


def sign_algorithm(key_algorithm: str, hash_name: HashName, family: str | None) -> str | None:
    """The name of the algorithm for such a key, hash and family (None: the usual); None when they do not fit."""
    usual = "RSA-PKCS1" if key_algorithm.startswith("RSA") else "ECDSA"
    if family is not None and usual == "ECDSA":
        return None
    name = f"{family or usual}-{hash_name.replace('-', '')}"
    return name if name in SIGN_ALGORITHMS else None
