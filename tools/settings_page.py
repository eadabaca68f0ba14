"""Write docs/settings.md from the models: `python -m tools.settings_page`. A test sees whether it was run."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
import typing
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from foundation.settings import PREFIX
from linkid.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/settings.md"

_HEAD = f"""# Settings

Written from the models by `python -m tools.settings_page`; do not edit.

Without a file, Link ID runs on one machine for development. A file is `linkid.toml` in the project's folder, or the one
that `LINKID_SETTINGS` or `linkid --settings FILE` names. The environment goes on top: `{PREFIX}GATEWAY__PORT=9000` is
`port` under `[gateway]`; lists and tables are written as JSON. A **secret** may be given in place, or as
`{{ file = "path" }}` (`{PREFIX}…__FILE=path`): a file that only its owner reads.

An unknown key, a wrong type or a missing value stops the process before it starts, with a line that names the file and
the key. In production (`environment = "production"`) each process also refuses what is for development only.

Where an attacker gains by reading or writing a setting, it says so ("whoever …"). Where it says nothing, reading it
tells nothing, and writing it gains no more than stopping the process would.

`LINKID_VAR` moves the folder of everything that lives, before any of this is read.
"""


def page() -> str:
    """The text of docs/settings.md."""
    return _HEAD + "".join(_sections(Settings, ""))


def _sections(model: type[BaseModel], path: str) -> list[str]:
    inner = {name: found for name, field in model.model_fields.items() if (found := _model_in(field.annotation))}
    rows = [
        f"| `{name}` | {_kind(field)} | {_default(field)} | {_meaning(model, name)} |\n"
        for name, field in model.model_fields.items()
        if name not in inner
    ]
    title = f"\n## [{path}]\n" if path else "\n## At the top of the file\n"
    purpose = _one_line(inspect.getdoc(model) or "")
    parts = [title, f"\n{purpose}\n" if path else "", "\n| key | is | default | meaning |\n|---|---|---|---|\n", *rows]
    if not rows:
        parts = []
    for name, found in inner.items():
        parts += _sections(found, f"{path}.{name}" if path else name)
    return parts


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _model_in(part))), None)


def _kind(field: FieldInfo) -> str:
    return _name_of(field.annotation).replace("|", "\\|")


def _name_of(annotation: object) -> str:
    if annotation is SecretStr:
        return "**secret**"
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f'`"{value}"`' for value in typing.get_args(annotation))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " or ".join(_name_of(part) for part in typing.get_args(annotation) if part is not type(None))
    if typing.get_origin(annotation) is typing.Annotated:
        return _name_of(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (tuple, list):
        return "list of " + _name_of(typing.get_args(annotation)[0])
    words = {"str": "text", "int": "number", "float": "number", "bool": "true or false", "Path": "path"}
    name = getattr(annotation, "__name__", str(annotation))
    return words.get(name, "network" if "Network" in name else name)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == ():
        return "-"
    if isinstance(value, Path):
        return f"`{value.relative_to(ROOT) if value.is_relative_to(ROOT) else value}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(model: type[BaseModel], name: str) -> str:
    """The docstring below the attribute, in the class that states it last."""
    for kind in model.__mro__:
        if name in inspect.get_annotations(kind) and (text := _attribute_texts(kind).get(name)):
            return _one_line(text)
    return ""


def _attribute_texts(kind: type) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for attribute, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name):
            text = after.value if isinstance(after, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[attribute.target.id] = text.value
    return found


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("``", "`").replace("|", "\\|").strip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
