"""`./dev overload goodput`: what a server still does when ten times as much is asked of it as it can do.

The peak is what callers get who wait for each answer; then requests come ten times as fast, each with a
deadline, whatever became of the others. Counted is what is acknowledged before its deadline; everything
acknowledged has to be there.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import bystanders  # noqa: F401  Makes `support` importable.
from support.events import stored
from support.server import BIN, Server, environment
from support.stubs import pb

HERE = pathlib.Path(__file__).resolve().parent
LOSSY_DISK = BIN.parent / "tests" / "libtidemark_lossy_disk.so"


class Scene:
    """A server of a known weakness."""

    def __init__(self, event_bytes, deadline_ms, flags=(), sync_ms=None):
        env = environment()
        if sync_ms is not None:
            env.update(LD_PRELOAD=str(LOSSY_DISK), LOSSY_DISK_SYNC_MS=str(sync_ms))
        self.server = Server(*flags, env=env)
        self.event_bytes, self.deadline_ms = event_bytes, deadline_ms
        self.server.topics.CreateTopic(pb.CreateTopicRequest(
            name="load", config=pb.TopicConfig(partitions=8)))

    def load(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-B", HERE / "load.py", str(self.server.grpc_port), "load",
             *map(str, arguments)], stdout=subprocess.PIPE, text=True)

    def peak(self, seconds, callers=256, connections=8):
        """Acknowledged a second, by callers that wait."""
        said = json.loads(self.load(seconds, connections, self.event_bytes, 60_000, "closed",
                                    callers).communicate()[0])
        return said["in_time"] / said["seconds"]

    def overload(self, seconds, rate, connections=32):
        """(figures, ids acknowledged) of an open loop."""
        with tempfile.NamedTemporaryFile() as names:
            said = json.loads(self.load(seconds, connections, self.event_bytes, self.deadline_ms,
                                        "open", rate, names.name).communicate()[0])
            return said, pathlib.Path(names.name).read_text().split()

    def lost(self, acknowledged):
        answers = self.server.events.Read(pb.ReadRequest(topic="load", without_data=True),
                                          timeout=100)
        there = {one.event.id for one in stored(answers)}
        return [name for name in acknowledged if name not in there]

    def run(self, seconds, times=10):
        peak = self.peak(seconds)
        figures, acknowledged = self.overload(seconds, times * peak)
        good = figures.get("in_time", 0) / figures["seconds"]
        return {"peak_per_s": round(peak),
                "offered_per_s": round((figures["sent"] + figures.get("held_back", 0)) /
                                       figures["seconds"]),
                "in_time_per_s": round(good), "share": round(good / peak, 3), **figures,
                "resident_mib": bystanders.usage(self.server.process.pid)[0] >> 20,
                "acknowledged": len(acknowledged), "lost": len(self.lost(acknowledged))}

    def close(self):
        self.server.close()


# The disk is slow: 64 KiB each 10 ms or so. What is read, checked and refused costs little beside it.
def slow_disk():
    return Scene(4000, 1000, flags=("--commit-bytes-max", "64KiB", "--batch-bytes-max", "64KiB"),
                 sync_ms=10)


SCENES = {"slow_disk": slow_disk}


def run(name, seconds):
    """(what is wrong, figures)."""
    scene = SCENES[name]()
    try:
        figures = scene.run(seconds)
    finally:
        scene.close()
    return [f"{figures['lost']} acknowledged events are lost"] if figures["lost"] else [], figures
