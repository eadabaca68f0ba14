"""One thing is done to SAM and model, and both must say the same; what must hold after every step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

from cryptography import x509
from hypothesis.stateful import RuleBasedStateMachine, invariant
from hypothesis.strategies import integers

from foundation.encoding import b64u
from protocol.algorithms import SIGN_ALGORITHMS
from tests.sam.machine.bench import Bench
from tests.sam.machine.model import Asked, Caller, Holder, Phone, Sent, State
from tests.sam.world import PASSWORD, raw

PICK = integers(0, 39)
"""Which of the requests there are: see ``Base.one``."""


class Base(RuleBasedStateMachine):
    """Without rules of its own."""

    bench: ClassVar[Bench]
    holder: Holder
    certificate: x509.Certificate

    def begin(self, key: str) -> None:
        """Somebody new, for one story."""
        self.holder = self.bench.holder(key)
        self.certificate = self.bench.run(self.bench.world.certificate(self.holder.credential))
        self.looks = 0
        self.verified: set[tuple[str, int, bytes]] = set()

    # --- which request ----------------------------------------------------------------------------------------------

    def one(self, pick: int, liked: Callable[[Asked], bool]) -> Asked:
        """Mostly one of those where something is still to happen, the newest first; one in five times, any."""
        likely = [asked for asked in self.holder.asked if liked(asked)]
        pool = likely if likely and pick % 5 else self.holder.asked
        return pool[-1 - (pick // 5) % len(pool)]

    def waits(self, asked: Asked) -> bool:
        return asked.believed is State.WAITING and not asked.expired(self.bench.now)

    def is_open(self, asked: Asked) -> bool:
        return asked.state is State.APPROVED and asked.until is not None and self.bench.now < asked.until

    # --- one thing, to both -----------------------------------------------------------------------------------------

    def decision(self, asked: Asked, phone: Phone, word: str = "approve", password: str = PASSWORD) -> Sent:
        """What a phone sends about a request."""
        body = phone.signer.decision(asked.request.statement, password, word)
        sent = Sent(f"{asked.request.id}:{len(asked.sent)}", phone, body, word, password == PASSWORD)
        asked.sent.append(sent)
        return sent

    def decide(self, asked: Asked, sent: Sent, *, of_this: bool = True, dies_at: str | None = None) -> None:
        """A decision arrives; ``dies_at`` is where the SAM ends on its way (step 7). The HSM may fail at 7e."""
        now, holder = self.bench.now, self.holder
        again = asked.is_again(sent)
        wanted = holder.may_decide(asked, sent, now, of_this=of_this)
        tries = wanted in (None, "password_wrong") and sent.word == "approve" and not again
        if tries and self.bench.hsm_fails:
            wanted = "hsm_unavailable"
        works = wanted is None and not again
        dies = dies_at is not None and works and sent.word == "approve"
        code, answer = self.bench.call(
            "documents/decide", {"document": asked.request.id, "device": sent.phone.signer.id, **sent.body}
        )
        assert code == ("died" if dies else wanted), f"decided: {code}, not {wanted}"
        if tries:
            first = sent.name not in holder.ladder.taken
            holder.ladder.reserve(sent.name, now)
            if first and self.bench.hsm_fails:
                holder.ladder.give_back(sent.name)
        if not works:
            assert wanted is not None or answer == asked.answer, "a repeated decision was answered otherwise"
            return
        if dies and dies_at != "7f-after-commit":
            return  # nothing but the try was committed
        if sent.word == "approve":
            holder.ladder.forgive(sent.name)
        if dies:
            answer = {"state": "approved", "type": "sign", "activation": self.activation_of(asked)}
        holder.decide(asked, sent, answer, now)

    def activation_of(self, asked: Asked) -> str:
        return str(self.bench.sql("SELECT id FROM sam.activations WHERE document = $1", asked.request.id)[0]["id"])

    def sign(
        self, asked: Asked, *, digests: list[bytes] | None = None, caller: Caller | None = None,
        secret: bytes | None = None, sign_algorithm: str | None = None, dies_at: str | None = None,
    ) -> None:  # fmt: skip
        """The caller's call, changed as named; ``dies_at`` is where the SAM ends on its way (steps 8 and 9)."""
        call = self.signing_call(asked, digests=digests, caller=caller, secret=secret, sign_algorithm=sign_algorithm)
        wanted = self.holder.may_sign(
            asked, self.bench.now, caller=caller, secret=secret is None,
            algorithm=sign_algorithm in (None, asked.request.algorithm), digests=digests,
        )  # fmt: skip
        dies = dies_at is not None and wanted is None and (dies_at == "9" or not asked.stored)
        code, answer = self.bench.call("signatures/sign", call)
        assert code == ("died" if dies else wanted), f"signed: {code}, not {wanted}"
        if dies:
            asked.stored = asked.stored or dies_at in ("8-signed-after-commit", "9")
        elif wanted is None:
            asked.stored = True
            self.released(asked, digests or asked.request.digests, [raw(one) for one in answer["signatures"]])

    def signing_call(
        self, asked: Asked, *, digests: list[bytes] | None = None, caller: Caller | None = None,
        secret: bytes | None = None, sign_algorithm: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        call = asked.request.call(asked.activation)
        if digests is not None:
            call["hashes"] = [b64u(one) for one in digests]
        if caller is not None:
            call["caller"] = caller.ref
        if secret is not None:
            call["secret"] = b64u(secret)
        if sign_algorithm is not None:
            hash_name = SIGN_ALGORITHMS[sign_algorithm].hash_name
            call["sign_algorithm"], call["hash_algorithm"] = sign_algorithm, hash_name
        return call

    def released(self, asked: Asked, digests: list[bytes], signatures: list[bytes]) -> None:
        """Signatures came out: approved, verifying, and the same as ever."""
        assert asked.state is State.APPROVED, "signed what nobody approved"
        assert sorted(digests) == sorted(asked.request.digests), "signed other hashes than were approved"
        assert len(signatures) == len(digests)
        by_digest: dict[bytes, list[bytes]] = defaultdict(list)
        for digest, signature in zip(digests, signatures, strict=True):
            self.verify(asked, digest, signature)
            by_digest[digest].append(signature)
        if asked.released is None:
            asked.released = dict(by_digest)
        assert asked.released == by_digest, "another signature for the same occurrence"

    def verify(self, asked: Asked, digest: bytes, signature: bytes) -> None:
        algorithm = SIGN_ALGORITHMS[asked.request.algorithm]
        algorithm.verify(self.certificate.public_key(), signature, digest)  # type: ignore[arg-type]

    def restart(self) -> None:
        self.bench.restart()
        self.holder.restart(self.bench.now)

    # --- after every step -------------------------------------------------------------------------------------------

    @invariant()
    def every_stored_signature_was_approved(self) -> None:
        """Whatever lies in the rows was approved by this holder's decision over exactly that hash; nothing is lost."""
        rows = self.bench.sql(_STORED, self.holder.credential)
        by_id = {one.request.id: one for one in self.holder.asked}
        found = set()
        for row in rows:
            asked = by_id[row["document"]]
            assert asked.state is State.APPROVED
            assert asked.stored
            found.add(asked.request.id)
            key = (asked.request.id, row["ordinal"], row["signature"])
            if asked.spoiled or key in self.verified:
                continue
            self.verify(asked, asked.request.digests[row["ordinal"]], row["signature"])
            self.verified.add(key)
        lost = [one for one in self.holder.asked if one.stored and not one.spoiled and not one.turned_back]
        assert all(one.request.id in found for one in lost if one.state is State.APPROVED), "a signature was lost"

    @invariant()
    def the_ladder_counts_right(self) -> None:
        rows = self.bench.sql(_LADDER, self.holder.credential)
        stored = self.holder.ladder.stored
        assert [(row["total"], row["forgiven"]) for row in rows] == (
            [] if stored is None else [(stored.total, stored.forgiven)]
        )

    @invariant()
    def the_audit_goes_on(self) -> None:
        self.bench.demand_chain_goes_on()

    @invariant()
    def a_request_is_told_truly(self) -> None:
        """One of them at each step, in turn: a consumed approval, above all, is never lost."""
        if self.holder.asked:
            self.looks += 1
            self.look(self.holder.asked[self.looks % len(self.holder.asked)])

    def look(self, asked: Asked) -> None:
        now = self.bench.now
        wanted = None if asked.read() else "document_unknown"
        code, answer = self.bench.call("documents/state", {"document": asked.request.id})
        assert code == wanted
        if code is not None:
            return
        state = asked.believed
        if state is State.WAITING and asked.expired(now):
            state = State.EXPIRED
        assert answer["state"] == state.value
        if state is State.APPROVED and asked.until is not None:
            assert answer["activation"] == asked.activation
            assert answer["until"] == int(asked.until.timestamp())
        if state is State.REFUSED and asked.decided is not None:
            assert answer["reason"] == asked.decided.word

    def teardown(self) -> None:
        """Every approval that is open can be used, every signature is given again; the SAM made each only once."""
        if not hasattr(self, "looks"):
            return
        for asked in self.holder.asked:
            self.look(asked)
            self.sign(asked)
        made = self.bench.sql(_MADE, self.holder.credential)
        assert made[0]["count"] == sum(one.stored for one in self.holder.asked)


_STORED = """
SELECT a.document, o.number - 1 AS ordinal, o.signature
FROM sam.activations a JOIN sam.signatures g ON g.activation = a.id
CROSS JOIN LATERAL unnest(g.signatures) WITH ORDINALITY AS o (signature, number)
WHERE a.credential = $1
"""
_LADDER = "SELECT total, forgiven FROM sam.attempts WHERE credential = $1 AND purpose = 'sign'"
_MADE = """
SELECT count(*) FROM audit.lines
WHERE convert_from(body, 'UTF8')::json ->> 'event' = 'signatures.made'
  AND convert_from(body, 'UTF8')::json ->> 'credential' = $1
"""
