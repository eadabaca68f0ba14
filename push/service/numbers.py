"""What operators watch: is anything leaving, how long does it take, how many phones are connected."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds. A doorbell takes milliseconds, an SMS a second, one that waited for its provider minutes."""


class PushNumbers:
    """Prometheus numbers of this process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """On a registry of its own unless given the process's."""
        registry = registry or CollectorRegistry()
        self.messages = Counter(
            "linkid_push_messages", "Messages that a worker reported on.", ["kind", "outcome"], registry=registry
        )
        self.seconds = Histogram(
            "linkid_push_seconds", "From queued to carried.", ["kind"], buckets=_BUCKETS, registry=registry
        )
        self.streams = Gauge("linkid_push_streams", "Phones' streams open at this gateway.", registry=registry)
        self.ended = Counter(
            "linkid_push_streams_ended", "Streams that this gateway ended, and for what.", ["why"], registry=registry
        )
        self.dead_addresses = Counter(
            "linkid_push_dead_addresses", "Push addresses at which nobody is any more.", ["kind"], registry=registry
        )
        self.deliveries = Counter(
            "linkid_push_deliveries", "What providers told later of messages.", ["kind", "delivery"], registry=registry
        )
