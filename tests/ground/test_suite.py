"""How the suite treats what fails: a few are looked at again, alone; who fails twice fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ONCE = """
from pathlib import Path

def test_late():
    seen = Path("seen")
    if not seen.exists():
        seen.touch()
        raise AssertionError

def test_whole():
    assert True
"""


def suite(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_sample.py").write_text(tests)
    script = "import sys; from tools.suite import main; sys.exit(main(['-q', '-n', '0']))"
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_who_passes_alone_is_named(tmp_path: Path) -> None:
    """One that failed among the others and passes alone does not stop the suite, and is not hidden."""
    done = suite(tmp_path, ONCE)

    assert done.returncode == 0
    assert "PASSED ONLY AT THE SECOND LOOK, to be mended:\n  test_sample.py::test_late\n" in done.stdout
    assert suite(tmp_path, ONCE).stdout.count("SECOND LOOK") == 0


def test_who_fails_twice_fails(tmp_path: Path) -> None:
    """A defect is not made good by asking again."""
    done = suite(tmp_path, "def test_wrong():\n    assert False\n")

    assert done.returncode == 1
    assert "a second look, alone" in done.stdout
    assert "PASSED ONLY" not in done.stdout


def test_many_are_no_accident(tmp_path: Path) -> None:
    """More than five failures, or tests that cannot be collected, are not looked at again."""
    tests = "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_wrong(n):\n    assert False\n"

    assert "second look" not in (done := suite(tmp_path, tests)).stdout
    assert done.returncode == 1
    assert suite(tmp_path, "import nowhere_to_be_found\n").returncode == 2
