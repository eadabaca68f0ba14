"""Rebuild the test vectors: what the phone app (TypeScript), the agent and our Python are all held against.

    python tests/vectors/build_vectors.py [--check]

Everything is derived from fixed seeds, so that a rebuild changes nothing unless the contract changed; ``--check`` fails
when the files are not what would be built. Private keys here are test keys and appear nowhere else. ``bad`` entries say
in ``why`` what is wrong with them: whoever verifies must refuse each.
"""

import hashlib
import hmac
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from foundation.encoding import b64u, canonical_json
from protocol import (
    activation,
    asks,
    codes,
    custody,
    decisions,
    passkeys,
    passwords,
    proofs,
    rowmac,
    sessions,
    statements,
)
from protocol.documents import Document
from protocol.keys import P256Key, sign_raw, signature_to_der
from protocol.links import frame_mac

FOLDER = Path(__file__).parent
NOW = datetime.fromtimestamp(1_790_000_000, UTC)
PASSWORD = "Senha1234"
SALT = hashlib.sha256(b"salt").digest()[:16]


def private(seed: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key from a name."""
    return ec.derive_private_key(
        int.from_bytes(hashlib.sha512(seed.encode()).digest(), "big") % (2**255), ec.SECP256R1()
    )


def public(seed: str) -> P256Key:
    return P256Key.from_public(private(seed).public_key())


def key_entry(seed: str) -> dict[str, Any]:
    """A key pair as JWK, with its thumbprint."""
    d = private(seed).private_numbers().private_value.to_bytes(32, "big")
    key = public(seed)
    return {"public": key.jwk, "private": {**key.jwk, "d": b64u(d)}, "jkt": key.jkt}


def sign_document() -> Document:
    digest = hashlib.sha256(b"contrato").digest()
    return Document.fix(
        "sign",
        "req_0123456789abcdefghjkmnpqrs",
        {
            "credential": "cred_0123456789abcdefghjkmnpqrs",
            "certificate": b64u(hashlib.sha256(b"certificate").digest()),
            "subject": "MARIA DA SILVA",
            "caller": {"kind": "computer", "id": "cmp_0123456789abcdefghjkmnpqrs", "name": "Notebook da Maria"},
            "scope": "single",
            "count": 1,
            "documents": [{"label": "contrato de locação.pdf", "size": 48213, "hash": b64u(digest)}],
            "hash_algorithm": "SHA-256",
            "sign_algorithm": "RSA-PKCS1-SHA256",
            "verification_code": "27",
            "activation_key": b64u(activation.activation_key(hashlib.sha256(b"activation secret").digest())),
        },
        now=NOW,
        nonce=hashlib.sha256(b"nonce").digest()[:16],
    )


def pair_document() -> Document:
    return Document.fix(
        "pair",
        "doc_0123456789abcdefghjkmnpqrs",
        {
            "device": "dev_0123456789abcdefghjkmnpqrs",
            "device_key": public("device").jkt,
            "nickname": "Celular da Maria",
            "credential": "cred_0123456789abcdefghjkmnpqrs",
            "subject": "MARIA DA SILVA",
        },
        now=NOW,
        nonce=hashlib.sha256(b"pair nonce").digest()[:16],
    )


def unblock_document() -> Document:
    return Document.fix(
        "unblock",
        "doc_0123456789abcdefghjkmnpqrt",
        {
            "device": "dev_0123456789abcdefghjkmnpqrs",
            "device_key": public("device").jkt,
            "credential": "cred_0123456789abcdefghjkmnpqrs",
            "subject": "MARIA DA SILVA",
            "blocked": int(NOW.timestamp()) - 3600,
        },
        now=NOW,
        nonce=hashlib.sha256(b"unblock nonce").digest()[:16],
    )


def root_signed(payload: Any, seed: str = "sam-root", **header: str) -> str:
    """By the SAM root; ``header`` replaces members, to make bad ones."""
    kid = public(seed).jkt
    if not header:
        signed = statements.signing_input(payload, kid=kid)
    else:
        head = {"alg": "ES256", "kid": kid, "typ": f"linkid+{payload['type']}", **header}
        signed = f"{b64u(canonical_json(head))}.{b64u(canonical_json(payload))}".encode()
    return statements.assemble(signed, sign_raw(private(seed), signed, deterministic=True))


def keys() -> Any:
    return {
        "about": "RFC 7638 thumbprints (jkt) and raw r||s signatures, ECDSA P-256 SHA-256",
        "keys": {name: key_entry(name) for name in ("sam-root", "ac-root", "device", "other-device", "transport")},
        "signature": {
            "by": "device",
            "message": b64u(b"linkid"),
            "signature": b64u(sign_raw(private("device"), b"linkid", deterministic=True)),
        },
    }


def proof_text(document: Document, purpose: str = "sign", device: str = "device") -> str:
    stretched = passwords.stretch(PASSWORD, SALT, passwords.Argon2())
    members = proofs.claims_members(purpose, document, public(device), stretched)  # type: ignore[arg-type]
    return proofs.encrypt(
        members, public("transport"), ephemeral=private("ephemeral"), iv=hashlib.sha256(b"iv").digest()[:12]
    )


def decision() -> Any:
    document = sign_document()
    cases = []
    for word in decisions.WORDS:
        if word == "approve:without-key":
            continue  # not for such a document: session.json
        proof = proof_text(document) if word == "approve" else None
        message = decisions.message(document.digest, word, proof)
        cases.append(
            {
                "decision": word,
                "proof": proof,
                "message": b64u(message),
                "signature": b64u(sign_raw(private("device"), message, deterministic=True)),
            }
        )
    return {
        "about": "section 3: the bytes a device signs, by the key `device` of keys.json",
        "document": b64u(document.data),
        "document_hash": document.hash,
        "cases": cases,
    }


def statement() -> Any:
    document, pair, unblock = sign_document(), pair_document(), unblock_document()
    wanted_unblock = statements.ProofWanted("unblock", SALT, passwords.Argon2(), public("transport"))
    wanted = statements.ProofWanted("sign", SALT, passwords.Argon2(), public("transport"))
    wanted_pair = statements.ProofWanted("pair", SALT, passwords.Argon2(), public("transport"))
    payload = dict(statements.statement_payload(document, wanted))
    good = root_signed(payload)
    head, body, tail = good.split(".")
    weak = {**payload, "proof": {**wanted.members(), "argon2": {"m": 4096, "t": 1, "p": 1}}}
    heavy = {**payload, "proof": {**wanted.members(), "argon2": {"m": 4194304, "t": 2, "p": 1}}}
    flipped = body[:-8] + ("A" if body[-8] != "A" else "B") + body[-7:]
    bad = {
        "one character of the payload changed": f"{head}.{flipped}.{tail}",
        "one bit of the signature changed": f"{head}.{body}.{'A' if tail[0] != 'A' else 'B'}{tail[1:]}",
        "signed by the AC root, pinned for another role": root_signed(payload, "ac-root"),
        "signed by a device key": root_signed(payload, "device"),
        "alg none": root_signed(payload, alg="none"),
        "alg HS256": root_signed(payload, alg="HS256"),
        "typ of another object": root_signed(payload, typ="linkid+possession"),
        "one more header member": root_signed(payload, crit="b64"),
        "version 2": root_signed({**payload, "v": 2}),
        "expired": root_signed({**payload, "expires": int(NOW.timestamp()) - 1}),
        "expires later than its document": root_signed({**payload, "expires": int(NOW.timestamp()) + 9000}),
        "argon2 below the floor": root_signed(weak),
        "argon2 above the ceiling": root_signed(heavy),
        "padding": good + "=",
        "four parts": good + ".AA",
    }
    return {
        "about": "sections 2 and 3; verify with the key sam-root of keys.json at the time `now`",
        "now": int(NOW.timestamp()),
        "good": [
            {"jws": good, "payload": payload, "document": json.loads(document.data)},
            {
                "jws": root_signed(statements.statement_payload(pair, wanted_pair)),
                "payload": statements.statement_payload(pair, wanted_pair),
                "document": json.loads(pair.data),
            },
            {
                "jws": root_signed(statements.statement_payload(document, None)),
                "payload": statements.statement_payload(document, None),
                "document": json.loads(document.data),
            },
            {
                "jws": root_signed(statements.statement_payload(unblock, wanted_unblock)),
                "payload": statements.statement_payload(unblock, wanted_unblock),
                "document": json.loads(unblock.data),
            },
        ],
        "bad": [{"why": why, "jws": jws} for why, jws in bad.items()],
    }


def argon2() -> Any:
    cases = [(PASSWORD, passwords.Argon2()), ("abcDEF123456789", passwords.Argon2(m=32768, t=3, p=1))]
    return {
        "about": "section 4: Argon2id version 0x13, 32 bytes, password as ASCII",
        "cases": [
            {
                "password": password,
                "salt": b64u(SALT),
                "argon2": parameters.members(),
                "stretched": b64u(passwords.stretch(password, SALT, parameters)),
            }
            for password, parameters in cases
        ],
        "bad_passwords": ["", "Short12", "SixteenLetters16", "with space 1", "acentuação1", "símbolo!9", "1234567８"],
    }


def proof() -> Any:
    document = sign_document()
    text = proof_text(document)
    jwe = proofs.Jwe.parse(text)
    z = private("transport").exchange(ec.ECDH(), jwe.epk.public)
    return {
        "about": "section 4: JWE compact, ECDH-ES + A256GCM; decrypt with the key `transport` of keys.json",
        "document": b64u(document.data),
        "device": "device",
        "jwe": text,
        "ephemeral": key_entry("ephemeral")["private"],
        "iv": b64u(jwe.iv),
        "z": b64u(z),
        "plaintext": json.loads(jwe.decrypt(z)),
    }


def activation_seal() -> Any:
    secret = hashlib.sha256(b"activation secret").digest()
    key = activation.activation_key(secret)
    digests = [hashlib.sha256(text).digest() for text in (b"two", b"one", b"two")]
    aad = activation.additional_data(
        "act_0123456789abcdefghjkmnpqrs",
        "req_0123456789abcdefghjkmnpqrs",
        "cred_0123456789abcdefghjkmnpqrs",
        digests,
        "RSA-PKCS1-SHA256",
    )
    ephemeral = hashlib.sha256(b"ephemeral").digest()
    blob = hashlib.sha512(b"wrapped key").digest()
    return {
        "about": "section 6: HKDF, X25519, AES-256-GCM",
        "secret": b64u(secret),
        "activation_key": b64u(key),
        "hashes": [b64u(digest) for digest in digests],
        "aad": aad.decode(),
        "ephemeral": b64u(ephemeral),
        "blob": b64u(blob),
        "sealed": b64u(activation.seal(blob, key, aad, ephemeral=ephemeral)),
    }


def custody_bind() -> Any:
    stretched = passwords.stretch(PASSWORD, SALT, passwords.Argon2())
    pepper = hashlib.sha256(b"pepper").digest()
    credential, spki, blob = "cred_0123456789abcdefghjkmnpqrs", b"spki", hashlib.sha512(b"wrapped key").digest()
    k = hmac.digest(pepper, custody.hmac_input(credential, stretched), "sha256")
    aad = custody.additional_data(credential, spki, kek=1, pepper=1)
    nonce = hashlib.sha256(b"custody nonce").digest()[:12]
    return {
        "about": "section 7; in the product the pepper never leaves the HSM",
        "credential": credential,
        "stretched": b64u(stretched),
        "pepper": b64u(pepper),
        "spki": b64u(spki),
        "aad": aad.decode(),
        "k": b64u(k),
        "blob": b64u(blob),
        "bound": b64u(custody.bind(k, blob, aad, nonce=nonce)),
        "row": {"table": "bindings", "id": "bnd_0", "state": "active"},
        "row_message": b64u(rowmac.message("bindings", {"id": "bnd_0", "state": "active"})),
    }


def link() -> Any:
    secret, token = hashlib.sha256(b"link secret").digest(), b64u(hashlib.sha256(b"link token").digest()[:16])
    jkt = public("device").jkt
    return {
        "about": "section 9.3: the mac of a QR frame",
        "link_secret": b64u(secret),
        "token": token,
        "jkt": jkt,
        "frames": [
            {"n": n, "name": name, "mac": frame_mac(secret, token, n, jkt, name)}
            for n, name in ((0, "Notebook da Maria"), (1, "Notebook da Maria"), (299, "máquina"))
        ],
    }


def ask() -> Any:
    about = "section 9.5: the bytes a computer signs when it asks, by its association key"
    return _asks("computer", "cmp_0123456789abcdefghjkmnpqrs", about)


def integrator_ask() -> Any:
    about = "section 9.5: the bytes an integrator signs when it asks, by a key that its order names"
    return _asks("integrator", "cli_0123456789abcdefghjkmnpqrs", about)


def _asks(kind: str, caller: str, about: str) -> Any:
    credential = "cred_0123456789abcdefghjkmnpqrs"
    created = int(NOW.timestamp())
    lists: list[list[dict[str, Any]]] = [
        [{"label": "contrato de locação.pdf", "size": 48213, "hash": b64u(hashlib.sha256(b"contrato").digest())}],
        [
            {"label": '"aspas" \\ 日本 😀', "size": 0, "hash": b64u(hashlib.sha256(b"two").digest())},
            {"label": "…", "size": 2**53 - 1, "hash": b64u(hashlib.sha256(b"one").digest())},
        ],
    ]
    cases = []
    for number, documents in enumerate(lists):
        nonce = hashlib.sha256(f"ask nonce {number}".encode()).digest()[:16]
        message = asks.message(caller, credential, "SHA-256", documents, nonce=nonce, created=created)
        signature = sign_raw(private("computer"), message, deterministic=True)
        cases.append(
            {
                "documents": documents,
                "message": b64u(message),
                "ask": asks.SignedAsk(nonce, created, signature).members(),
            }
        )
    return {
        "about": about,
        "key": key_entry("computer"),
        kind: caller,
        "credential": credential,
        "hash_algorithm": "SHA-256",
        "cases": cases,
    }


def session_document(session_key: list[str], nonce: str) -> Document:
    """Of a computer, whose key signs each use; or of an integrator that has none."""
    computer = {"kind": "computer", "id": "cmp_0123456789abcdefghjkmnpqrs", "name": "Notebook da Maria"}
    integrator = {"kind": "integrator", "id": "cli_0123456789abcdefghjkmnpqrs", "name": "Hospital Exemplo"}
    return Document.fix(
        "session",
        "req_0123456789abcdefghjkmnpqrs",
        {
            "credential": "cred_0123456789abcdefghjkmnpqrs",
            "certificate": b64u(hashlib.sha256(b"certificate").digest()),
            "subject": "MARIA DA SILVA",
            "caller": computer if session_key else integrator,
            "purpose": "Prontuários do plantão 😀",
            "until": int(NOW.timestamp()) + 8 * 3600,
            "maximum": 200,
            "session_key": session_key,
            "hash_algorithm": "SHA-256",
            "sign_algorithm": "RSA-PKCS1-SHA256",
            "verification_code": "27",
            "activation_key": b64u(activation.activation_key(hashlib.sha256(b"activation secret").digest())),
        },
        now=NOW,
        nonce=hashlib.sha256(nonce.encode()).digest()[:16],
    )


def session() -> Any:
    wanted = statements.ProofWanted("sign", SALT, passwords.Argon2(), public("transport"))
    documents = []
    for name, keys_, word in (
        ("with_key", [public("computer").jkt], "approve"),
        ("without_key", [], "approve:without-key"),
    ):
        document = session_document(keys_, name)
        proof = proof_text(document)
        payload = statements.statement_payload(document, wanted)
        signed = decisions.message(document.digest, word, proof)
        other = decisions.message(document.digest, "approve" if keys_ == [] else "approve:without-key", proof)
        documents.append(
            {
                "name": name,
                "jws": root_signed(payload),
                "document": json.loads(document.data),
                "document_bytes": b64u(document.data),
                "decision": word,
                "proof": proof,
                "message": b64u(signed),
                "signature": b64u(sign_raw(private("device"), signed, deterministic=True)),
                "bad": {
                    "decision": "approve" if keys_ == [] else "approve:without-key",
                    "signature": b64u(sign_raw(private("device"), other, deterministic=True)),
                },
            }
        )
    return {
        "about": "sections 5, 6 and 9.5: a session's document and its yes (by `device`), ask and uses (by `computer`)",
        "now": int(NOW.timestamp()),
        "key": key_entry("computer"),
        "credential": "cred_0123456789abcdefghjkmnpqrs",
        "documents": documents,
        "asks": [_session_ask(*caller) for caller in (("computer", "cmp"), ("integrator", "cli"))],
        "uses": [_use(number, count) for number, count in ((1, 1), (2**53 - 1, 2))],
        "aad": activation.session_data(
            "act_0123456789abcdefghjkmnpqrs",
            "req_0123456789abcdefghjkmnpqrs",
            "cred_0123456789abcdefghjkmnpqrs",
            until=int(NOW.timestamp()) + 8 * 3600,
            maximum=200,
            sign_algorithm="RSA-PKCS1-SHA256",
            session_key=[public("computer").jkt],
        ).decode(),
    }


def _session_ask(kind: str, prefix: str) -> Any:
    caller, created = f"{prefix}_0123456789abcdefghjkmnpqrs", int(NOW.timestamp())
    until = created + 8 * 3600
    terms = sessions.Terms(until, 200, "Prontuários do plantão 😀", "SHA-256", "RSA-PKCS1-SHA256")
    nonce = hashlib.sha256(f"session ask {kind}".encode()).digest()[:16]
    message = asks.session_message(caller, "cred_0123456789abcdefghjkmnpqrs", terms, nonce=nonce, created=created)
    signature = sign_raw(private("computer"), message, deterministic=True)
    return {
        "kind": kind,
        "caller": caller,
        "terms": {
            "until": terms.until,
            "maximum": terms.maximum,
            "purpose": terms.purpose,
            "hash_algorithm": terms.hash_algorithm,
            "sign_algorithm": terms.sign_algorithm,
        },
        "message": b64u(message),
        "ask": asks.SignedAsk(nonce, created, signature).members(),
    }


def _use(counter: int, count: int) -> Any:
    digests = [hashlib.sha256(f"use {number}".encode()).digest() for number in range(count)]
    use = sessions.Use("act_0123456789abcdefghjkmnpqrs", counter, "SHA-256", "RSA-PKCS1-SHA256", digests)
    return {
        "activation": use.activation,
        "counter": counter,
        "hash_algorithm": use.hash_algorithm,
        "sign_algorithm": use.sign_algorithm,
        "hashes": [b64u(digest) for digest in digests],
        "message": b64u(use.message),
        "signature": b64u(sign_raw(private("computer"), use.message, deterministic=True)),
    }


def phone() -> Any:
    """A phone's calls (docs/phone-api.md): proofs of possession, and a whole decision about an ``unblock``."""
    document = unblock_document()
    crossed = statements.ProofWanted("sign", SALT, passwords.Argon2(), public("transport"))
    proof = proof_text(document, "unblock")
    message = decisions.message(document.digest, "approve", proof)
    transport = private("transport").exchange(ec.ECDH(), proofs.Jwe.parse(proof).epk.public)
    token = "dvt_0123456789abcdefghjkmnpqrs_" + b64u(hashlib.sha256(b"token").digest())
    calls = []
    for method, path, bearer in (
        ("POST", "/phone/v1/pairings", None),
        ("GET", "/phone/v1/history", token),
        ("DELETE", "/phone/v1/devices/dev_0123456789abcdefghjkmnpqrs", token),
    ):
        header: dict[str, Any] = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public("device").jwk}
        claims: dict[str, Any] = {
            "jti": b64u(hashlib.sha256(path.encode()).digest()[:16]),
            "htm": method,
            "htu": "https://gateway.example" + path,
            "iat": int(NOW.timestamp()),
        }
        if bearer is not None:
            claims["ath"] = b64u(hashlib.sha256(bearer.encode()).digest())
        signed = f"{b64u(canonical_json(header))}.{b64u(canonical_json(claims))}".encode()
        calls.append(
            {
                "method": method,
                "url": claims["htu"],
                "token": bearer,
                "header": header,
                "claims": claims,
                "proof": signed.decode() + "." + b64u(sign_raw(private("device"), signed, deterministic=True)),
            }
        )
    return {
        "about": "RFC 9449 proofs of a phone by the key `device` of keys.json; a decision that unblocks",
        "bad": [
            {
                "why": "it wants the proof that signs for a document that unblocks",
                "jws": root_signed(statements.statement_payload(document, crossed)),
            },
            {
                "why": "it wants no password for a document that unblocks",
                "jws": root_signed(statements.statement_payload(document, None)),
            },
        ],
        "calls": calls,
        "unblock": {
            "document": b64u(document.data),
            "decision": "approve",
            "proof": proof,
            "plaintext": json.loads(proofs.Jwe.parse(proof).decrypt(transport)),
            "message": b64u(message),
            "signature": b64u(sign_raw(private("device"), message, deterministic=True)),
        },
    }


def codes_() -> Any:
    """Codes without a network, and the delivery of the secret that makes them (sections 5 and 6.1)."""
    secret = hashlib.sha256(b"generator").digest()
    credential, id_ = "cred_0123456789abcdefghjkmnpqrs", "gen_0123456789abcdefghjkmnpqrs"
    told = codes.told(id_, credential, b64u(secret))
    sealed = proofs.encrypt(
        told, public("delivery"), ephemeral=private("ephemeral"), iv=hashlib.sha256(b"iv").digest()[:12]
    )
    times = [int(NOW.timestamp()) + offset for offset in (0, 29, 30, 86_400, 2**33)]
    return {
        "about": "RFC 6238 with HMAC-SHA-256, 6 digits, 30 s; the secret's delivery, a JWE to the key `delivery`",
        "credential": credential,
        "secret": b64u(secret),
        "codes": [{"at": at, "code": codes.code_at(secret, at // codes.PERIOD)} for at in times],
        "delivery": key_entry("delivery"),
        "generator": {"id": id_, "sealed": sealed},
        "plaintext": told,
    }


def passkey_document(passkey: Any) -> Document:
    return Document.fix(
        "passkey",
        "doc_0123456789abcdefghjkmnpqrv",
        {
            "device": "dev_0123456789abcdefghjkmnpqrs",
            "device_key": public("device").jkt,
            "credential": "cred_0123456789abcdefghjkmnpqrs",
            "subject": "MARIA DA SILVA",
            "passkey": passkey,
        },
        now=NOW,
        nonce=hashlib.sha256(b"passkey nonce").digest()[:16],
    )


def assertion(document: Document, **lies: Any) -> Any:
    """A passkey's word; ``lies``: what is wrong with it."""
    name, flags = lies.pop("name", "app.example"), lies.pop("flags", 0x05)
    counter, by = lies.pop("counter", 0), lies.pop("by", "passkey")
    client = {
        "type": "webauthn.get",
        "challenge": b64u(passkeys.challenge(document.digest)),
        "origin": "https://app.example",
        "crossOrigin": False,
        **lies,
    }
    client_data = json.dumps(client, separators=(",", ":")).encode()
    data = hashlib.sha256(name.encode()).digest() + bytes([flags]) + counter.to_bytes(4, "big")
    signed = sign_raw(private(by), data + hashlib.sha256(client_data).digest(), deterministic=True)
    return {
        "authenticator_data": b64u(data),
        "client_data": b64u(client_data),
        "signature": b64u(signature_to_der(signed)),
    }


def passkey() -> Any:
    """A passkey's enrolment, and its word over documents (sections 5 and 6.2)."""
    handle = hashlib.sha256(b"passkey id").digest()
    document, request = passkey_document({"id": b64u(handle), "key": public("passkey").jkt}), sign_document()
    bad: dict[str, dict[str, Any]] = {
        "of another document": {"challenge": b64u(passkeys.challenge(document.digest))},
        "whose challenge is the document's bare digest": {"challenge": request.hash},
        "at another origin": {"origin": "https://app.example.evil.example"},
        "at the app's origin under another scheme": {"origin": "http://app.example"},
        "in a frame of another site's page": {"crossOrigin": True},
        "that was made when a passkey was created": {"type": "webauthn.create"},
        "for another name": {"name": "evil.example"},
        "without the person verified": {"flags": 0x01},
        "without the person there": {"flags": 0x04},
        "by another passkey": {"by": "other-passkey"},
    }
    return {
        "about": "a passkey's assertions (WebAuthn level 3, 7.2) as decisions carry them; ES256, signatures in DER",
        "app": "https://app.example",
        "key": key_entry("passkey"),
        "id": b64u(handle),
        "enrolment": {
            "document": b64u(document.data),
            "challenge": b64u(passkeys.challenge(document.digest)),
            "passkey": assertion(document, counter=1),
            "counter": 1,
        },
        "request": {
            "document": b64u(request.data),
            "challenge": b64u(passkeys.challenge(request.digest)),
            "passkey": assertion(request),
            "counter": 0,
        },
        "bad": [{"why": why, "passkey": assertion(request, **lies)} for why, lies in bad.items()],
    }


FILES = {
    "passkey": passkey,
    "codes": codes_,
    "phone": phone,
    "ask": ask,
    "integrator-ask": integrator_ask,
    "keys": keys,
    "decision": decision,
    "statement": statement,
    "argon2": argon2,
    "proof": proof,
    "activation": activation_seal,
    "custody": custody_bind,
    "link": link,
    "session": session,
}


def main() -> int:
    """Write the files, or compare them."""
    different = []
    for name, build in FILES.items():
        path = FOLDER / f"{name}.json"
        text = json.dumps(build(), indent=1, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            different.append(path.name)
    if different:
        print("not as built:", ", ".join(different))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
