"""`linkid`: the command of the whole service."""

import sys


def main() -> int:
    print("linkid: the commands arrive with the processes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
