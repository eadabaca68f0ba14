"""Whose a request is: the cookie of a sign-in, and forms that came from our own page.

Three things stand against a form that another site sends in an owner's name, each enough by itself: the cookie does
not travel with it (SameSite=Strict), its Origin is another one, and it does not know what our forms carry. The last two
are for pages of the same site, such as the app host's.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from hsm_service.oauth.web.form import read_form
from hsm_service.registration.errors import ForeignForm

MAX_FORM: Final = 96 * 1024
"""Bytes: five certificates, escaped."""
FORM_FIELD: Final = "form"
_NAME: Final = "linkid-integradores"


class Cookies:
    """One cookie; on HTTPS under a name that no other host and no plain connection can set."""

    def __init__(self, origin: str) -> None:
        """``origin``: our address as the outside has it."""
        self._secure = origin.startswith("https://")
        self._name = f"__Host-{_NAME}" if self._secure else _NAME

    def of(self, request: web.Request) -> str | None:
        """What the browser kept."""
        return request.cookies.get(self._name)

    def give(self, response: web.StreamResponse, value: str) -> None:
        """To be kept until the browser closes; the row ends earlier."""
        response.set_cookie(self._name, value, path="/", httponly=True, secure=self._secure, samesite="Strict")

    def take(self, response: web.StreamResponse) -> None:
        """Not any more."""
        response.del_cookie(self._name, path="/", httponly=True, secure=self._secure, samesite="Strict")


async def read_own_form(request: web.Request, origin: str) -> Mapping[str, str]:
    """The fields of a form that a page of this very origin sends. Raises ForeignForm, and what ``read_form`` raises."""
    given = request.headers.getall(hdrs.ORIGIN, [])
    # A browser names the origin on every POST. Behind a proxy the host we see may be another than the one outside.
    ours = (origin, f"{urlsplit(origin).scheme}://{request.host}")
    if len(given) != 1 or given[0] not in ours:
        raise ForeignForm("another origin, or none")
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise ForeignForm("not from this origin, says the browser")
    return await read_form(request, MAX_FORM)
