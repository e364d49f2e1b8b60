"""A memory cgroup around the server: what it may occupy, kept by the kernel. Where that is not permitted, none.
"""

import os
import pathlib
import re

ROOT = pathlib.Path("/sys/fs/cgroup")


def _parents():
    """(directory, file of the limit) of our own memory cgroup, by the two versions."""
    own = pathlib.Path("/proc/self/cgroup").read_text()
    first = re.search(r"^\d+:memory:/(.*)$", own, re.M)
    if first:
        yield ROOT / "memory" / first[1], "memory.limit_in_bytes"
    second = re.search(r"^0::/(.*)$", own, re.M)
    if second:
        yield ROOT / second[1], "memory.max"


class Cage:
    """`wrapper` goes in front of a command; empty without permission."""

    def __init__(self, bytes):
        self.wrapper, self.directory = [], None
        for parent, limit in _parents():
            directory = parent / f"tidemark-overload-{os.getpid()}"
            try:
                directory.mkdir()
                (directory / limit).write_text(str(bytes))
            except OSError:
                if directory.exists():
                    directory.rmdir()
                continue
            self.directory = directory
            self.wrapper = ["sh", "-c", f'echo $$ > {directory}/cgroup.procs && exec "$@"', "sh"]
            return

    def close(self):
        if self.directory is not None:
            self.directory.rmdir()
