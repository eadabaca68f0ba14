"""What each PKCS#11 call does, for one connected program. The table of calls is `calls.py`.

Calls come in the order of the wire and are answered at once, except the slow ones, which wait for a person while others
go on. So everything that a slow call needs is taken out of its session before it waits.
"""

import asyncio
import os
from dataclasses import dataclass, field
from typing import Final

from desktop_agent import VERSION
from desktop_agent.pkcs11.codes import (
    CKF_EC,
    CKF_HW,
    CKF_SIGN,
    DONT_BLOCK,
    HANDSHAKE,
    REMOVABLE,
    RO_PUBLIC,
    RW_PUBLIC,
    SESSION_RW,
    SESSION_SERIAL,
    TOKEN_INITIALIZED,
    TOKEN_PRESENT,
    UNAVAILABLE,
    WRITE_PROTECTED,
    Refused,
    Rv,
)
from desktop_agent.pkcs11.content import describe
from desktop_agent.pkcs11.mechanisms import WAYS, Operation, as_pkcs11
from desktop_agent.pkcs11.peer import Program
from desktop_agent.pkcs11.ports import Signer
from desktop_agent.pkcs11.token import Key
from desktop_agent.pkcs11.wire import NULL, Attribute, Mechanism, Needed, Text

SLOT: Final = 0
MAX_SESSIONS: Final = 256
MAX_WAITING: Final = 16
"""Signatures of one program that may wait for the phone at the same time."""
MAX_RANDOM: Final = 64 * 1024
_VERSION: Final = tuple(int(part) for part in VERSION.split(".")[:2])
_MAKER: Final = Text("Link ID", 32)


@dataclass
class Session:
    """One CK_SESSION_HANDLE."""

    flags: int
    found: list[int] | None = None
    operation: tuple[Operation, Key] | None = None
    fed: bool = False
    """C_SignUpdate has begun: C_Sign may not follow."""
    signing: set["asyncio.Task[bytes]"] = field(default_factory=set)


class Connection:
    """One program."""

    def __init__(self, signer: Signer, program: Program) -> None:
        self._signer = signer
        self._program = program
        self._sessions: dict[int, Session] = {}
        self._last = 0
        self._initialized = False
        self._watching = False

    # --- general ------------------------------------------------------------------------------------------------------

    async def initialize(self, magic: bytes | None, _has_reserved: int, _reserved: bytes | None) -> list[object]:
        if magic != HANDSHAKE:
            raise Refused(Rv.DEVICE_ERROR)
        if self._initialized:
            raise Refused(Rv.CRYPTOKI_ALREADY_INITIALIZED)
        self._initialized = True
        await self._signer.ready()
        return []

    async def finalize(self) -> list[object]:
        self._demand_initialized()
        self._initialized = False
        for handle in [*self._sessions]:
            self._close(handle)
        return []

    async def get_info(self) -> list[object]:
        self._demand_initialized()
        return [(2, 40), _MAKER, 0, Text("Link ID Desktop", 32), _VERSION]

    async def get_slot_list(self, present: int, room: int) -> list[object]:
        self._demand_initialized()
        slots = [SLOT] if self._signer.token.present or not present else []
        return [_as_many_as_fit(slots, room)]

    async def get_slot_info(self, slot: int) -> list[object]:
        self._demand_slot(slot)
        flags = REMOVABLE | (TOKEN_PRESENT if self._signer.token.present else 0)
        return [Text("Link ID: certificado em nuvem", 64), _MAKER, flags, _VERSION, _VERSION]

    async def get_token_info(self, slot: int) -> list[object]:
        self._demand_token(slot)
        flags = WRITE_PROTECTED | TOKEN_INITIALIZED
        unknown = [UNAVAILABLE] * 4
        counts = [MAX_SESSIONS, len(self._sessions), 0, 0]
        names = [Text("Link ID", 32), _MAKER, Text("nuvem", 16), Text("1", 16)]
        return [*names, flags, *counts, 0, 0, *unknown, _VERSION, _VERSION, Text("", 16)]

    async def get_mechanism_list(self, slot: int, room: int) -> list[object]:
        self._demand_token(slot)
        return [_as_many_as_fit(sorted(self._signer.token.mechanisms), room)]

    async def get_mechanism_info(self, slot: int, mechanism: int) -> list[object]:
        self._demand_token(slot)
        sizes = self._signer.token.mechanisms.get(mechanism)
        if sizes is None:
            raise Refused(Rv.MECHANISM_INVALID)
        curves = CKF_EC if WAYS[mechanism].family == "ECDSA" else 0
        return [*sizes, CKF_HW | CKF_SIGN | curves]

    async def wait_for_slot_event(self, flags: int) -> list[object]:
        self._demand_initialized()
        if flags & DONT_BLOCK or self._watching:
            raise Refused(Rv.NO_EVENT)
        self._watching = True
        await asyncio.Event().wait()  # until the program goes away: the slot never does
        raise AssertionError("nobody sets it")

    # --- sessions -----------------------------------------------------------------------------------------------------

    async def open_session(self, slot: int, flags: int) -> list[object]:
        self._demand_token(slot)
        if not flags & SESSION_SERIAL:
            raise Refused(Rv.SESSION_PARALLEL_NOT_SUPPORTED)
        if len(self._sessions) >= MAX_SESSIONS:
            raise Refused(Rv.SESSION_COUNT)
        self._last += 1
        self._sessions[self._last] = Session(flags)
        return [self._last]

    async def close_session(self, handle: int) -> list[object]:
        self._session(handle)
        self._close(handle)
        return []

    async def close_all_sessions(self, slot: int) -> list[object]:
        self._demand_slot(slot)
        for handle in [*self._sessions]:
            self._close(handle)
        return []

    async def get_session_info(self, handle: int) -> list[object]:
        session = self._session(handle)
        state = RW_PUBLIC if session.flags & SESSION_RW else RO_PUBLIC  # nobody logs in
        return [SLOT, state, session.flags, 0]

    async def login(self, handle: int, _who: int, _pin: bytes | None) -> list[object]:
        """The token asks for no login. Programs that log in all the same are let go on: consent is on the phone."""
        self._session(handle)
        return []

    async def login_user(self, handle: int, who: int, pin: bytes | None, _name: bytes | None) -> list[object]:
        return await self.login(handle, who, pin)

    async def logout(self, handle: int) -> list[object]:
        self._session(handle)
        return []

    async def session_cancel(self, handle: int, _flags: int) -> list[object]:
        session = self._session(handle)
        session.operation, session.fed = None, False
        for task in session.signing:
            task.cancel()
        return []

    # --- objects ------------------------------------------------------------------------------------------------------

    async def get_object_size(self, handle: int, target: int) -> list[object]:
        self._session(handle)
        self._signer.token.attributes(target, [])
        return [UNAVAILABLE]

    async def get_attribute_value(self, handle: int, target: int, wanted: list[tuple[int, int]]) -> list[object]:
        self._session(handle)
        values, rv = self._signer.token.attributes(target, [kind for kind, _ in wanted])
        return [values, int(rv)]

    async def find_objects_init(self, handle: int, template: list[Attribute]) -> list[object]:
        session = self._session(handle)
        if session.found is not None:
            raise Refused(Rv.OPERATION_ACTIVE)
        session.found = self._signer.token.matching(template)
        return []

    async def find_objects(self, handle: int, room: int) -> list[object]:
        session = self._session(handle)
        if session.found is None:
            raise Refused(Rv.OPERATION_NOT_INITIALIZED)
        room = 0 if room == NULL else room
        found, session.found = session.found[:room], session.found[room:]
        return [found]

    async def find_objects_final(self, handle: int) -> list[object]:
        session = self._session(handle)
        if session.found is None:
            raise Refused(Rv.OPERATION_NOT_INITIALIZED)
        session.found = None
        return []

    # --- signatures ---------------------------------------------------------------------------------------------------

    async def sign_init(self, handle: int, mechanism: Mechanism, key: int) -> list[object]:
        session = self._session(handle)
        if mechanism.type is None:  # PKCS#11 3.0: ends what was begun
            return await self.session_cancel(handle, 0)
        if session.operation is not None:
            raise Refused(Rv.OPERATION_ACTIVE)
        found = self._signer.token.key(key)
        session.operation, session.fed = (Operation(mechanism, found.shape), found), False
        return []

    async def sign(self, handle: int, data: bytes | None, room: int) -> list[object]:
        session, (operation, key) = self._signing(handle)
        if session.fed:
            session.operation = None
            raise Refused(Rv.OPERATION_ACTIVE)
        if (needed := _too_little(room, key)) is not None:
            return [needed]
        session.operation = None
        operation.feed(data or b"")
        return [await self._signed(session, operation, key)]

    async def sign_update(self, handle: int, data: bytes | None) -> list[object]:
        session, (operation, _) = self._signing(handle)
        session.fed = True
        operation.feed(data or b"")
        return []

    async def sign_final(self, handle: int, room: int) -> list[object]:
        session, (operation, key) = self._signing(handle)
        if (needed := _too_little(room, key)) is not None:
            return [needed]
        session.operation = None
        return [await self._signed(session, operation, key)]

    async def _signed(self, session: Session, operation: Operation, key: Key) -> bytes:
        wanted = operation.wanted()
        if sum(len(other.signing) for other in self._sessions.values()) >= MAX_WAITING:
            raise Refused(Rv.FUNCTION_FAILED)
        content = describe(wanted, self._program.name)
        task = asyncio.ensure_future(self._signer.sign(self._program, key, wanted, content))
        session.signing.add(task)
        try:
            return as_pkcs11(await task, key.shape)
        except asyncio.CancelledError:
            task.cancel()
            current = asyncio.current_task()
            if current is not None and current.cancelling():  # the program is gone
                raise
            raise Refused(Rv.FUNCTION_CANCELED) from None
        finally:
            session.signing.discard(task)

    async def seed_random(self, handle: int, _data: bytes | None) -> list[object]:
        self._session(handle)
        return []

    async def generate_random(self, handle: int, room: int) -> list[object]:
        self._session(handle)
        return [os.urandom(min(0 if room == NULL else room, MAX_RANDOM))]

    # --- shared -------------------------------------------------------------------------------------------------------

    def _close(self, handle: int) -> None:
        for task in self._sessions.pop(handle).signing:
            task.cancel()

    def _session(self, handle: int) -> Session:
        self._demand_initialized()
        if handle not in self._sessions:
            raise Refused(Rv.SESSION_HANDLE_INVALID)
        return self._sessions[handle]

    def _signing(self, handle: int) -> tuple[Session, tuple[Operation, Key]]:
        session = self._session(handle)
        if session.operation is None:
            raise Refused(Rv.OPERATION_NOT_INITIALIZED)
        return session, session.operation

    def _demand_initialized(self) -> None:
        if not self._initialized:
            raise Refused(Rv.CRYPTOKI_NOT_INITIALIZED)

    def _demand_slot(self, slot: int) -> None:
        self._demand_initialized()
        if slot != SLOT:
            raise Refused(Rv.SLOT_ID_INVALID)

    def _demand_token(self, slot: int) -> None:
        self._demand_slot(slot)
        if not self._signer.token.present:
            raise Refused(Rv.TOKEN_NOT_PRESENT)


def _as_many_as_fit(numbers: list[int], room: int) -> "list[int] | Needed":
    return Needed(len(numbers)) if room == NULL or room < len(numbers) else numbers


def _too_little(room: int, key: Key) -> Needed | None:
    """The program only asks for the length, or has too little room: it is told, and the operation goes on."""
    needed = key.shape.signature_bytes
    return Needed(needed) if room == NULL or room < needed else None
