"""The association key inside the TPM 2.0 of this machine: made there, used there, never out of it (decision 0058).

By the programs of tpm2-tools, whose makers also make the TPM's library: they come with the system, and a wheel of ours
could not bring them. What lies in the file are the two halves that the TPM wrote for itself; no other TPM reads them.

1. A primary key, which a TPM makes anew from its own seed each time, wraps. 2. Ours is made under it: P-256, for ECDSA
with SHA-256 only, `fixedtpm|fixedparent` (no copy leaves), `noda` (it has no password, so nothing is locked out).
3. To sign, it is loaded once, and the loaded one kept as the TPM itself gave it out, encrypted, for the next signature;
after a start of the machine it is loaded again. 4. Every signature is verified before it is used.

Whoever may open `/dev/tpmrm0` may use the key on this machine, as this user: it stops copies, not programs.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.jwk import ECKey

from desktop_agent.domain.encoding import b64u
from desktop_agent.errors import KeychainProblem, StateLost

DEVICE: Final = Path("/dev/tpmrm0")
PROGRAMS: Final = ("tpm2_createprimary", "tpm2_create", "tpm2_load", "tpm2_readpublic", "tpm2_sign")
"""And tpm2_flushcontext, of the same package."""
_ATTRIBUTES: Final = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign"
_ANSWER_SECONDS: Final = 30.0
"""A TPM on a slow bus takes seconds to make a key."""
_MOST_HALF: Final = 4096


class NoTpm(Exception):
    """Here is none that this user may use."""


@dataclass(frozen=True)
class Halves:
    """What the TPM wrote for itself. Neither is a secret of use to anybody else."""

    public: bytes
    private: bytes


class Tpm:
    """One TPM, by tpm2-tools. Blocks while the TPM works.

    ``tcti``: how they reach it, in tpm2-tss's words, where nobody manages its few places for loaded keys as the kernel
    does behind `DEVICE`. ``path``: where the programs are.
    """

    def __init__(self, tcti: str | None = None, path: str | None = None) -> None:
        self._reach = tcti
        self._path = path

    def demand(self) -> None:
        """Raises NoTpm."""
        if self._reach is None and not os.access(DEVICE, os.R_OK | os.W_OK):
            raise NoTpm(f"O seu usuário não pode abrir {DEVICE}.")
        lacking = [name for name in PROGRAMS if shutil.which(name, path=self._path) is None]
        if lacking:
            raise NoTpm(f"Falta o programa {lacking[0]}: apt-get install tpm2-tools")

    def make(self) -> ECKey:
        """A new key. Raises NoTpm, KeychainProblem."""
        self.demand()
        with tempfile.TemporaryDirectory(prefix="linkid-") as folder:
            where = Path(folder)
            self._primary(where)  # 1
            self._run(where, "tpm2_create", "-C", "primary.ctx", "-G", "ecc256:ecdsa-sha256", "-a", _ATTRIBUTES,
                      "-u", "key.pub", "-r", "key.priv")  # fmt: skip  # 2
            halves = Halves((where / "key.pub").read_bytes(), (where / "key.priv").read_bytes())
        return self.open(halves)

    def open(self, halves: Halves) -> ECKey:
        """The key, loaded. Raises StateLost (of another TPM, or damaged), KeychainProblem (not now)."""
        loaded = _Loaded(self, halves)
        numbers = loaded.public.public_numbers()
        x, y = (b64u(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return ECKey(TpmPrivateKey(loaded), {"kty": "EC", "crv": "P-256", "x": x, "y": y})

    def load(self, where: Path, halves: Halves) -> ec.EllipticCurvePublicKey:
        """3. Into ``where/key.ctx``. Raises StateLost, KeychainProblem."""
        if not 0 < len(halves.public) <= _MOST_HALF or not 0 < len(halves.private) <= _MOST_HALF:
            raise StateLost("A chave guardada está danificada.")
        (where / "key.pub").write_bytes(halves.public)
        (where / "key.priv").write_bytes(halves.private)
        self._primary(where)
        try:
            self._run(where, "tpm2_load", "-C", "primary.ctx", "-u", "key.pub", "-r", "key.priv", "-c", "key.ctx")
        except _Failed as cause:
            raise StateLost(
                "O TPM não abriu a chave deste computador: ela é de outra máquina, o TPM foi apagado, ou o arquivo "
                "está danificado.",
                "Repita o comando. Se continuar: linkid-desktop associate",
            ) from cause
        self._run(where, "tpm2_readpublic", "-c", "key.ctx", "-f", "pem", "-o", "key.pem")
        public = load_pem_public_key((where / "key.pem").read_bytes())
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise StateLost("A chave guardada não é a deste programa.")
        return public

    def sign(self, where: Path, digest: bytes) -> bytes:
        """By ``where/key.ctx``: DER. Raises KeychainProblem."""
        (where / "digest").write_bytes(digest)
        self._run(where, "tpm2_sign", "-c", "key.ctx", "-g", "sha256", "-d", "-f", "plain", "-o", "signature", "digest")
        return (where / "signature").read_bytes()

    def _primary(self, where: Path) -> None:
        self._run(where, "tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", "primary.ctx")

    def _run(self, where: Path, *words: str) -> None:
        """Raises KeychainProblem."""
        environment = {"LC_ALL": "C", "TPM2TOOLS_TCTI": self._reach or f"device:{DEVICE}"}
        program = shutil.which(words[0], path=self._path) or words[0]
        try:
            done = subprocess.run(
                [program, *words[1:]], cwd=where, env=environment, capture_output=True, timeout=_ANSWER_SECONDS,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as cause:
            raise KeychainProblem(f"O TPM não respondeu ({words[0]}).") from cause
        if self._reach is not None and words[0] != "tpm2_flushcontext":
            self._run(where, "tpm2_flushcontext", "-t")
        if done.returncode != 0:
            raise _Failed(f"O TPM recusou o que era preciso ({words[0]}).")


class _Failed(KeychainProblem):
    """A program of tpm2-tools ended with an error."""


class _Loaded:
    """A key in the TPM, and the folder where what is loaded lies; in memory, where the system has such a place."""

    def __init__(self, tpm: Tpm, halves: Halves) -> None:
        self._tpm, self.halves = tpm, halves
        run = os.environ.get("XDG_RUNTIME_DIR")
        place = run if run and os.access(run, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="linkid-tpm-", dir=place))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self.public = tpm.load(self._folder, halves)

    def sign(self, data: bytes) -> bytes:
        """Raises KeychainProblem."""
        where, digest = self._folder, hashlib.sha256(data).digest()
        for again in (True, False):
            try:
                made = self._tpm.sign(where, digest)
                self.public.verify(made, data, ec.ECDSA(SHA256()))  # 4
                return made
            except (KeychainProblem, InvalidSignature, OSError):  # the TPM, or the machine, was started anew: 3
                if not again:
                    break
            with suppress(OSError):
                where.mkdir(mode=0o700, exist_ok=True)
            self._tpm.load(where, self.halves)
        raise KeychainProblem("O TPM não assinou com a chave deste computador.")


class TpmPrivateKey(ec.EllipticCurvePrivateKey):
    """What cryptography calls a private key, and whoever holds one may only let it sign."""

    def __init__(self, loaded: _Loaded) -> None:
        self._loaded = loaded

    def sign(self, data: object, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        if not isinstance(signature_algorithm, ec.ECDSA) or not isinstance(signature_algorithm.algorithm, SHA256):
            raise TypeError("this key signs with ECDSA and SHA-256")
        return self._loaded.sign(bytes(memoryview(data)))  # type: ignore[arg-type]

    @property
    def halves(self) -> Halves:
        """What is kept of it."""
        return self._loaded.halves

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._loaded.public

    @property
    def curve(self) -> ec.EllipticCurve:
        return ec.SECP256R1()

    @property
    def key_size(self) -> int:
        return 256

    def exchange(self, algorithm: object, peer_public_key: object) -> NoReturn:
        raise TypeError("this key only signs")

    def private_numbers(self) -> NoReturn:
        raise TypeError("this key does not leave the TPM")

    def private_bytes(self, encoding: object, format: object, encryption_algorithm: object) -> NoReturn:
        raise TypeError("this key does not leave the TPM")

    def __copy__(self) -> "TpmPrivateKey":
        return self

    def __deepcopy__(self, memo: object) -> "TpmPrivateKey":
        return self
