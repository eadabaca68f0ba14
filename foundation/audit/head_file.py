"""The chain's head in a file of its own, outside PostgreSQL."""

import json
import os
from pathlib import Path

from foundation.audit.lines import Head
from foundation.errors import Unavailable


class DatabaseRolledBack(Unavailable):
    """The database lacks a line that this process knows to be committed. No work until an operator acts."""

    code = "database_rolled_back"
    summary = "The service is stopped until an operator has looked at the database."


class HeadNotKept(Unavailable):
    """The chain's head could not be written to its file; nothing more is appended until it can."""

    code = "audit_head_not_kept"


def read_head(file: Path, chain: str) -> Head | None:
    try:
        text = file.read_text(encoding="ascii")
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
    """As ``write_durably`` does."""
    write_durably(file, json.dumps({"chain": chain, "seq": head.seq, "hash": head.hash.hex()}))


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
