"""What pages get, whichever way they come (Web eID's messages, our own): nothing before the holder allowed their site.

1. The origin is one that can be shown. 2. A certificate of this computer is meant: the named one, else the newest.
3. The site is new with it: the phone asks the holder, once. 4. Certificates are told, and signatures asked for, under
the permit that came of that; a signature once more when it has come.
"""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from desktop_agent.daemon.broker import Broker
from desktop_agent.daemon.grants import LATE_YES_SECONDS
from desktop_agent.daemon.sites import Allowed, Sites
from desktop_agent.domain.algorithm import HASH_BYTES, algorithm
from desktop_agent.domain.encoding import b64u
from desktop_agent.domain.request import Document, clean_label
from desktop_agent.domain.site import MOST_DOCUMENTS, NEW, NONCE_BYTES, Permission, read_origin
from desktop_agent.errors import BadCommand, NotAssociated, RefusedOnPhone, ServiceRefused, Stopped
from desktop_agent.pkcs11.content import Content
from desktop_agent.pkcs11.mechanisms import as_pkcs11
from desktop_agent.pkcs11.peer import Program
from desktop_agent.pkcs11.token import Held, Key

MOST_NAME: Final = 60


class Pages:
    """``keys``: of the token now. ``computer_of``: the ``cmp_`` id of an association."""

    def __init__(
        self,
        sites: Sites,
        broker: Broker,
        keys: Callable[[], Sequence[Key]],
        computer_of: Callable[[str], str],
        clock: Callable[[], int],
    ) -> None:
        self._sites, self._broker, self._keys, self._clock = sites, broker, keys, clock
        self._computer_of = computer_of
        self._asking: dict[tuple[str, str], Permission] = {}
        """What the phone was asked lately, by site and certificate: the same again is the same question."""
        self._waiting: dict[str, int] = {}
        """Sites whose first question is on its way, and how many pages of them wait."""

    async def certificates(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those that the site may see: after the holder's yes, the meant one among them."""
        origin = read_origin(asked["origin"])  # 1
        named = asked.get("certificate")
        key = self._meant(named)  # 2
        await self._permit(origin, key)  # 3
        permits = [(self._sites.allowed(origin, one.held), one) for one in self._newest()]
        return {"certificates": [_told(permit, one) for permit, one in permits if permit is not None]}  # 4

    async def sign(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """``action`` is what the phone shows of a single digest; ``documents`` ({name, digest}) of several."""
        origin, hash_name = read_origin(asked["origin"]), str(asked["hash"])  # 1
        key = next((one for one in self._keys() if one.held.credential == asked["credential"]), None)
        if key is None or hash_name not in key.shape.hash_names:
            raise _unfit()
        documents = _documents(origin, asked, HASH_BYTES[hash_name])
        self._demand(origin, key.held)  # 4
        way = algorithm(key.held.certificate.algorithm.family, hash_name)
        what = Content(str(asked.get("action") or f"assinar {len(documents)} documentos"))
        try:
            made = await self._broker.signatures(page(origin), key.held, way, documents, what)
        except Stopped as cause:
            raise _no_more() from cause
        self._demand(origin, key.held)  # 4, again: taken back meanwhile, nothing goes to the page
        return {"signatures": [base64.b64encode(as_pkcs11(one, key.shape)).decode("ascii") for one in made]}

    async def sites(self, _asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """For the person: which sites, which certificate, since when."""
        held = [key.held for key in self._newest()]
        return {
            "sites": [
                {
                    "origin": said.origin, "holder": one.certificate.holder, "credential": said.credential,
                    "created": said.created, "hash": said.hash_name, "nonce": said.nonce,
                }
                for said, one in self._sites.listed(held)
            ]
        }  # fmt: skip

    async def forget(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """What it asks just now leaves the phone; from now on it is a new site."""
        origin = str(asked["origin"])
        gone = self._sites.forget(origin)
        self._asking = {name: said for name, said in self._asking.items() if name[0] != origin}
        self._broker.withdraw(page(origin).identity)
        return {"forgotten": gone}

    # --- 2 ------------------------------------------------------------------------------------------------------------

    def _newest(self) -> Sequence[Key]:
        """A renewed certificate is the one that pages get."""
        return sorted(self._keys(), key=lambda key: key.held.certificate.leaf.not_valid_before_utc, reverse=True)

    def _meant(self, named: object) -> Key:
        """Of one that is not here nothing is told: the site is asked about as if none had been named."""
        keys = self._newest()
        if not keys:
            raise NotAssociated("Nenhum certificado está disponível neste computador.")
        return next((key for key in keys if _base64(key.held) == named), keys[0])

    # --- 3 ------------------------------------------------------------------------------------------------------------

    async def _permit(self, origin: str, key: Key) -> Allowed:
        """Raises RefusedOnPhone, ServiceRefused (another new site is being asked about), NobodyAnswered."""
        permit = self._sites.allowed(origin, key.held)
        if permit is not None:
            return permit
        self._sites.demand_not_refused(origin, key.held)
        if any(other != origin for other in self._waiting):
            raise ServiceRefused("Outro pedido espera a sua resposta no celular.", "Responda a ele, e tente de novo.")
        self._waiting[origin] = self._waiting.get(origin, 0) + 1
        try:
            return await self._ask(origin, key)
        finally:
            self._waiting[origin] -= 1
            if not self._waiting[origin]:
                del self._waiting[origin]

    async def _ask(self, origin: str, key: Key) -> Allowed:
        permission = self._question(origin, key)
        way = algorithm(key.held.certificate.algorithm.family, permission.hash_name)
        documents = [Document(clean_label(f"{origin}: {NEW}"), None, permission.digest)]
        try:
            (signature,) = await self._broker.signatures(
                page(origin), key.held, way, documents, Content(NEW), sessions=False
            )
        except Stopped as cause:
            raise _no_more() from cause
        except RefusedOnPhone:
            self._sites.refused(origin, key.held)
            raise
        if self._asking.pop((origin, key.held.credential), None) == permission:
            permit = self._sites.remember(permission, key.held, signature)
        else:  # another page of the site was told first; or the person took the site away meanwhile
            permit = self._sites.allowed(origin, key.held)
        if permit is None:
            raise _no_more()
        return permit

    def _question(self, origin: str, key: Key) -> Permission:
        now, name = self._clock(), (origin, key.held.credential)
        self._asking = {
            one: said
            for one, said in self._asking.items()
            if one[0] in self._waiting or now - said.created < LATE_YES_SECONDS
        }
        if name not in self._asking:
            self._asking[name] = Permission(
                origin, self._computer_of(key.held.profile), key.held.credential, key.shape.hash_names[0], now,
                b64u(secrets.token_bytes(NONCE_BYTES)),
            )  # fmt: skip
        return self._asking[name]

    def _demand(self, origin: str, held: Held) -> Allowed:
        permit = self._sites.allowed(origin, held)
        if permit is None:
            raise _no_more()
        return permit


def page(origin: str) -> Program:
    """A page, as programs are known here."""
    return Program(0, origin, f"web-eid {origin}")


def _told(permit: Allowed, key: Key) -> Mapping[str, Any]:
    """What the permit opens."""
    return {
        "credential": permit.held.credential,
        "certificate": _base64(permit.held),
        "family": permit.held.certificate.algorithm.family,
        "hash_names": key.shape.hash_names,
    }


def _documents(origin: str, asked: Mapping[str, Any], length: int) -> list[Document]:
    """What the phone lists: the origin before everything that the page says. Raises BadCommand."""
    listed = asked.get("documents")
    if listed is None:
        listed, shown = [{"digest": asked["digest"]}], str(asked["action"])
    elif not isinstance(listed, list) or not 1 <= len(listed) <= MOST_DOCUMENTS:
        raise _unfit()
    else:
        shown = None
    documents = []
    for one in listed:
        digest = base64.b64decode(one["digest"], validate=True)
        if len(digest) != length:
            raise _unfit()
        label = f"{origin}: {shown or _named(one['name'])}"
        documents.append(Document(clean_label(label), None, digest))
    return documents


def _named(name: object) -> str:
    """In quotes, so that a name is seen to be one: it cannot say that the site is new, or end before it ends."""
    if not isinstance(name, str) or not name.strip():
        raise _unfit()
    return f"assinar “{clean_label(name[:MOST_NAME]).translate(_QUOTES)}”"


def _base64(held: Held) -> str:
    return base64.b64encode(held.certificate.der).decode("ascii")


def _no_more() -> RefusedOnPhone:
    return RefusedOnPhone("Este site não é permitido neste computador.", "Repita, e aprove-o no celular.")


def _unfit() -> BadCommand:
    return BadCommand("O pedido da página não serve para este certificado.", "")


_QUOTES: Final = {ord(mark): "'" for mark in '“”„‟"«»'}
