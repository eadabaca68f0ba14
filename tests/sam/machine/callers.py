"""What callers do: ask, withdraw, and sign, rightly and wrongly, once and many times at once."""

from __future__ import annotations

import secrets

from hypothesis.stateful import rule
from hypothesis.strategies import integers, sampled_from

from protocol.algorithms import KEY_KINDS, SIGN_ALGORITHMS
from tests.sam.machine.base import PICK, Base
from tests.sam.machine.model import Asked, State
from tests.sam.world import raw

SHAPES = {"single": "a", "multi": "abc", "the same twice": "aa", "some twice": "abcab"}
ALGORITHMS = ("ECDSA-SHA256", "ECDSA-SHA384", "RSA-PKCS1-SHA256", "RSA-PSS-SHA256", "RSA-PSS-SHA384")
CALLERS = integers(0, 3)


class CallerRules(Base):
    """Computers and integrators."""

    def fitting(self) -> list[str]:
        """Algorithms of this holder's key."""
        kind = KEY_KINDS[self.holder.key_algorithm]
        return [name for name in ALGORITHMS if kind.signs(SIGN_ALGORITHMS[name])]

    @rule(who=CALLERS, shape=sampled_from(sorted(SHAPES)), choice=integers(0, 4), misfit=integers(0, 9))
    def ask(self, who: int, shape: str, choice: int, misfit: int) -> None:
        """Step 4; one in ten with an algorithm of another kind of key."""
        self.ask_one(who, shape, choice, misfit=misfit == 9)

    def ask_one(self, who: int, shape: str, choice: int = 0, *, misfit: bool = False) -> Asked | None:
        """What came of it, if anything."""
        fitting = self.fitting()
        names = fitting if not misfit else [name for name in ALGORITHMS if name not in fitting]
        algorithm = names[choice % len(names)]
        letters = {letter: secrets.token_bytes(SIGN_ALGORITHMS[algorithm].digest_bytes) for letter in "abc"}
        caller, now = self.holder.callers[who], self.bench.now
        wanted = self.holder.may_ask(caller, algorithm, now)
        work = self.bench.world.ask(
            self.holder.credential, [letters[one] for one in SHAPES[shape]], algorithm, caller=caller.ref
        )
        code, request = self.bench.run(self.bench.attempt(work))
        assert code == wanted, f"asked: {code}, not {wanted}"
        if isinstance(request, dict):
            return None
        self.holder.expire(now)
        asked = Asked(request, caller, request.statement.document.expires)
        self.holder.asked.append(asked)
        return asked

    @rule(pick=PICK)
    def withdraw(self, pick: int) -> None:
        asked = self.one(pick, self.waits)
        wanted = None if asked.read() else "document_unknown"
        code, _ = self.bench.call("documents/withdraw", {"document": asked.request.id})
        assert code == wanted
        if code is None and asked.believed is State.WAITING:
            asked.become(State.WITHDRAWN)
            asked.known = True

    @rule(pick=PICK)
    def sign_rightly(self, pick: int) -> None:
        asked = self.one(pick, self.is_open)
        self.sign(asked)

    @rule(pick=PICK, how=sampled_from(["reordered", "subset", "superset", "one of it twice", "others"]))
    def sign_other_hashes(self, pick: int, how: str) -> None:
        asked = self.one(pick, self.is_open)
        approved = asked.request.digests
        another = secrets.token_bytes(len(approved[0]))
        digests = {
            "reordered": approved[::-1],
            "subset": approved[:-1],
            "superset": [*approved, another],
            "one of it twice": [*approved, approved[0]],
            "others": [another, *approved[1:]],
        }[how]
        self.sign(asked, digests=digests)

    @rule(pick=PICK, who=CALLERS)
    def sign_as_another(self, pick: int, who: int) -> None:
        asked = self.one(pick, self.is_open)
        self.sign(asked, caller=self.holder.callers[who])

    @rule(pick=PICK)
    def sign_with_another_secret(self, pick: int) -> None:
        asked = self.one(pick, self.is_open)
        self.sign(asked, secret=secrets.token_bytes(32))

    @rule(pick=PICK, choice=integers(0, 4))
    def sign_by_another_algorithm(self, pick: int, choice: int) -> None:
        asked = self.one(pick, self.is_open)
        self.sign(asked, sign_algorithm=ALGORITHMS[choice])

    @rule(pick=PICK, pick_other=PICK)
    def sign_by_the_approval_of_another(self, pick: int, pick_other: int) -> None:
        """One request's hashes and caller, with the other's activation and its own secret."""
        asked = self.one(pick, self.waits)
        other = self.one(pick_other, self.is_open)
        if asked is other:
            return
        same = asked.request.algorithm == other.request.algorithm
        wanted = self.holder.may_sign(other, self.bench.now, caller=asked.caller, secret=False, algorithm=same)
        code, _ = self.bench.call("signatures/sign", asked.request.call(other.activation))
        assert code == wanted

    @rule(pick=PICK)
    def sign_many_times_at_once(self, pick: int) -> None:
        """Right, reordered and wrong calls together: the right ones all get the same, the wrong ones nothing."""
        asked = self.one(pick, self.is_open)
        wanted = self.holder.may_sign(asked, self.bench.now)
        approved = asked.request.digests
        orders = [approved, approved[::-1], approved, approved[::-1]]
        calls = [self.signing_call(asked, digests=order) for order in orders]
        calls.append(self.signing_call(asked, secret=secrets.token_bytes(32)))

        *right, wrong = self.bench.calls_at_once("signatures/sign", calls)
        assert wrong[0] is not None
        for order, (code, answer) in zip(orders, right, strict=True):
            assert code == wanted
            if code is None:
                asked.stored = True
                self.released(asked, order, [raw(one) for one in answer["signatures"]])
