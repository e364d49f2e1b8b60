"""What is wrong with a KEY_ORDERED group (promise 8), from what its members were given and said.

A member is given things in the order of its stream, but hears of them later than the server decided, by as
much as it was held. What is sure is `since`: the server decided on a delivery after the session began, and
after it had an answer ready that came before it on the stream; that answer is later than its question.
"""

import bisect
import collections

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
    """What the members said and heard, by event (place, offset)."""

    def __init__(self, history):
        self.given = []  # _Given, by time.
        self.acks = collections.defaultdict(list)   # (sent, confirmed or None), not the rejected ones.
        self.buried = collections.defaultdict(list)  # When a nack asked for a dead letter.
        self.said = collections.defaultdict(list)   # From (session, event) to when it was acked or nacked.
        self.nacked = collections.defaultdict(list)  # From (session, event) to (sent, confirmed).
        self.confirmed_to = collections.defaultdict(set)  # From session to events, as of now.
        self.again_on_stream = []  # Events given after their ack was confirmed, on the same stream.
        self.ends = _ends(history)
        answers = {(line["s"], ANSWER_OF[line["op"]], line["n"]): line
                   for line in history.of(*ANSWER_OF)}
        questions = {}
        since = {}
        for line in sorted(history.of("wjoin", "wack", "wnack", "wext", "given", *ANSWER_OF),
                           key=lambda line: line["t"]):
            op, session = line["op"], line["s"]
            if op == "wjoin":
                since[session] = line["t"]
                lease = line["lease"]
            elif op in ANSWER_OF.values():
                questions[session, op, line["n"]] = line
                self._ask(line, answers.get((session, op, line["n"])))
            elif op == "given":
                self._give(line, since[session], lease)
            else:
                question = questions[session, ANSWER_OF[op], line["n"]]
                since[session] = max(since[session], question["t"])
                accepted = _places(question["at"]) - _places(line["fenced"])
                if op == "wacked":
                    self.confirmed_to[session] |= accepted
                elif op == "wnacked":
                    for event in accepted:
                        self.nacked[session, event].append((question["t"], line["t"]))

    def _ask(self, line, answer):
        rejected = _places(answer["fenced"]) if answer else set()
        for event in _places(line["at"]):
            if line["op"] == "wext":
                continue
            self.said[line["s"], event].append(line["t"])
            if event in rejected:
                continue
            if line["op"] == "wack":
                self.acks[event].append((line["t"], answer["t"] if answer else None))
            elif line["dead"]:
                self.buried[event].append(line["t"])

    def _give(self, line, since, lease):
        for offset in line["o"]:
            event = (line["place"], offset)
            if event in self.confirmed_to[line["s"]]:
                self.again_on_stream.append((line["s"], event))
            self.given.append(_Given(line, event, since, lease))

    def resolved_by(self, event, t):
        """It was, perhaps, done or a dead letter at t."""
        return (any(sent < t for sent, _ in self.acks[event])
                or any(sent < t for sent in self.buried[event]))


def _ends(history):
    """From session to when it ended at the latest: it left, was killed, or the server it joined was."""
    crashes = [line["t"] for line in history.of("cut")]
    kills = collections.defaultdict(list)
    for line in history.of("kill"):
        kills[line["victim"]].append(line["t"])
    ends = {}
    for line in history.of("wjoin"):
        after = [t for t in kills[line["who"]] if t > line["t"]]
        at = bisect.bisect_right(crashes, line["t"])
        ends[line["s"]] = min([*after, *crashes[at:at + 1], float("inf")])
    for line in history.of("wgone"):
        ends[line["s"]] = min(ends[line["s"]], line["t"])
    return ends


def _talk(history):
    if not hasattr(history, "work_talk"):
        history.work_talk = _Talk(history)
    return history.work_talk


def confirmed(history):
    """From event to the times at which an ack of it was confirmed."""
    return {event: times for event, acks in _talk(history).acks.items()
            if (times := [at for _, at in acks if at is not None])}


def undone(history):
    """The group is past an event that nobody acked and that is no dead letter; or a committed offset
    moved back."""
    talk = _talk(history)
    found = []
    dead = {}
    for line in history.of("dead"):
        dead[line["place"], line["o"]] = line["v"]
        if line["v"] not in ("", history.truth[line["place"]].get(line["o"])):
            found.append(f"the dead letter of {line['place']}@{line['o']} is {line['v']}")
    reached = {}
    for line in sorted(history.of("wgot"), key=lambda line: line["from_t"]):
        for place, offset in line["at"].items():
            before = [one for one in reached.get(place, []) if one[0] < line["from_t"]]
            if before and max(o for _, o in before) > offset:
                found.append(f"the group is at {offset} of {place}, and was at {before[-1][1]}")
            reached[place] = [max(before, key=lambda one: one[1])] if before else []
            reached[place].append((line["t"], offset))
    for place, known in reached.items():
        end = max(offset for _, offset in known)
        missing = [offset for offset in range(end)
                   if not talk.acks[place, offset] and (place, offset) not in dead
                   and not history.is_gone(place, offset)]
        if missing:
            found.append(f"the group is at {end} of {place}, and nobody acked {missing[:5]}")
    return found


def repeated(history):
    """An event comes again after its ack was confirmed."""
    talk = _talk(history)
    found = [f"{session} was given {event} again after it had acked it"
             for session, event in talk.again_on_stream]
    times = confirmed(history)
    for event, at in times.items():
        if len(at) > 1:
            found.append(f"{event} was acked {len(at)} times")
    for one in talk.given:
        if one.place in times and times[one.place][0] < one.since:
            found.append(f"{one.session} was given {one.place}, whose ack was confirmed before")
    return found


def _keys(history):
    """(events of each key in order, key of each event), of places where somebody was given something."""
    places = {line["place"] for line in history.of("given")}
    lanes = collections.defaultdict(list)
    lane_of = {}
    for place in places:
        for offset, value in sorted(history.truth[place].items()):
            key = history.key_of.get(value)
            if key:
                lane_of[place, offset] = (place, key)
                lanes[place, key].append((place, offset))
    return lanes, lane_of


def overtaken(history):
    """An event is given while the one before it of its key is neither done nor in the same hands."""
    talk = _talk(history)
    lanes, lane_of = _keys(history)
    before = {event: lane[at - 1] for lane in lanes.values() for at, event in enumerate(lane) if at}
    holds = collections.defaultdict(float)  # From (session, event) to when it was given last.
    found = []
    for one in talk.given:
        earlier = before.get(one.place)
        if earlier is not None and not talk.resolved_by(earlier, one.t) and not history.is_gone(
                *earlier):
            had = holds.get((one.session, earlier))
            if had is None or any(had < sent and confirmed < one.t for sent, confirmed in
                                  talk.nacked[one.session, earlier]):
                found.append(f"{one.session} was given {one.place} of {lane_of[one.place][1]} while "
                             f"{earlier} was not done")
        holds[one.session, one.place] = one.t
    return found


def shared(history):
    """Two live members have events of one key."""
    talk = _talk(history)
    _, lane_of = _keys(history)
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
                # Whatever a member says of one event may take all of the key from it.
                times = said[session, lane]
                at = bisect.bisect_left(times, one.t)
                held = [each for each in given if at == 0 or each.since > times[at - 1]]
                until = min([talk.ends[session], *(each.lease_until for each in held)])
                if any(each.t < one.since for each in held) and one.t < until:
                    found.append(f"{one.session} was given {one.place} of {lane[1]} while "
                                 f"{session} had {held[0].place}")
                in_hand[session] = held
            in_hand[one.session].append(one)
    return found
