"""What is wrong with PARTITION_ORDERED groups (promise 8), from what their members were given and acked."""

import bisect
import collections
import functools

from seeks import NEVER, Places, Seeks


class _Group:
    """What is known of one group."""

    def __init__(self, history, name):
        self.name = name
        self.own = history.of_group(name, "own")
        self.got = history.of_group(name, "got")
        self.acked = history.of_group(name, "acked")
        self.acks = history.of_group(name, "ack")
        self.seeks = Seeks(history, name)
        self.sent = {ack_of(line): line["t"] for line in self.acks}
        self.asked = self._asked(history)
        # From session to when the server can have decided on an assignment at the earliest: answers may
        # overtake it on the stream.
        self.since = {line["s"]: line["t"] for line in history.of_group(name, "join")}

    def _asked(self, history):
        """From place to (sent, confirmed or never, offset) of acks that were not rejected."""
        answered = {ack_of(line): line for line in history.of_group(self.name, "acked", "fenced")}
        found = collections.defaultdict(list)
        for line in self.acks:
            answer = answered.get(ack_of(line), {"op": "acked", "t": NEVER})
            if answer["op"] == "acked":
                found[line["place"]].append((line["t"], answer["t"], line["o"]))
        return found

    @functools.cached_property
    def places(self):
        """What is surely known of where it is."""
        found = Places(self.seeks)
        for line in self.acked:
            found.know(line["place"], self.sent[ack_of(line)], line["t"], line["o"])
        for line in self.got:
            for place, offset in line["at"].items():
                found.know(place, line["from_t"], line["t"], offset)
        return found


def ack_of(line):
    """Its question and its answer have it in common."""
    return line["s"], line["place"], line["a"], line["o"]


def groups(history):
    """Each PARTITION_ORDERED group of which something is known."""
    if not hasattr(history, "member_groups"):
        names = {history.group_of(line) for line in history.of("own", "got", "acked")}
        history.member_groups = [_Group(history, name) for name in sorted(names)]
    return history.member_groups


def _told(history, group):
    """(when, place, from, until) of what members were given, or told is gone."""
    members = {line["s"] for line in group.own}
    for line in history.of("saw"):
        if line["s"] in members:
            yield line["t"], line["place"], line["o"], line["o"] + len(line["v"])
    for line in history.of("gap"):
        if line["s"] in members:
            yield line["t"], line["place"], line["from"], line["until"]


def regressed(history):
    """A committed offset went back, and nobody sought; or a seek that was answered was forgotten."""
    found = []
    for group in groups(history):
        if not group.seeks:
            found += _below_earlier_assignments(group)
        places = group.places
        for line in group.own if group.seeks else []:
            for place, offset in line["at"].items():
                least = places.at_least(place, group.since[line["s"]], line["t"])
                if offset < least:
                    found.append(f"{line['s']} was given {place} from {offset} on, and {group.name} "
                                 f"was at {least}")
        for line in group.got:
            for place, offset in line["at"].items():
                least = places.at_least(place, line["from_t"], line["t"])
                if offset < least:
                    found.append(f"GetOffsets says {offset} of {place}, and {group.name} was at "
                                 f"{least} before")
    return found


def _below_earlier_assignments(group):
    found = []
    confirmed = collections.defaultdict(list)  # From place to (assignment, offset), rising.
    for line in sorted(group.acked, key=lambda line: line["a"]):
        places = confirmed[line["place"]]
        places.append((line["a"], max(line["o"], places[-1][1] if places else 0)))
    for line in group.own:
        for place, offset in line["at"].items():
            at = bisect.bisect_left(confirmed[place], (line["a"],))
            if at > 0 and confirmed[place][at - 1][1] > offset:
                found.append(f"{line['s']} was given {place} from {offset} on, and "
                             f"{confirmed[place][at - 1][1]} was confirmed")
    return found


def undelivered(history):
    """A group is past an event that no member was given, nor told that it is gone."""
    found = []
    for group in groups(history):
        given = collections.defaultdict(set)
        for _, place, first, until in _told(history, group):
            given[place].update(range(first, until))
        # A new group begins at the oldest event there is.
        begun = set()
        for line in sorted(group.own, key=lambda line: line["a"]):
            for place, offset in line["at"].items():
                if place not in begun:
                    given[place].update(at for at in range(offset) if history.is_gone(place, at))
                begun.add(place)
        if group.seeks:
            found += _undelivered_since_seeks(history, group)
            continue
        reached = collections.Counter()
        for line in group.own + group.got:
            for place, offset in line["at"].items():
                reached[place] = max(reached[place], offset)
        found += [f"{group.name} is at {offset} of {place}, and {missing[:5]} were never delivered"
                  for place, offset in reached.items()
                  if (missing := [at for at in range(offset) if at not in given[place]])]
    return found


def _undelivered_since_seeks(history, group):
    """From where a seek put the group until the next one: each event is given after it was asked for."""
    found = []
    reached = {}  # From (place, seek or None) to (where it was, when), at most.
    for line in group.got:
        for place, offset in line["at"].items():
            seek = group.seeks.newest(place, line["from_t"])
            if len(group.seeks.possible(place, seek.begin if seek else -NEVER, line["t"])) > bool(seek):
                continue  # Another one may have put it there.
            reached[place, seek] = max(reached.get((place, seek), (0, 0)), (offset, line["t"]))
    told = collections.defaultdict(list)
    for t, place, first, until in _told(history, group):
        told[place].append((t, first, until))
    for (place, seek), (offset, by) in reached.items():
        since, begin = (seek.target, seek.begin) if seek else (0, -NEVER)
        given = {at for t, first, until in told[place] if begin < t < by for at in range(first, until)}
        missing = [at for at in range(since, offset) if at not in given]
        if missing:
            found.append(f"{group.name} was put to {since} of {place} and is at {offset}, and {missing[:5]} "
                         "were not delivered since")
    return found


def owned_twice(history):
    """A partition has two live owners, or who lost it commits."""
    return [one for group in groups(history)
            for one in _late_acks(group) + _overlaps(history, group)]


def _late_acks(group):
    taken = collections.defaultdict(list)  # From place to (assignment, when its owner knew).
    for line in group.own:
        for place in line["at"]:
            taken[place].append((line["a"], line["t"], line["s"]))
    found = []
    for line in group.acked:
        at = group.sent[ack_of(line)]
        for assignment, known, owner in taken[line["place"]]:
            if assignment > line["a"] and known < at:
                found.append(f"{line['s']} acked {line['place']}@{line['o']} after {owner} had it")
    return found


class _Holding:
    """What a member has of a place by one assignment."""

    def __init__(self, line, offset, alive_until):
        self.who, self.session, self.assignment = line["who"], line["s"], line["a"]
        self.delivered = self.done = offset
        self.until = alive_until  # From then on it may be somebody else's, whatever is in hand.

    def in_hand_after(self, own):
        """True if `own`, of the same place, came too early. What was assigned earlier is heard of later
        by who is slow."""
        return (own["a"] > self.assignment and own["t"] < self.until
                and self.delivered > self.done)


class _Lifetimes:
    """Until when a member may rely on what it was assigned, but for what it is told later."""

    def __init__(self, history, group):
        self._crashes = [line["t"] for line in history.of("crash")]
        self._joined = {line["s"]: line["t"] for line in history.of_group(group.name, "join")}
        # Who does not answer a seek in time loses its stream, with all that it has.
        self._loses_all = bool(group.seeks)
        self._deadlines = collections.defaultdict(list)  # From (session, place) to (told, until).
        for line in history.of_group(group.name, "giving"):
            for place in ["all"] if self._loses_all else line["places"]:
                self._deadlines[line["s"], place].append((line["t"], line["until"]))

    def end(self, own, place):
        """A crash of the server it joined, or the deadline of a revocation: who was held, or is slow,
        hears of it later than it is."""
        at = bisect.bisect_right(self._crashes, self._joined[own["s"]])
        crash = self._crashes[at] if at < len(self._crashes) else NEVER
        told = self._deadlines[own["s"], "all" if self._loses_all else place]
        at = bisect.bisect_left(told, (own["t"],))
        return min(crash, told[at][1] if at < len(told) else NEVER)


def _overlaps(history, group):
    """At the moment when somebody knows that a place is his, whoever had it before has nothing of it
    in hand, or is not alive, or had his time."""
    found = []
    lifetimes = _Lifetimes(history, group)
    holdings = {}  # From (session, place) to _Holding.
    lines = history.of_group(group.name, "own", "saw", "ack", "gave", "gone") + history.of("kill", "stop")
    for line in sorted(lines, key=lambda line: line["t"]):
        op = line["op"]
        if op == "own":
            for place, offset in line["at"].items():
                for (session, other), holding in holdings.items():
                    if other == place and session != line["s"] and holding.in_hand_after(line):
                        found.append(f"{line['s']} has {place}, of which {session} has "
                                     f"{holding.done} to {holding.delivered} in hand")
                holdings[line["s"], place] = _Holding(line, offset, lifetimes.end(line, place))
        elif op in ("saw", "ack"):
            holding = holdings.get((line["s"], line["place"]))
            if holding is not None and op == "saw":
                holding.delivered = line["o"] + len(line["v"])
            elif holding is not None:
                holding.done = max(holding.done, line["o"])
        elif op == "gave":
            for place in line["places"]:
                holdings.pop((line["s"], place), None)
        elif op == "gone":
            holdings = {at: h for at, h in holdings.items() if h.session != line["s"]}
        else:
            for holding in holdings.values():
                if holding.who == line["victim"]:
                    holding.until = min(holding.until, line["t"])
    return found
