"""`linkid-desktop`: the command of the program on the user's computer."""

import sys


def main() -> int:
    print("linkid-desktop: the commands arrive with the agent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
