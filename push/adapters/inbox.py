"""The development inbox: SMS and e-mail that would have been sent, kept in memory until the process ends.

It exists only where the roof wires it, which is with ``environment = development``; see ``web/inbox.py``.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from push.domain.outbox import Kind
from push.ports import InboxMessage, Parcel

CAPACITY: Final = 200


class DevelopmentInbox:
    """Meets ports.Inbox; ``carrier(kind)`` meets ports.Carrier."""

    def __init__(self) -> None:
        """Empty."""
        self._messages: deque[InboxMessage] = deque(maxlen=CAPACITY)
        self._number = 0

    def messages(self) -> Sequence[InboxMessage]:
        """See ports.Inbox."""
        return list(reversed(self._messages))

    def carrier(self, kind: Kind) -> "InboxCarrier":
        """The carrier of a kind, which puts everything here."""
        return InboxCarrier(self, kind)

    def put(self, kind: Kind, parcel: Parcel) -> None:
        """One more."""
        self._number += 1
        content = parcel.content
        self._messages.append(
            InboxMessage(
                self._number,
                kind,
                str(content["to"]),
                str(content.get("subject", "")),
                str(content["text"]),
                parcel.created_at,
            )
        )


class InboxCarrier:
    """See ports.Carrier."""

    def __init__(self, inbox: DevelopmentInbox, kind: Kind) -> None:
        """Made by ``DevelopmentInbox.carrier``."""
        self._inbox = inbox
        self._kind = kind

    async def carry(self, parcel: Parcel) -> None:
        """Always accepted."""
        self._inbox.put(self._kind, parcel)
