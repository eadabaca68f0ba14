"""`linkid-desktop`: the command of the program on the user's computer."""

import sys

from desktop_agent.commands import main

if __name__ == "__main__":
    sys.exit(main())
