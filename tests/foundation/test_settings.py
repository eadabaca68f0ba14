"""Settings: wrong files are refused with a line that names file, key and expectation, and never the value."""

import os
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, SecretStr, model_validator

from foundation.settings import Secret, Section, SettingsError, load

FOLDER = Path(__file__).parents[1] / "data" / "settings"


class DatabasePart(Section):
    """A section with a secret."""

    host: str
    password: Secret
    max_size: int = Field(10, ge=1, le=100)


class WebPart(Section):
    """A section with defaults only."""

    origins: tuple[str, ...] = ()
    https: bool = False


class Deep(Section):
    """A section within an optional one."""

    colour: str = "red"


class Optional(Section):
    """A section that may be left out."""

    deep: Deep | None = None


class Example(Section):
    """What the wrong files are wrong about."""

    environment: Literal["development", "production"]
    database: DatabasePart
    web: WebPart = WebPart()
    more: Optional | None = None

    @model_validator(mode="after")
    def _production_is_outside(self) -> "Example":
        if self.environment == "production" and self.database.host == "localhost":
            raise ValueError("production needs a database of its own; set database.host")
        return self


WRONG = {
    "misspelt-key": [
        "{file}: database.password: missing; write it there or set LINKID__DATABASE__PASSWORD",
        "{file}: database.pasword: unknown key; did you mean password?",
    ],
    "misspelt-section": [
        "{file}: database: missing; write it there or set LINKID__DATABASE",
        "{file}: databse: unknown key; did you mean database?",
    ],
    "unknown-environment": ["{file}: environment: expected 'development' or 'production'"],
    "missing-key": ["{file}: database.password: missing; write it there or set LINKID__DATABASE__PASSWORD"],
    "not-a-number": ["{file}: database.max_size: expected a whole number"],
    "out-of-range": ["{file}: database.max_size: expected greater than or equal to 1"],
    "not-a-flag": ["{file}: web.https: expected true or false"],
    "not-a-section": ["{file}: database: expected a section of keys"],
    "missing-secret-file": [
        "{file}: database.password: cannot read {folder}/no-such-file: No such file or directory",
    ],
    "secret-table": ['{file}: database.password: expected text, or {{ file = "path" }}'],
    "secret-not-text": ["{file}: database.password: expected text"],
    "rule-of-ours": ["{file}: (the whole file): production needs a database of its own; set database.host"],
    "not-toml": ["{file}: not TOML: Invalid value (at line 1, column 15)"],
    "twice": ["{file}: not TOML: Cannot overwrite a value (at line 2, column 27)"],
    "not-utf8": ["{file}: not UTF-8 text"],
    "several": [
        "{file}: environment: expected 'development' or 'production'",
        "{file}: database.host: missing; write it there or set LINKID__DATABASE__HOST",
        "{file}: database.password: missing; write it there or set LINKID__DATABASE__PASSWORD",
        "{file}: database.max_size: expected a whole number",
        "{file}: database.colour: unknown key; known here: host, max_size, password",
    ],
    "absent": ["{file}: there is no such file"],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_file_is_refused_with_its_message(name: str) -> None:
    """One line for each problem, in the operator's words."""
    file = FOLDER / f"{name}.toml"

    with pytest.raises(SettingsError) as caught:
        load(Example, file, {})

    assert list(caught.value.problems) == [line.format(file=file, folder=FOLDER) for line in WRONG[name]]
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_every_wrong_file_has_its_test() -> None:
    """A file nobody tests would be forgotten."""
    assert {file.stem for file in FOLDER.glob("*.toml")} == (set(WRONG) - {"absent"}) | {"good"}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """The good file beside a password of mode 0600 (git does not keep modes)."""
    (tmp_path / "password").write_text("sesame\n")
    (tmp_path / "password").chmod(0o600)
    file = tmp_path / "linkid.toml"
    file.write_text((FOLDER / "good.toml").read_text())
    return file


def test_good_file(good: Path) -> None:
    """Values typed, secrets hidden, defaults filled in, everything frozen."""
    settings = load(Example, good, {})

    assert settings.database.max_size == 20
    assert settings.web.origins == ("https://app.example",)
    assert isinstance(settings.database.password, SecretStr)
    assert settings.database.password.get_secret_value() == "sesame"
    assert "sesame" not in repr(settings)
    with pytest.raises(Exception, match="frozen"):
        settings.database.max_size = 5


def test_environment_wins(good: Path) -> None:
    """Single values as text, lists as JSON; other variables are not ours."""
    settings = load(
        Example,
        good,
        {
            "LINKID__DATABASE__MAX_SIZE": "7",
            "LINKID__WEB__HTTPS": "false",
            "LINKID__WEB__ORIGINS": '["https://a.example","https://b.example"]',
            "LINKID__DATABASE__PASSWORD": "other",
            "LINKID_OTHER": "x",
            "PATH": "/bin",
        },
    )

    assert settings.database.max_size == 7
    assert settings.web == WebPart(origins=("https://a.example", "https://b.example"), https=False)
    assert settings.database.password.get_secret_value() == "other"


def test_environment_alone_is_enough() -> None:
    """No file at all."""
    environ = {
        "LINKID__ENVIRONMENT": "development",
        "LINKID__DATABASE__HOST": "x",
        "LINKID__DATABASE__PASSWORD": "[not json",
    }

    assert load(Example, None, environ).database.password.get_secret_value() == "[not json"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"LINKID__DATABASE__MAX_SIZE": "geheim"},
            "environment variable LINKID__DATABASE__MAX_SIZE: database.max_size: expected a whole number",
        ),
        (
            {"LINKID__DATABASE__MAXSIZE": "1"},
            "environment variable LINKID__DATABASE__MAXSIZE: database.maxsize: unknown key; did you mean max_size?",
        ),
        (
            {"LINKID__WEB__ORIGINS": "geheim"},
            "environment variable LINKID__WEB__ORIGINS: web.origins: expected a valid tuple",
        ),
        ({"LINKID__ENVIRONMENT__X": "geheim"}, "LINKID__ENVIRONMENT__X: environment is not a section"),
        ({"LINKID____X": "geheim"}, "LINKID____X: expected a name like LINKID__SECTION__KEY"),
        ({"LINKID__DATABASE": "geheim"}, "environment variable LINKID__DATABASE: database: expected a section of keys"),
    ],
)
def test_wrong_environment_is_named(good: Path, environ: dict[str, str], message: str) -> None:
    """The line names the variable, not the file that is innocent."""
    with pytest.raises(SettingsError) as caught:
        load(Example, good, environ)

    assert caught.value.problems == (message,)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[more.deep]\ncolor = 'x'", "more.deep.color: unknown key; did you mean colour?"),
        ("[more.deep.colour]\nx = 1", "more.deep.colour: expected text"),
        ("[[more]]\nx = 1", "more: expected a section of keys"),
    ],
)
def test_optional_sections_are_looked_into(good: Path, text: str, line: str) -> None:
    """Guesses and expectations there too."""
    good.write_text(good.read_text() + text)

    with pytest.raises(SettingsError) as caught:
        load(Example, good, {})

    assert caught.value.problems == (f"{good}: {line}",)


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    """Said as the system says it."""
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(Example, tmp_path, {})


def test_secret_file_by_environment(good: Path) -> None:
    """`…__PASSWORD__FILE` replaces a password written in the file."""
    (good.parent / "elsewhere").write_text("from elsewhere")
    (good.parent / "elsewhere").chmod(0o400)
    good.write_text(good.read_text().replace('{ file = "password" }', '"written"'))

    settings = load(Example, good, {"LINKID__DATABASE__PASSWORD__FILE": "elsewhere"})

    assert settings.database.password.get_secret_value() == "from elsewhere"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_secret_file_that_others_can_read(good: Path, mode: int) -> None:
    """Refused, with the command that mends it."""
    password = good.parent / "password"
    password.chmod(mode)

    with pytest.raises(SettingsError) as caught:
        load(Example, good, {})

    assert caught.value.problems == (
        f"{good}: database.password: {password} can be read by others than its owner; run: chmod 600 {password}",
    )


def make_folder(path: Path) -> None:
    """A folder where a file should be."""
    path.mkdir(mode=0o700)


def make_huge(path: Path) -> None:
    """More than any secret."""
    path.write_bytes(b"x" * 70_000)
    path.chmod(0o600)


def make_binary(path: Path) -> None:
    """Bytes that are no text."""
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)


def make_pipe(path: Path) -> None:
    """A pipe that nobody writes to: reading it would wait for ever."""
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (make_folder, "is not a small regular file"),
        (make_huge, "is not a small regular file"),
        (make_pipe, "is not a small regular file"),
        (make_binary, "is not UTF-8 text"),
    ],
)
def test_odd_secret_files(good: Path, make: Any, expected: str) -> None:
    """What is no secret's file is refused, without reading it to the end."""
    password = good.parent / "password"
    password.unlink()
    make(password)

    with pytest.raises(SettingsError) as caught:
        load(Example, good, {})

    assert caught.value.problems == (f"{good}: database.password: {password} {expected}",)
