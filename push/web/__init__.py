"""HTTP of this slice: the live channel (docs/protocol.md 9.2) and the development inbox (9.7)."""

from push.web.inbox import inbox_routes
from push.web.live import LiveSettings, live_routes

__all__ = ["LiveSettings", "inbox_routes", "live_routes"]
