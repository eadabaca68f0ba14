#!/usr/bin/env python3
"""Receives events of Link ID and believes only what it signed (pip install cryptography).

    LINKID_URL=… CLIENT_ID=… python3 examples/python/receive_webhook.py [PORT]

Four checks: the signature by the key that the service publishes, the time, that the event is for us, and that we have
not had it before. `take` is all that belongs into a server of yours.
"""

import base64
import json
import os
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.request import urlopen

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SERVICE, CLIENT_ID = os.environ.get("LINKID_URL", "http://localhost:8441"), os.environ.get("CLIENT_ID", "")
TOLERANCE = 300  # seconds between their clock and ours, delivery included
seen: set[str] = set()  # a server of yours keeps it where all its processes look, for a day


def published_keys() -> list[Ed25519PublicKey]:
    """Fetched once; again when a signature verifies with none of them."""
    with urlopen(f"{SERVICE}/.well-known/linkid-webhook-keys") as answer:
        found = json.load(answer)["keys"]
    return [Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(one["x"] + "=")) for one in found]


def take(headers: Mapping[str, str], body: bytes, keys: list[Ed25519PublicKey]) -> dict[str, Any] | None:
    """The event, or None when there is nothing (more) to do. Raises ValueError for what is not to be believed."""
    headers = {name.lower(): value for name, value in headers.items()}
    id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = f"{id}.{sent}.".encode() + body
    signatures = [one[4:] for one in headers.get("webhook-signature", "").split(" ") if one.startswith("v1a,")]
    if not any(verifies(key, signature, signed) for key in keys for signature in signatures):
        raise ValueError("not signed by the service")
    if not sent.isdigit() or abs(time.time() - int(sent)) > TOLERANCE:
        raise ValueError("too old")
    event: dict[str, Any] = json.loads(body)
    if event["application"] != CLIENT_ID:
        raise ValueError("for somebody else")  # one key signs for every application
    if event["id"] in seen:
        return None
    seen.add(event["id"])
    return event


def verifies(key: Ed25519PublicKey, signature: str, signed: bytes) -> bool:
    """Whether the key made it."""
    try:
        key.verify(base64.b64decode(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def main() -> None:
    """Serve until Ctrl-C, and print what comes."""
    keys = published_keys()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """204 for what was taken or known already; 400 for what is not believed (it is sent again, in vain)."""
            body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 65_536))
            try:
                event = take(dict(self.headers), body, keys)
            except (ValueError, KeyError) as wrong:
                print(f"refused: {wrong}", flush=True)
                self.send_response(400)
            else:
                if event is not None:
                    told = (event["type"], event.get("request"), event.get("reason"))
                    print(" ".join(filter(None, told)), flush=True)
                self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing but our own lines."""

    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8766
    with HTTPServer(("127.0.0.1", port), Receiver) as server:
        print(f"listening: http://127.0.0.1:{port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
