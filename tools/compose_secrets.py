#!/usr/bin/env python3
"""Writes deploy/secrets for docker-compose.yml: random database passwords, each in a file of its owner only.

    python3 tools/compose_secrets.py [FOLDER]

What exists is kept: PostgreSQL took the passwords when its volume was made.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "deploy/secrets"
CONTAINER_USER = 10001
POSTGRES_USER = 999
ROLES = ("owner", "gateway", "sam", "ac")


def write(folder: Path, name: str, text: str, reader: int = CONTAINER_USER) -> None:
    file = folder / name
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    if os.geteuid() == 0:
        os.chown(file, reader, reader)


def main(folder: Path = FOLDER) -> int:
    if folder.exists():
        print(f"{folder} is there already; remove it (and the postgres volume) to start anew")
        return 0
    folder.mkdir(mode=0o700, parents=True)
    password = secrets.token_urlsafe(24)
    write(folder, "db-postgres", password, POSTGRES_USER)
    write(folder, "gateway", secrets.token_hex(32))
    write(folder, "db-superuser", f"postgresql://postgres:{password}@postgres/linkid")
    for role in ROLES:
        write(folder, f"db-{role}", f"postgresql://linkid_{role}:{secrets.token_urlsafe(24)}@postgres/linkid")
    print(f"{folder}: {len(list(folder.iterdir()))} secrets written; put the providers' into the files sms and smtp")
    if os.geteuid() != 0:
        print(f"and give them to those who read them:  sudo chown {CONTAINER_USER} {folder}/*")
        print(f"                                       sudo chown {POSTGRES_USER} {folder}/db-postgres")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
