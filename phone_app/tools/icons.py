"""Draws the icons of phone_app/public/icons from our mark, with Chromium.

Run by hand when the mark changes; the result is committed.

python phone_app/tools/icons.py
"""

from pathlib import Path

from playwright.sync_api import sync_playwright

from linkid.platform import prepare_playwright, program

ICONS = Path(__file__).resolve().parent.parent / "public" / "icons"
GROUND, LINK, TICK = "#0b4a4f", "#8fd3c4", "#ffffff"


def drawing(scale: float, radius: float, ground: str | None, link: str = LINK, tick: str = TICK) -> str:
    """The mark on its ground, on a 48-unit grid."""
    rect = f'<rect width="48" height="48" rx="{radius}" fill="{ground}"/>' if ground else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">{rect}'
        f'<g transform="translate(24 24) scale({scale}) translate(-24.5 -24)" fill="none" stroke-width="5" '
        f'stroke-linecap="round" stroke-linejoin="round"><path d="M27.5 14H17a10 10 0 000 20h6" stroke="{link}"/>'
        f'<path d="M20.5 25.5l6.5 6.5L42 16" stroke="{tick}"/></g></svg>'
    )


WANTED = {
    "icon-192.png": (192, drawing(0.78, 11, GROUND)),
    "icon-512.png": (512, drawing(0.78, 11, GROUND)),
    "maskable-512.png": (512, drawing(0.6, 0, GROUND)),
    "apple-touch-icon.png": (180, drawing(0.72, 0, GROUND)),
    "badge-96.png": (96, drawing(0.95, 0, None, TICK, TICK)),
}


def main() -> None:
    """Writes every icon."""
    (ICONS / "icon.svg").write_text(drawing(0.78, 11, GROUND) + "\n")
    prepare_playwright()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        for name, (side, svg) in WANTED.items():
            page = browser.new_page(viewport={"width": side, "height": side})
            page.set_content(f"<style>*{{margin:0}} svg{{display:block;width:{side}px;height:{side}px}}</style>{svg}")
            page.screenshot(path=ICONS / name, omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
