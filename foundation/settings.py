"""Settings: what an operator writes, checked against what we expect, before anything starts.

A TOML file, then the environment on top: ``LINKID__DATABASE__MAX_SIZE=20`` is ``max_size`` of ``[database]``. Every
model is closed (an unknown key is a mistake, with a guess at what was meant), frozen, and keeps secrets in secret
types. A secret may be given as ``{ file = "path" }`` (or ``LINKID__DATABASE__PASSWORD__FILE``): relative to the
settings file, readable by its owner only.

Every problem is one line that names the place, the key and what was expected, and never the value.
"""

import difflib
import json
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

PREFIX: Final = "LINKID__"
_MAX_SECRET_BYTES: Final = 65_536

M = TypeVar("M", bound=BaseModel)


class SettingsError(Exception):
    """Settings that cannot be used. ``problems`` has one line each; ``str()`` has them all. Show without traceback."""

    def __init__(self, problems: Sequence[str]) -> None:
        """At least one problem."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Section(BaseModel):
    """The base of every settings model: closed, frozen, silent about values."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)


def _read_secret_file(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, Mapping):
        return value
    if set(value) != {"file"} or not isinstance(value["file"], str):
        raise PydanticCustomError("secret_file", 'expected text, or { file = "path" }')
    folder = (info.context or {}).get("folder", Path())
    path = Path(folder, value["file"])
    try:
        found = path.stat()
        small = stat.S_ISREG(found.st_mode) and found.st_size <= _MAX_SECRET_BYTES
        content = path.read_bytes() if small else None
    except OSError as cause:
        reason = cause.strerror or "cannot be read"
        raise PydanticCustomError(
            "secret_file", "cannot read {path}: {reason}", {"path": str(path), "reason": reason}
        ) from cause
    if found.st_mode & 0o077:
        raise PydanticCustomError(
            "secret_file", "{path} can be read by others than its owner; run: chmod 600 {path}", {"path": str(path)}
        )
    if content is None:
        raise PydanticCustomError("secret_file", "{path} is not a small regular file", {"path": str(path)})
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise PydanticCustomError("secret_file", "{path} is not UTF-8 text", {"path": str(path)}) from cause
    return text.removesuffix("\n").removesuffix("\r")


Secret = Annotated[SecretStr, BeforeValidator(_read_secret_file)]
"""A secret, written in place or kept in a file of its own. Read it with ``get_secret_value()`` where it is used."""


def load(model: type[M], file: Path | None, environ: Mapping[str, str]) -> M:
    """The settings of ``file`` (none: defaults) with the environment on top.

    Raises SettingsError listing every problem found.
    """
    data: dict[str, Any] = {}
    if file is not None:
        data = _read_toml(file)
    sources: dict[tuple[str, ...], str] = {}
    for name, path, value in _overrides(environ):
        _put(data, path, value, name)
        sources[path] = name
    folder = file.parent if file is not None else Path()
    try:
        return model.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        where = str(file) if file is not None else "settings"
        problems = [_line(details, model, where, sources) for details in error.errors(include_url=False)]
        raise SettingsError(problems) from None


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError([f"{file}: there is no such file"]) from None
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{file}: not UTF-8 text"]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file}: not TOML: {error}"]) from None


def _overrides(environ: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], object]]:
    """(variable, path, value) of each of our variables, in a stable order."""
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        path = tuple(part.lower() for part in name.removeprefix(PREFIX).split("__"))
        if not all(path):
            raise SettingsError([f"{name}: expected a name like {PREFIX}SECTION__KEY"])
        yield name, path, read_value(environ[name])


def read_value(text: str) -> object:
    """Lists and tables are written as JSON; everything else stays text, which the model converts."""
    if text.startswith(("[", "{")):
        try:
            parsed: object = json.loads(text)
        except json.JSONDecodeError:
            return text
        return parsed
    return text


def _put(data: dict[str, Any], path: tuple[str, ...], value: object, name: str) -> None:
    for part in path[:-1]:
        inner = data.get(part)
        if inner is None or (isinstance(inner, str) and path[-1] == "file"):
            inner = data[part] = {}
        elif not isinstance(inner, dict):
            raise SettingsError([f"{name}: {part} is not a section"])
        data = inner
    data[path[-1]] = value


def _line(error: ErrorDetails, model: type[BaseModel], where: str, sources: Mapping[tuple[str, ...], str]) -> str:
    """One problem as one line: place, key, expectation."""
    path = tuple(str(part) for part in error["loc"])
    key = ".".join(path) or "(the whole file)"
    source = next((name for start, name in sources.items() if start[: len(path)] == path), None)
    place = f"environment variable {source}" if source else where
    return f"{place}: {key}: {_expectation(error, path, model)}".replace("\n", " ")


def _expectation(error: ErrorDetails, path: tuple[str, ...], model: type[BaseModel]) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return "unknown key" + _guess(path, model)
        case "missing":
            return f"missing; write it there or set {PREFIX}{'__'.join(path).upper()}"
        case "int_parsing" | "int_type" | "int_from_float":
            return "expected a whole number"
        case "bool_parsing" | "bool_type":
            return "expected true or false"
        case "string_type":
            return "expected text"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "expected a section of keys"
        case "literal_error" | "enum":
            return f"expected {context.get('expected', 'another value')}"
        case "value_error":
            return str(context.get("error", error["msg"]))
        case _:
            return _lower_first(error["msg"].replace("Input should be", "expected"))


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _guess(path: tuple[str, ...], model: type[BaseModel]) -> str:
    """The nearest key that does exist in that section."""
    fields = _fields(model, path[:-1])
    near = difflib.get_close_matches(path[-1], fields, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known here: {', '.join(sorted(fields))}" if fields else ""


def _fields(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(part)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
