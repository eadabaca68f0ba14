"""One token: logged in once for each epoch, a session of its own for each thread, objects found once and kept.

Login belongs to the token, not to a session: closing the session that logged in logs everybody out, and a second login
leaks a session. So one *root* session per epoch logs in and stays open; threads open theirs without a PIN.
"""

import hashlib
import random
import re
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from foundation.errors import LinkIdError
from foundation.logs import get_logger
from hsm_service.hsm.canary import Marks
from hsm_service.hsm.circuit import Circuit
from hsm_service.hsm.faults import (
    HsmKeyMissing,
    HsmLoginRefused,
    HsmRequestFault,
    HsmUnavailable,
    Kind,
    StaleHandle,
    Tally,
    TokenBusy,
    TokenChanged,
    kind_of,
)
from hsm_service.hsm.kept import KeptKeys
from hsm_service.hsm.module import Module
from hsm_service.hsm.quiet import Quiet
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.templates import Mapper, mechanism
from protocol.keys import P256Key

T = TypeVar("T")

_VERSIONED: Final = re.compile(r"([a-z-]+)\.([1-9][0-9]{0,3})")

_log = get_logger(__name__)


@dataclass(frozen=True)
class Handle:
    """A key in the token, and the epoch in which its handle means that key."""

    key: Any = field(repr=False)
    epoch: int
    module: Module = field(repr=False)

    def live(self) -> Any:
        """The key of python-pkcs11. Raises StaleHandle in another epoch: the number may name another key by now."""
        if self.epoch != self.module.epoch:
            raise StaleHandle(f"made in epoch {self.epoch}, now is {self.module.epoch}")
        return self.key


class Room:
    """What one thread has in one epoch: a session, and the objects found through it."""

    def __init__(self, session: Any, epoch: int, module: Module, settings: HsmSettings) -> None:
        """Made by Token only."""
        self.session = session
        self.busy = threading.RLock()
        """Held by whoever uses the session: its thread, or who destroys what was kept too long."""
        self.kept = KeptKeys(settings.kept_keys, settings.kept_seconds)
        self.epoch = epoch
        self.wrap_mechanism = mechanism(settings.wrap_mechanism)
        self._module = module
        self._found: dict[tuple[Any, str], Handle] = {}

    def find(self, label: str, object_class: Any) -> Any:
        """A token object by label, found once. Raises NoSuchKey, which the caller's ``Token.run`` takes for suspect."""
        handle = self._found.get((object_class, label))
        if handle is None:
            key = self.session.get_key(object_class=object_class, label=label)
            handle = self._found[object_class, label] = Handle(key, self.epoch, self._module)
        return handle.live()

    def secret(self, label: str) -> Any:
        """A secret key of the token."""
        return self.find(label, ObjectClass.SECRET_KEY)

    def private(self, label: str) -> Any:
        """A private key of the token."""
        return self.find(label, ObjectClass.PRIVATE_KEY)

    def exists(self, label: str, object_class: Any) -> bool:
        """Whether there is such an object; a fault is raised, not taken for an absence."""
        return (object_class, label) in self._found or self._search(label, object_class)

    def _search(self, label: str, object_class: Any) -> bool:
        template = {Attribute.CLASS: object_class, Attribute.LABEL: label}
        # consumed to its end: an unfinished search leaves the session's operation open
        return len(list(self.session.get_objects(template))) > 0

    def versions(self, name: str, object_class: Any) -> list[int]:
        """Which of ``name.1``, ``name.2``, … there are, ascending; retired ones leave gaps."""
        template = {Attribute.CLASS: object_class, Attribute.TOKEN: True}
        matches = (_VERSIONED.fullmatch(str(one.label)) for one in list(self.session.get_objects(template)))
        return sorted(int(match[2]) for match in matches if match and match[1] == name)

    def p256_public(self, label: str) -> P256Key:
        """The public half that was stored beside a P-256 private key."""
        point = bytes(self.find(label, ObjectClass.PUBLIC_KEY)[Attribute.EC_POINT])
        return P256Key.from_point(point[-65:])  # inside a DER OCTET STRING, or bare, as the vendor likes

    def curve(self, name: str = "secp256r1") -> Any:
        """Domain parameters of a curve by its OpenSSL name, for generating a pair."""
        parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(name)}
        return self.session.create_domain_parameters(KeyType.EC, parameters, local=True)

    def sign_p256(self, label: str, message: bytes) -> bytes:
        """ECDSA with SHA-256 by a key of the token: r || s."""
        digest = hashlib.sha256(message).digest()
        return bytes(self.private(label).sign(digest, mechanism=Mechanism.ECDSA))


class Token:
    """A token, for any number of threads. Blocking: asyncio uses ``facade.Hsm``."""

    def __init__(self, settings: HsmSettings) -> None:
        """Nothing is opened yet."""
        self.settings = settings
        self.module = Module.load(settings.module, settings.initialise)
        self.quiet = Quiet(settings.quiet_lock)
        self.circuit = Circuit()
        self.tally = Tally()
        self._mapper = Mapper()
        self._root: tuple[int, Any, Any] | None = None
        self._opening = threading.Lock()
        self._renewing = threading.Lock()
        self._local = threading.local()
        self._rooms: weakref.WeakSet[Room] = weakref.WeakSet()
        """Of all threads."""
        self._login_refused: HsmLoginRefused | None = None
        self._marks: Marks | None = None

    @property
    def epoch(self) -> int:
        """The epoch that holds now."""
        return self.module.epoch

    @property
    def stopped_by(self) -> LinkIdError | None:
        """Why nothing works now: a refused login, or what opened the circuit; None when all is well."""
        return self._login_refused or (self.circuit.why if self.circuit.refusing else None)

    def open(self) -> None:
        """Log in. Raises HsmUnavailable, HsmLoginRefused."""
        self.run(lambda room: None)

    def demand_possible(self) -> None:
        """Raise at once what a call would end in: a refused login, or an open circuit that nobody may try yet."""
        if self._login_refused is not None:
            raise self._login_refused
        if self.circuit.refusing and self.circuit.refuses(time.monotonic()):
            raise self._unavailable()

    def run(self, work: Callable[[Room], T]) -> T:
        """Do something with the token in this thread; a suspect failure is examined and the work tried once more.

        ``work`` must be safe to repeat: nothing it made may have left it. Raises HsmUnavailable (try later),
        TokenChanged and HsmLoginRefused (an operator must act), HsmRequestFault and HsmKeyMissing (the HSM is well and
        says no).
        """
        if self.circuit.refusing:
            self._try_to_heal()
        seen, first = self._attempt(work)
        if not isinstance(first, _Suspect):
            return first
        self.tally.suspect += 1
        _log.warning("hsm_suspect", fault=type(first.error).__name__, epoch=seen)
        if not self._canary_sings():
            self._renew(seen)
        self._forget_room()
        again, second = self._attempt(work)
        if not isinstance(second, _Suspect):
            return second
        if not self._canary_sings():
            self._renew(again)
            raise HsmUnavailable(type(second.error).__name__, retry_after=1) from second.error
        if isinstance(second.error, pkcs11.NoSuchKey):
            raise HsmKeyMissing("a key is not in the token") from second.error
        self.tally.request += 1
        raise HsmRequestFault(type(second.error).__name__) from second.error

    def check(self) -> None:
        """The canary, for health; a silent one is followed by a renewal. Raises as ``run`` does."""
        if self.circuit.refusing:
            self._try_to_heal()
        seen = self.epoch
        if not self._canary_sings():
            self._renew(seen)

    def forget_kept(self) -> int:
        """Destroy the keys that were kept long enough, also of threads that have nothing to do; how many are left.

        A thread at work is left alone: it does so itself, at its next visit. Raises HsmUnavailable, TokenBusy.
        """
        left = 0
        with self.quiet.visit(), self.module.entered() as epoch:
            for room in [one for one in self._rooms if one.epoch == epoch]:  # older ones went with their epoch
                if room.busy.acquire(blocking=False):
                    try:
                        room.kept.forget(time.monotonic())
                    except pkcs11.PKCS11Error as error:
                        _log.warning("hsm_kept_key_lost", fault=type(error).__name__)
                    finally:
                        room.busy.release()
                left += len(room.kept)
        return left

    def _attempt(self, work: Callable[[Room], T]) -> "tuple[int, T | _Suspect]":
        if self._login_refused is not None:
            raise self._login_refused
        try:
            with self.quiet.visit(), self.module.entered() as epoch:
                try:
                    room = self._room(epoch)
                    with room.busy:
                        room.kept.forget(time.monotonic())
                        return epoch, work(room)
                except pkcs11.PKCS11Error as error:
                    if kind_of(error) is Kind.SUSPECT:
                        return epoch, _Suspect(error)
                    self.tally.request += 1
                    raise HsmRequestFault(type(error).__name__) from error
        except TokenChanged as error:
            raise (self._unavailable() if self.circuit.refusing else self._failed(error)) from error

    def _room(self, epoch: int) -> Room:
        room: Room | None = getattr(self._local, "room", None)
        if room is None or room.epoch != epoch:
            session = self._open_session(epoch)
            room = self._local.room = Room(session, epoch, self.module, self.settings)
            self._rooms.add(room)
        return room

    def _forget_room(self) -> None:
        room: Room | None = getattr(self._local, "room", None)
        self._local.room = None
        if room is not None and room.epoch == self.module.epoch:
            try:
                room.session.close()
            except pkcs11.PKCS11Error:
                _log.info("hsm_session_lost", epoch=room.epoch)

    # --- login -------------------------------------------------------------------------------------------------------

    def _open_session(self, epoch: int) -> Any:
        """A session for this thread, after the one login of the epoch."""
        with self._opening:
            if self._root is None or self._root[0] != epoch:
                self._root = (epoch, *self._login(epoch))
            _, token, _ = self._root
            return token.open(rw=True, attribute_mapper=self._mapper)

    def _login(self, epoch: int) -> tuple[Any, Any]:
        if self._login_refused is not None:  # whoever asks, the canary included
            raise self._login_refused
        token = self.module.library.get_token(token_label=self.settings.token_label)
        if self._marks is not None:  # before our PIN is tried on somebody else's token
            self._marks.demand_serial(token)
        try:
            session = token.open(rw=True, user_pin=self.settings.pin.get_secret_value(), attribute_mapper=self._mapper)
        except pkcs11.UserAlreadyLoggedIn:  # another Token of this process did it
            session = token.open(rw=True, attribute_mapper=self._mapper)
        except pkcs11.PKCS11Error as error:
            if kind_of(error) is not Kind.LOGIN:
                raise
            # (c) one try and no other: a real HSM locks or wipes itself after a few.
            self.tally.login += 1
            self._login_refused = HsmLoginRefused(type(error).__name__)
            _log.error("hsm_login_refused", fault=type(error).__name__)
            raise self._login_refused from error
        try:
            self._recognise(token, session, epoch)
        except Exception:
            session.close()
            raise
        _log.info("hsm_open", epoch=epoch, token=self.settings.token_label)
        return token, session

    def _recognise(self, token: Any, session: Any, epoch: int) -> None:
        """The first login learns the token's marks; later ones demand them."""
        room = Room(session, epoch, self.module, self.settings)
        if self._marks is None or self._marks.empty:
            self._marks = Marks.of(token, room)
            return
        try:
            self._marks.demand(room)
        except pkcs11.NoSuchKey as error:  # the token is there and open: this is a loss, no outage
            raise TokenChanged("a key of ours is gone") from error

    # --- the canary and the renewal ----------------------------------------------------------------------------------

    def _canary_sings(self) -> bool:
        """Whether the token does what it did when it was first opened."""
        try:
            with self.quiet.visit():
                self._sing()
        except TokenBusy:
            raise
        except (pkcs11.PKCS11Error, HsmUnavailable, TokenChanged) as error:
            _log.warning("hsm_canary_silent", fault=type(error).__name__)
            return False
        return True

    def _sing(self) -> None:
        """Within a visit."""
        with self.module.entered() as epoch:
            session = self._open_session(epoch)
            try:
                room = Room(session, epoch, self.module, self.settings)
                if self._marks is None or self._marks.empty:  # it may have got its keys meanwhile, from us
                    assert self._root is not None
                    self._marks = Marks.of(self._root[1], room)
                else:
                    self._marks.demand(room)
                    self._marks = self._marks.grown(room)  # newer versions, before the older ones are retired
            finally:
                session.close()

    def _try_to_heal(self) -> None:
        """The circuit is open: one caller renews when the pause is over, all others are refused at once."""
        if self._login_refused is not None:
            raise self._login_refused
        if not self.circuit.may_try(time.monotonic()):
            raise self._unavailable()
        try:
            self._renew(self.epoch, our_turn=True)
        finally:
            self.circuit.given_up()

    def _renew(self, seen: int, *, our_turn: bool = False) -> None:
        """Drain, a new epoch, C_Finalize and C_Initialize, login, and the canary; closes the circuit or opens it.

        Many callers who saw the same fault renew once: when that was in vain, only who has the turn goes on. That the
        token is being changed (``quiet``) is no failure: the caller hears TokenBusy, and the circuit stays as it is.
        Raises HsmUnavailable, TokenChanged, HsmLoginRefused.
        """
        with self._renewing, self.quiet.visit():
            if self.circuit.refusing and not our_turn:
                raise self._unavailable()
            try:
                if self.epoch == seen or not self._canary_sings():
                    self.module.renew(self.epoch)
                    self._sing()
            except HsmLoginRefused:
                self.circuit.healed()  # it is the login that stops us from now on
                raise
            except (pkcs11.PKCS11Error, HsmUnavailable, TokenChanged) as error:
                raise self._failed(error) from error
            self.tally.renewals += 1
            self.circuit.healed()
            _log.warning("hsm_initialised_anew", epoch=self.epoch)

    def _failed(self, error: Exception) -> LinkIdError:
        """Open the circuit; what the caller is told."""
        self.tally.renewals_failed += 1
        why = error if isinstance(error, LinkIdError) else HsmUnavailable(f"{type(error).__name__} {error}".strip())
        self.circuit.failed(why, time.monotonic(), random.random())  # noqa: S311 - jitter, not a secret
        _log.error("hsm_circuit_open", error_code=why.code, detail=why.detail, failures=self.circuit.failures)
        return self._unavailable()

    def _unavailable(self) -> LinkIdError:
        why, wait = self.circuit.why, self.circuit.retry_after(time.monotonic())
        kind = TokenChanged if isinstance(why, TokenChanged) else HsmUnavailable
        return kind(why.detail if why is not None else "the circuit is open", retry_after=wait)


@dataclass(frozen=True)
class _Suspect:
    error: pkcs11.PKCS11Error
