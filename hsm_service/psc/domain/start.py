"""BirdID's ``/oauth/start``: what is remembered of one, and what is posted in the end. Pure."""

import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Final

from foundation.errors import JsonObject

SHORT_PREFIX: Final = "pss"
START_LIFE: Final = timedelta(minutes=5)
"""``auth_ttl``: how long phones are asked. The authorization outlives it by a minute, to hear the last of them."""


@dataclass(frozen=True)
class Started:
    """What the gateways remember. ``refused``, ``over``: the variant's words for a no and for silence."""

    secret: str = field(repr=False)
    """Under which phones are asked, and of which the code follows. Nobody outside has it."""
    short_token: str = field(repr=False)
    """By which the application knows it; whoever has it may name the holder, and no more."""
    callback: str
    refused: str
    over: str

    def text(self) -> str:
        """To be sealed."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Started":
        """What ``text`` made."""
        return cls(**json.loads(text))

    def granted(self, code: str) -> JsonObject:
        """The body after a yes."""
        return {"code": code, "short_token": self.short_token}

    def failed(self, *, refused: bool) -> JsonObject:
        """The body after a no, or after nothing."""
        return {"error": self.refused if refused else self.over, "short_token": self.short_token}
