"""A server, its clients, and what befalls them: everything that is random comes from a seed.

The server is a real process on a disk that loses what is not synced (lossy_disk.cc), so that each of its
crashes is a power cut. Clients are processes of their own (clients.py).
"""

import collections
import multiprocessing
import os
import pathlib
import random
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "conformance"))
# The process that others are forked from finds the clients by it.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parent / "conformance")])

import clients  # noqa: E402
import derive_clients  # noqa: E402
import office_clients  # noqa: E402
import roles  # noqa: E402
import seek_clients  # noqa: E402

from desk_clients import DESK, POOL  # noqa: E402
from history import Recorder, load  # noqa: E402
from restored import dead_letters, read_all, record_group, restore_and_record  # noqa: E402
from support.server import TIDEMARKD, Server, environment, wait_until  # noqa: E402
from support.stubs import pb  # noqa: E402

TESTS = TIDEMARKD.parent.parent / "tests"
FAULTY = TESTS / "tidemarkd_faulty"
LOSSY_DISK = TESTS / "libtidemark_lossy_disk.so"
# Who takes part: appenders, readers and a PARTITION_ORDERED group; with all that there is; groups that are
# sought, that have no order, or that commit with what they append.
FEW = {"appenders": 1, "counters": 1, "readers": 1, "member": 3}
ALL = {**FEW, "keepers": 1, "rereaders": 1, "auditor": 2, "desk": 3, "pool": 2, "sought": 2, "deriver": 2,
       "office": 1, "eraser": 1, "archivist": 1}
GROUPS = {"appenders": 1, "pool": 2, "sought": 2, "deriver": 2, "office": 1, "archivist": 1}
WHO_ENDS_FIRST = ("appenders", "counters", "keepers", "office", "eraser", "archivist")
# Who may be held or killed.
WORKERS = ("member", "auditor", "desk", "pool", "sought", "deriver")

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["roles"])


class World:
    """One run. `fault`: of tidemarkd_faulty; None: the server that ships. `cast`: how many processes of each
    role. `revoke_timeout`: how long a member may keep what others are to have. `restores`: how many of
    the newest backups become stores in the end."""

    def __init__(self, seed, fault=None, sync_ms=3, patience_s=60, revoke_timeout="500ms", cast=ALL,
                 restores=10):
        self.cast, self.restores = cast, restores
        self.chance = random.Random(seed)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-history-"))
        (self.directory / "lines").mkdir()
        self.recorder = Recorder(self.directory / "lines" / "world")
        self.patience_s = patience_s
        self.counts = collections.Counter()
        more = {"SEEDED_FAULT": fault} if fault else {}
        self.ledger = self.directory / "ledger"
        self.backups = self.directory / "backups"
        self.master_keys = self.directory / "master.keys"
        self.master_keys.write_text(f"first {secrets.token_hex(32)}\n")
        self.server = Server(
            "--revoke-timeout", revoke_timeout, "--heartbeat-interval", "100ms",
            "--backup-dir", self.backups, "--master-key-file", self.master_keys,
            binary=FAULTY if fault else TIDEMARKD,
            env=environment(LD_PRELOAD=str(LOSSY_DISK), LOSSY_DISK_SYNC_MS=str(sync_ms),
                            LOSSY_DISK_LEDGER=str(self.ledger), **more),
            ready=False)
        self.processes = {}

    def close(self, keep=False):
        for process in self.processes.values():
            process.kill()
        if keep:
            (self.directory / "server").unlink(missing_ok=True)
            if self.server.process is not None and self.server.process.poll() is None:
                self.server.kill()
            shutil.copytree(self.server.directory, self.directory / "server")
        self.server.close()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    # What happens.

    def begin(self):
        self.start_server()
        threading.Thread(target=self._pulse, daemon=True).start()
        for role, count in self.cast.items():
            for number in range(count):
                self._start_client(role, f"{role}-{number}")

    def _pulse(self):
        """So that one can tell a machine that stands still from a server that does."""
        while self.directory.exists():
            self.recorder.write("pulse")
            time.sleep(0.2)

    def start_server(self):
        """With its topics, and nobody there."""
        self.server.start()
        (self.directory / "server").symlink_to(self.server.directory)
        for topic, partitions in clients.PARTITIONS.items():
            self.server.topics.CreateTopic(pb.CreateTopicRequest(name=topic, config=pb.TopicConfig(
                partitions=partitions, encrypt_by_key=topic == "vault", compact=topic == "state")))
        office_clients.change_policy(self, self.server.channel, "world/begin", 30_000, None)

    def _start_client(self, role, name):
        process = _processes.Process(target=roles.run, daemon=True, args=(
            role, str(self.directory), name, self.chance.getrandbits(64)))
        process.start()
        self.processes[name] = process

    def work(self):
        """Lets the clients do something, however busy the machine is."""
        before = self._written()
        wait_until(lambda: all(now > was + 2000 for now, was in zip(self._written(), before)),
                   "clients append and handle events", self.patience_s)

    def _written(self):
        """Bytes of histories: those who append, members of each group."""
        lines = [(path.name, path.stat().st_size)
                 for path in (self.directory / "lines").iterdir()]
        return [sum(size for name, size in lines if name.startswith(kind))
                for kind in ("appenders", *WORKERS) if kind in self.cast]

    def crash(self):
        """The power goes, and comes back."""
        self.counts["power cuts"] += 1
        self.recorder.write("cut")
        self.server.kill()
        self._forget_unsynced()
        self.recorder.write("crash")  # Whoever joined before joined the old process.
        time.sleep(self.chance.choice([0, 0, 0.2]))
        self.server.start()
        self.recorder.write("up")

    def _forget_unsynced(self):
        """What was closed before it was synced goes with the power, too (lossy_disk.cc)."""
        durable = {}
        for line in self.ledger.read_text().splitlines() if self.ledger.exists() else []:
            size, path = line.split(" ", 1)
            durable[path] = int(size)
        for path, size in durable.items():
            if size >= 0 and os.path.exists(path):
                self.counts["unsynced files"] += 1
                os.truncate(path, size)
        self.ledger.unlink(missing_ok=True)

    def hold_server(self):
        self.counts["server held"] += 1
        self.recorder.write("hold")
        self._hold(self.server.process.pid, self.chance.uniform(0.05, 0.5))
        self.recorder.write("held")

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
        role = name.split("-")[0]
        self._start_client(role, f"{role}-{self.cast[role] + self.counts['member killed']}")

    def _some_member(self):
        return self.chance.choice(sorted(n for n in self.processes if n.startswith(WORKERS)))

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
        self.until(lambda: not any(process.is_alive() for name, process in self.processes.items()
                                    if name.startswith(WHO_ENDS_FIRST)), "all is answered")
        if "auditor" in self.cast:
            self._end_of_losing()
        for role, group in self._groups():
            self.until(lambda group=group: self._group_is_done(*group), f"{role}: {group[0]} is done")
        if "eraser" in self.cast:
            self.until(self.erased, "the erasures are complete")
        return self.stop()

    def _groups(self):
        """(role, group) of those who take part."""
        return [(role, group) for role, group in (
            ("member", (clients.GROUP, clients.TOPICS)), ("auditor", (clients.AUDIT, clients.LOSING)),
            ("deriver", (derive_clients.GROUP, derive_clients.TOPICS)), ("desk", DESK), ("pool", POOL),
            ("sought", seek_clients.SOUGHT), *(("sought", group) for group in seek_clients.SOUGHT_WORK))
            if role in self.cast]

    def stop(self):
        """The same without waiting for answers and acks."""
        (self.directory / "stop").touch()
        self.until(lambda: not any(p.is_alive() for p in self.processes.values()), "clients end")
        read_all(self, self.server, [group for _, group in self._groups()])
        if self.restores and "archivist" in self.cast:
            restore_and_record(self)
        return load(self.directory / "lines")

    def until(self, condition, what):
        try:
            wait_until(condition, what, self.patience_s)
        except AssertionError:
            self.recorder.write("stuck", what=what)

    def record(self, op, **more):
        self.recorder.write(op, **more)

    def _end_of_losing(self):
        """Nothing goes any more, and the last event of each place is one to ack: groups get to the end."""
        office_clients.record_marks(self, self.server.channel)
        office_clients.change_policy(self, self.server.channel, "world/end", None, None)
        for topic, partitions in clients.LOSING.items():
            for partition in range(partitions):
                self.append(topic, partition, f"world/{topic}/{partition}")
        office_clients.record_marks(self, self.server.channel)

    def append(self, topic, partition, value, key=""):
        one, said = clients.event_of(value, key), {"parts": {}, "keys": {}}
        clients.say(said, clients.place_name(topic, partition), one)
        self.record("send", id=value, **said)
        response = self.server.events.Append(pb.AppendRequest(
            topic=topic, events=[one], partition=partition), timeout=self.patience_s)
        self.record("ok", id=value, **clients.answer(response))

    def _ends(self, topics):
        return {clients.place_name(topic, mark.partition): mark.end_offset
                for topic in topics
                for mark in self.server.topics.GetWatermarks(
                    pb.GetWatermarksRequest(topic=topic)).partitions}

    def _group_is_done(self, name, topics, mode=pb.GROUP_MODE_PARTITION_ORDERED):
        """It is at the end; if it acks by event, no dead letter is being redriven, which a list leaves out."""
        time.sleep(0.02)
        ends = self._ends(topics)
        at = record_group(self, self.server, name, topics, mode)
        if any(at.get(place, 0) != end for place, end in ends.items()):
            return False
        if mode == pb.GROUP_MODE_PARTITION_ORDERED:
            return True
        work = self.server.groups.GetGroup(pb.GetGroupRequest(group=name)).work
        return work.dead_letters == len(list(dead_letters(self.server, name)))

    def erased(self):
        """Every erasure is complete; writes down which."""
        erasures = self.server.topics.ListErasures(
            pb.ListErasuresRequest(page_size=1000)).erasures
        if any(one.state != pb.ERASURE_STATE_COMPLETE for one in erasures):
            time.sleep(0.05)
            return False
        for one in erasures:
            self.record("destroyed", id=one.reason)
        return True
