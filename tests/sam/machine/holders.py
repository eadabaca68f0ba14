"""What holders do on their phones, and what happens to their decisions on the way."""

from __future__ import annotations

from hypothesis.stateful import precondition, rule
from hypothesis.strategies import booleans, integers, sampled_from

from tests.sam.machine.base import PICK, Base
from tests.sam.machine.model import Asked, Phone, Tries
from tests.sam.world import PASSWORD

PHONES = integers(0, 2)
"""The holder's two, and somebody else's."""
WRONG = ("Errada999", "Outra8888")


class HolderRules(Base):
    """Two phones of the holder's, and one of a stranger's."""

    def phone(self, which: int) -> Phone:
        return [*self.holder.phones, self.bench.stranger.phones[0]][which]

    def approve_at_once(self, asked: Asked) -> None:
        """By the first phone, as things usually go."""
        self.decide(asked, self.decision(asked, self.holder.phones[0]))

    @rule(pick=PICK, which=integers(0, 1))
    def approve(self, pick: int, which: int) -> None:
        asked = self.one(pick, self.waits)
        self.decide(asked, self.decision(asked, self.phone(which)))

    @rule(pick=PICK, which=PHONES, password=sampled_from((*WRONG, PASSWORD)))
    def approve_wrongly(self, pick: int, which: int, password: str) -> None:
        """A wrong password, or a phone that has nothing to say here."""
        asked = self.one(pick, self.waits)
        self.decide(asked, self.decision(asked, self.phone(which), password=password))

    @rule(pick=PICK, times=integers(1, 4), password=sampled_from(WRONG), repeated=booleans())
    def guess(self, pick: int, times: int, password: str, repeated: bool) -> None:
        """With a phone of the holder's, again and again: up the ladder, once by each, however often it comes."""
        asked = self.one(pick, self.waits)
        for _ in range(times):
            sent = self.decision(asked, self.phone(0), password=password)
            self.decide(asked, sent)
            if repeated:
                self.decide(asked, sent)

    @rule(pick=PICK, password=sampled_from((PASSWORD, WRONG[0])), again=booleans())
    def decide_while_the_hsm_is_down(self, pick: int, password: str, again: bool) -> None:
        """No password is tried, so none counts; ``again``: one that was sent before keeps the try it took."""
        asked = self.one(pick, self.waits)
        yes = [sent for sent in asked.sent if sent.word == "approve"]
        sent = yes[-1] if again and yes else self.decision(asked, self.phone(0), password=password)
        self.bench.hsm_fails = True
        try:
            self.decide(asked, sent)
        finally:
            self.bench.hsm_fails = False

    @rule(pick=PICK, which=PHONES, word=sampled_from(["changed-mind", "wrong-content", "not-me"]))
    def refuse(self, pick: int, which: int, word: str) -> None:
        asked = self.one(pick, self.waits)
        self.decide(asked, self.decision(asked, self.phone(which), f"refuse:{word}"))

    @rule(pick=PICK, choice=integers(0, 5))
    def repeat_a_decision(self, pick: int, choice: int) -> None:
        """Whoever carries decisions sends one again: the same answer, no other try of the ladder."""
        asked = self.one(pick, lambda one: bool(one.sent))
        if asked.sent:
            self.decide(asked, asked.sent[choice % len(asked.sent)])

    @rule(pick=PICK, pick_other=PICK, choice=integers(0, 5))
    def move_a_decision(self, pick: int, pick_other: int, choice: int) -> None:
        """What was decided about one request does not decide another."""
        asked = self.one(pick, lambda one: bool(one.sent))
        other = self.one(pick_other, self.waits)
        if asked is not other and asked.sent:
            self.decide(other, asked.sent[choice % len(asked.sent)], of_this=False)

    @rule(pick=PICK, choice=integers(0, 5), which=PHONES)
    def pass_a_decision_off(self, pick: int, choice: int, which: int) -> None:
        """One phone's decision in the name of another."""
        asked = self.one(pick, lambda one: bool(one.sent))
        sent, phone = asked.sent[choice % len(asked.sent)] if asked.sent else None, self.phone(which)
        if sent is None or sent.phone is phone:
            return
        code, _ = self.bench.call(
            "documents/decide", {"document": asked.request.id, "device": phone.signer.id, **sent.body}
        )
        known = asked.read() and phone in self.holder.phones and phone.bound.stands
        assert code == ("decision_invalid" if known else "document_unknown")

    @rule(pick=PICK)
    def decide_on_both_phones_at_once(self, pick: int) -> None:
        """Two yes and a no in the same moment: one of them counts, and only one."""
        asked = self.one(pick, self.waits)
        now, holder = self.bench.now, self.holder
        one, two = holder.phones
        all_sent = [
            self.decision(asked, one),
            self.decision(asked, two),
            self.decision(asked, two, "refuse:changed-mind"),
        ]
        wanted = [holder.may_decide(asked, sent, now) for sent in all_sent]

        on_the_edge = holder.ladder.believed().count + 1 in (3, 6, 9)  # one tries, and is not yet known to be right
        again = [asked.is_again(sent) for sent in all_sent]
        bodies = [{"document": asked.request.id, "device": sent.phone.signer.id, **sent.body} for sent in all_sent]
        outcomes = self.bench.calls_at_once("documents/decide", bodies)
        counted = [index for index, (code, _) in enumerate(outcomes) if code is None and not again[index]]
        able = [index for index, code in enumerate(wanted) if code is None and not again[index]]
        assert len(counted) == min(1, len(able))
        for index, (code, _) in enumerate(outcomes):
            locked = on_the_edge and index in able and code == "credential_locked"
            assert code == wanted[index] or locked or (able and code == "document_decided"), f"{code}, not {wanted}"
        self.adopt_tries(sum(sent.word == "approve" for index, sent in enumerate(all_sent) if index in able))
        for index in counted:
            holder.decide(asked, all_sent[index], outcomes[index][1], now)

    def adopt_tries(self, most: int) -> None:
        """Of rivals some were too late to try their password at all; each that tried had the right one."""
        before, rows = self.holder.ladder.believed(), self.bench.sql(_LADDER, self.holder.credential)
        if most == 0 or not rows:
            return
        total, forgiven = rows[0]["total"], rows[0]["forgiven"]
        if total == before.total:
            return
        assert total - before.total <= most
        assert forgiven == total, "a right password stays on the ladder"
        self.holder.ladder.write(Tries(total, forgiven, self.bench.now))

    @rule(which=integers(0, 1))
    def unpair(self, which: int) -> None:
        phone = self.phone(which)
        body = {"device": phone.signer.id, "credential": self.holder.credential}
        code, _ = self.bench.call("bindings/end", body)
        assert code is None
        phone.bound.end(self.bench.now)

    @precondition(lambda self: any(not one.bound.row for one in self.holder.phones))
    @rule()
    def pair_again(self) -> None:
        phone = next(one for one in self.holder.phones if not one.bound.row)
        made = self.bench.run(self.bench.attempt(self.bench.world.phone(self.holder.credential, phone.signer)))
        assert made[0] == self.holder.usable()
        if made[0] is None:
            binding = self.bench.run(self.bench.binding(phone.signer, self.holder.credential))
            phone.bound = type(phone.bound)(id=binding)

    @rule(which=integers(0, 1))
    def end_association(self, which: int) -> None:
        caller = self.holder.callers[which]
        code, _ = self.bench.call("associations/end", {"computer": caller.ref["id"]})
        assert code is None
        caller.allowed.end(self.bench.now)

    @precondition(lambda self: any(not one.allowed.row for one in self.holder.callers[:2]))
    @rule()
    def associate_again(self) -> None:
        caller = next(one for one in self.holder.callers if not one.allowed.row)
        phone = next((one for one in self.holder.phones if one.bound.stands), None)
        if phone is None or self.holder.usable() is not None:
            return
        made = self.bench.run(self.bench.computer(self.holder.credential, phone.signer, caller.ref["id"]))
        caller.allowed = made.allowed


_LADDER = "SELECT total, forgiven FROM sam.attempts WHERE credential = $1 AND purpose = 'sign'"
