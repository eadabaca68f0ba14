"""A daemon that is killed: what the next one takes off the phone, and which programs it says must be opened anew."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from desktop_agent.daemon.trail import LIFE_SECONDS, Trail, started
from desktop_agent.pkcs11.peer import Program

NOW = 1_800_000_000


def trail(path: Path, now: int = NOW) -> Trail:
    return Trail(path, lambda: now)


def test_the_request_on_the_phone_is_known_to_the_next(tmp_path: Path) -> None:
    """The last handle of each association, until it is answered, withdrawn or too old; private."""
    file = tmp_path / "trail.json"
    first = trail(file)
    for profile, handle in (("a", "h1"), ("a", "h2"), ("b", "h3"), ("c", "h4"), ("c", "")):
        first.holds(profile, handle)
    assert file.stat().st_mode & 0o777 == 0o600
    second = trail(file)
    assert {name: one.handle for name, one in second.left.items()} == {"a": "h2", "b": "h3"}
    second.holds("b", "h5")  # killed in its turn, before it withdrew anything
    assert {name: one.handle for name, one in trail(file).left.items()} == {"a": "h2", "b": "h5"}
    assert trail(file, NOW + LIFE_SECONDS).left == {}
    second.withdrawn("a")
    second.holds("b", "")
    second.withdrawn("b")
    assert trail(file).left == {}


def test_programs_that_hold_a_dead_connection_are_named(tmp_path: Path) -> None:
    """Who was connected and runs still, until it comes again or ends; whoever left before is not named."""
    file = tmp_path / "trail.json"
    first = trail(file)
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        ours = Program(os.getpid(), "firefox", "/usr/bin/firefox")
        theirs = Program(sleeping.pid, "sleep", "/usr/bin/sleep")
        with first.present(theirs):
            pass
        assert trail(file).stranded() == []
        staying, coming = first.present(theirs), first.present(ours)
        staying.__enter__()
        coming.__enter__()
        first.end()
        staying.__exit__(None, None, None)  # sent away by the daemon that ends in order
        first.holds("a", "")
        second = trail(file)
        assert [one.name for one in second.stranded()] == ["firefox", "sleep"]
        with second.present(ours):
            assert [one.name for one in second.stranded()] == ["sleep"]
        assert [one.name for one in trail(file).stranded()] == ["sleep"], "killed again, it is known still"
        sleeping.kill()
    assert second.stranded() == []
    said = json.loads(file.read_bytes())
    said["programs"] = [{"pid": os.getpid(), "started": started(os.getpid()) - 1, "name": "another's number"}]
    file.write_text(json.dumps(said))
    assert trail(file).stranded() == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"programs":7,"requests":[]}', b'{"programs":[{"pid":"x"}],"requests":{}}', b"\xff",
     b'{"programs":[],"requests":{"a":{"handle":"h","until":"soon"}}}', b"[" * 100_000, b" " * 300_000],
)  # fmt: skip
def test_whatever_lies_there(tmp_path: Path, content: bytes) -> None:
    """A file that is no trail is none; one that cannot be written costs nothing but itself."""
    file = tmp_path / "trail.json"
    file.write_bytes(content)
    found = trail(file)
    assert (found.left, found.stranded()) == ({}, [])
    nowhere = trail(tmp_path / "no" / "folder")
    nowhere.holds("a", "h")
