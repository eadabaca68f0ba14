"""The first half of step 8: an activation and its secret become a permit. Nobody else mints one."""

from collections.abc import Sequence
from dataclasses import dataclass

from foundation.clock import Clock
from foundation.encoding import b64u
from foundation.ids import same
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.keys import WrappedKey
from hsm_service.sam.activations.domain import MINT, Activation, Permit
from hsm_service.sam.activations.store import ActivationStore, Looked, signatures_of
from hsm_service.sam.associations.store import AssociationStore
from hsm_service.sam.clients.store import ClientStore
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.domain import Fixed, caller_name
from hsm_service.sam.errors import ActivationUnknown, CallerFrozen, CallerNotAssociated, HashesNotApproved
from protocol import activation as sealing
from protocol import algorithms


@dataclass(frozen=True)
class SignCall:
    """``signatures/sign`` as asked."""

    activation: str
    secret: bytes
    digests: Sequence[bytes]
    hash_algorithm: str
    sign_algorithm: str
    caller_kind: str
    caller_id: str


@dataclass(frozen=True)
class Opened:
    """An activation that this caller may use now: its credential, the wrapped key it held, and what was signed under it
    before; None: nothing."""

    activation: Activation
    fixed: Fixed
    credential: Credential
    algorithm: algorithms.SignAlgorithm
    wrapped: bytes
    signatures: Sequence[bytes] | None


class Activations:
    """Opens activations, and mints permits for what is opened."""

    def __init__(
        self,
        clock: Clock,
        hsm: Hsm,
        store: ActivationStore,
        credentials: CredentialStore,
        associations: AssociationStore,
        clients: ClientStore,
    ) -> None:
        self._clock, self._hsm, self._store = clock, hsm, store
        self._credentials, self._associations, self._clients = credentials, associations, clients

    async def open(self, call: SignCall) -> Opened:
        """Step 8: everything that must be so before a key is touched.

        Raises ActivationUnknown, CallerFrozen, CallerNotAssociated, CallerUnknown, ActivationExpired,
        HashesNotApproved, AlgorithmRefused, CredentialNotActive, SealBroken.
        """
        now = self._clock.now()
        # 8a. The activation's row and its document's hold (MACs); so hashes, algorithm and caller are those approved.
        looked = await self._store.look(call.activation, call.caller_kind, call.caller_id)
        activation, fixed, around = looked.activation, looked.fixed, looked.around
        document = fixed.document
        # 8b. The caller is the one the holder saw. Somebody else's activation does not exist.
        if not same(fixed.caller or "", caller_name(call.caller_kind, call.caller_id)):
            raise ActivationUnknown(call.activation)
        await self._demand_welcome(call, activation.credential, looked)
        # 8c. In time, and not voided.
        activation.demand_open(now)
        # 8d. Exactly the approved hashes, by exactly the approved algorithm.
        if (call.hash_algorithm, call.sign_algorithm) != (
            document.text("hash_algorithm"),
            document.text("sign_algorithm"),
        ):
            raise HashesNotApproved("another algorithm was approved")
        # 8e. The credential still may sign, with the certificate that the document names.
        credential = await self._credentials.read(around["credential"], activation.credential, looked.since)
        certificate = credential.usable(now)
        if document.text("certificate") != b64u(certificate.hash):
            raise HashesNotApproved("another certificate was approved")
        algorithm = algorithms.agree(
            credential.key_algorithm, call.sign_algorithm, call.hash_algorithm, activation.digests
        )
        # 8f. The secret opens the seal, which is bound to this activation, request, credential, hashes and algorithm.
        aad = sealing.additional_data(
            activation.id, document.id, credential.id, activation.digests, call.sign_algorithm
        )
        wrapped = sealing.open_sealed(call.secret, activation.sealed, aad)
        return Opened(activation, fixed, credential, algorithm, wrapped, signatures_of(around["signatures"]))

    async def _demand_welcome(self, call: SignCall, credential: str, looked: Looked) -> None:
        """Nobody turned the caller away since: no "not me"; computers associated, integrators registered still."""
        if looked.around["frozen"]:
            raise CallerFrozen(call.caller_id)
        if call.caller_kind == "integrator":
            await self._clients.read(looked.around["client"], call.caller_id, looked.since)
            return
        association = await self._associations.read(looked.around["association"], looked.since)
        if association is None or (association.computer, association.credential) != (call.caller_id, credential):
            raise CallerNotAssociated(call.caller_id)

    def permit(self, opened: Opened) -> Permit:
        """The right to sign what was opened, in the document's order."""
        spki, _ = opened.credential.key()
        return Permit(
            MINT,
            credential=opened.credential.id,
            key=WrappedKey(opened.wrapped, spki, opened.credential.kek),
            key_algorithm=opened.credential.key_algorithm,
            algorithm=opened.algorithm,
            digests=opened.activation.digests,
            epoch=self._hsm.epoch,
        )
