"""The power cut of a real file system, under load: ext4, or XFS, on a loop device is shut down without
flushing what it holds (the ioctl that its own crash tests use), with its journal written or not; the server is
killed, the file system unmounted and mounted again, which replays the journal, and the server started. What was
acknowledged is there, as after any crash (crash_test.py).

At the moment of the cut the server is held between two system calls: an fdatasync that runs beside the shutdown may be
answered and not be on the disk (ext4 of Linux 6.18; a loop of write and fdatasync alone shows it), which no
power cut does.

What the loop device was given it keeps: a disk that loses its cache is simulated elsewhere (tests/crash,
history). Where no loop device can be mounted the test is skipped and says why.

TIDEMARK_TEST_CUTS=N: N cuts for each file system (default: 3).
"""

import fcntl
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import unittest

import crash_test

from support.server import Server, wait_until
from support.stubs import pb

IMAGE_BYTES = 4 << 30  # Sparse.
# Of ext4 and XFS alike.
IOC_SHUTDOWN = 0x8004587D
LOGFLUSH, NOLOGFLUSH = 1, 2


class FileSystemCut(crash_test.Crash):
    kind = "ext4"
    kills = int(os.environ.get("TIDEMARK_TEST_CUTS", "3"))

    def new_server(self):
        if shutil.which(f"mkfs.{self.kind}") is None:
            self.skipTest(f"mkfs.{self.kind} is not installed")
        if os.geteuid() != 0:
            self.skipTest("only root can mount a loop device")
        # The mount goes with this process, whatever happens.
        self.holder = subprocess.Popen(["unshare", "-m", "sleep", "3600"])
        server = Server("--disk-free-min", "64MiB", "--write-buffer-bytes", "1MiB", ready=False)
        self.addCleanup(self.holder.wait)
        self.addCleanup(self.holder.kill)
        self.addCleanup(server.close)
        server.data.mkdir()
        self.enter = ["nsenter", "-t", str(self.holder.pid), "-m"]
        self.image, self.mount_point = server.directory / "image", server.data
        with open(self.image, "wb") as image:
            image.truncate(IMAGE_BYTES)
        subprocess.run([f"mkfs.{self.kind}", "-q", self.image], check=True)
        problem = self.mount()
        if problem:
            self.skipTest(f"{self.kind} cannot be mounted on a loop device here: {problem}")
        server.command[:0] = self.enter
        self.cuts = {LOGFLUSH: 0, NOLOGFLUSH: 0}
        return server.start()

    def mount(self):
        """Why it cannot be; empty: it is."""
        done = subprocess.run([*self.enter, "mount", "-o", "loop", self.image, self.mount_point],
                              capture_output=True, text=True)
        return done.stderr if done.returncode else ""

    def cut(self, how):
        # As the server sees it; the mount is not in our own namespace.
        directory = os.open(f"/proc/{self.holder.pid}/root{self.mount_point}", os.O_RDONLY)
        try:
            fcntl.ioctl(directory, IOC_SHUTDOWN, struct.pack("I", how))
        finally:
            os.close(directory)

    def is_held(self):
        tasks = pathlib.Path(f"/proc/{self.server.process.pid}/task").iterdir()
        return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)

    def crash(self):
        how = (NOLOGFLUSH, LOGFLUSH)[sum(self.cuts.values()) % 2]
        self.cuts[how] += 1
        self.server.process.send_signal(signal.SIGSTOP)
        wait_until(self.is_held, "no thread of the server is in a system call")
        self.cut(how)
        self.server.kill()
        subprocess.run([*self.enter, "umount", self.mount_point], check=True)
        self.assertEqual(self.mount(), "")

    def finish(self):
        super().finish()
        findings = [one for answer in self.server.operations.VerifyStore(pb.VerifyStoreRequest())
                    for one in answer.findings]
        self.assertEqual(findings, [])
        print(f"{self.kind}: {self.cuts[LOGFLUSH]} cuts with the journal written, "
              f"{self.cuts[NOLOGFLUSH]} without")


class XfsCut(FileSystemCut):
    kind = "xfs"


if __name__ == "__main__":
    unittest.main(verbosity=2)
