"""Where things lie on one machine, all under one folder (protocol section 14)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from linkid.platform import VAR
from linkid.postgres import EmbeddedPostgres, socket_folder


@dataclass(frozen=True)
class Places:
    """Paths below *var*. Making them is `make_folders`."""

    var: Path = VAR

    @property
    def secrets(self) -> Path:
        """PINs and passwords of roles, each a file that only its owner reads."""
        return self.var / "secrets"

    @property
    def tokens(self) -> Path:
        """SoftHSM: a folder per process."""
        return self.var / "tokens"

    @property
    def run(self) -> Path:
        """Sockets, pids, the supervisor's lock. A short stand-in elsewhere when *var* lies too deep for sockets."""
        return socket_folder(self.var / "run")

    @property
    def heads(self) -> Path:
        """The last audit head of each writer, outside the database."""
        return self.var / "heads"

    @property
    def pki(self) -> Path:
        """Certificates of the authority: public."""
        return self.var / "pki"

    @property
    def operator(self) -> Path:
        """The operator's key, which signs orders. In earnest it lives somewhere else entirely."""
        return self.var / "operator"

    @property
    def tls(self) -> Path:
        """The development machine's own authority and server certificate."""
        return self.var / "tls"

    @property
    def trust(self) -> Path:
        """The public halves of the root keys; part of the app's static files."""
        return self.var / "trust.json"

    @property
    def trust_parts(self) -> Path:
        """Each slot's root, until both are known."""
        return self.var / "pki" / "roots"

    @property
    def operators(self) -> Path:
        """Public keys of the operators whose orders count: pinned beside SAM and AC, never a row."""
        return self.var / "pki" / "operators.json"

    @property
    def house(self) -> Path:
        """What the SAM's token must have, signed by its root: pinned beside the SAM."""
        return self.pki / "house-sam.jws"

    @property
    def root_certificate(self) -> Path:
        """The authority's root (PEM), which SAMs pin and verifiers trust."""
        return self.pki / "root.pem"

    def head(self, chain: str) -> Path:
        """The last audit head of one writer."""
        return self.heads / f"{chain}.json"

    @property
    def ac_socket(self) -> Path:
        """The AC's private socket."""
        return self.run / "ac.sock"

    def sam_socket(self, index: int) -> Path:
        """The private socket of SAM *index*."""
        return self.run / f"sam-{index}.sock"

    def postgres(self) -> EmbeddedPostgres:
        """The embedded database server of this folder."""
        return EmbeddedPostgres(self.var / "postgres", self.run / "postgres", self.secrets / "db-postgres")

    def make_folders(self) -> None:
        """Everything that must be there before a process starts; private from the first moment."""
        old = os.umask(0o077)
        try:
            for folder in (self.secrets, self.tokens, self.heads, self.operator, self.tls):
                folder.mkdir(parents=True, exist_ok=True)
        finally:
            os.umask(old)
        for folder in (self.run, self.pki):
            folder.mkdir(parents=True, exist_ok=True)
