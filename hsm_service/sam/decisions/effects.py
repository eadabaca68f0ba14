"""What an approval does, for each type of document: the middle of step 7f. And what it did, for those who ask again."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from foundation.clock import Clock
from foundation.database import Connection, Database, on_violation
from foundation.encoding import JsonValue, b64u, unb64u
from foundation.ids import new_id
from hsm_service.sam.activations.domain import LIFE, Activation
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.activations.store import ActivationStore
from hsm_service.sam.associations.domain import Association
from hsm_service.sam.associations.domain import State as AssociationState
from hsm_service.sam.associations.store import AssociationStore
from hsm_service.sam.bindings.domain import Binding, State
from hsm_service.sam.bindings.service import Bindings
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.blocks.service import Blocks
from hsm_service.sam.consents.domain import Consent, instant
from hsm_service.sam.consents.store import ConsentStore
from hsm_service.sam.custody import Custody
from hsm_service.sam.documents.domain import Fixed, caller_name
from hsm_service.sam.errors import BindingUnknown
from hsm_service.sam.generators.domain import Generator
from hsm_service.sam.generators.store import GeneratorStore
from hsm_service.sam.passkeys.service import Passkeys, Spoken
from hsm_service.sam.versions import KeyVersions
from protocol import activation as sealing
from protocol import codes
from protocol.errors import DecisionInvalid, DocumentDecided
from protocol.keys import P256Key
from protocol.proofs import encrypt

Random = Callable[[int], bytes]
Answer = dict[str, JsonValue]


class Effects:
    """Made inside the transaction that consumes the document."""

    def __init__(
        self,
        clock: Clock,
        bindings: BindingStore,
        associations: AssociationStore,
        activations: ActivationStore,
        endings: Endings,
        blocks: Blocks,
        consents: ConsentStore,
        generators: GeneratorStore,
        custody: Custody,
        versions: KeyVersions,
        phones: Bindings,
        passkeys: Passkeys,
        wait: timedelta,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``wait``: how long a phone that is not a certificate's first may not decide."""
        self._consents, self._generators, self._custody, self._versions = consents, generators, custody, versions
        self._clock, self._bindings, self._associations = clock, bindings, associations
        self._activations, self._endings, self._blocks, self._random = activations, endings, blocks, random
        self._phones, self._passkeys, self._wait = phones, passkeys, wait

    async def make(
        self,
        connection: Connection,
        fixed: Fixed,
        binding: Binding | None,
        signer: P256Key,
        wrapped: bytes | None,
        spoken: Spoken | None,
    ) -> Answer:
        """The effect of a yes; of a request over listed hashes it is ``approval``'s. ``wrapped``: what the password
        opened, for those that asked for it. ``spoken``: the phone's passkey, where it spoke."""
        document = fixed.document
        answer: Answer = {"state": "approved", "type": document.type}
        match document.type:
            case "pair":
                answer["binding"] = await self._bind(connection, fixed, signer)
            case "test":
                answer["binding"] = await self._confirm(connection, binding)
            case "associate":
                await self._associate(connection, fixed, signer)
            case "identify":
                pass  # the evidence is all: whoever continues the authorize page asks for the document's state
            case "unblock":
                credential, since = document.text("credential"), document.number("blocked")
                await self._blocks.undo(connection, credential, document.text("device"), since)
                answer |= {"credential": credential, "blocked": since}
            case "consent":
                answer |= {
                    "consent": await self._consent(connection, fixed, binding),
                    "until": document.number("until"),
                }
            case "generator":
                answer["generator"] = await self._generator(connection, fixed, binding)
            case "admit":
                await self._admit(connection, fixed)
                answer |= admitted(fixed)
            case "passkey" | "passkey-end":
                await self._guard(connection, fixed, binding, spoken)
            case "session":
                begun = await self._begin_session(connection, fixed, binding, wrapped)
                answer |= {"activation": begun, "until": document.number("until")}
            case _:
                raise DecisionInvalid(f"no phone decides {fixed.document.type}")
        return answer

    async def outcome(self, database: Database, fixed: Fixed) -> Answer:
        """What ``make`` (or a refusal) answered."""
        answer: Answer = {"state": fixed.state.value, "type": fixed.document.type, **admitted(fixed)}
        if fixed.state.value != "approved":
            return answer
        if fixed.document.type == "pair":
            made = await self._bindings.made_by(database, fixed.id)
            answer["binding"] = None if made is None else made.id
        elif fixed.document.type == "test":
            answer["binding"] = fixed.context.get("binding")
        elif fixed.document.type == "unblock":
            answer |= {"credential": fixed.credential, "blocked": fixed.document.number("blocked")}
        elif fixed.document.type == "consent":
            answer |= {"consent": fixed.id, "until": fixed.document.number("until")}
        elif fixed.document.type == "generator":
            born = await self._generators.of_document(database, fixed.id)
            answer["generator"] = None if born is None else await self._delivered(fixed, born)
        elif fixed.document.is_request:
            found = await self._activations.of_document(database, fixed.id)
            if found is not None:
                answer |= {"activation": found[0], "until": int(found[1].timestamp())}
        return {name: value for name, value in answer.items() if value is not None}

    async def _bind(self, connection: Connection, fixed: Fixed, signer: P256Key) -> str:
        """Pairing, step 7: a binding on trial. The same phone again replaces what it had, by this very proof."""
        document = fixed.document
        beside = await self._bindings.all_of_phone(connection, document.text("device"))
        old = next((one for one in beside if one.credential == document.text("credential")), None)
        if old is not None and old.key.jkt != signer.jkt:
            # A gateway gave somebody's phone the id of the holder's: that one would lose its say before its time.
            raise DecisionInvalid("this phone has another key")
        if old is not None and not await self._bindings.change(connection, old, State.ENDED):
            raise DocumentDecided("two pairings of one phone at once")
        if old is not None:
            await self._endings.of(connection, "paired_anew", binding=old.id)
        made = Binding(
            id=new_id("bnd", self._random),
            credential=document.text("credential"),
            device=document.text("device"),
            key=signer,
            nickname=document.text("nickname"),
            state=State.TRIAL,
            document=document.id,
            created=self._clock.now(),
            until=None if old is None else old.inherited(self._clock.now()),
        )
        # Whoever pairs a phone anew does not get rid of its passkey by that.
        made = made.beside(beside)
        await self._bindings.add(connection, made)
        return made.id

    async def _guard(
        self, connection: Connection, fixed: Fixed, binding: Binding | None, spoken: Spoken | None
    ) -> None:
        """A passkey speaks for this phone from now on, or none does any more."""
        if binding is None:
            raise DecisionInvalid("no phone")
        if fixed.document.type == "passkey":
            await self._passkeys.enrol(connection, fixed, binding, spoken)
        else:
            await self._passkeys.remove(connection, fixed, binding)

    async def _confirm(self, connection: Connection, binding: Binding | None) -> str:
        """Pairing, step 8: the push round trip came back. The first phone decides from now on, another one waits."""
        if binding is None:
            raise BindingUnknown("the binding has ended")
        if binding.state is not State.TRIAL:
            return binding.id
        if await self._bindings.confirm(connection, binding, self._clock.now(), self._wait) is None:
            raise BindingUnknown("the binding has ended")
        return binding.id

    async def _admit(self, connection: Connection, fixed: Fixed) -> None:
        """The phone that the document names decides from now on. One that does already: its time came meanwhile."""
        waits = await self._waiting(connection, fixed)
        if waits is not None and waits.state is State.ACTIVE:
            return
        if waits is None or not await self._phones.admit(connection, waits, by="phone", document=fixed.id):
            raise DecisionInvalid("the phone that waited is gone")

    async def turn_away(self, connection: Connection, fixed: Fixed) -> None:
        """A no to ``admit``: the phone that waits is not the holder's, or not wanted; its binding ends."""
        waits = await self._waiting(connection, fixed)
        if waits is not None and waits.state is State.WAITING:
            await self._phones.turn_away(connection, waits)

    async def _waiting(self, connection: Connection, fixed: Fixed) -> Binding | None:
        return await self._bindings.find(connection, str(fixed.context.get("binding")))

    async def _associate(self, connection: Connection, fixed: Fixed, signer: P256Key) -> None:
        """The computer may ask, for those of the listed credentials to which this phone is still bound."""
        document = fixed.document
        computer, device = document.object("computer"), document.text("device")
        key = P256Key.from_jwk(fixed.context.get("computer_key"))
        if key.jkt != computer["key"]:
            raise DecisionInvalid("the computer's key is another one")
        credentials = [str(listed["id"]) for listed in document.objects("credentials")]
        await self._blocks.demand_usable(connection, credentials)
        for credential in credentials:
            bound = await self._bindings.of(connection, device, credential)
            if bound is None or bound.state is not State.ACTIVE or bound.key.jkt != signer.jkt:
                raise DecisionInvalid("this phone is not bound to a listed credential any more")
            old = await self._associations.of(connection, str(computer["id"]), credential)
            if old is not None:
                await self._associations.end(connection, old)
                caller = caller_name("computer", old.computer)
                await self._endings.of(connection, "associated_anew", credential=credential, caller=caller)
            await self._associations.add(
                connection,
                Association(
                    computer=str(computer["id"]),
                    credential=credential,
                    name=str(computer["name"]),
                    os=str(computer["os"]),
                    key=key,
                    device=device,
                    document=document.id,
                    state=AssociationState.ACTIVE,
                    created=self._clock.now(),
                ),
            )

    async def _consent(self, connection: Connection, fixed: Fixed, binding: Binding | None) -> str:
        """An application may send the holder's factors for this certificate from now on. It takes the place of one that
        the same application had."""
        if binding is None or fixed.caller is None:
            raise DecisionInvalid("nobody consented")
        document = fixed.document
        credential = document.text("credential")
        await self._endings.consents_of(connection, credential, fixed.caller, "replaced")
        await self._consents.add(
            connection,
            Consent(
                id=fixed.id,
                credential=credential,
                caller=fixed.caller,
                binding=binding.id,
                until=instant(document.number("until")),
                maximum=document.number("maximum"),
                created=self._clock.now(),
            ),
        )
        return fixed.id

    async def _generator(self, connection: Connection, fixed: Fixed, binding: Binding | None) -> Answer:
        """A secret is born, and goes to that phone alone. Codes of now and before are nobody's."""
        if binding is None:
            raise DecisionInvalid("no phone")
        credential, now = fixed.document.text("credential"), self._clock.now()
        id_ = new_id("gen", self._random, near=credential)
        pepper = (await self._versions.newest()).pepper
        kept = await self._custody.keep(id_, credential, self._random(codes.SECRET_BYTES), pepper)
        made = Generator(
            id_, credential, binding.id, fixed.id, kept, pepper, codes.step_of(now) - codes.WINDOW - 1, now
        )
        await self._endings.generator(connection, binding.id, "replaced")
        with on_violation({"one_generator": _rival}):  # approved twice at once: the other one came first
            await self._generators.add(connection, made)
        return await self._delivered(fixed, made)

    async def _delivered(self, fixed: Fixed, generator: Generator) -> Answer:
        """The secret, encrypted to the key that the document names: again for whoever lost the answer."""
        key = P256Key.from_jwk(fixed.context.get("delivery_key"))
        if key.jkt != fixed.document.text("delivery_key"):
            raise DecisionInvalid("the delivery key is another one")
        secret = b64u(await self._custody.kept(generator))
        return {"id": generator.id, "sealed": encrypt(codes.told(generator.id, generator.credential, secret), key)}

    def activation(self, fixed: Fixed, wrapped: bytes) -> Activation:
        """7f: the opened blob, sealed to whoever asked, bound to hashes and algorithm. Not yet written, not yet sealed
        with a MAC."""
        document = fixed.document
        id_ = new_id("act", self._random, near=document.id)
        digests = document.digests()
        aad = sealing.additional_data(
            id_, document.id, document.text("credential"), digests, document.text("sign_algorithm")
        )
        key = unb64u(document.text("activation_key"), max_len=sealing.KEY_BYTES)
        sealed = sealing.seal(wrapped, key, aad, ephemeral=self._random(32))
        until = self._clock.now().replace(microsecond=0) + LIFE
        return Activation(id_, document.id, document.hash, document.text("credential"), digests, sealed, until)

    async def _begin_session(
        self, connection: Connection, fixed: Fixed, binding: Binding | None, wrapped: bytes | None
    ) -> str:
        """7f, of a session: the blob is sealed to whoever asked, bound to the session's end, maximum, algorithm and
        keys; the row names the phone that approved, because the session ends with it."""
        if wrapped is None or binding is None:
            raise DecisionInvalid("nothing was opened")
        made = self.session(fixed, wrapped, binding.id)
        await self._activations.add_session(connection, made, caller=fixed.caller)
        return made.id

    def session(self, fixed: Fixed, wrapped: bytes, binding: str) -> Activation:
        """The same, not yet written."""
        document = fixed.document
        id_ = new_id("act", self._random, near=document.id)
        until, maximum = document.number("until"), document.number("maximum")
        aad = sealing.session_data(
            id_,
            document.id,
            document.text("credential"),
            until=until,
            maximum=maximum,
            sign_algorithm=document.text("sign_algorithm"),
            session_key=document.texts("session_key"),
        )
        key = unb64u(document.text("activation_key"), max_len=sealing.KEY_BYTES)
        return Activation(
            id=id_,
            document=document.id,
            document_hash=document.hash,
            credential=document.text("credential"),
            digests=(),
            sealed=sealing.seal(wrapped, key, aad, ephemeral=self._random(32)),
            until=datetime.fromtimestamp(until, UTC),
            maximum=maximum,
            binding=binding,
        )


def _rival() -> DocumentDecided:
    return DocumentDecided("two generators of one phone at once")


def admitted(fixed: Fixed) -> Answer:
    """Which phone, for which certificate, an ``admit`` is about; nothing for every other type."""
    if fixed.document.type != "admit":
        return {}
    return {"credential": fixed.credential, "phone": str(fixed.document.object("phone")["device"])}
