"""What clients did and saw, written down while they do it.

A client is a process that appends a line of JSON to a file of its own for everything that happens, before
it goes on, so that kill -9 takes nothing of it along. Times are CLOCK_MONOTONIC, which all processes of a
machine share: `t` of what is sent is taken before it is sent, `t` of what is heard after it was heard. So
an answer that has a smaller `t` than a question came before it.

A line has `op` and, by it (place: "topic/partition"; value: an event's id):

    send   id, t, parts {place: [value]}, keys {place: [key]}, [bytes {place: [int]}],
           [producer, sequence], [key, expect]                                  a request, once
    ok     id, t, ranges {place: [first offset, count]}, p, w                   its first answer; p:
                                                     position; w: append time, seconds since 1970
    fail   id, t, reason                                                        refused: not written
    open   s, t, from {place: offset}                a session; s names it; from: where it must begin;
                                                     null: at the oldest event
    saw    s, t, place, o, v [value]                 a batch: values at o, o + 1, ...
    read   from_t, t, ends {place: offset}           a Read begun at from_t, and how far it came
    gap    s, t, place, from, until, reason          it is told that these are gone
    passed t, place, o                               an explicit start was refused: o is the oldest
    bad    t, what                                   an event that is not what its id says
    join   s, t, g                                   a session of a member of group g begins
    own    s, t, a, at {place: offset}               a member is assigned places, by assignment a
    ack    s, t, a, place, o                         it acks everything below o, perhaps in a Transact
    acked  s, t, a, place, o                         that is confirmed
    fenced s, t, a, place, o                         that is rejected
    giving s, t, places, until                       revoked: it may keep them until then
    gave   s, t, places                              it gives them back without acks
    gone   s, t                                      a member leaves, or its stream ended
    got    g, from_t, t, at {place: offset}          a group's committed offsets, asked at from_t
    cut    t                                         the server is about to be killed
    crash  t                                         the server was killed, and is not there any more
    up     t                                         it serves again
    hold   t    held   t                             it is held (SIGSTOP), and goes on
    pulse  t                                         now and then: the machine lets us work
    kill   t, victim    stop t, victim               a client is killed, or held (SIGSTOP)
    final  place, o, v [value]                       what is stored when all is over
    kept   place, start, end                         its watermarks then

Of KEY_ORDERED and UNORDERED groups (n numbers what a member says; at: {place: [offset]}):

    wjoin  s, t, g, mode, lease    wgone  s, t       a member's session begins, ends
    given  s, t, place, o [offset], v [value]        a delivery
    wack   s, t, n, at      wacked   s, t, n, fenced {place: [offset]}      acks, and their answer
    wnack  s, t, n, at, dead  wnacked s, t, n, fenced                       nacks
    wext   s, t, n, at, lease  wexted s, t, n, fenced                       more time, in seconds
    wgap   as gap, told to one of the members
    wgot   g, from_t, t, at {place: offset}          committed offsets, asked at from_t
    dead   g, place, o, v                            a dead letter when all is over

Of seeks:

    seek   id, t, g, kind, value, at {place: offset} where SeekGroup is to move a group; null: the server says;
                                                     value: of kinds "time" (seconds since 1970), "last_n"
    sought id, t, at {place: offset}                 its answer
    unsought id, t                                   there is no such group

Of what is kept, and what becomes of topics (each is asked as `id`, and answered by the second line):

    policy id, t, topic, max_bytes, max_age          another retention; null: no such bound; seconds
    policied  id, t
    marks  from_t, from_w, t, w, at {place: [start, end]}   watermarks, asked at from_t; w: the time of day
    erase  id, t, topic, key    erased  id, t        an erasure, and its answer
    destroyed id, t                                  it is complete
    describe  topic, t, n    described  topic, t, n  the description becomes a number
    shown  topic, from_t, t, n                       GetTopic says n
    create topic, t    created  topic, t    delete  topic, t    deleted  topic, t
    topics from_t, t, names                          ListTopics
    finding   what                                   VerifyStore, when all is over

Of backups, and of the store that each of them became when all was over:

    backup id, t    backed  id, t, b, p              b: the backup's id; p: its position
    dropping  b, t                                   it is to be deleted
    listed from_t, t, at {b: position}, damaged [b]  ListBackups; position: of one that is not damaged
    restored  b, p, kept {place: [start, end]}, offsets {g: {place: offset}}, work {g: {place: offset}},
              worked {g: [place]}                    work: of groups that ack by event; worked: where all was done
    unrestorable  b, what                            that failed
    had    b, place, o, v [value]                    an event of it
    hadgap b, place, from, until, reason             a gap of it
    again  b, id, duplicate, ranges                  a request of before was repeated there
    undone b, g, place, o [offset]                   what such a group was given there
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
    """Lines by `op`, each by time; and what is where, as far as anybody knows."""

    def __init__(self, lines):
        self.lines = {}
        for line in sorted(lines, key=lambda line: line.get("t", 0)):
            self.lines.setdefault(line["op"], []).append(line)
        self.sent = {line["id"]: line for line in self.of("send")}
        self._group_of = {line["s"]: line["g"] for line in self.of("join", "wjoin")}
        self.work_groups = {line["g"]: line["mode"] for line in self.of("wjoin")}
        self.final = {}  # From place to its values, by offset.
        for line in self.of("final"):
            self.final.setdefault(line["place"], []).extend(enumerate(line["v"], line["o"]))
        self.start = {line["place"]: line["start"] for line in self.of("kept")}
        self._gone = {}  # From place to the offsets that a reader of everything is told are gone.
        for line in self.of("gap"):
            if line["s"] == "final":
                self._gone.setdefault(line["place"], set()).update(
                    range(line["from"], line["until"]))
        self._stored = {place: set(offset for offset, _ in events)
                        for place, events in self.final.items()}
        self.key_of = {}
        self.bytes_of = {}
        for request in self.sent.values():
            for place, values in request["parts"].items():
                self.key_of.update(zip(values, request.get("keys", {}).get(place, [])))
                self.bytes_of.update(zip(values, request.get("bytes", {}).get(place, [])))
        self.truth = {}  # From place to what is, or was, at each offset.
        self._learn()

    def of(self, *ops):
        return [line for op in ops for line in self.lines.get(op, [])]

    def group_of(self, line):
        """Of what a member said or heard, or of what is about a group; None: of somebody else."""
        return line.get("g") or self._group_of.get(line.get("s"))

    def of_group(self, group, *ops):
        return [line for line in self.of(*ops) if self.group_of(line) == group]

    def placed(self):
        """(answer, request, place, first offset, values) of every answered append; values are None
        where the answer does not fit."""
        for answer in self.of("ok"):
            request = self.sent[answer["id"]]
            for place, values in request["parts"].items():
                first, count = answer["ranges"].get(place, [None, None])
                yield answer, request, place, first, values if count == len(values) else None

    def sightings(self):
        """(line, place, offset, value) of everything that somebody was given."""
        for line in self.of("saw"):
            for offset, value in enumerate(line["v"], line["o"]):
                yield line, line["place"], offset, value
        for line in self.of("given"):
            for offset, value in zip(line["o"], line["v"]):
                yield line, line["place"], offset, value

    def _learn(self):
        for place, events in self.final.items():
            self.truth[place] = dict(events)
        for _, _, place, first, values in self.placed():
            for offset, value in enumerate(values or [], first):
                self.truth.setdefault(place, {}).setdefault(offset, value)
        for _, place, offset, value in self.sightings():
            self.truth.setdefault(place, {}).setdefault(offset, value)

    def is_kept(self, place, offset):
        return offset in self._stored.get(place, ())

    def is_gone(self, place, offset):
        """Nobody may be surprised that it is not there."""
        return offset < self.start.get(place, 0) or offset in self._gone.get(place, ())

    def loses(self, place):
        """Something of it is gone."""
        return self.start.get(place, 0) > 0 or place in self._gone

    def gone_in(self, place):
        return self._gone.get(place, set())

    def stored(self):
        """From value to its places, also of what is gone by now."""
        found = {}
        for place, events in self.truth.items():
            for offset, value in events.items():
                if self.is_kept(place, offset) or self.is_gone(place, offset):
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
