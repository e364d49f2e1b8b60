"""Appends from many callers over sockets, as a process of its own that costs the server little:

    load.py GRPC_PORT TOPIC SECONDS CONNECTIONS EVENT_BYTES DEADLINE_MS closed CALLERS
    load.py GRPC_PORT TOPIC SECONDS CONNECTIONS EVENT_BYTES DEADLINE_MS open REQUESTS_PER_SECOND NAME

`closed`: each caller sends its next request when the last one was answered. `open`: requests are sent when
they are due, whatever became of the others, each with its deadline. Prints a line of JSON; with NAME the
ids of what was acknowledged go to that file, one a line.
"""

import collections
import json
import selectors
import struct
import sys
import time

import frames
from attacks import APPEND, field
from frames import frame

class Caller:
    """A connection whose requests are made by patching a template, and whose answers are only counted."""

    def __init__(self, load, number):
        self.load = load
        self.connection = frames.Connection(
            load.port, frames.PREFACE + frames.settings(table=0, window=1 << 30) +
            frame(frames.WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big")))
        self.connection.socket.setblocking(False)
        self.number = number
        self.streams_max = 100      # What the server allows, which gRPC's clients keep to.
        self.next_stream = 1
        self.sent = {}              # From stream to when it was due.
        self.answered = set()       # Streams that got a message.
        self.out = bytearray()
        self.written = 0

    def send(self, due):
        stream = self.next_stream
        self.next_stream += 2
        name = b"%04d-%010d" % (self.number, stream)
        request = field(1, self.load.topic) + field(2, field(1, name) + field(2, b"x") +
                                                    field(7, self.load.data))
        self.out += frame(frames.HEADERS, frames.END_HEADERS, stream, self.load.headers)
        self.out += frames.data_frames(stream, frames.message(request))
        self.sent[stream] = due

    def flush(self):
        if not self.out:
            return
        try:
            del self.out[:self.connection.socket.send(self.out[:1 << 18])]
        except BlockingIOError:
            pass

    def receive(self):
        """Streams that ended: (stream, due, acknowledged)."""
        for kind, flags, stream, payload in self.connection.frames():
            if kind == frames.DATA:
                self.answered.add(stream)
            elif kind == frames.SETTINGS and not flags & frames.ACK:
                for number, value in struct.iter_unpack(">HI", payload):
                    if number == frames.MAX_CONCURRENT_STREAMS:
                        self.streams_max = value
                self.out += frame(frames.SETTINGS, frames.ACK, 0)
            elif kind == frames.GOAWAY:
                raise EOFError(payload)
            ended = kind == frames.RST_STREAM or kind in (frames.HEADERS, frames.DATA) and \
                flags & frames.END_STREAM
            if ended and stream in self.sent:
                ok = stream in self.answered
                self.answered.discard(stream)
                if not ok:
                    at = payload.find(b"grpc-status")
                    status = payload[at + 12:at + 14].decode() if at >= 0 else "reset"
                    self.load.counts[f"status {status}"] += 1
                yield stream, self.sent.pop(stream), ok


class Load:
    def __init__(self, port, topic, seconds, connections, event_bytes, deadline_ms):
        self.port, self.topic = int(port), topic.encode()
        self.seconds, self.deadline_s = float(seconds), float(deadline_ms) / 1000
        self.headers = frames.call_headers(APPEND, f"{int(deadline_ms)}m")
        self.data = b"d" * int(event_bytes)
        self.counts = collections.Counter()
        self.callers = [Caller(self, n) for n in range(int(connections))]
        self.acknowledged = []
        self.selector = selectors.DefaultSelector()
        for caller in self.callers:
            self.selector.register(caller.connection.socket, selectors.EVENT_READ, caller)

    def take_answers(self, wait_s):
        for key, _ in self.selector.select(wait_s):
            caller, now = key.data, time.monotonic()
            for stream, due, ok in caller.receive():
                if not ok:
                    continue
                in_time = now - due <= self.deadline_s
                self.counts["in_time" if in_time else "late"] += 1
                self.acknowledged.append(b"%04d-%010d" % (caller.number, stream))

    def closed(self, callers):
        begin = time.monotonic()
        each = -(-int(callers) // len(self.callers))
        while time.monotonic() < begin + self.seconds:
            for caller in self.callers:
                while len(caller.sent) < min(each, caller.streams_max):
                    caller.send(time.monotonic())
                    self.counts["sent"] += 1
                caller.flush()
            self.take_answers(0.001)
        self.counts["seconds"] = time.monotonic() - begin

    def open(self, rate):
        begin = time.monotonic()
        made, pause = 0, 1 / float(rate)
        while True:
            now = time.monotonic()
            if now > begin + self.seconds:
                break
            due = begin + made * pause
            while due <= now:
                caller = self.callers[made % len(self.callers)]
                # A client keeps to the server's limit of streams; what it would have to hold back past
                # its deadline it gives up.
                if len(caller.sent) < caller.streams_max and len(caller.out) < 4 << 20:
                    caller.send(due)
                    self.counts["sent"] += 1
                else:
                    self.counts["held_back"] += 1
                made += 1
                due = begin + made * pause
            for caller in self.callers:
                caller.flush()
            self.take_answers(0.0005)
        self.counts["seconds"] = time.monotonic() - begin
        while any(caller.sent for caller in self.callers) and \
                time.monotonic() < begin + self.seconds + self.deadline_s + 1:
            for caller in self.callers:
                caller.flush()
            self.take_answers(0.01)


def main():
    port, topic, seconds, connections, event_bytes, deadline_ms, mode, amount, *name = sys.argv[1:]
    load = Load(port, topic, seconds, connections, event_bytes, deadline_ms)
    getattr(load, mode)(amount)
    if name:
        with open(name[0], "wb") as out:
            out.write(b"\n".join(load.acknowledged))
    print(json.dumps(load.counts), flush=True)


if __name__ == "__main__":
    main()
