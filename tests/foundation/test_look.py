"""The gateway's pages and the phone app are one house: what both name by colour is the same colour."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def colours(file: Path) -> list[dict[str, str]]:
    """The variables of the light look and of the dark one."""
    blocks = re.findall(r":root \{(.*?)\}", file.read_text("utf-8"), re.DOTALL)
    return [dict(re.findall(r"--([\w-]+): ([^;]+);", block)) for block in blocks[:2]]


def test_pages_have_the_apps_colours() -> None:
    """Every name that stands in the pages' look stands in the app's style, with the same value, light and dark."""
    app, pages = (colours(ROOT / place) for place in ("phone_app/src/style.css", "foundation/web/page/look.css"))
    assert len(app) == len(pages) == 2
    for theirs, ours in zip(app, pages, strict=True):
        assert len(ours) > 10
        assert {name: theirs.get(name) for name in ours} == ours
