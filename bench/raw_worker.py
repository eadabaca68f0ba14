"""One process of the raw reference: reads {"layout", "seconds"} lines, answers {"count", "seconds"}.

Uses python-pkcs11 directly and nothing of ours, so that the comparison is with the library and not with ourselves.
Session objects only: nothing stays on the token.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.constants import DEFAULT

DIGEST_INFO_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
PRIVATE_KEY_TEMPLATE = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.PRIVATE: True,
    Attribute.TOKEN: False,
    Attribute.ENCRYPT: DEFAULT,
    Attribute.VERIFY: DEFAULT,
    Attribute.WRAP: DEFAULT,
    Attribute.LABEL: DEFAULT,
    Attribute.ID: DEFAULT,
}


def main() -> None:
    """Open, prepare both layouts, then answer until the input ends."""
    module, label = sys.argv[1:3]
    token = pkcs11.lib(module).get_token(token_label=label)
    with token.open(rw=True, user_pin=os.environ["BENCH_PIN"]) as session:
        kek: Any = session.generate_key(
            KeyType.AES, 256, store=False, capabilities=pkcs11.MechanismFlag.WRAP | pkcs11.MechanismFlag.UNWRAP
        )
        private: Any
        _, private = session.generate_keypair(
            KeyType.RSA, 2048, store=False, private_template={Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False}
        )
        blob = kek.wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP_PAD)
        message = DIGEST_INFO_SHA256 + hashlib.sha256(b"benchmark").digest()

        def token_key() -> None:
            private.sign(message, mechanism=Mechanism.RSA_PKCS)

        def wrapped_key() -> None:
            key: Any = kek.unwrap_key(
                ObjectClass.PRIVATE_KEY,
                KeyType.RSA,
                blob,
                mechanism=Mechanism.AES_KEY_WRAP_PAD,
                capabilities=pkcs11.MechanismFlag.SIGN,
                template=PRIVATE_KEY_TEMPLATE,
            )
            key.sign(message, mechanism=Mechanism.RSA_PKCS)
            key.destroy()

        layouts: dict[str, Callable[[], None]] = {"token": token_key, "wrapped": wrapped_key}
        for line in sys.stdin:
            asked = json.loads(line)
            answer = {"ready": True} if "ready" in asked else _measure(layouts[asked["layout"]], asked["seconds"])
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def _measure(sign: Callable[[], None], seconds: float) -> dict[str, float]:
    start = time.perf_counter()
    count = 0
    while (spent := time.perf_counter() - start) < seconds:
        sign()
        count += 1
    return {"count": count, "seconds": spent}


if __name__ == "__main__":
    main()
