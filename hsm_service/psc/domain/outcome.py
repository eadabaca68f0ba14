"""What ``authorize-ca`` posts to the application, member for member as it is published. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from foundation.errors import JsonObject


@dataclass(frozen=True)
class Expected:
    """What is known before the holder answers. ``refused``, ``over``: the variant's words for a no and for silence."""

    redirect: str
    identifier: str = field(repr=False)
    state: str | None
    refused: str
    over: str
    serial: str = ""

    def text(self) -> str:
        """To be sealed."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Expected":
        """What ``text`` made."""
        return cls(**json.loads(text))

    def consented(self, until: datetime) -> JsonObject:
        """The body after a yes. No more than is published: how many signatures is asked for with ``GET``."""
        return {
            "identifierCA": self.identifier,
            **self._state(),
            "expirationDate": written(until),
            "serialNumber": self.serial,
        }

    def failed(self, *, refused: bool) -> JsonObject:
        """The body after a no, or after nothing."""
        return {"error": self.refused if refused else self.over, **self._state()}

    def _state(self) -> Mapping[str, str]:
        return {} if self.state is None else {"state": self.state}


def written(instant: datetime) -> str:
    """ISO 8601, to the second, in UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
