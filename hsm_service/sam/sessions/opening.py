"""Everything that must be so at each use of a session: steps U1 to U6 of docs/walkthroughs/one-session.md, and U8, the
permit. Nobody else mints one for a session.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from foundation.clock import Clock
from foundation.database import Record
from foundation.encoding import b64u
from foundation.ids import same
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.keys import WrappedKey
from hsm_service.sam.activations.domain import MINT, Activation, Permit
from hsm_service.sam.activations.store import TABLE, ActivationStore, Looked
from hsm_service.sam.associations.store import AssociationStore
from hsm_service.sam.bindings.domain import Binding
from hsm_service.sam.bindings.domain import State as BindingState
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.clients.store import ClientStore
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.domain import Fixed, caller_name
from hsm_service.sam.errors import (
    ActivationExpired,
    ActivationUnknown,
    CallerFrozen,
    CallerNotAssociated,
    HashesNotApproved,
)
from hsm_service.sam.memory import Sessions
from hsm_service.sam.rows import Alarm
from hsm_service.sam.sessions.domain import UseCall
from protocol import activation as sealing
from protocol import algorithms
from protocol.keys import P256Key


class NotLearntYet(Exception):
    """The session began before what this process read of the audit: read on, back to ``began``, and try again."""

    def __init__(self, began: datetime) -> None:
        super().__init__(began)
        self.began = began


@dataclass(frozen=True)
class OpenedUse:
    """A session that this caller may use now, for this: its credential, and the wrapped key it held."""

    activation: Activation
    fixed: Fixed
    credential: Credential
    algorithm: algorithms.SignAlgorithm
    wrapped: bytes
    before: Record | None
    """The record of what this counter served before, still to be believed."""

    @property
    def certificate(self) -> bytes:
        """DER; that the document names this one was checked."""
        assert self.credential.certificate is not None, "U5"
        return self.credential.certificate.chain[0]


class Opening:
    """Opens sessions, and mints permits for one use of what is opened."""

    def __init__(
        self,
        *,
        clock: Clock,
        hsm: Hsm,
        activations: ActivationStore,
        credentials: CredentialStore,
        bindings: BindingStore,
        associations: AssociationStore,
        clients: ClientStore,
        memory: Sessions,
        alarm: Alarm,
    ) -> None:
        self._clock, self._hsm, self._activations, self._credentials = clock, hsm, activations, credentials
        self._bindings, self._associations, self._clients = bindings, associations, clients
        self._memory, self._alarm = memory, alarm

    async def open(self, call: UseCall) -> OpenedUse:
        """Steps U1 to U6, before anything is counted or a key is touched.

        Raises ActivationUnknown, ActivationExpired, CallerFrozen, CallerNotAssociated, CallerUnknown,
        HashesNotApproved, AlgorithmRefused, CredentialNotActive, UseInvalid, SealBroken; NotLearntYet.
        """
        now, use = self._clock.now(), call.use
        # U1. A session whose row and document hold (MACs), not over, and no younger than we remember it.
        looked = await self._session(call)
        activation, fixed, around = looked.activation, looked.fixed, looked.around
        document = fixed.document
        activation.demand_open(now)
        # U2. The caller is the one the holder saw, and welcome still. Somebody else's session does not exist.
        if not same(fixed.caller or "", caller_name(call.caller_kind, call.caller_id)):
            raise ActivationUnknown(use.activation)
        keys = await self._keys(call, looked)
        # U3. The phone that approved may decide still.
        binding = await self._bindings.read(around["binding"], looked.since)
        if not _decides(binding, activation):
            raise ActivationExpired("the phone that approved is not bound any more")
        # U4. The approved algorithm, and hashes of its length, at most a hundred at a time.
        if (use.hash_algorithm, use.sign_algorithm) != (
            document.text("hash_algorithm"),
            document.text("sign_algorithm"),
        ):
            raise HashesNotApproved("another algorithm was approved")
        # U5. The credential still may sign, with the certificate that the document names.
        credential = await self._credentials.read(around["credential"], activation.credential, looked.since)
        certificate = credential.usable(now)
        if document.text("certificate") != b64u(certificate.hash):
            raise HashesNotApproved("another certificate was approved")
        algorithm = algorithms.agree(credential.key_algorithm, use.sign_algorithm, use.hash_algorithm, use.digests)
        # U6. One of the session's keys signed this counter and these hashes in this order (none, where the holder
        # allowed a session without keys); and the secret opens the seal, which is bound to the session's terms.
        use.verify(call.signature, keys)
        wrapped = sealing.open_sealed(call.secret, activation.sealed, _data(activation, fixed))
        return OpenedUse(activation, fixed, credential, algorithm, wrapped, around["use"])

    async def _session(self, call: UseCall) -> Looked:
        id_ = call.use.activation
        known = self._memory.used(id_)  # before the row is read: what was counted by now, it must say
        looked = await self._activations.look_session(id_, call.caller_kind, call.caller_id, call.use.counter)
        activation, document = looked.activation, looked.fixed.document
        if (activation.maximum, int(activation.until.timestamp())) != (
            document.number("maximum"),
            document.number("until"),
        ):
            raise ActivationUnknown(id_)
        if self._memory.since is None or document.created < self._memory.since.timestamp():
            raise NotLearntYet(datetime.fromtimestamp(document.created, UTC))
        if activation.used < known or self._memory.is_over(id_):
            await self._alarm.raise_("session.turned_back", TABLE, id_)
            raise ActivationExpired("its row says less than was used, or that it goes on")
        return looked

    async def _keys(self, call: UseCall, looked: Looked) -> list[P256Key]:
        """Those of the session's keys that are the caller's still; the caller itself must be welcome.

        Raises CallerFrozen, CallerNotAssociated, CallerUnknown; HashesNotApproved when all its keys were replaced.
        """
        around, since, document = looked.around, looked.since, looked.fixed.document
        if around["frozen"]:
            raise CallerFrozen(call.caller_id)
        if call.caller_kind == "integrator":
            mine = list((await self._clients.read(around["client"], call.caller_id, since)).keys)
        else:
            association = await self._associations.read(around["association"], since)
            of = (call.caller_id, document.text("credential"))
            if association is None or (association.computer, association.credential) != of:
                raise CallerNotAssociated(call.caller_id)
            mine = [association.key]
        named = document.texts("session_key")
        keys = [key for key in mine if key.jkt in named]
        if named and not keys:
            raise HashesNotApproved("the keys of this session are not the caller's any more")
        return keys

    def permit(self, opened: OpenedUse, call: UseCall) -> Permit:
        """Step U8: the right to sign exactly the hashes of this use, once; to be asked for when they are counted."""
        spki, _ = opened.credential.key()
        return Permit(
            MINT,
            credential=opened.credential.id,
            key=WrappedKey(opened.wrapped, spki, opened.credential.kek),
            key_algorithm=opened.credential.key_algorithm,
            algorithm=opened.algorithm,
            digests=call.use.digests,
            epoch=self._hsm.epoch,
            in_session=True,
        )


def _decides(binding: Binding | None, activation: Activation) -> bool:
    """Whether it is the very binding that approved the session, and active still."""
    if binding is None or binding.state is not BindingState.ACTIVE:
        return False
    return (binding.id, binding.credential) == (activation.binding, activation.credential)


def _data(activation: Activation, fixed: Fixed) -> bytes:
    document = fixed.document
    return sealing.session_data(
        activation.id,
        document.id,
        activation.credential,
        until=document.number("until"),
        maximum=document.number("maximum"),
        sign_algorithm=document.text("sign_algorithm"),
        session_key=document.texts("session_key"),
    )
