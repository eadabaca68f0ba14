"""What a proof of possession must name."""

import pytest
from aiohttp.test_utils import make_mocked_request

from foundation.web.proofs import proofs_of, proved_url


@pytest.mark.parametrize("path", ["/csc/v2/info", "/phone/v1/documents/a%2Fb", "/"])
def test_a_proof_names_the_path_with_its_escapes_and_our_origin_whatever_host_says(path: str) -> None:
    """Client and server must speak of the same bytes: a decoded path could be another route's."""
    request = make_mocked_request("POST", f"{path}?query=1", headers={"Host": "evil.example"})
    assert proved_url(request, "https://api.example.com") == f"https://api.example.com{path}"


def test_every_proof_is_handed_over_so_that_two_are_refused() -> None:
    """Taking the first of two would let somebody in front of us add one."""
    request = make_mocked_request("POST", "/", headers=[("DPoP", "one"), ("DPoP", "two")])
    assert proofs_of(request) == ["one", "two"]
