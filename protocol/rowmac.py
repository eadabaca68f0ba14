"""Rows that vouch for themselves (docs/protocol.md section 7): what the HSM's ``rowmac`` key authenticates."""

from foundation.encoding import JsonObject, canonical_json


def message(table: str, meaning: JsonObject) -> bytes:
    """``linkid-row-v1 || 0 || canonical JSON``. The table's name is part of the meaning: rows cannot change tables."""
    return b"linkid-row-v1\x00" + canonical_json({**meaning, "table": table})
