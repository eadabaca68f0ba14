"""A phone's screen lock for a page of a test: an authenticator of Chromium's own, told over its debugging protocol.

lock = await Authenticator.of(page)
await lock.tell("setUserVerified", isUserVerified=False)    # from now on nobody finds the right finger
"""

from __future__ import annotations

from typing import Any

from playwright.async_api import CDPSession, Page


class Authenticator:
    """As a phone has it: built in, and verifying its owner."""

    def __init__(self, session: CDPSession, id: str) -> None:
        """Use ``of``."""
        self._session, self._id = session, id

    @classmethod
    async def of(cls, page: Page) -> Authenticator:
        """For this page; WebAuthn is as without one until then."""
        session = await page.context.new_cdp_session(page)
        await session.send("WebAuthn.enable")
        kind = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": kind})
        return cls(session, made["authenticatorId"])

    async def tell(self, command: str, **said: Any) -> Any:
        """A command of the protocol's domain WebAuthn."""
        return await self._session.send(f"WebAuthn.{command}", {"authenticatorId": self._id, **said})

    async def counted(self) -> int:
        """What its one passkey has counted to."""
        [one] = (await self.tell("getCredentials"))["credentials"]
        return int(one["signCount"])
