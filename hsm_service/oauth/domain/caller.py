"""Who is calling the API, as far as an access token tells."""

from dataclasses import dataclass, field

from hsm_service.oauth.domain.client import SERVICE, ClientKind
from hsm_service.oauth.domain.grant import UNBOUND, Binding


@dataclass(frozen=True)
class Caller:
    """An authenticated caller. ``credentials`` is everything it may name; what is not in it does not exist for it."""

    kind: ClientKind
    id: str
    name: str
    credentials: frozenset[str]
    for_holder: bool
    """Whether a holder identified themselves (code), rather than the client alone (client credentials)."""
    scope: str = SERVICE
    binding: Binding = UNBOUND
    """The keys that proved themselves on this very call."""
    sad: str | None = field(default=None, repr=False)
    """What the token itself stands for, in the scope ``credential``."""
