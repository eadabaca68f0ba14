"""Signing against an honest service: one approval, the right file, every way it can end."""

import asyncio
import resource
import time
from pathlib import Path

import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from desktop_agent.client.http import Caller
from desktop_agent.domain.trust import Trust
from desktop_agent.errors import (
    AgentError,
    BadCommand,
    NobodyAnswered,
    NoConnection,
    NotAssociated,
    RefusedOnPhone,
    ServiceRefused,
    UnsuitablePdf,
)
from desktop_agent.plan import Job
from desktop_agent.sign import Options, Signing
from tests.agent import pdfs
from tests.agent.gateway_double import AgentGateway, Fault, drop, fault_for_ever, out_of_order
from tests.agent.pki import Authority, Holder
from tests.agent.views import RecordingSigning
from tests.sandbox_phone.roots import new_id

FAST = {"tick": 0.01}
CHECK, SIGN = "/csc/v2/credentials/authorizeCheck", "/csc/v2/signatures/signHash"


class Desk:
    """A folder with PDFs, and a way to sign them."""

    def __init__(self, folder: Path, gateway: AgentGateway, trust: Trust, key: ECKey) -> None:
        self.folder, self.gateway, self.trust, self.key = folder / "desk", gateway, trust, key
        self.folder.mkdir()
        self.view = RecordingSigning()

    def job(self, name: str = "contrato.pdf") -> Job:
        source = pdfs.blank(self.folder / name)
        return Job(source, self.folder / f"{source.stem}-assinado.pdf")

    async def sign(self, *jobs: Job, **options: object) -> None:
        chosen = Options(**(FAST | {"qr_after": 100.0} | options))  # type: ignore[arg-type]
        async with Caller(self.trust.gateway, self.key) as caller:
            await Signing(caller, self.gateway.computer, self.trust, self.view, chosen).run(jobs)

    @property
    def names(self) -> list[str]:
        return sorted(item.name for item in self.folder.iterdir())


@pytest.fixture
def desk(tmp_path: Path, gateway: AgentGateway, trust: Trust, associated: ECKey) -> Desk:
    return Desk(tmp_path, gateway, trust, associated)


async def test_an_approved_file_is_signed(desk: Desk, gateway: AgentGateway, authority: Authority) -> None:
    """The phone says yes: the result is valid; the code shown came from the signed document, not from the gateway."""
    gateway.checks_before_answer = 2
    job = desk.job()

    await desk.sign(job)

    assert await asyncio.to_thread(pdfs.all_valid, job.output, authority)
    assert desk.view.confirmed is not None
    assert desk.view.confirmed.verification_code == "27"
    assert desk.view.said == [
        f"preparing contrato.pdf {job.source.stat().st_size}",
        "asked ['contrato.pdf']",
        "approved",
        "signed contrato-assinado.pdf",
    ]
    assert gateway.withdrawn == []
    assert all(prefer is not None and prefer.startswith("wait=") for prefer in gateway.prefers)


async def test_several_files_take_one_approval(desk: Desk, gateway: AgentGateway, authority: Authority) -> None:
    """Three documents, one request, each signature in its own file."""
    jobs = [desk.job(f"{letter}.pdf") for letter in "abc"]

    await desk.sign(*jobs)

    assert len(gateway.requests) == 1
    for job in jobs:
        assert await asyncio.to_thread(pdfs.all_valid, job.output, authority)


async def test_more_files_than_one_approval_takes(desk: Desk, gateway: AgentGateway) -> None:
    """A service that takes two at once is asked twice."""
    gateway.batch = 2

    await desk.sign(*[desk.job(f"{letter}.pdf") for letter in "abc"])

    assert [len(request["hashes"]) for request in gateway.requests] == [2, 1]


async def test_a_p256_certificate_signs(
    tmp_path: Path, desk: Desk, gateway: AgentGateway, authority: Authority
) -> None:
    """ECDSA as well as RSA."""
    gateway.credentials = {new_id("cred"): Holder(authority, ecdsa=True)}
    job = desk.job()

    await desk.sign(job)

    assert await asyncio.to_thread(pdfs.all_valid, job.output, authority)


async def test_a_refusal_writes_nothing(desk: Desk, gateway: AgentGateway) -> None:
    """The phone says no: no file, nothing to withdraw, its own exit status."""
    gateway.answer = "refuse"

    with pytest.raises(RefusedOnPhone) as refused:
        await desk.sign(desk.job())

    assert refused.value.exit_status == 4
    assert desk.names == ["contrato.pdf"]
    assert gateway.withdrawn == []


async def test_silence_ends_by_the_service(desk: Desk, gateway: AgentGateway) -> None:
    """The service says that nobody answered."""
    gateway.answer = "expire"

    with pytest.raises(NobodyAnswered):
        await desk.sign(desk.job())

    assert desk.names == ["contrato.pdf"]


async def test_silence_ends_by_our_own_clock(desk: Desk, gateway: AgentGateway) -> None:
    """A service that says 'wait' for ever does not keep us longer than the document lives."""
    gateway.answer, gateway.life, gateway.tolerance = "never", 60, 1000
    clock = Leaping()
    chosen = Options(tick=0.01, qr_after=100.0)
    async with Caller(desk.trust.gateway, desk.key, clock=clock.now) as caller:
        signing = asyncio.ensure_future(
            Signing(caller, gateway.computer, desk.trust, desk.view, chosen).run([desk.job()])
        )
        await desk.view.waiting_once.wait()
        clock.ahead = 75
        with pytest.raises(NobodyAnswered):
            await signing

    assert len(gateway.withdrawn) == 1


class Leaping:
    """A clock that can jump."""

    def __init__(self) -> None:
        self.ahead = 0

    def now(self) -> int:
        return int(time.time()) + self.ahead


async def test_ctrl_c_withdraws_the_request(desk: Desk, gateway: AgentGateway) -> None:
    """Whoever gives up takes the request off the phone, by the handle last given out."""
    gateway.answer = "never"
    signing = asyncio.ensure_future(desk.sign(desk.job()))
    while not gateway.requests or gateway.requests[0]["checks"] < 3:
        await asyncio.sleep(0.01)

    signing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await signing

    (handle,) = gateway.withdrawn
    assert int(handle.rpartition("_")[2]) >= 2  # the latest one, not the first
    assert desk.names == ["contrato.pdf"]


async def test_a_disk_that_is_full(desk: Desk, gateway: AgentGateway) -> None:
    """The system refuses the copy before anybody is asked: told in words, and nothing of ours is left lying there.

    What refuses is the system's own limit on a file's size, for this test.
    """
    job = Job(pdfs.blank(desk.folder / "contrato.pdf", filling=200_000), desk.folder / "assinado.pdf")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (job.source.stat().st_size + 1000, before[1]))
    try:
        with pytest.raises(AgentError, match="grande demais para este disco"):
            await desk.sign(job)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert gateway.requests == []
    assert desk.names == ["contrato.pdf"]


async def test_a_lost_connection_is_survived(desk: Desk, gateway: AgentGateway, authority: Authority) -> None:
    """While the phone is asked and while the signature is fetched, lost answers are asked for again."""
    gateway.faults[CHECK] = [drop, out_of_order, drop]
    gateway.faults[SIGN] = [drop, out_of_order]
    job = desk.job()

    await desk.sign(job)

    assert await asyncio.to_thread(pdfs.all_valid, job.output, authority)
    assert False in [online for _, online in desk.view.waits]
    assert len(gateway.requests) == 1


async def test_a_service_that_stays_away_is_told(desk: Desk, gateway: AgentGateway) -> None:
    """After some patience: no connection, and nothing half-written."""
    gateway.faults[SIGN] = [fault_for_ever]

    with pytest.raises(NoConnection):
        await desk.sign(desk.job())

    assert desk.names == ["contrato.pdf"]


async def test_a_dead_service_is_told_at_once(desk: Desk, gateway: AgentGateway) -> None:
    """Nobody there at all."""
    gateway.faults["*"] = [fault_for_ever]

    with pytest.raises(NoConnection):
        await desk.sign(desk.job())


async def test_the_qr_appears_when_the_phone_does_not_react(desk: Desk, gateway: AgentGateway, trust: Trust) -> None:
    """It opens this very request in our own app, whatever the gateway proposes."""
    gateway.checks_before_answer = 3

    await desk.sign(desk.job(), qr_after=0.0)

    assert desk.view.qr == f"{trust.app}/r#1.{gateway.requests[0]['document']['id']}"


async def test_a_bad_file_is_told_before_anybody_is_asked(desk: Desk, gateway: AgentGateway) -> None:
    """Among three files one is no PDF: the phone does not ring, the service is not even called."""
    bad = desk.folder / "x.pdf"
    bad.write_text("isto não é um PDF")

    with pytest.raises(UnsuitablePdf):
        await desk.sign(desk.job("a.pdf"), Job(bad, desk.folder / "y.pdf"))

    assert gateway.calls == []


async def test_an_association_ended_elsewhere(desk: Desk, gateway: AgentGateway) -> None:
    """The holder removed this computer on the phone: told so, with what to do."""
    gateway.ended = True

    with pytest.raises(NotAssociated, match="encerrada"):
        await desk.sign(desk.job())


async def test_a_token_that_ran_out_is_fetched_again(desk: Desk, gateway: AgentGateway, authority: Authority) -> None:
    """Tokens live shorter than some people think about a contract."""
    gateway.checks_before_answer = 3
    job = desk.job()
    signing = asyncio.ensure_future(desk.sign(job))
    await desk.view.waiting_once.wait()
    gateway.token = "at_" + "y" * 40
    await signing

    assert await asyncio.to_thread(pdfs.all_valid, job.output, authority)


async def test_which_certificate(desk: Desk, gateway: AgentGateway, authority: Authority) -> None:
    """Several: asked; nobody to ask: told how to say it; by number or by name: taken."""
    paulo = new_id("cred")
    gateway.credentials[paulo] = Holder(authority, "PAULO SOUZA:98765432100")

    with pytest.raises(BadCommand, match="mais de um"):
        await desk.sign(desk.job())
    with pytest.raises(BadCommand, match="Nenhum certificado"):
        await desk.sign(desk.job(), credential="ninguém")
    for wanted in (paulo, "paulo"):
        await desk.sign(desk.job(f"{wanted}.pdf"), credential=wanted)
        assert gateway.requests[-1]["document"]["credential"] == paulo
    desk.view.choice = 1
    await desk.sign(desk.job("z.pdf"))
    assert gateway.requests[-1]["document"]["credential"] == paulo


async def test_an_unusable_certificate_is_not_asked_for(
    desk: Desk, gateway: AgentGateway, authority: Authority
) -> None:
    """Revoked or past its date: refused here, the phone does not ring."""
    (first,) = gateway.credentials
    gateway.key_status[first] = "disabled"
    with pytest.raises(ServiceRefused, match="revogado"):
        await desk.sign(desk.job())
    gateway.credentials = {new_id("cred"): Holder(authority, days=-2, since=-9)}
    with pytest.raises(ServiceRefused, match="venceu"):
        await desk.sign(desk.job())
    gateway.credentials = {}
    with pytest.raises(NotAssociated, match="Nenhum certificado"):
        await desk.sign(desk.job())

    assert gateway.requests == []


def busy(seconds: int) -> Fault:
    async def answer(request: web.Request) -> web.StreamResponse:
        body = {"error": "temporarily_unavailable", "error_description": "x"}
        return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})

    return answer


async def test_a_request_queues_behind_another(desk: Desk, gateway: AgentGateway) -> None:
    """While another request of this computer waits on the phone, ours waits its turn."""
    gateway.faults["/csc/v2/credentials/authorize"] = [busy(2), busy(1)]

    await desk.sign(desk.job())

    assert [said for said in desk.view.said if said.startswith("queueing")] == ["queueing 2", "queueing 1"]
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("seconds", [0, 31, 10**6])
async def test_a_back_off_is_told_at_once(desk: Desk, gateway: AgentGateway, seconds: int) -> None:
    """After refusals the service wants to be left alone for longer: nobody sits before a dead screen."""
    gateway.faults["/csc/v2/credentials/authorize"] = [busy(seconds)]

    with pytest.raises(ServiceRefused, match="recusa há pouco"):
        await desk.sign(desk.job())

    assert gateway.requests == []


async def test_a_queue_ends(desk: Desk, gateway: AgentGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is always busy is given up."""
    monkeypatch.setattr("desktop_agent.approval.QUEUE_SECONDS", 5)
    gateway.faults["/csc/v2/credentials/authorize"] = [busy(2)] * 99

    with pytest.raises(ServiceRefused):
        await desk.sign(desk.job())

    assert desk.view.said.count("queueing 2") == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, {"error": "temporarily_unavailable", "error_description": "x"}, ServiceRefused),
        (400, {"error": "invalid_request", "error_description": "Numbers of signatures is too high"}, ServiceRefused),
        (400, {"error": "invalid_authentication_data", "error_description": "Credential locked"}, ServiceRefused),
        (503, {"error": "server_error"}, NoConnection),
    ],
)  # fmt: skip
async def test_what_the_service_denies(
    desk: Desk, gateway: AgentGateway, status: int, body: dict[str, str], error: type[Exception]
) -> None:
    """Each denial is one of ours, with the service's words cleaned for a terminal."""

    async def deny(request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    gateway.faults["/csc/v2/credentials/authorize"] = [deny]

    with pytest.raises(error):
        await desk.sign(desk.job())
