"""The chain's head in a file of its own, outside PostgreSQL."""

import errno
import json
import os
from pathlib import Path
from typing import Final

from foundation.audit.lines import Head
from foundation.errors import Unavailable

_SECTOR_BYTES: Final = 512
"""The least that a disk writes at once."""
_HEAD_BYTES: Final = 255
"""Every head is as long, with spaces, and so covers the one before."""


class DatabaseRolledBack(Unavailable):
    """The database lacks a line that this process knows to be committed. No work until an operator acts."""

    code = "database_rolled_back"
    summary = "The service is stopped until an operator has looked at the database."


class HeadNotKept(Unavailable):
    """The chain's head could not be written to its file; nothing more is appended until it can."""

    code = "audit_head_not_kept"


def read_head(file: Path, chain: str) -> Head | None:
    """The head that was written last; None when there is no file. Raises DatabaseRolledBack for a damaged one."""
    try:
        text, before = file.read_text(encoding="ascii"), ""
        while text != before:  # its writer may be at it just now
            text, before = file.read_text(encoding="ascii"), text
    except FileNotFoundError:
        return None
    try:
        said = json.loads(text)
        if said["chain"] != chain:
            raise ValueError("another chain")
        return Head(int(said["seq"]), bytes.fromhex(said["hash"]))
    except (ValueError, KeyError, TypeError) as cause:
        raise DatabaseRolledBack(f"{file}: not the head of the audit chain {chain}") from cause


def write_head(file: Path, chain: str, head: Head) -> None:
    """Atomic and durable, over the head before. Raises OSError.

    In place, once the file is there: a new file for each commit costs more than the commit. It is one write within the
    first sector of the disk, which is written whole or not at all, as PostgreSQL keeps its own ``pg_control``; a head
    that is damaged all the same stops the process (``read_head``).
    """
    content = json.dumps({"chain": chain, "seq": head.seq, "hash": head.hash.hex()}).ljust(_HEAD_BYTES) + "\n"
    if len(content) > _SECTOR_BYTES:
        raise OSError(errno.EFBIG, "a head is longer than a sector")
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        write_durably(file, content)
        return
    try:
        if os.pwrite(handle, content.encode("ascii"), 0) != len(content):
            raise OSError(errno.EIO, "a head was written in part")
        if os.fstat(handle).st_size != len(content):  # what somebody else left there
            os.ftruncate(handle, len(content))
        os.fdatasync(handle)
    finally:
        os.close(handle)


def write_durably(file: Path, content: str) -> None:
    """Atomic and durable: a new file, synced, renamed over the old one, the folder synced. Raises OSError."""
    temporary = file.with_name(f".{file.name}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
