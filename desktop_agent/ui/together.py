"""Several views of one association: everybody is told, whoever answers first has answered."""

import asyncio
from collections.abc import Sequence

from desktop_agent.domain.link import Link
from desktop_agent.domain.trust import Trust
from desktop_agent.ui.port import AssociationView


class Together:
    """An AssociationView made of others."""

    def __init__(self, *views: AssociationView) -> None:
        self._views = views

    async def trust(self, trust: Trust, *, known: bool) -> None:
        for view in self._views:
            await view.trust(trust, known=known)

    async def link(self, link: Link) -> None:
        for view in self._views:
            await view.link(link)

    async def offline(self) -> None:
        for view in self._views:
            await view.offline()

    async def ask_check(self, phone: str | None, tries_left: int | None) -> str:
        questions = [asyncio.ensure_future(view.ask_check(phone, tries_left)) for view in self._views]
        try:
            done, _ = await asyncio.wait(questions, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for question in questions:
                question.cancel()
            await asyncio.gather(*questions, return_exceptions=True)

    async def associated(self, computer_name: str, holders: Sequence[str], key_place: str) -> None:
        for view in self._views:
            await view.associated(computer_name, holders, key_place)

    async def failed(self, message: str, advice: str) -> None:
        for view in self._views:
            await view.failed(message, advice)
