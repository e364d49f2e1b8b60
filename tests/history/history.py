"""What clients did and saw, written down while they do it.

A client is a process that appends a line of JSON to a file of its own for everything that happens, before
it goes on, so that kill -9 takes nothing of it along. Times are CLOCK_MONOTONIC, which all processes of a
machine share: `t` of what is sent is taken before it is sent, `t` of what is heard after it was heard. So
an answer that has a smaller `t` than a question came before it.

A line has `op` and, by it (place: "topic/partition"; value: an event's id):

    send   id, t, parts {place: [value]}, [producer, sequence], [key, expect]   a request, once
    ok     id, t, ranges {place: [first offset, count]}                         its first answer
    fail   id, t, reason                                                        refused: not written
    open   s, t, from {place: offset}                a session; s names it; from: where it must begin
    saw    s, t, place, o, v [value]                 a batch: values at o, o + 1, ...
    read   from_t, t, ends {place: offset}           a Read begun at from_t, and how far it came
    bad    t, what                                   an event that is not what its id says
    join   s, t                                      a member's session begins
    own    s, t, a, at {place: offset}               a member is assigned places, by assignment a
    ack    s, t, a, place, o                         it acks everything below o
    acked  s, t, a, place, o                         that is confirmed
    fenced s, t, a, place, o                         that is rejected
    giving s, t, places, until                       revoked: it may keep them until then
    gave   s, t, places                              it gives them back without acks
    gone   s, t                                      a member leaves, or its stream ended
    got    from_t, t, at {place: offset}             the group's committed offsets, asked at from_t
    crash  t                                         the server was killed, and is not there any more
    kill   t, victim    stop t, victim               a client is killed, or held (SIGSTOP)
    final  place, o, v [value]                       what is stored when all is over
"""

import json
import os
import threading
import time


class Recorder:
    """The file of one process; any of its threads may write."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._lock = threading.Lock()

    def write(self, op, **more):
        with self._lock:
            line = {"op": op, "t": time.monotonic(), **more}
            os.write(self._file, (json.dumps(line, separators=(",", ":")) + "\n").encode())


class History:
    """Lines by `op`, each by time."""

    def __init__(self, lines):
        self.lines = {}
        for line in sorted(lines, key=lambda line: line.get("t", 0)):
            self.lines.setdefault(line["op"], []).append(line)
        self.final = {}  # From place to its values, by offset.
        for line in self.of("final"):
            self.final.setdefault(line["place"], []).extend(enumerate(line["v"], line["o"]))
        self.sent = {line["id"]: line for line in self.of("send")}

    def of(self, *ops):
        return [line for op in ops for line in self.lines.get(op, [])]

    def stored(self):
        """From value to its places."""
        found = {}
        for place, events in self.final.items():
            for offset, value in events:
                found.setdefault(value, []).append((place, offset))
        return found


def load(directory):
    """The history in the files of a directory."""
    lines = []
    for path in sorted(directory.iterdir()):
        # A line that a kill cut short says nothing that was acted upon.
        for line in path.read_bytes().split(b"\n")[:-1]:
            lines.append({**json.loads(line), "who": path.name})
    return History(lines)
