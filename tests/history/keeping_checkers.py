"""What is wrong with what a history says of retention, compaction, erasure and the topics themselves
(promises 9 and 1)."""

import bisect
import collections
import heapq

UNKNOWN_BYTES = 1000  # More than an event has that nobody ever saw: an upper bound.


def _topic(place):
    return place.rsplit("/", 1)[0]


class _Policies:
    """What may have been, and what was, the retention of a topic at a time."""

    def __init__(self, history):
        self._of = collections.defaultdict(list)  # From topic to (sent, answered, line).
        answered = {line["id"]: line["t"] for line in history.of("policied")}
        for line in history.of("policy"):
            self._of[line["topic"]].append(
                (line["t"], answered.get(line["id"], float("inf")), line))

    def possible(self, topic, from_t, until_t):
        """Those that may have been in force at some time between."""
        found = []
        policies = self._of[topic]
        for at, (sent, _, line) in enumerate(policies):
            over = min((done for _, done, _ in policies[at + 1:]), default=float("inf"))
            if sent < until_t and over > from_t:
                found.append(line)
        return found


class _Ages:
    """Append times and sizes of the events of a place, as far as they are known."""

    def __init__(self, history, place):
        self._truth = history.truth.get(place, {})
        self._bytes = history.bytes_of
        self.time = {}
        self.answered = []  # (when, end), rising in both.
        end = 0
        for answer, _, where, first, values in history.placed():
            if where == place and values:
                self.time.update(dict.fromkeys(range(first, first + len(values)), answer["w"]))
                end = max(end, first + len(values))
                self.answered.append((answer["t"], end))

    def bytes(self, from_offset, until_offset):
        """At most so many; None where some are not known."""
        sizes = [self._bytes.get(self._truth.get(offset)) for offset in range(from_offset, until_offset)]
        return (sum(UNKNOWN_BYTES if size is None else size for size in sizes),
                all(size is not None for size in sizes))

    def oldest_of_batch(self, offset):
        """No batch with this offset begins before it."""
        time = self.time.get(offset)
        while offset > 0:
            before = self.time.get(offset - 1)
            if before is not None and time is not None and before != time:
                break
            time = before if time is None else time
            offset -= 1
        return offset

    def at_most(self, offset):
        """An append time that is not above that of the offset, or None."""
        while offset >= 0:
            if offset in self.time:
                return self.time[offset]
            offset -= 1
        return None

    def end_answered_before(self, t):
        at = bisect.bisect_left(self.answered, (t,))
        return self.answered[at - 1][1] if at else 0


def ages_at(history, place):
    """The _Ages of a place."""
    known = history.__dict__.setdefault("ages", {})
    if place not in known:
        known[place] = _Ages(history, place)
    return known[place]


def _places(history):
    return sorted({place for line in history.of("marks") for place in line["at"]})


def overdone(history):
    """Retention passed what no policy passes."""
    policies = _Policies(history)
    found = []
    for place in _places(history):
        ages = ages_at(history, place)
        times, known, since = [], [0], [0.0]  # What was surely known after so many answers.
        for line in history.of("marks"):
            if place not in line["at"]:
                continue
            start, end = line["at"][place]
            at = bisect.bisect_left(times, line["from_t"])
            if start < known[at]:
                found.append(f"the start of {place} went back from {known[at]} to {start}")
            if start > known[-1]:
                may = policies.possible(_topic(place), since[at], line["t"])
                if not any(_permits(policy, ages, start, end, line["w"]) for policy in may):
                    limits = [(one["max_bytes"], one["max_age"]) for one in may]
                    found.append(f"{place} begins at {start} of {end}, which none of {limits} says")
            times.append(line["t"])
            known.append(max(known[-1], start))
            since.append(max(since[-1], line["from_t"]))
    return found


def _permits(policy, ages, start, end, w):
    """That the batch before `start` goes."""
    if policy["max_age"] is not None:
        time = ages.at_most(start - 1)
        if time is None or time <= w - policy["max_age"]:
            return True
    if policy["max_bytes"] is not None:
        return ages.bytes(ages.oldest_of_batch(start - 1), end)[0] > policy["max_bytes"]
    return False


def underdone(history):
    """What the policy had passed before somebody asked was still there."""
    policies = _Policies(history)
    found = []
    for place in _places(history):
        ages = ages_at(history, place)
        for line in history.of("marks"):
            may = policies.possible(_topic(place), line["from_t"], line["t"])
            if place not in line["at"] or len(may) != 1:
                continue
            start, _ = line["at"][place]
            if may[0]["max_age"] is not None and start in ages.time:
                if ages.time[start] < line["from_w"] - may[0]["max_age"] - 0.001:
                    found.append(f"{place}@{start} is older than {may[0]['max_age']} s")
            end = ages.end_answered_before(line["from_t"])
            if may[0]["max_bytes"] is not None and end > start < ages.oldest_of_batch(end - 1):
                size, exact = ages.bytes(start, end)
                if exact and size > may[0]["max_bytes"]:
                    found.append(f"{place} has {size} bytes from {start} on, more than "
                                 f"{may[0]['max_bytes']}")
    return found


def _erasures(history):
    """From (topic, key) to (asked, answered) of each."""
    answered = {}
    for line in history.of("destroyed", "erased"):
        answered[line["id"]] = min(line["t"], answered.get(line["id"], float("inf")))
    found = collections.defaultdict(list)
    for line in history.of("erase"):
        found[line["topic"], line["key"]].append((line["t"], answered.get(line["id"], float("inf"))))
    return found


def false_gap(history):
    """Somebody is told that an event is gone which has to be there."""
    found = []
    starts = collections.defaultdict(list)  # From place to (asked, start), both rising.
    for line in history.of("marks"):
        for place, (start, _) in line["at"].items():
            starts[place].append((line["from_t"], start))
    erasures = _erasures(history)
    sent_of = {value: request["t"] for request in history.sent.values()
               for values in request["parts"].values() for value in values}
    newest = {}  # From (place, key) to its newest offset.
    for place, events in history.truth.items():
        for offset, value in events.items():
            at = (place, history.key_of.get(value))
            newest[at] = max(offset, newest.get(at, 0))
    for line in history.of("gap", "wgap", "passed"):
        place = line["place"]
        until = line["o"] if line["op"] == "passed" else line["until"]
        if line.get("reason", "RETENTION") == "RETENTION":
            at = bisect.bisect_left(starts[place], (line["t"],))
            start = starts[place][at][1] if at < len(starts[place]) else history.start.get(place, 0)
            if until > start:
                found.append(f"{line.get('s')} was told that {place} begins at {until}, and it "
                             f"begins at {start}")
            continue
        for offset in range(line["from"], until):
            value = history.truth[place].get(offset)
            key = history.key_of.get(value)
            if value is None:
                continue
            if line["reason"] == "COMPACTED":
                well = newest[place, key] > offset
            else:
                well = any(asked < line["t"] and sent_of[value] < done
                           for asked, done in erasures[_topic(place), key])
            if not well:
                found.append(f"{line['s']} was told that {value} of {key} at {place}@{offset} is "
                             f"{line['reason']}")
    return found


def undead(history):
    """What an erasure had erased before a session began is shown to it, or is in the store at the end, or
    in one that a backup became."""
    erasures = _erasures(history)
    gone_at = {}  # From value to when an erasure of it was answered.
    for answer, _, place, _, values in history.placed():
        for value in values or []:
            done = [done for asked, done in erasures.get((_topic(place), history.key_of.get(value)), [])
                    if asked > answer["t"]]
            if done:
                gone_at[value] = min(done)
    began = {line["s"]: line["t"] for line in history.of("open", "join", "wjoin")}
    found = [f"{line['s']} was given {value}, which was erased before it began"
             for line, _, _, value in history.sightings()
             if gone_at.get(value, float("inf")) < began[line["s"]]]
    for place, events in history.final.items():
        found += [f"{value} is at {place}@{offset}, and was erased" for offset, value in events
                  if gone_at.get(value, float("inf")) < float("inf")]
    for line in history.of("had"):
        found += [f"backup {line['b']} has {value}, which was erased" for value in line["v"]
                  if gone_at.get(value, float("inf")) < float("inf")]
    return found


def amnesia(history):
    """A change of a topic that was answered is not there any more, or one that was not asked for is."""
    found = []
    described = collections.defaultdict(list)
    for line in history.of("described"):
        described[line["topic"]].append(line)
    for line in history.of("shown"):
        known = max((one["n"] for one in described[line["topic"]] if one["t"] < line["from_t"]),
                    default=0)
        if line["n"] < known:
            found.append(f"{line['topic']} is described by {line['n']}, and {known} was answered")
    changes = heapq.merge(history.of("create"), history.of("created"), history.of("delete"),
                          history.of("deleted"), key=lambda line: line["t"])
    by_topic = collections.defaultdict(list)
    for line in changes:
        by_topic[line["topic"]].append(line)
    for listed in history.of("topics"):
        for topic, lines in by_topic.items():
            before = [line["op"] for line in lines if line["t"] < listed["from_t"]]
            meanwhile = [line for line in lines if listed["from_t"] <= line["t"] < listed["t"]]
            if not before or meanwhile or before[-1] not in ("created", "deleted"):
                continue
            if (topic in listed["names"]) != (before[-1] == "created"):
                found.append(f"{topic} was {before[-1]}, and the topics are {listed['names']}")
    return found


def unsound(history):
    """VerifyStore finds something."""
    return [line["what"] for line in history.of("finding")]
