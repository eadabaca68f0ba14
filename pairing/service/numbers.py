"""What operators watch: codes sent, and codes typed. Where they are sent and never typed, somebody pumps."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

_AREA: Final = slice(1, 5)
"""Of an E.164 number: country and area, as ``5531``. 67 areas, so 67 series; blocks of numbers would be millions, and
are for the operator to ask (``linkid holder deliveries``)."""


class PairingNumbers:
    """Prometheus numbers of this process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """On a registry of its own unless given the process's."""
        registry = registry or CollectorRegistry()
        self._codes = Counter(
            "linkid_pairing_codes",
            "Codes sent by SMS, and codes typed, by country and area of the number.",
            ["area", "what"],
            registry=registry,
        )

        self._paused = Gauge(
            "linkid_pairing_messages_paused",
            "Blocks of numbers and countries to which no code is sent, since too few were typed.",
            registry=registry,
        )

    def paused(self, count: int) -> None:
        """So many pauses stand."""
        self._paused.set(count)

    def sent(self, number: str) -> None:
        """A message with a code was queued, to a number that somebody has."""
        self._codes.labels(number[_AREA], "sent").inc()

    def entered(self, number: str) -> None:
        """A code was right."""
        self._codes.labels(number[_AREA], "entered").inc()
