"""A page gets nothing before the holder allowed its site on the phone: no certificate, no signature, no hint."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from desktop_agent.daemon.control import call
from desktop_agent.daemon.grants import OpenSession
from desktop_agent.daemon.process import Daemon
from desktop_agent.daemon.sites import REFUSED_SECONDS, Sites
from desktop_agent.domain.request import MAX_LABEL, Terms, clean_label
from desktop_agent.domain.site import MOST_ORIGIN, NEW, Permission, Site, read_origin, read_site
from desktop_agent.errors import AgentError, BadCommand, NobodyAnswered, RefusedOnPhone, ServiceRefused
from desktop_agent.pkcs11.token import Held
from desktop_agent.profiles import SITES, Profiles
from desktop_agent.web_eid import pages
from tests.agent.daemon.conftest import Running
from tests.agent.daemon.test_process import Outside
from tests.agent.pki import Authority, Holder, der

SITE, OTHER = "https://portal.example", "https://outra.example:8443"
DIGEST = base64.b64encode(hashlib.sha256(b"contrato").digest()).decode()
SIGN = "/csc/v2/signatures/signHash"


def label(running: Running, number: int = -1) -> list[str]:
    """What the phone was asked to show."""
    return [one["label"] for one in running.gateway.requests[number]["document"]["documents"]]


async def certificates(running: Running, origin: str = SITE, holder: Holder | None = None) -> list[str]:
    named = None if holder is None else base64.b64encode(der(holder.certificate)).decode()
    told = await call(running.control, "web-certificates", origin=origin, certificate=named)
    return [one["certificate"] for one in told["certificates"]]


async def ours(running: Running, **request: object) -> dict[str, Any]:
    """One message of our own protocol, as the host answers it."""

    async def ask(do: str, **arguments: object) -> dict[str, Any]:
        return await call(running.control, do, **arguments)

    answer = dict(await pages.answered({"linkid": 1, "origin": SITE} | request, ask))
    assert answer.pop("linkid") == 1
    return answer


def asking(running: Running, origin: str = SITE) -> asyncio.Task[list[str]]:
    """A page that waits."""
    return asyncio.ensure_future(certificates(running, origin))


async def on_the_phone(running: Running, count: int) -> None:
    await running.until(lambda: len(running.gateway.requests) == count and running.gateway.requests[-1]["checks"])


async def test_a_site_is_allowed_once(running: Running, profiles: Profiles, maria: Holder, ana: Holder) -> None:
    """The phone asks at the first use, not again, nor after a restart; each certificate is asked about; taken back, the
    site is new."""
    newest = (await certificates(running))[0]
    assert label(running) == [f"{SITE}: {NEW}"]
    assert await certificates(running) == [newest]
    other = next(one for one in (maria, ana) if base64.b64encode(der(one.certificate)).decode() != newest)
    assert len(await certificates(running, SITE, other)) == 2
    assert len(running.gateway.requests) == 2
    status, out, _ = await Outside(running.folder / "home").run("sites", "--json")
    told = {(one["origin"], one["holder"]) for one in json.loads(out)}
    assert (status, told) == (0, {(SITE, "MARIA DA SILVA"), (SITE, "ANA SOUZA")})
    assert "12345678909" not in out, "no CPF"

    restarted = Daemon(profiles, running.told)
    assert len((await restarted.deeds["sites"]({}))["sites"]) == 2
    await restarted.close()
    assert await call(running.control, "forget-site", origin=SITE) == {"forgotten": 2}
    running.gateway.answer = "expire"
    with pytest.raises(NobodyAnswered):
        await certificates(running)
    assert (await call(running.control, "sites"))["sites"] == []


async def test_refused_is_remembered_for_a_while(running: Running) -> None:
    """No certificate comes out, the phone does not ring again; another site may ask; taken back, the site may too."""
    running.gateway.answer = "refuse"
    for _ in range(3):
        with pytest.raises(RefusedOnPhone):
            await certificates(running)
        signing = {"credential": next(iter(running.gateway.credentials)), "hash": "SHA-256"}
        with pytest.raises(RefusedOnPhone):
            await call(running.control, "web-sign", origin=SITE, action="x", digest=DIGEST, **signing)
    assert len(running.gateway.requests) == 1
    running.gateway.answer = "approve"
    assert await certificates(running, OTHER)
    with pytest.raises(RefusedOnPhone, match="recusado há pouco"):
        await certificates(running)
    await call(running.control, "forget-site", origin=SITE)
    assert await certificates(running)


async def test_one_new_site_at_a_time(running: Running) -> None:
    """Two tabs of a site ring once and both are told; a thousand other names do not ring while it waits."""
    running.gateway.answer = "never"
    tabs = [asking(running), asking(running)]
    await on_the_phone(running, 1)
    for number in range(3):
        with pytest.raises(ServiceRefused):
            await certificates(running, f"https://a{number}.example")
    running.gateway.answer = "approve"
    first, second = await asyncio.gather(*tabs)
    assert first == second != []
    assert len(running.gateway.requests) == 1
    assert len((await call(running.control, "sites"))["sites"]) == 1


async def test_a_session_allows_no_site(running: Running) -> None:
    """However much it may sign by itself: whether a site may see the certificate, the phone is asked."""
    for name, holder in running.gateway.credentials.items():
        family = "RSA-PKCS1-SHA256" if holder is running.maria else "ECDSA-SHA256"
        terms = Terms(2**40, 1000, "qualquer coisa", family)
        running.daemon._grants.open(OpenSession("test", name, f"act_{name}", "sad", terms))
    running.gateway.answer = "refuse"
    with pytest.raises(RefusedOnPhone):
        await certificates(running)
    assert label(running) == [f"{SITE}: {NEW}"]


async def test_taken_back_while_it_waits(running: Running) -> None:
    """The question, and the signature, leave the phone; a yes that was given in that moment opens nothing."""
    running.gateway.answer = "never"
    waiting = asking(running)
    await on_the_phone(running, 1)
    await call(running.control, "forget-site", origin=SITE)
    with pytest.raises(RefusedOnPhone):
        await waiting
    await running.until(lambda: len(running.gateway.withdrawn) == 1)

    running.gateway.answer = "approve"
    mine = (await certificates(running))[0]
    forgotten, arrived = asyncio.Event(), asyncio.Event()

    async def slowly(request: Any) -> Any:
        arrived.set()
        await forgotten.wait()
        return await running.gateway.sign_hash(request)

    running.gateway.faults[SIGN] = [slowly]
    documents = [{"name": "contrato.pdf", "digest": DIGEST}]
    signing = asyncio.ensure_future(ours(running, do="sign", certificate=mine, hash="SHA-256", documents=documents))
    await arrived.wait()
    await call(running.control, "forget-site", origin=SITE)
    forgotten.set()
    assert (await signing)["error"]["code"] == "refused"

    running.gateway.answer = "never"
    waiting = asking(running)
    count = len(running.gateway.requests) + 1
    await on_the_phone(running, count)
    running.gateway.faults[SIGN] = [slowly]
    forgotten.clear()
    arrived.clear()
    running.gateway.answer = "approve"
    await arrived.wait()
    await call(running.control, "forget-site", origin=SITE)
    forgotten.set()
    with pytest.raises(RefusedOnPhone):
        await waiting
    assert (await call(running.control, "sites"))["sites"] == []


async def test_a_yes_for_a_page_that_is_gone(running: Running) -> None:
    """Approved while the tab closes: when it comes back it is told, and the phone does not ring twice."""
    go_on, arrived = asyncio.Event(), asyncio.Event()

    async def slowly(request: Any) -> Any:
        arrived.set()
        await go_on.wait()
        return await running.gateway.sign_hash(request)

    running.gateway.faults[SIGN] = [slowly]
    tab = asking(running)
    await arrived.wait()
    tab.cancel()
    with suppress(asyncio.CancelledError):
        await tab
    await running.until(lambda: not running.daemon._broker.waiting[0].waiters)
    go_on.set()
    await running.until(lambda: not running.daemon._broker.waiting)
    assert await certificates(running)
    assert len(running.gateway.requests) == 1


async def test_what_lies_in_the_file_is_believed_for_nothing(running: Running, profiles: Profiles) -> None:
    """Another site, computer, certificate or time under the holder's signature, none, too much of it: nobody is in."""
    await certificates(running)
    file = profiles.folder("test") / SITES
    (kept,) = json.loads(file.read_text())
    assert oct(file.stat().st_mode)[-3:] == "600"
    other = next(name for name in running.gateway.credentials if name != kept["credential"])
    flipped = kept["signature"][:-6] + ("A" if kept["signature"][-6] != "A" else "B") + kept["signature"][-5:]
    lies: list[dict[str, Any]] = [
        {"origin": OTHER}, {"computer": "cmp_other"}, {"credential": other}, {"created": kept["created"] + 1},
        {"nonce": kept["nonce"][::-1]}, {"signature": flipped}, {"signature": ""}, {"hash_name": "SHA-512"},
        {"hash_name": "MD5"}, {"origin": "http://portal.example"}, {"origin": SITE + "/"}, {"created": "1"},
        {"signature": 7}, {"origin": None},
    ]  # fmt: skip
    held = [key.held for key in running.daemon.token.keys.values()]
    sites = Sites(profiles, lambda name: running.gateway.computer, lambda: 0)
    origins = (SITE, OTHER, "http://portal.example")
    assert [bool(sites.allowed(SITE, one)) for one in held].count(True) == 1
    for lie in lies:
        file.write_text(json.dumps([dict(kept) | lie]))
        sites.drop("test")
        assert not any(sites.allowed(origin, one) for origin in origins for one in held), lie
        assert not [*sites.listed(held)]
    for body in (b"", b"{}", b"[1, null, []]", b"[" * 100_000, b'[{"origin": "\xff"}]', b" " * (3 << 20)):
        file.write_bytes(body)
        sites.drop("test")
        assert not any(sites.allowed(SITE, one) for one in held), body[:20]
    file.write_text(json.dumps([kept]))
    elsewhere = Sites(profiles, lambda name: "cmp_elsewhere", lambda: 0)
    assert not any(elsewhere.allowed(SITE, one) for one in held), "a copy of another computer's file"


async def test_a_disk_that_refuses(running: Running, profiles: Profiles) -> None:
    """The visit goes on; it is not remembered longer than this program lives."""
    (profiles.folder("test") / SITES).mkdir()
    assert await certificates(running)
    assert await certificates(running)
    assert len(running.gateway.requests) == 1


class TestOurMessages:
    """The protocol for pages of integrators (docs/desktop.md)."""

    async def test_three_documents_one_approval(self, running: Running, maria: Holder) -> None:
        """The origin stands before each name, the names in quotes of ours; each signature verifies."""
        (first, *_) = (await ours(running, do="certificates"))["ok"]["certificates"]
        mine = base64.b64encode(der(maria.certificate)).decode()
        assert first["algorithms"]
        names = ["contrato.pdf", f"x”: {NEW}", "a\u202eb" + "n" * 300]
        digests = [hashlib.sha256(name.encode()).digest() for name in names]
        documents = [
            {"name": name, "digest": base64.b64encode(one).decode()} for name, one in zip(names, digests, strict=True)
        ]
        made = (await ours(running, do="sign", certificate=mine, hash="SHA-256", documents=documents))["ok"]
        assert made["algorithm"] == "RSA-PKCS1-SHA256"
        for digest, signature in zip(digests, made["signatures"], strict=True):
            assert maria.sign(digest) == base64.b64decode(signature), "PKCS #1 has one signature for each digest"
        shown = label(running)
        assert shown[0] == f"{SITE}: assinar “contrato.pdf”"
        assert shown[1] == f"{SITE}: assinar “x': {NEW}”"[:200]
        assert all(one.startswith(f"{SITE}: assinar “") and len(one) <= MAX_LABEL for one in shown)
        assert "\u202e" not in shown[2]

    async def test_requests_that_are_none(self, running: Running) -> None:
        """Nobody's certificate, digests that are none, no documents or too many, no names: the phone does not ring."""
        mine = (await ours(running, do="certificates"))["ok"]["certificates"][0]["certificate"]
        good = {"do": "sign", "certificate": mine, "hash": "SHA-256", "documents": [{"name": "a", "digest": DIGEST}]}
        wrong: dict[str, Any]
        for wrong in (
            {"certificate": DIGEST}, {"certificate": None}, {"hash": "SHA-1"}, {"hash": ["SHA-256"]},
            {"hash": "SHA-384"}, {"documents": []}, {"documents": [{"name": "a", "digest": DIGEST}] * 21},
            {"documents": "a"},
            {"documents": [{"name": "", "digest": DIGEST}]}, {"documents": [{"digest": DIGEST}]}, {"documents": [7]},
            {"documents": [{"name": "a", "digest": "AA=="}]}, {"documents": [{"name": "a", "digest": "não"}]},
            {"origin": "http://portal.example"}, {"origin": 7}, {"origin": None}, {"do": "sign-everything"},
            {"do": None}, {"do": ["sign"]}, {"linkid": 2}, {"linkid": "1"}, {"linkid": True},
        ):  # fmt: skip
            assert (await ours(running, **(good | wrong)))["error"]["code"] == "invalid", wrong
        assert len(running.gateway.requests) == 1
        told: dict[str, Any]
        for told in ({"documents": []}, {"documents": [{"name": 7, "digest": DIGEST}]}, {"digest": "AA=="}, {}):
            with pytest.raises(BadCommand):
                asked: dict[str, Any] = {"origin": SITE, "credential": "cred_x", "hash": "SHA-256"} | told
                await call(running.control, "web-sign", **asked)

    async def test_what_pages_hear(self, running: Running) -> None:
        """Presence without a phone; refused, nobody there, nothing to offer; why something fails is not theirs."""
        assert set((await ours(running, do="status", origin=None))["ok"]) == {"version"}
        for answer, code in (("expire", "nobody_answered"), ("refuse", "refused")):
            running.gateway.answer = answer
            assert (await ours(running, do="certificates"))["error"]["code"] == code
        assert (await ours(running, do="forget"))["ok"] == {}
        running.gateway.document_lie = {"verification_code": "<b>"}
        error = (await ours(running, do="certificates"))["error"]
        assert error == {"code": "not_available", "message": pages.NOT_AVAILABLE}


def test_foreign_letters_are_shown_as_browsers_send_them() -> None:
    """A name in letters that look like others' stands on the phone as xn--…; as letters it is no origin."""
    assert clean_label(f"{read_origin('https://xn--bradsco-4wa.example')}: {NEW}").startswith("https://xn--bradsco-4wa")
    for name in (
        "https://bradésco.example",
        "https://portal.example\u200b",
        "https://portal.example\u2024evil.example",
    ):
        with pytest.raises(BadCommand):
            read_origin(name)


def test_an_origin_is_shown_whole_or_not_at_all() -> None:
    """The longest that is taken stands uncut before the question; one letter more is refused."""
    longest = "https://" + "a" * (MOST_ORIGIN - 16) + ".example"
    assert clean_label(f"{read_origin(longest)}: {NEW}") == f"{longest}: {NEW}"
    with pytest.raises(BadCommand):
        read_origin("https://a" + longest.removeprefix("https://"))


def test_a_permission_is_for_one_thing(authority: Authority) -> None:
    """Each member is under the signature; another key's signature, or another holder's, is none."""
    holder = Holder(authority, ecdsa=True)
    plain = {
        "origin": SITE,
        "computer": "cmp_1",
        "credential": "cred_1",
        "hash_name": "SHA-256",
        "created": 1,
        "nonce": "n",
    }
    digests = {Permission(**plain).digest}  # type: ignore[arg-type]
    for member, value in {"origin": OTHER, "computer": "x", "credential": "x", "created": 2, "nonce": "m"}.items():
        digests.add(Permission(**(plain | {member: value})).digest)  # type: ignore[arg-type]
    assert len(digests) == len(plain)
    site = Site(Permission(**plain), holder.sign(Permission(**plain).digest))  # type: ignore[arg-type]
    assert read_site(site.kept()) == site


def test_refusals_are_bounded(tmp_path: Path) -> None:
    """A page with a million names takes no memory."""
    now = [0]
    sites = Sites(Profiles(tmp_path), lambda name: "cmp", lambda: now[0])
    held = Held("p", "c", None)  # type: ignore[arg-type]
    for number in range(2000):
        sites.refused(f"https://a{number}.example", held)
    assert len(sites._refused) == 1000
    with pytest.raises(AgentError):
        sites.demand_not_refused("https://a1999.example", held)
    now[0] = REFUSED_SECONDS
    sites.demand_not_refused("https://a1999.example", held)
