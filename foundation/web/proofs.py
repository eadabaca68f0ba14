"""DPoP on requests (RFC 9449): which headers, and which address a proof must name."""

from aiohttp import web

from foundation.dpop import DpopVerifier, Proof


def proofs_of(request: web.Request) -> list[str]:
    """Every value of the DPoP header; a good request has exactly one, which is for the verifier to say."""
    return request.headers.getall("DPoP", [])


def proved_url(request: web.Request, origin: str) -> str:
    """What a proof of this request must name: ``origin`` (our address as the outside knows it, whatever Host says) and
    the path with its escapes, not decoded.
    """
    return origin + request.rel_url.raw_path


async def check_proof(
    dpop: DpopVerifier, request: web.Request, origin: str, *, access_token: str | None = None
) -> Proof:
    """The key that made the request. Raises BadProof."""
    proof = verify_proof_of(dpop, request, origin, access_token=access_token)
    await dpop.demand_first_use(proof)
    return proof


def verify_proof_of(dpop: DpopVerifier, request: web.Request, origin: str, *, access_token: str | None = None) -> Proof:
    """The same of a proof that may have been used before, which is to be asked next. Raises BadProof."""
    return dpop.verify(
        proofs_of(request), method=request.method, url=proved_url(request, origin), access_token=access_token
    )
