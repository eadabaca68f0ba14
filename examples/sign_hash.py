#!/usr/bin/env python3
"""Has a holder sign a file through the signing API (CSC v2). Needs nothing but Python; docs/integrators.md explains it.

    CLIENT_ID=… CLIENT_SECRET=… python3 examples/sign_hash.py FILE            the application asks by itself
    CLIENT_ID=… CLIENT_SECRET=… python3 examples/sign_hash.py FILE --login    the holder identifies in the browser

Writes FILE.sig (the signature) and FILE.crt (the certificate that verifies it).
"""

import base64
import hashlib
import json
import os
import secrets
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

SERVICE = os.environ.get("LINKID_URL", "http://localhost:8441")
CALLBACK = os.environ.get("CALLBACK", "http://127.0.0.1:8765/callback")  # as `linkid integrator new --redirect` has it
CLIENT = {name: os.environ.get(name.upper(), "") for name in ("client_id", "client_secret")}


def post(path: str, data: bytes, **headers: str) -> Any:
    """One call; an error ends the program with the service's own words."""
    try:
        with urlopen(Request(SERVICE + path, data, headers)) as answer:
            return json.load(answer)
    except HTTPError as refused:
        sys.exit(f"{path}: {refused.code} {refused.read().decode()}")
    except URLError as trouble:
        sys.exit(f"nobody answers at {SERVICE} ({trouble.reason}); another address goes into LINKID_URL")


def token(grant: dict[str, str]) -> str:
    """An access token, good for an hour."""
    return str(post("/oauth2/token", urlencode({**CLIENT, **grant}).encode())["access_token"])


def login() -> dict[str, str]:
    """Authorization code with PKCE: the holder opens our page, reads its QR with the phone, and is sent back to us."""
    verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"response_type": "code", "client_id": CLIENT["client_id"], "redirect_uri": CALLBACK, "state": state}
    asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    back: dict[str, list[str]] = {}

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """What the browser brings back, if it is the answer to what we asked."""
            told = parse_qs(urlsplit(self.path).query)
            back.update(told if told.get("state") == [state] else {})
            self.send_response(200 if back else 404)
            self.end_headers()
            self.wfile.write(b"You may close this page." if back else b"Not the answer to what was asked.")

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the address has the code in it."""

    with HTTPServer(("127.0.0.1", urlsplit(CALLBACK).port or 80), Callback) as server:
        print(f"open in a browser: {SERVICE}/oauth2/authorize?{urlencode(asked)}", flush=True)
        while not back:
            server.handle_request()
    if "code" not in back:
        sys.exit(f"not identified: {back.get('error_description', back['error'])[0]}")
    return {
        "grant_type": "authorization_code",
        "code": back["code"][0],
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
    }


def main() -> None:
    if len(sys.argv) < 2 or not all(CLIENT.values()):
        sys.exit(__doc__)
    file = Path(sys.argv[1])
    if not file.is_file():
        sys.exit(f"{file}: there is no such file")
    digest = base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode()
    bearer = "Bearer " + token(login() if "--login" in sys.argv else {"grant_type": "client_credentials"})

    def csc(method: str, wait: int = 0, **body: Any) -> Any:
        headers = {"Authorization": bearer, "Content-Type": "application/json", "Prefer": f"wait={wait}"}
        return post(f"/csc/v2/{method}", json.dumps(body).encode(), **headers)

    credentials = csc("credentials/list", onlyValid=True)["credentialIDs"]
    if not credentials:
        sys.exit("no certificate may be asked for: linkid integrator allow CLIENT CREDENTIAL")
    info = csc("credentials/info", credentialID=credentials[0])
    one = {"credentialID": credentials[0], "hashes": [digest]}

    label = json.dumps({"documents": [{"label": file.name, "size": file.stat().st_size}]})  # what the phone shows
    sha256 = "2.16.840.1.101.3.4.2.1"
    asked = csc("credentials/authorize", **one, numSignatures=1, hashAlgorithmOID=sha256, clientData=label)
    print(f"approve on the phone of {info['description']}; code: {asked['linkid']['verification_code']}", flush=True)
    while "SAD" not in asked:
        asked = csc("credentials/authorizeCheck", wait=25, handle=asked["handle"])  # the newest handle, each time

    algorithm = "1.2.840.10045.4.3.2" if "curve" in info["key"] else "1.2.840.113549.1.1.11"  # ECDSA, RSA; SHA-256
    signed = csc("signatures/signHash", **one, SAD=asked["SAD"], hashAlgorithmOID=sha256, signAlgo=algorithm)
    file.with_name(file.name + ".sig").write_bytes(base64.b64decode(signed["signatures"][0]))
    file.with_name(file.name + ".crt").write_bytes(base64.b64decode(info["cert"]["certificates"][0]))
    print(f"signed: {file}.sig, by {file}.crt")


if __name__ == "__main__":
    main()
