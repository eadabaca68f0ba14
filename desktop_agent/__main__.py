"""`linkid-desktop`: the command of the program on the user's computer."""

import sys


def main() -> int:
    """The programs that stay or are started by others are ready in a blink: they do not load the command line."""
    match sys.argv[1:]:
        case ["daemon", *rest] if not any(word.startswith("-") for word in rest):
            from desktop_agent.daemon.process import main as daemon

            return daemon(rest)
        case ["web-eid-host", *rest]:
            from desktop_agent.web_eid.host import main as web_eid_host

            return web_eid_host(rest)
        case ["render-page", *rest]:
            from desktop_agent.window.render import main as render_page

            return render_page(rest)
        case _:
            from desktop_agent.commands import main as commands

            return commands()


if __name__ == "__main__":
    sys.exit(main())
