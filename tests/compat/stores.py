"""Stores that earlier commits wrote: stores/NAME.tar.xz, with what the server of that commit said of it in
stores/NAME.json.

    stores.py NAME      makes one with the server that is built now

One is made whenever the format of the store changes, by the last commit before the change, and stays.
"""

import hashlib
import json
import pathlib
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE.parent / "conformance")]

from store_contents import FLAGS, Everything, fill  # noqa: E402
from support.server import Server  # noqa: E402

STORES = HERE / "stores"
# Written for people, or for one process alone.
NOT_STORED = ("LOG", "LOCK")


def answers(server):
    """What a server says of its store, short enough to be kept."""
    found = Everything(server)
    if found.losses:
        raise AssertionError(found.losses)
    return {name: hashlib.sha256(repr(answer).encode()).hexdigest() if "/" in name else answer
            for name, answer in found.answers.items()}


def make(name):
    server = Server(*FLAGS)
    try:
        fill(server, seed=1)
        said = answers(server)
        server.kill()
        with tarfile.open(STORES / f"{name}.tar.xz", "w:xz", preset=9) as archive:
            for path in sorted(server.data.iterdir()):
                if not path.name.startswith(NOT_STORED):
                    archive.add(path, path.name)
        (STORES / f"{name}.json").write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")
    finally:
        server.close()


def unpack(name, directory):
    """What was said of it."""
    with tarfile.open(STORES / f"{name}.tar.xz") as archive:
        archive.extractall(directory)
    # As JSON has it: lists instead of tuples.
    return json.loads((STORES / f"{name}.json").read_text())


def names():
    return sorted(path.name.removesuffix(".tar.xz") for path in STORES.glob("*.tar.xz"))


if __name__ == "__main__":
    make(sys.argv[1])
