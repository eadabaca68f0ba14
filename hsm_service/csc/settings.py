"""How the signing API behaves towards its callers."""

from typing import Annotated, Final

from pydantic import Field

from foundation.settings import Section

_LONGEST: Final = 175.0
"""A request lives three minutes; the answer should not outlive it."""


class CscSettings(Section):
    """The signing API."""

    authorize_seconds: Annotated[float, Field(ge=0, le=_LONGEST)] = 120.0
    """Seconds, at most, for which `/csc/v1` holds the answer of `credentials/authorize` back while the holder decides;
    the same call again goes on waiting. Proxies in front must wait at least as long. Whoever can write it can make
    callers ask more often; no phone rings for that."""
