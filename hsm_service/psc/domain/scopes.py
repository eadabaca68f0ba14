"""What a token is for, and how long it lives (DOC-ICP-17.01 section 6.4)."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from hsm_service.credentials.domain.identification import IdentificationKind
from hsm_service.psc.errors import ScopeUnavailable
from protocol.sessions import LONGEST, SHORTEST


class Scope(StrEnum):
    """The four of the norm, and what an application has for itself."""

    SINGLE = "single_signature"
    """Exactly one hash; the token dies with it."""
    MULTI = "multi_signature"
    """Many hashes in one request; the token dies with it."""
    SESSION = "signature_session"
    """Many requests until the end."""
    AUTHENTICATION = "authentication_session"
    """Who the holder is; no signature."""
    APPLICATION = "application"
    """No holder at all: ``client_token``."""
    CONSENT = "consent"
    """The outcome of ``authorize-ca``."""
    ASYNC = "async_signature"
    """One request of BirdID's ``/async-signature``: what the holder is asked is fixed, whoever it is."""


OF_HOLDERS: Final = (Scope.SINGLE, Scope.MULTI, Scope.SESSION, Scope.AUTHENTICATION)
ONE_USE: Final = (Scope.SINGLE, Scope.MULTI)

ONE_USE_LIFE: Final = timedelta(seconds=300)
SESSION_LIFE: Final = timedelta(hours=12)
APPLICATION_LIFE: Final = timedelta(seconds=7200)


def ceilings(person_days: int = 7, company_days: int = 30) -> Mapping[IdentificationKind, timedelta]:
    """Longest lives of tokens by whose they are; the norm's where an operator wants no shorter ones."""
    return MappingProxyType(
        {
            IdentificationKind.CPF: timedelta(days=person_days),
            IdentificationKind.CNPJ: timedelta(days=company_days),
        }
    )


def read_scope(text: str | None) -> Scope:
    """The scope asked for; the norm's default is one signature. Raises ScopeUnavailable."""
    if text is None:
        return Scope.SINGLE
    words = text.split()
    if len(words) != 1 or words[0] not in OF_HOLDERS:
        raise ScopeUnavailable()
    return Scope(words[0])


def life(scope: Scope, asked: int | None, ceiling: timedelta) -> timedelta:
    """How long a token of that scope lives: what was asked for, within the ceiling and what the SAM allows.

    ``ceiling``: the longest life of a token of such a holder, at most the norm's (``ceilings``).
    """
    usual = ONE_USE_LIFE if scope in ONE_USE else SESSION_LIFE
    longest = min(ceiling, LONGEST) if scope is Scope.SESSION else ceiling
    shortest = SHORTEST if scope is Scope.SESSION else timedelta(seconds=1)
    wanted = usual if asked is None else timedelta(seconds=min(asked, int(longest.total_seconds())))
    return max(shortest, min(wanted, longest))
