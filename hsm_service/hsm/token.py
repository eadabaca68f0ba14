"""One token: logged in once for each epoch, a session of its own for each thread, objects found once and kept.

Login belongs to the token, not to a session: closing the session that logged in logs everybody out, and a second login
leaks a session. So one *root* session per epoch logs in and stays open; threads open theirs without a PIN.
"""

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from foundation.logs import get_logger
from hsm_service.hsm.faults import (
    HsmKeyMissing,
    HsmLoginRefused,
    HsmRequestFault,
    HsmUnavailable,
    Kind,
    SlotDamaged,
    StaleHandle,
    kind_of,
)
from hsm_service.hsm.module import Module
from hsm_service.hsm.quiet import Quiet
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.templates import Mapper, mechanism
from protocol.errors import SignatureInvalid
from protocol.keys import P256Key

T = TypeVar("T")

_CANARY: Final = b"linkid-canary"
_BACK_OFF_SECONDS: Final = 5
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

    def __init__(self, session: Any, epoch: int, module: Module, wrap_mechanism: int) -> None:
        """Made by Token only."""
        self.session = session
        self.epoch = epoch
        self.wrap_mechanism = mechanism(wrap_mechanism)
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
        self._mapper = Mapper()
        self._root: tuple[int, Any, Any] | None = None
        self._opening = threading.Lock()
        self._local = threading.local()
        self._login_refused: HsmLoginRefused | None = None
        self._identity: tuple[str, P256Key | None] | None = None

    @property
    def epoch(self) -> int:
        """The epoch that holds now."""
        return self.module.epoch

    def open(self) -> None:
        """Log in. Raises HsmUnavailable, HsmLoginRefused."""
        self.run(lambda room: None)

    def run(self, work: Callable[[Room], T]) -> T:
        """Do something with the token in this thread; a suspect failure is examined and the work tried once more.

        ``work`` must be safe to repeat: nothing it made may have left it. Raises HsmUnavailable (try later),
        HsmLoginRefused (do not), HsmRequestFault and HsmKeyMissing (the HSM is well and says no).
        """
        seen, first = self._attempt(work)
        if not isinstance(first, _Suspect):
            return first
        _log.warning("hsm_suspect", fault=type(first.error).__name__, epoch=seen)
        if not self._canary_sings():
            self._renew(seen)
        self._forget_room()
        _, second = self._attempt(work)
        if not isinstance(second, _Suspect):
            return second
        if not self._canary_sings():
            raise HsmUnavailable(type(second.error).__name__, retry_after=_BACK_OFF_SECONDS) from second.error
        if isinstance(second.error, pkcs11.NoSuchKey):
            raise HsmKeyMissing("a key is not in the token") from second.error
        raise HsmRequestFault(type(second.error).__name__) from second.error

    def check(self) -> None:
        """The canary, for health: raises HsmUnavailable when it is silent."""
        if not self._canary_sings():
            raise HsmUnavailable("the canary is silent", retry_after=_BACK_OFF_SECONDS)

    def _attempt(self, work: Callable[[Room], T]) -> "tuple[int, T | _Suspect]":
        if self._login_refused is not None:
            raise self._login_refused
        with self.quiet.visit(), self.module.entered() as epoch:
            try:
                return epoch, work(self._room(epoch))
            except pkcs11.PKCS11Error as error:
                if kind_of(error) is Kind.SUSPECT:
                    return epoch, _Suspect(error)
                raise HsmRequestFault(type(error).__name__) from error

    def _room(self, epoch: int) -> Room:
        room: Room | None = getattr(self._local, "room", None)
        if room is None or room.epoch != epoch:
            session = self._open_session(epoch)
            room = self._local.room = Room(session, epoch, self.module, self.settings.wrap_mechanism)
        return room

    def _forget_room(self) -> None:
        room: Room | None = getattr(self._local, "room", None)
        self._local.room = None
        if room is not None and room.epoch == self.module.epoch:
            try:
                room.session.close()
            except pkcs11.PKCS11Error:
                _log.info("hsm_session_lost", epoch=room.epoch)

    def _open_session(self, epoch: int) -> Any:
        """A session for this thread, after the one login of the epoch."""
        with self._opening:
            if self._root is None or self._root[0] != epoch:
                self._root = (epoch, *self._login(epoch))
            _, token, _ = self._root
            return token.open(rw=True, attribute_mapper=self._mapper)

    def _login(self, epoch: int) -> tuple[Any, Any]:
        token = self.module.library.get_token(token_label=self.settings.token_label)
        try:
            session = token.open(rw=True, user_pin=self.settings.pin.get_secret_value(), attribute_mapper=self._mapper)
        except pkcs11.UserAlreadyLoggedIn:  # another Token of this process did it
            session = token.open(rw=True, attribute_mapper=self._mapper)
        except pkcs11.PKCS11Error as error:
            if kind_of(error) is not Kind.LOGIN:
                raise
            # (c) one try and no other: a real HSM locks or wipes itself after a few.
            self._login_refused = HsmLoginRefused(type(error).__name__)
            _log.error("hsm_login_refused", fault=type(error).__name__)
            raise self._login_refused from error
        self._recognise(token, session)
        _log.info("hsm_open", epoch=epoch, token=self.settings.token_label)
        return token, session

    def _recognise(self, token: Any, session: Any) -> None:
        """After the first login: the same token with the same root key, or none."""
        room = Room(session, self.module.epoch, self.module, self.settings.wrap_mechanism)
        root = room.p256_public("root.1") if room.exists("root.1", ObjectClass.PUBLIC_KEY) else None
        serial = bytes(token.serial).decode("ascii", "replace")
        if self._identity is None or self._identity == (serial, None):
            self._identity = (serial, root)
        if self._identity != (serial, root):
            session.close()
            raise SlotDamaged("another token, or another root key, under the same label")

    def _canary_sings(self) -> bool:
        """Whether the token does what it did: a signature by ``root.1`` that verifies with the key seen at first."""
        root = self._identity[1] if self._identity else None
        if root is None:
            return self._identity is not None and self._finds_token()
        try:
            with self.quiet.visit(), self.module.entered() as epoch:
                session = self._open_session(epoch)
                try:
                    room = Room(session, epoch, self.module, self.settings.wrap_mechanism)
                    root.verify(room.sign_p256("root.1", _CANARY), _CANARY)
                finally:
                    session.close()
        except (pkcs11.PKCS11Error, HsmUnavailable, SlotDamaged, SignatureInvalid) as error:
            _log.warning("hsm_canary_silent", fault=type(error).__name__)
            return False
        return True

    def _finds_token(self) -> bool:
        """For a token that is still empty: it is there."""
        try:
            with self.quiet.visit(), self.module.entered():
                self.module.library.get_token(token_label=self.settings.token_label)
        except pkcs11.PKCS11Error:
            return False
        return True

    def _renew(self, seen: int) -> None:
        try:
            with self.quiet.visit():
                epoch = self.module.renew(seen)
        except pkcs11.PKCS11Error as error:
            raise HsmUnavailable(str(error), retry_after=_BACK_OFF_SECONDS) from error
        _log.warning("hsm_initialised_anew", epoch=epoch)


@dataclass(frozen=True)
class _Suspect:
    error: pkcs11.PKCS11Error
