"""The settings of the whole, assembled from what the processes need. `docs/settings.md` tells them to an operator.

Without a file everything has the value that suits one development machine. A file is `linkid.toml` in the project's
folder, or the one that LINKID_SETTINGS or `linkid --settings` names; the environment goes on top, as
foundation/settings.py says.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from cryptography import x509
from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr, model_validator

from foundation.settings import Secret, Section, SettingsError, load
from foundation.tls import TlsFiles
from hsm_service.csc.settings import CscSettings
from hsm_service.documents.settings import DocumentSettings
from hsm_service.hsm.settings import HsmSettings, KeyPoolSettings
from hsm_service.oauth.settings import OAuthSettings
from hsm_service.psc.settings import PscSettings
from linkid.places import Places
from linkid.platform import ROOT, program
from linkid.postgres import dsn
from pairing.settings import PairingSettings
from protocol.consents import ExplicitSettings
from push.settings import PushSettings
from softhsm_config.tokens import LABELS

DATABASE = "linkid"
_SECRET: Final = re.compile(r"[0-9A-Fa-f]{64}")
Port = Annotated[int, Field(ge=1, le=65535)]
Role = Literal["owner", "gateway", "sam", "ac", "auditor"]


def _secret_bytes(given: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(given.get_secret_value()):
        raise ValueError("expected 32 bytes in hexadecimal (openssl rand -hex 32)")
    return given


class Listener(Section):
    """A public listener."""

    port: Port
    """Which port it listens on."""
    host: str = "127.0.0.1"
    """Where it listens; 0.0.0.0 reaches beyond this machine."""
    url: str | None = None
    """How others reach it, when that is not http(s)://localhost:port: behind a proxy, or by a name of its own. Proofs
    of possession and QR codes name it: whoever can write it can send phones and callers elsewhere, where nothing of
    ours verifies."""
    behind_https: bool = False
    """A proxy in front speaks HTTPS with the outside and plain HTTP with us."""


class AppHost(Listener):
    """The phone app and the emission page: static files on an origin of their own."""

    port: Port = 8440
    dist: Path = ROOT / "phone_app" / "dist"
    """The built phone app. Whoever can write here can change what people approve."""


class Gateway(Listener):
    """Everything else that the internet reaches."""

    port: Port = 8441
    proxies: tuple[IPvAnyNetwork, ...] = ()
    """Proxies whose X-Forwarded-For is believed. Whoever can send from there chooses its address for our limits."""
    number: Annotated[int, Field(ge=0, le=99)] = 0
    """Which gateway this is: each keeps an audit chain of its own."""
    secret: Annotated[Secret, AfterValidator(_secret_bytes)] | None = None
    """32 bytes in hexadecimal, the same for every gateway: SMS codes, QR frames, captchas and sealed messages are made
    with keys derived from it. Whoever has it knows every SMS code, but can neither approve nor sign. Not given: made
    under var/secrets (development)."""


class Pki(Listener):
    """Certificates, revocation lists and OCSP; plain HTTP, because every answer is signed (RFC 5280, 6960)."""

    port: Port = 8442


class Health(Listener):
    """Health and metrics, for operators; never on a public address."""

    port: Port = 8449


class MutualTls(Listener):
    """Where programs show a TLS certificate to say who they are (RFC 8705): the gateway at an address of its own, so
    that no browser is ever asked for one."""

    port: Port = 8443
    authorities: Path | None = None
    """PEM of the authorities that issue certificates to applications directly. Whoever can write it, or has one of
    these authorities' keys, can call in the name of every application registered with ``--auth tls``; what they ask is
    still approved on a phone."""
    header: str | None = None
    """Given: TLS ends at a proxy (one of ``proxies`` under [gateway]), which passes the certificate on in this header,
    as RFC 9440 says or as nginx's $ssl_client_escaped_cert, and removes the header where clients send it. We then
    open no listener of our own. Whoever can send from a proxy's address can call in any such application's name."""


class ServerTls(Section):
    """Files of the public certificate."""

    certificate: Path
    """PEM, the leaf first."""
    key: Path
    """PEM. Whoever has it can stand between us and everybody: see names, refuse service, use bearer tokens of
    integrators that have no key; not approve, and sign nothing that nobody approved."""


class PrivateTls(Section):
    """Mutual TLS between our processes on different machines."""

    certificate: Path
    """PEM: who this process is to the others."""
    key: Path
    """PEM. Whoever has it may call SAM and AC like a gateway: ask phones, refuse service, guess within the limits; not
    sign."""
    authorities: Path
    """PEM of the authority, and of none else, that signs those of our processes. Whoever can write it can let itself in
    like a gateway, or stand in for a SAM or AC (whose every word of consequence is signed by a root, and pinned)."""

    @property
    def files(self) -> TlsFiles:
        """As the private channel wants them."""
        return TlsFiles(self.certificate, self.key, self.authorities)


class DatabaseSettings(Section):
    """An address per role; none given: the embedded server. A process needs only its own."""

    owner: Secret | None = None
    """Owns every schema; only `linkid migrate` needs it. Whoever has it can change the tables and their promises."""
    gateway: Secret | None = None
    """Whoever has it can ring phones and lose requests; neither approve, nor sign, nor read a key."""
    sam: Secret | None = None
    """Whoever has it can stop signatures; not make one: rows carry a MAC of the HSM's, and keys its wrapping."""
    ac: Secret | None = None
    """Whoever has it can stop emissions and hide revocations; not have a certificate made."""
    auditor: Secret | None = None
    """Only for `linkid audit`. Whoever has it reads who (by id) did what and when, and changes nothing."""
    superuser: Secret | None = None
    """Only for `linkid migrate`: it then makes the roles itself, with the passwords of the other addresses."""

    @property
    def embedded(self) -> bool:
        """Whether the server under var/postgres is meant."""
        return self == DatabaseSettings()


class Settings(Section):
    """All of it."""

    environment: Literal["development", "production"] = "development"
    """Production refuses what is for development only: embedded database, inbox, addresses without HTTPS."""
    var: Path = Places().var
    """Folder of everything that lives. In development whoever reads it has every secret; in production it holds pins,
    heads and sockets: whoever can write it chooses whom SAM and AC believe."""
    sams: Annotated[int, Field(ge=1, le=16)] = 1
    """SAM processes on this machine. Each remembers guesses and releases for itself, so each more is one more memory
    for whoever turns the database back to play against."""
    longest_pause: Annotated[float, Field(gt=0, le=600)] = 10.0
    """Seconds, at most, before `linkid serve` starts a process again that keeps ending."""
    phone_wait_hours: Annotated[int, Field(ge=0, le=168)] = 24
    """Hours before a phone that is not a certificate's first may approve anything, unless another phone of it says yes,
    or an operator (`linkid admit`): time for a holder whose number was stolen to hear of it. With 0, whoever has number
    and usage password approves at once."""
    sam_fault_points: Path | None = None
    """Tests only, refused in production: a folder of files that say where a SAM is to die or to stand still."""
    app: AppHost = AppHost()
    gateway: Gateway = Gateway()
    pki: Pki = Pki()
    health: Health = Health()
    tls: ServerTls | None = None
    mtls: MutualTls | None = None
    """Not given: no application says who it is by a certificate."""
    database: DatabaseSettings = DatabaseSettings()
    push: PushSettings = PushSettings()
    pairing: PairingSettings = PairingSettings()
    oauth: OAuthSettings = OAuthSettings()
    psc: PscSettings = PscSettings()
    csc: CscSettings = CscSettings()
    explicit: ExplicitSettings = ExplicitSettings()
    documents: DocumentSettings = DocumentSettings()
    sam_addresses: tuple[str, ...] = ()
    """Where gateways reach the SAMs (``tls:host:port``); not given: the Unix sockets of this machine. What answers
    there is believed only under the SAM root's signature."""
    ac: str | None = None
    """Where the AC is reached; likewise."""
    private_tls: PrivateTls | None = None
    """For ``tls:`` addresses: our certificate and key, and the authority that signs those of the others."""
    listen: str | None = None
    """Where this SAM or AC listens, when not on the Unix socket of this machine."""
    sam_hsm: HsmSettings | None = None
    """The SAM's token in a real HSM; not given: SoftHSM under var/tokens/sam."""
    softhsm_recycle_unwraps: Annotated[int, Field(ge=0)] = 200_000
    """`recycle_unwraps` of the SAMs (see sam_hsm) while they use SoftHSM under var."""
    sam_hsm_spare: HsmSettings | None = None
    """A second token with the SAM's very keys (restored copy, other partition, other HSM), which two operators adopted:
    a SAM whose first does not open works with it."""
    sam_key_pool: KeyPoolSettings = KeyPoolSettings()
    ac_hsm: HsmSettings | None = None
    """The AC's token; likewise."""
    hsm_variables: tuple[str, ...] = ()
    """Names of environment variables that the library of a real HSM reads. `linkid serve` hands them to SAM and AC;
    beside what every program needs, no process gets variables that are not its own."""

    @model_validator(mode="after")
    def _certificates_come_somehow(self) -> Settings:
        if self.mtls is not None and self.mtls.header is None and self.tls is None:
            raise ValueError("[mtls] needs [tls] to listen with, or the header in which a proxy passes certificates on")
        if self.mtls is not None and self.mtls.header is not None and not self.gateway.proxies:
            raise ValueError("header under [mtls] is believed from proxies only: name them under [gateway]")
        return self

    @model_validator(mode="after")
    def _production_is_in_earnest(self) -> Settings:
        if self.environment == "production":
            for name in ("app", "gateway"):
                url = getattr(self, name).url
                if url is None or not url.startswith("https://"):
                    raise ValueError(f"production needs the public address of {name}: url = 'https://…' under [{name}]")
        return self

    def demand(self, command: str) -> None:
        """Refuse to run *command* in production on development parts, or on half a database. Raises SettingsError.

        Each process is asked only for what it needs: the app host has no database, the SAM no SMS provider.
        """
        everything, production = command == "serve", self.environment == "production"
        if not production and (not everything or self.database.embedded):
            return
        why = "production needs a database of its own" if production else "a database outside is used by every process"
        role = {"migrate": "owner", "audit": "auditor"}.get(command, command)
        wanted = [name for name in get_args(Role) if name == role or (everything and name != "auditor")]
        problems = [
            f"{why}: the address of {name}, under [database]" for name in wanted if getattr(self.database, name) is None
        ]
        if production and (everything or command == "gateway"):
            problems += self.push.missing()
            if self.gateway.secret is None:
                problems.append(
                    "production needs secret under [gateway]: 32 random bytes in hexadecimal, for all of them"
                )
        if problems:
            raise SettingsError(problems)

    @property
    def places(self) -> Places:
        """The paths below `var`."""
        return Places(self.var)

    @property
    def ac_address(self) -> str:
        """Where the AC is reached from this machine."""
        return self.ac or f"unix:{self.places.ac_socket}"

    def sam_targets(self) -> list[str]:
        """Where the SAMs are reached from this machine."""
        return list(self.sam_addresses) or [f"unix:{self.places.sam_socket(index)}" for index in range(self.sams)]

    def gateway_key(self, purpose: str) -> bytes:
        """32 bytes for one purpose of the gateways."""
        given = self.gateway.secret
        text = (
            _made_once(self.places, "gateway", lambda: secrets.token_hex(32))
            if given is None
            else given.get_secret_value()
        )
        return hmac.digest(bytes.fromhex(text), f"linkid-gateway-v1|{purpose}".encode("ascii"), "sha256")

    @property
    def mtls_url(self) -> str | None:
        """Where applications show a certificate, as they reach it."""
        if self.mtls is None:
            return None
        usual = self.url("gateway") if self.mtls.header is not None else f"https://localhost:{self.mtls.port}"
        return (self.mtls.url or usual).rstrip("/")

    def client_authorities(self) -> list[x509.Certificate]:
        """Those that issue certificates to applications. Raises OSError, ValueError."""
        file = self.mtls.authorities if self.mtls else None
        return [] if file is None else x509.load_pem_x509_certificates(file.read_bytes())

    def url(self, name: Literal["app", "gateway", "pki"]) -> str:
        """The public address of a listener, without a slash at the end."""
        listener: Listener = getattr(self, name)
        scheme = "https" if self.tls is not None and name != "pki" else "http"
        return (listener.url or f"{scheme}://localhost:{listener.port}").rstrip("/")

    def hsm(self, process: Literal["sam", "ac"]) -> HsmSettings:
        """How *process* reaches its token. Raises ProgramMissing; FileNotFoundError while SoftHSM's is not made yet."""
        given = self.sam_hsm if process == "sam" else self.ac_hsm
        if given is not None:
            return given
        pin = (self.places.secrets / f"hsm-{process}.pin").read_text(encoding="ascii")
        return HsmSettings(
            module=program("softhsm-module"),
            token_label=LABELS[process],
            pin=SecretStr(pin),
            quiet_lock=self.places.tokens / process / "quiet.lock",
            recycle_unwraps=self.softhsm_recycle_unwraps,
        )

    def dsn(self, role: Role) -> str:
        """The database address of *role*. Embedded: by the password under var/secrets, made on first use."""
        given: Secret | None = getattr(self.database, role)
        if given is not None:
            return given.get_secret_value()
        if not self.database.embedded:
            raise ValueError(f"this process needs the database address of {role}: give {role} under [database]")
        return dsn(self.places.postgres().socket, DATABASE, role_name(role), role_password(self.places, role))


def role_name(role: Role) -> str:
    """The database's name for *role*."""
    return f"linkid_{role}"


def role_password(places: Places, role: Role) -> str:
    """The password of a database role of the embedded server; made on first use, 0600."""
    return _made_once(places, f"db-{role}", lambda: secrets.token_urlsafe(24))


def _made_once(places: Places, name: str, make: Callable[[], str]) -> str:
    """A secret of this machine, kept in a file of its own."""
    file = places.secrets / name
    try:
        return file.read_text(encoding="ascii")
    except FileNotFoundError:
        places.make_folders()
        word = make()
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(word)
        return word


def load_settings(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of *file*, else of LINKID_SETTINGS, else of linkid.toml if there is one. Raises SettingsError."""
    named = file or (Path(environ["LINKID_SETTINGS"]) if "LINKID_SETTINGS" in environ else None)
    usual = ROOT / "linkid.toml"
    return load(Settings, named or (usual if usual.exists() else None), environ)
