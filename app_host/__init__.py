"""The app host: static files on an origin of their own. No database, no secrets, nothing that the gateway can write.

First files to open: `settings` (what an operator says), `files` (what is served, and how), `host` (listening).
Whoever controls this origin can cheat its users (docs/threats.md): so it does as little as possible.
"""

from app_host.host import run_app_host, start_app_host
from app_host.settings import AppHostSettings

__all__ = ["AppHostSettings", "run_app_host", "start_app_host"]
