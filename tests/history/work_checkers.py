"""What is wrong with KEY_ORDERED and UNORDERED groups (promise 8), from what their members were given and
said.

A member is given things in the order of its stream, but hears of them later than the server decided, by as
much as it was held. What is sure is `since`: the server decided on a delivery after the session began, and
after it had an answer ready that came before it on the stream; that answer is later than its question.
What was said before a seek that surely took effect does not count after it; one that may have taken effect
excuses what it explains (seeks.py).
"""

import bisect
import collections

from seeks import NEVER, Places, Seeks

ANSWER_OF = {"wacked": "wack", "wnacked": "wnack", "wexted": "wext"}


def _places(at):
    return {(place, offset) for place, offsets in at.items() for offset in offsets}


class _Given:
    """One event in one delivery."""

    def __init__(self, line, place, since, lease):
        self.session, self.who, self.t = line["s"], line["who"], line["t"]
        self.place, self.since = place, since
        self.lease_until = since + lease  # Not before, if nothing happens.


class _Talk:
    """What the members of a group said and heard, by event (place, offset)."""

    def __init__(self, history, group):
        self.group, self.by_key = group, history.work_groups[group] == "KEY_ORDERED"
        self.seeks = Seeks(history, group)
        self.given = []  # _Given, by time.
        self.acks = collections.defaultdict(list)   # (sent, confirmed or None), not the rejected ones.
        self.buried = collections.defaultdict(list)  # When a nack asked for a dead letter.
        self.said = collections.defaultdict(list)   # From (session, event) to when it was acked or nacked.
        self.nacked = collections.defaultdict(list)  # From (session, event) to (sent, confirmed).
        self.again_on_stream = []  # Events given after their ack was confirmed, on the same stream.
        self._stale = []  # (session, event, when sought, when confirmed): acks after a seek of what was given before.
        self.ends = _ends(history, group)
        self.places = Places(self.seeks)  # What is surely known of where the group is.
        for line in history.of_group(group, "wgot"):
            for place, offset in line["at"].items():
                self.places.know(place, line["from_t"], line["t"], offset)
        self._confirmed_to = collections.defaultdict(dict)  # From session to events, when acked.
        self._given_at = {}  # From (session, event) to when it was given last.
        self._answers = {(line["s"], ANSWER_OF[line["op"]], line["n"]): line
                         for line in history.of_group(group, *ANSWER_OF)}
        questions = {}
        since = {}
        for line in sorted(history.of_group(group, "wjoin", "wack", "wnack", "wext", "given", *ANSWER_OF),
                           key=lambda line: line["t"]):
            op, session = line["op"], line["s"]
            if op == "wjoin":
                since[session] = line["t"]
                lease = line["lease"]
            elif op in ANSWER_OF.values():
                questions[session, op, line["n"]] = line
                self._ask(line)
            elif op == "given":
                self._give(line, since[session], lease)
            else:
                question = questions[session, ANSWER_OF[op], line["n"]]
                since[session] = max(since[session], question["t"])
                self._answer(line, question)

    def _ask(self, line):
        answer = self._answers.get((line["s"], line["op"], line["n"]))
        rejected = _places(answer["fenced"]) if answer else set()
        for event in _places(line["at"]):
            if line["op"] == "wext":
                continue
            self.said[line["s"], event].append(line["t"])
            if event in rejected:
                continue
            if line["op"] == "wack":
                self.acks[event].append((line["t"], answer["t"] if answer else None))
                self._check_fence(line, event, answer)
            elif line["dead"]:
                self.buried[event].append(line["t"])

    def _check_fence(self, line, event, answer):
        """Dead letters that are redriven stay in hand."""
        seek = self.seeks.newest(event[0], line["t"])
        if answer and seek and self._given_at[line["s"], event] < seek.begin and not self.buried[event]:
            self._stale.append((line["s"], event, seek.begin, answer["t"]))

    def unfenced(self):
        """(session, event) of acks that counted though the event was given before a seek, and was not on its
        way to the same member again: an ack names an event, not a delivery."""
        again = collections.defaultdict(list)
        for one in self.given:
            again[one.session, one.place].append(one)
        for session, event, sought, confirmed in self._stale:
            if not any(one.t > sought and one.since < confirmed for one in again[session, event]):
                yield session, event

    def _give(self, line, since, lease):
        for offset in line["o"]:
            event = (line["place"], offset)
            acked = self._confirmed_to[line["s"]].get(event)
            if acked is not None and not self._put_before(event, acked, line["t"]):
                self.again_on_stream.append((line["s"], event))
            self._given_at[line["s"], event] = line["t"]
            self.given.append(_Given(line, event, since, lease))

    def _answer(self, line, question):
        accepted = _places(question["at"]) - _places(line["fenced"])
        for event in accepted:
            if line["op"] == "wacked":
                self._confirmed_to[line["s"]][event] = question["t"]
            elif line["op"] == "wnacked":
                self.nacked[line["s"], event].append((question["t"], line["t"]))

    def _put_before(self, event, from_t, until_t):
        """A seek may have undone it between."""
        return any(seek.may_put_before(event[1])
                   for seek in self.seeks.possible(event[0], from_t, until_t))

    def repeats(self):
        """(session, event) given again after an ack that was confirmed before it was decided upon; and
        events that were acked twice."""
        for one in self.given:
            done = max((sent for sent, at in self.acks[one.place] if at is not None and at < one.since),
                       default=None)
            if done is not None and not self._put_before(one.place, done, one.t):
                yield f"{one.session} was given {one.place}, whose ack was confirmed before"
        for event, acks in self.acks.items():
            times = sorted(one for one in acks if one[1] is not None)
            for (sent, at), (_, again) in zip(times, times[1:]):
                # Either may have counted first, and a seek between.
                if not self._put_before(event, sent, max(at, again)):
                    yield f"{event} was acked {len(times)} times"

    def resolved_by(self, event, since, t):
        """It was, perhaps, done or a dead letter at t, where somebody looked after `since`."""
        place, offset = event
        floor = self.seeks.floor(place, since)
        return (any(sent < t and (at is None or at > floor) for sent, at in self.acks[event])
                or any(sent < t for sent in self.buried[event])
                or any(seek.may_put_past(offset) for seek in self.seeks.possible(place, floor, t)))


def _ends(history, group):
    """From session to when it ended at the latest: it left, was killed, or the server it joined was."""
    crashes = [line["t"] for line in history.of("cut")]
    kills = collections.defaultdict(list)
    for line in history.of("kill"):
        kills[line["victim"]].append(line["t"])
    ends = {}
    for line in history.of_group(group, "wjoin"):
        after = [t for t in kills[line["who"]] if t > line["t"]]
        at = bisect.bisect_right(crashes, line["t"])
        ends[line["s"]] = min([*after, *crashes[at:at + 1], NEVER])
    for line in history.of_group(group, "wgone"):
        ends[line["s"]] = min(ends[line["s"]], line["t"])
    return ends


def talks(history):
    """Of each group that acks by event."""
    if not hasattr(history, "work_talks"):
        history.work_talks = [_Talk(history, group) for group in sorted(history.work_groups)]
    return history.work_talks


def confirmed(history):
    """How many events were acked, and that confirmed."""
    return sum(any(at is not None for _, at in acks)
               for talk in talks(history) for acks in talk.acks.values())


def undone(history):
    """The group is past an event that nobody acked and that is no dead letter; or a committed offset
    moved back."""
    return [one for talk in talks(history)
            for one in _moved_back(history, talk) + _passed_undone(history, talk)]


def _moved_back(history, talk):
    found = []
    for line in history.of_group(talk.group, "wgot"):
        for place, offset in line["at"].items():
            least = talk.places.at_least(place, line["from_t"], line["t"])
            if offset < least:
                found.append(f"{talk.group} is at {offset} of {place}, and was at {least}")
    return found


def _passed_undone(history, talk):
    found = []
    dead = {}
    for line in history.of_group(talk.group, "dead"):
        dead[line["place"], line["o"]] = line["v"]
        if line["v"] not in ("", history.truth[line["place"]].get(line["o"])):
            found.append(f"the dead letter of {line['place']}@{line['o']} is {line['v']}")
    reached = {}  # From (place, seeks that may count) to (offset, when that was asked, and answered), at most.
    for line in history.of_group(talk.group, "wgot"):
        for place, offset in line["at"].items():
            seeks = talk.seeks.possible(place, talk.seeks.floor(place, line["from_t"]), line["t"])
            at = (place, tuple(seeks))
            reached[at] = max(reached.get(at, (0, 0, 0)), (offset, line["from_t"], line["t"]))
    for (place, seeks), (end, since, t) in reached.items():
        # A dead letter that was redriven and acked is none any more.
        missing = [offset for offset in range(end)
                   if (place, offset) not in dead and not history.is_gone(place, offset)
                   and not (talk.resolved_by((place, offset), since, t) if talk.seeks
                            else talk.acks[place, offset])]
        if missing:
            found.append(f"{talk.group} is at {end} of {place}, and nobody acked {missing[:5]}"
                         + " since it was sought" * bool(seeks))
    return found


def repeated(history):
    """An event comes again after its ack was confirmed."""
    found = []
    for talk in talks(history):
        found += [f"{session} was given {event} again after it had acked it"
                  for session, event in talk.again_on_stream]
        found += talk.repeats()
    return found


def _keys(history, talk):
    """(events of each lane in order, lane of each event), of places where somebody was given something. A
    lane is a key; where keys have no order, an event."""
    lanes = collections.defaultdict(list)
    lane_of = {}
    for place in {one.place[0] for one in talk.given}:
        for offset, value in sorted(history.truth[place].items()):
            key = history.key_of.get(value) if talk.by_key else offset
            if key or not talk.by_key:
                lane_of[place, offset] = (place, key)
                lanes[place, key].append((place, offset))
    return lanes, lane_of


def overtaken(history):
    """An event is given while the one before it of its key is neither done nor in the same hands. (A dead
    letter that is redriven is given at once, also where a seek put the group before it: ADR 0050.)"""
    found = []
    for talk in talks(history):
        lanes, lane_of = _keys(history, talk)
        before = {event: lane[at - 1] for lane in lanes.values() for at, event in enumerate(lane) if at}
        holds = collections.defaultdict(float)  # From (session, event) to when it was given last.
        for one in talk.given:
            earlier = before.get(one.place)
            redriven = any(sent < one.t for sent in talk.buried[one.place])
            if earlier is not None and not redriven and not talk.resolved_by(earlier, one.since, one.t) and (
                    not history.is_gone(*earlier)):
                had = holds.get((one.session, earlier))
                if had is None or had < talk.seeks.floor(earlier[0], one.since) or any(
                        had < sent and confirmed < one.t
                        for sent, confirmed in talk.nacked[one.session, earlier]):
                    found.append(f"{one.session} was given {one.place} of {lane_of[one.place][1]} while "
                                 f"{earlier} was not done")
            holds[one.session, one.place] = one.t
    return found


def shared(history):
    """Two live members have events of one key, or one event."""
    return [one for talk in talks(history) for one in _shared(history, talk)]


def _shared(history, talk):
    _, lane_of = _keys(history, talk)
    said = collections.defaultdict(list)  # From (session, lane) to when something of it was acked or nacked.
    for (session, event), times in talk.said.items():
        if event in lane_of:
            said[session, lane_of[event]] += times
    for times in said.values():
        times.sort()
    by_lane = collections.defaultdict(list)
    for one in talk.given:
        if one.place in lane_of:
            by_lane[lane_of[one.place]].append(one)
    found = []
    for lane, deliveries in by_lane.items():
        in_hand = collections.defaultdict(list)  # From session to what it was given.
        for one in deliveries:
            for session, given in in_hand.items():
                if session == one.session:
                    continue
                # Whatever a member says of one event may take all of the key from it; so does a seek.
                times = said[session, lane]
                at = bisect.bisect_left(times, one.t)
                held = [each for each in given if (at == 0 or each.since > times[at - 1])
                        and not talk.seeks.possible(lane[0], each.since, one.t)]
                until = min([talk.ends[session], *(each.lease_until for each in held)])
                if any(each.t < one.since for each in held) and one.t < until:
                    found.append(f"{one.session} was given {one.place} of {lane[1]} while "
                                 f"{session} had {held[0].place}")
                in_hand[session] = held
            in_hand[one.session].append(one)
    return found
