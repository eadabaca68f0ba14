"""What people do around an application: the browser that it sends away, and the phone that answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientResponse
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.psc.integrators.norm import Application
from tests.support.oauth_requests import page_token
from tests.support.signing_callers import ORIGIN
from tests.support.signing_world import World

CALLBACK = "https://contratos.test/callback"
MARIA = "52998224725"
COMPANY = "12ABC34501DE35"


async def application(world: World, kind: type[Application] = Application, prefix: str = "", **changes: Any) -> Any:
    """Registered by an operator."""
    data = {"grants": [GrantType.CODE, GrantType.CLIENT], "redirects": [CALLBACK], **changes}
    registered = await world.register(method=ClientMethod.SECRET, **data)
    base = str(world.client.make_url("")).rstrip("/") + prefix
    return kind(world.client.session, base, registered.client.id, registered.secret or "", CALLBACK)


async def visit(world: World, address: str) -> ClientResponse:
    """A browser at an address of ours, whatever it calls us; it follows nothing."""
    parts = urlsplit(address)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return await world.client.get(path, allow_redirects=False)


async def identified(world: World, address: str, *credentials: str) -> ClientResponse:
    """Through OAuth's page, with the phone approving for these credentials; where our own page then leads."""
    async with await visit(world, address) as response:
        assert response.status == 200, (response.status, response.headers.get("Location"))
        page = page_token(await response.text())
    world.links.last.state, world.links.last.credentials = "approved", credentials
    async with world.client.post("/oauth2/authorize/check", json={"page": page, "code": "042"}) as response:
        body = await response.json()
        assert response.status == 200, body
    assert body["redirect"].startswith(ORIGIN), body
    return await visit(world, body["redirect"])


async def granted(world: World, app: Application, scope: str, *credentials: str, **more: str) -> dict[str, Any]:
    """The whole way to a token of a scope that asks the phone for nothing else."""
    begun = app.begin(scope, **more)
    async with await identified(world, begun.address, *credentials) as response:
        return await app.finish(begun, response.headers["Location"])


async def session(world: World, app: Application, *credentials: str, **more: str) -> dict[str, Any]:
    """The whole way to a token of a session: the page, then the phone's express yes."""
    begun = app.begin("signature_session", **more)
    async with await identified(world, begun.address, *credentials) as response:
        page = {"page": (await response.text()).split('data-token="')[1].split('"')[0]}
    world.sam.approve(ring(world))
    async with await world.client.post(f"{urlsplit(begun.address).path}/wait", json=page) as response:
        return await app.finish(begun, (await response.json())["redirect"])


def ring(world: World) -> str:
    """The last document that rang."""
    return world.doorbell.rings[-1][0]


def verify(certificate: str, content: bytes, signature: bytes) -> None:
    """With what certificate-discovery told. Raises InvalidSignature."""
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, content, ec.ECDSA(hashes.SHA256()))
