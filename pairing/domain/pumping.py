"""When messages are sent and the codes in them are never typed: pumping fraud, told apart from bad luck. Pure.

Whoever pumps earns by each message that reaches a block of numbers, or a country; nobody reads what is sent there. A
person types the code that came. So what counts is conversion, where enough was sent to judge by.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pairing.domain.ceremony import CODE_LIFE
from pairing.domain.limits import Scope
from pairing.domain.numbers import country, neighbourhood

WINDOW: Final = timedelta(days=1)
"""What is judged: messages of the last day, since the last time that an operator let them go on."""

LEAST: Final[Mapping[Scope, int]] = {Scope.NEIGHBOURHOOD: 15, Scope.COUNTRY: 100}
"""Messages below which nothing is said."""

OF_ONE: Final = 3
"""Messages of one number beyond these do not count towards ``LEAST``: so five numbers at least pause a block. What
counts is what really left, and nothing leaves for a number that nobody has; with fewer, whoever knows one holder's
number could have codes sent to it and to another one in the same block, and read off the pause whether that one is a
holder's."""

ONE_IN: Final = 10
"""Fewer than one code typed for so many messages, and sending stops. People type more than half."""


@dataclass(frozen=True)
class Sent:
    """Messages of one pairing: to which number, how many, whether the code was typed."""

    number: str
    messages: int
    entered: bool
    sent_at: datetime


@dataclass(frozen=True)
class Subject:
    """A block of ten thousand numbers (``+553198765``), or a country (``+55``)."""

    scope: Scope
    name: str


@dataclass(frozen=True)
class Pumped:
    """Where sending stops, and by what numbers."""

    subject: Subject
    messages: int
    entered: int


def subjects(number: str) -> tuple[Subject, Subject]:
    """Of an E.164 number: its block, and its country."""
    return Subject(Scope.NEIGHBOURHOOD, neighbourhood(number)), Subject(Scope.COUNTRY, country(number))


def judge(sent: Iterable[Sent], resumed: Mapping[Subject, datetime], now: datetime) -> Sequence[Pumped]:
    """Where too few codes are typed. ``resumed``: what an operator looked at then is not held against it again.

    A code that may still be typed is not counted, unless it was.
    """
    messages: dict[Subject, int] = defaultdict(int)
    of_number: dict[tuple[Subject, str], int] = defaultdict(int)
    entered: dict[Subject, int] = defaultdict(int)
    for one in sent:
        if not now - WINDOW < one.sent_at or (not one.entered and one.sent_at > now - CODE_LIFE):
            continue
        for subject in subjects(one.number):
            before = resumed.get(subject)
            if before is None or one.sent_at > before:
                messages[subject] += one.messages
                of_number[subject, one.number] += one.messages
                entered[subject] += one.entered
    counted: dict[Subject, int] = defaultdict(int)
    for (subject, _), count in of_number.items():
        counted[subject] += min(count, OF_ONE)
    return [
        Pumped(subject, count, entered[subject])
        for subject, count in messages.items()
        if counted[subject] >= LEAST[subject.scope] and entered[subject] * ONE_IN < count
    ]
