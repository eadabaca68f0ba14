"""What an operator may decide about applications and their tokens."""

from typing import Annotated

from pydantic import Field

from foundation.settings import Section


class OAuthSettings(Section):
    """Who calls the APIs."""

    calls_per_minute: Annotated[int, Field(ge=0, le=10_000_000)] = 6000
    """Calls of one application or computer in a minute, at all gateways together, where `linkid integrator limit` says
    nothing else of it; 0: as many as it likes. More get 429 and Retry-After. Whoever can write it can shut everybody
    out, or let one take the others' turn."""
