"""What the app host needs to know. It has no secret except, where it serves HTTPS itself, the path of a TLS key."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from foundation.settings import Section


class AppHostSettings(Section):
    """Where to listen and which files to serve. Attackers gain nothing from reading it; from writing it, everything."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8440
    """0: any free one."""
    dist: Path = Path("phone_app/dist")
    """The built phone app (`make web`). Whoever can write here can change what people approve: give the process a user
    that cannot."""
    trust_file: Path = Path("var/trust.json")
    """The public root keys and the gateway's address (docs/protocol.md section 2). Whoever can write it becomes the
    root of trust of every phone that loads it."""
    tls_certificate: Path | None = None
    """With ``tls_key``: serve HTTPS. Without both: plain HTTP, for loopback or behind a proxy that ends TLS."""
    tls_key: Path | None = None
    behind_https: bool = False
    """A proxy in front speaks HTTPS: send HSTS although we listen on plain HTTP."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: give both or none")
        return self

    @property
    def https(self) -> bool:
        """Whether people reach us by HTTPS."""
        return self.tls_certificate is not None or self.behind_https
