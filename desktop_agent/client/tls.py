"""Whose https certificates are believed."""

import ssl
from pathlib import Path

from desktop_agent.errors import BadCommand


def tls_for(ca: Path | str | None) -> ssl.SSLContext | None:
    """The system's authorities and those of a file. Raises BadCommand."""
    if ca is None:
        return None
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=str(ca))
    except (OSError, ssl.SSLError) as cause:
        raise BadCommand(f"Não foi possível ler autoridades https em {ca}.") from cause
    return context
