"""A server, its clients, and what befalls them: everything that is random comes from a seed.

The server is a real process on a disk that loses what is not synced (lossy_disk.cc), so that each of its
crashes is a power cut. Clients are processes of their own (clients.py).
"""

import collections
import multiprocessing
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "conformance"))
# The process that others are forked from finds the clients by it.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parent / "conformance")])

import clients  # noqa: E402

from history import Recorder, load  # noqa: E402
from support.events import stored  # noqa: E402
from support.server import TIDEMARKD, Server, environment, wait_until  # noqa: E402
from support.stubs import pb  # noqa: E402

TESTS = TIDEMARKD.parent.parent / "tests"
FAULTY = TESTS / "tidemarkd_faulty"
LOSSY_DISK = TESTS / "libtidemark_lossy_disk.so"
MEMBERS = 3

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["clients"])


class World:
    """One run. `fault`: of tidemarkd_faulty; None: the server that ships. `revoke_timeout`: how long a member
    may keep what others are to have."""

    def __init__(self, seed, fault=None, sync_ms=3, patience_s=60, revoke_timeout="500ms"):
        self.chance = random.Random(seed)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-history-"))
        (self.directory / "lines").mkdir()
        self.recorder = Recorder(self.directory / "lines" / "world")
        self.patience_s = patience_s
        self.counts = collections.Counter()
        more = {"SEEDED_FAULT": fault} if fault else {}
        self.server = Server(
            "--revoke-timeout", revoke_timeout, "--heartbeat-interval", "100ms",
            binary=FAULTY if fault else TIDEMARKD,
            env=environment(LD_PRELOAD=str(LOSSY_DISK), LOSSY_DISK_SYNC_MS=str(sync_ms), **more),
            ready=False)
        self.processes = {}

    def close(self, keep=False):
        for process in self.processes.values():
            process.kill()
        self.server.close()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    # What happens.

    def begin(self):
        self.start_server()
        for role in ("appenders", "counters", "readers"):
            self._start_client(role, role)
        for number in range(MEMBERS):
            self._start_client("member", f"member-{number}")

    def start_server(self):
        """With its topics, and nobody there."""
        self.server.start()
        (self.directory / "server").symlink_to(self.server.directory)
        for topic, partitions in clients.TOPICS.items():
            self.server.topics.CreateTopic(pb.CreateTopicRequest(
                name=topic, config=pb.TopicConfig(partitions=partitions)))

    def _start_client(self, role, name):
        process = _processes.Process(target=clients.run, daemon=True, args=(
            role, str(self.directory), name, self.chance.getrandbits(64)))
        process.start()
        self.processes[name] = process

    def work(self):
        """Lets the clients do something, however busy the machine is."""
        before = self._written()
        wait_until(lambda: all(now > was + 2000 for now, was in zip(self._written(), before)),
                   "clients append and handle events", self.patience_s)

    def _written(self):
        """Bytes of histories: those who append, members."""
        lines = [(path.name, path.stat().st_size)
                 for path in (self.directory / "lines").iterdir()]
        return [sum(size for name, size in lines if name.startswith(kind))
                for kind in ("appenders", "member")]

    def crash(self):
        """The power goes, and comes back."""
        self.counts["power cuts"] += 1
        self.server.kill()
        self.recorder.write("crash")  # Whoever joined before joined the old process.
        time.sleep(self.chance.choice([0, 0, 0.2]))
        self.server.start()

    def hold_server(self):
        self.counts["server held"] += 1
        self._hold(self.server.process.pid, self.chance.uniform(0.05, 0.5))

    def hold_member(self):
        """Long enough to lose what it has when others ask for it."""
        self.counts["member held"] += 1
        name = self._some_member()
        self.recorder.write("stop", victim=name)
        self._hold(self.processes[name].pid, self.chance.uniform(0.2, 1.5))

    def kill_member(self):
        """Another one comes in its place."""
        self.counts["member killed"] += 1
        name = self._some_member()
        self.recorder.write("kill", victim=name)
        self.processes[name].kill()
        self.processes.pop(name).join()
        self._start_client("member", f"member-{MEMBERS + self.counts['member killed']}")

    def _some_member(self):
        return self.chance.choice(sorted(n for n in self.processes if n.startswith("member")))

    @staticmethod
    def _hold(pid, seconds):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def trouble(self, seconds, calm_s=1.0):
        """Random trouble, with up to `calm_s` between."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self.chance.uniform(0.1, calm_s))
            self.chance.choices([self.crash, self.hold_server, self.hold_member, self.kill_member],
                                [5, 1, 2, 2])[0]()

    # The end.

    def finish(self):
        """Lets everybody end what is begun, then reads everything; returns the history."""
        (self.directory / "no-more-appends").touch()
        self._until(lambda: not any(self.processes[role].is_alive()
                                    for role in ("appenders", "counters")), "all is answered")
        self._until(self._group_is_done, "the group has everything acked")
        return self.stop()

    def stop(self):
        """The same without waiting for answers and acks."""
        (self.directory / "stop").touch()
        self._until(lambda: not any(p.is_alive() for p in self.processes.values()), "clients end")
        self._read_everything()
        return load(self.directory / "lines")

    def _until(self, condition, what):
        try:
            wait_until(condition, what, self.patience_s)
        except AssertionError:
            self.recorder.write("stuck", what=what)

    def _ends(self):
        return {clients.place_name(topic, mark.partition): mark.end_offset
                for topic in clients.TOPICS
                for mark in self.server.topics.GetWatermarks(
                    pb.GetWatermarksRequest(topic=topic)).partitions}

    def _group_is_done(self):
        time.sleep(0.02)
        ends = self._ends()
        at = clients.record_offsets(self, self.server.channel)
        return all(at.get(place, 0) == end for place, end in ends.items())

    def record(self, op, **more):
        self.recorder.write(op, **more)

    def _read_everything(self):
        for topic in clients.TOPICS:
            for one in self.server.events.Read(pb.ReadRequest(topic=topic), timeout=120):
                if one.HasField("batch"):
                    found = list(stored([one]))
                    self.record("final", place=clients.place_name(topic, one.batch.partition),
                                o=found[0].offset, v=[each.event.id for each in found])
        clients.record_offsets(self, self.server.channel)
