"""Honest clients of a server that others attack: a producer, a subscriber, somebody who asks for its health.

They write down what they were answered and how long it took; `check` then looks whether everything
acknowledged is there, once, at the place it was said to be.
"""

import os
import pathlib
import re
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))

import grpc  # noqa: E402

from support.events import event, stored  # noqa: E402
from support.stubs import pb, rpc  # noqa: E402

APPEND_TIMEOUT_S = 5


def usage(pid):
    """(resident bytes, threads, open files) of a process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    if "VmRSS" not in status:
        raise ProcessLookupError(f"process {pid} has ended")
    return (int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024,
            int(re.search(r"Threads:\s+(\d+)", status)[1]), len(os.listdir(f"/proc/{pid}/fd")))


def quantile_ms(seconds, share):
    ordered = sorted(seconds)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) if ordered else None


class Bystanders:
    """Threads that do their work until `end`. One channel each, as separate clients have."""

    def __init__(self, server, topic, append_pause_s=0.002):
        self.server, self.topic = server, topic
        self.acknowledged = {}       # From id to (partition, offset).
        self.append_seconds = []
        self.refused = []            # Of appends: what the errors said.
        self.seen = []               # Offsets, as the subscriber got them.
        self.read_errors = []
        self.health_seconds = []
        self.unhealthy = []
        self.usage_max = (0, 0, 0)     # Resident bytes, threads, open files.
        self._pause_s = append_pause_s
        self._stop = threading.Event()
        self._channels = [server.new_channel() for _ in range(2)]
        self._subscription = None
        self._threads = [threading.Thread(target=work, daemon=True)
                         for work in (self._produce, self._subscribe, self._ask, self._sample)]
        for thread in self._threads:
            thread.start()

    def _produce(self):
        stub, n = rpc.EventStore(self._channels[0]), 0
        while not self._stop.is_set():
            name = f"honest-{n}"
            request = pb.AppendRequest(
                topic=self.topic, events=[event(id=name, data=b"h" * 200)],
                producer=pb.Producer(id=self.topic, sequence=n))
            begin = time.monotonic()
            try:
                answer = stub.Append(request, timeout=APPEND_TIMEOUT_S)
            except grpc.RpcError as error:  # Repeated until it is taken: its fate may be unknown.
                self.refused.append(f"{error.code().name}: {error.details()}")
                time.sleep(0.02)
                continue
            self.append_seconds.append(time.monotonic() - begin)
            self.acknowledged[name] = answer.ranges[0].first_offset
            n += 1
            self._stop.wait(self._pause_s)

    def _subscribe(self):
        stub = rpc.EventStore(self._channels[1])
        while not self._stop.is_set():
            start = pb.Start(offsets=pb.PartitionOffsets(offsets={0: len(self.seen)}))
            self._subscription = stub.Subscribe(pb.SubscribeRequest(topic=self.topic, start=start))
            try:
                for response in self._subscription:
                    self.seen.extend((one.offset, one.event.id) for one in stored([response]))
            except grpc.RpcError as error:
                if not self._stop.is_set():
                    self.read_errors.append(f"{error.code().name}: {error.details()}")
                    time.sleep(0.02)

    def _ask(self):
        while not self._stop.wait(0.05):
            begin = time.monotonic()
            try:
                with urllib.request.urlopen(
                        f"http://127.0.0.1:{self.server.http_port}/readyz", timeout=5) as answer:
                    answer.read()
                self.health_seconds.append(time.monotonic() - begin)
            except (OSError, urllib.error.URLError) as error:
                self.unhealthy.append(str(error))

    def _sample(self):
        while not self._stop.wait(0.05):
            try:
                self.usage_max = [max(pair) for pair in
                                  zip(self.usage_max, usage(self.server.process.pid))]
            except OSError:
                return  # It ended.

    def end(self):
        self._stop.set()
        self._subscription.cancel()
        for thread in self._threads:
            thread.join(30)
        for channel in self._channels:
            channel.close()

    def check(self):
        """What is wrong with what the server has; nothing if all is well. To be called after `end`."""
        answers = self.server.events.Read(pb.ReadRequest(topic=self.topic), timeout=100)
        there = [(one.offset, one.event.id) for one in stored(answers)]
        places = {name: offset for offset, name in there}
        wrong = [f"{name} was acknowledged at {offset} and is at {places.get(name)}"
                 for name, offset in self.acknowledged.items() if places.get(name) != offset]
        if len(places) != len(there):
            wrong.append("an event is stored twice")
        if [offset for offset, _ in there] != list(range(len(there))):
            wrong.append("offsets are not dense")
        if self.seen != there[:len(self.seen)]:
            wrong.append("the subscriber saw something else than what is stored")
        return wrong

    def figures(self):
        return {
            "acknowledged": len(self.acknowledged), "refused": len(self.refused),
            "p50_ms": quantile_ms(self.append_seconds, 0.5),
            "p99_ms": quantile_ms(self.append_seconds, 0.99),
            "max_ms": quantile_ms(self.append_seconds, 1),
            "seen": len(self.seen), "read_errors": len(self.read_errors),
            "health_p99_ms": quantile_ms(self.health_seconds, 0.99),
            "unhealthy": len(self.unhealthy),
            "resident_mib": self.usage_max[0] >> 20, "threads": self.usage_max[1],
            "files": self.usage_max[2],
        }
