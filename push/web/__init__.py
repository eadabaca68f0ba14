"""HTTP of this slice: the live channel (``live``) and a phone's push address (``addresses``; docs/protocol.md 9.2), the
development inbox (``inbox``; 9.7), and what providers tell later (``callbacks``; 9.11).
"""

from push.web.addresses import address_routes
from push.web.callbacks import CALLBACK_PATH, callback_routes
from push.web.inbox import inbox_routes
from push.web.live import live_routes

__all__ = ["CALLBACK_PATH", "address_routes", "callback_routes", "inbox_routes", "live_routes"]
