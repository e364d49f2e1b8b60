"""What is wrong with a history, by the promise that is broken.

Each checker is named after an anomaly, takes a history.History and returns what it found, as sentences;
none is a function of anything but the history. CHECKERS has them all, with those of member_checkers.py
(PARTITION_ORDERED groups), work_checkers.py (the other groups), seek_checkers.py, derive_checkers.py
(offsets in a Transact), keeping_checkers.py (retention, compaction, erasure, topics) and backup_checkers.py.
"""

import bisect
import collections

import backup_checkers as backups
import derive_checkers as derive
import keeping_checkers as keeping
import member_checkers as members
import seek_checkers as seeks
import work_checkers as work


def lost(history):
    """An acknowledged event is not where the answer said, and nothing took it that may."""
    found = []
    for answer, _, place, first, values in history.placed():
        if values is None:
            found.append(f"the answer to {answer['id']} does not fit it: {answer['ranges']}")
            continue
        for offset, value in enumerate(values, first):
            there = history.truth[place][offset]
            if there != value:
                found.append(f"{value} was acknowledged at {place}@{offset}, where {there} is")
            elif not history.is_kept(place, offset) and not history.is_gone(place, offset):
                found.append(f"{value} was acknowledged at {place}@{offset}, where nothing is")
    return found


def duplicated(history):
    """An event is stored twice."""
    return [f"{value} is at {places}" for value, places in history.stored().items()
            if len(places) > 1]


def foreign(history):
    """What is stored, or was delivered, is not what was sent; or it was refused."""
    sent = {value for request in history.sent.values()
            for values in request["parts"].values() for value in values}
    found = [f"{value} at {places} was never sent"
             for value, places in history.stored().items() if value not in sent]
    found += [line["what"] for line in history.of("bad")]
    stored = history.stored()
    for refusal in history.of("fail"):
        values = [v for part in history.sent[refusal["id"]]["parts"].values() for v in part]
        if any(value in stored for value in values):
            found.append(f"{refusal['id']} was refused ({refusal['reason']}), and is stored")
    return found


def torn(history):
    """A request is there in part."""
    stored = history.stored()
    # Where events are gone, one that nobody ever saw may have been there.
    losing = {place for place in history.truth if history.loses(place)}
    found = []
    for request in history.sent.values():
        values = [value for part in request["parts"].values() for value in part]
        there = sum(value in stored for value in values)
        perhaps = sum(value not in stored for place, part in request["parts"].items()
                      if place in losing for value in part)
        if there > 0 and there + perhaps < len(values):
            found.append(f"{there} of {len(values)} events of {request['id']} are stored")
    return found


def holes(history):
    """The offsets of a partition are not 0, 1, 2, ..., but for what a reader is told is gone."""
    found = []
    for place, events in history.final.items():
        gone = history.gone_in(place)
        expected = history.start.get(place, 0)
        for offset in sorted([*gone, *(offset for offset, _ in events)]):
            if offset != expected:
                found.append(f"{place} has {offset} where {expected} is next")
            expected = offset + 1
    return found[:10]


def dirty(history):
    """Somebody saw what is not there, or something else at its place."""
    found = []
    for line, place, offset, value in history.sightings():
        there = history.truth[place][offset]
        if there == value and not history.is_kept(place, offset) and not history.is_gone(
                place, offset):
            there = "nothing"
        if there != value:
            found.append(f"{line['who']} saw {value} at {place}@{offset}, where {there} is")
    return found


def reordered(history):
    """Of two requests the later one, in time or of its producer, is stored before the other."""
    found = []
    parts = collections.defaultdict(list)
    for answer, request, place, first, values in history.placed():
        if values is not None:
            parts[place].append((first, request, answer))
    for place, appends in parts.items():
        appends.sort(key=lambda append: append[0])
        begun_last = {"t": float("-inf")}
        sequences = {}
        for first, request, answer in appends:
            if answer["t"] < begun_last["t"]:
                found.append(f"{request['id']} at {place}@{first} was answered before "
                             f"{begun_last['id']} was sent, which is before it")
            begun_last = max(begun_last, request, key=lambda one: one["t"])
            producer, sequence = request.get("producer"), request.get("sequence")
            if producer is not None:
                if sequence < sequences.get(producer, -1):
                    found.append(f"{place} has {request['id']} after sequence "
                                 f"{sequences[producer]}")
                sequences[producer] = sequence
    return found


def skipped(history):
    """A session is not given the next event, nor told that it is gone."""
    found = []
    expected = {}
    for line in history.of("open"):
        expected.update(((line["s"], place), offset) for place, offset in line["from"].items())
    for line in sorted(history.of("saw", "own", "gap"), key=lambda line: line["t"]):
        if line["op"] == "own":
            expected.update(((line["s"], place), offset) for place, offset in line["at"].items())
            continue
        at = (line["s"], line["place"])
        first, end = ((line["from"], line["until"]) if line["op"] == "gap" else
                      (line["o"], line["o"] + len(line["v"])))
        if line["s"] == "final":
            continue
        if at not in expected:
            found.append(f"{line['s']} was given {line['place']}, which it did not ask for")
        elif expected[at] is not None and first != expected[at]:
            found.append(f"{line['s']} was given {line['place']}@{first}, and "
                         f"{expected[at]} is next")
        expected[at] = end
    return found


def stale(history):
    """A Read does not have what was acknowledged before it began."""
    known = collections.defaultdict(list)  # From place to (time of the answer, end until then).
    for answer, _, place, first, values in history.placed():
        if values is not None:
            ends = known[place]
            ends.append((answer["t"], max(first + len(values), ends[-1][1] if ends else 0)))
    found = []
    for read in history.of("read"):
        for place, end in read["ends"].items():
            at = bisect.bisect_left(known[place], (read["from_t"],))
            if at > 0 and known[place][at - 1][1] > end:
                found.append(f"{read['who']} read {place} up to {end}, and "
                             f"{known[place][at - 1][1]} was acknowledged before")
    return found


def lost_update(history):
    """Two conditional appends won, or one whose condition did not hold."""
    revisions = {}
    keys = collections.Counter()
    key_of = {value: request["key"] for request in history.sent.values() if "expect" in request
              for values in request["parts"].values() for value in values}
    for events in history.final.values():  # Of a place from which nothing goes.
        for _, value in events:
            if value in key_of:
                revisions[value] = keys[key_of[value]]
                keys[key_of[value]] += 1
    found = []
    for answer in history.of("ok"):
        request = history.sent[answer["id"]]
        if "expect" not in request:
            continue
        value = next(iter(request["parts"].values()))[0]
        if revisions.get(value) != request["expect"] + 1:
            found.append(f"{value} expected revision {request['expect']} of {request['key']} and "
                         f"has {revisions.get(value)}")
    return found


def baffled(history):
    """A client was told what it cannot be told, or waits for ever."""
    return [f"{line['who']}: {line['what']}" for line in history.of("broke", "stuck")]


CHECKERS = [lost, holes, reordered, torn, dirty, stale, duplicated, lost_update, skipped, foreign, baffled,
            members.regressed, members.undelivered, members.owned_twice,
            work.undone, work.repeated, work.overtaken, work.shared,
            seeks.misplaced, seeks.unfenced, derive.not_exactly_once,
            keeping.overdone, keeping.underdone, keeping.false_gap, keeping.undead, keeping.amnesia,
            keeping.unsound, backups.backup_lost, backups.backup_mixed, backups.backup_regressed]


def check(history):
    """From the name of a checker to what it found, for those that found something."""
    return {checker.__name__: found for checker in CHECKERS if (found := checker(history))}


STILL_S = 1.0  # So late is a pulse of the world only where the machine lets nobody work.


def _stalls(history):
    """When the machine stood still: from one pulse to the next."""
    beats = [line["t"] for line in history.of("pulse")]
    return [(a, b) for a, b in zip(beats, beats[1:]) if b - a > STILL_S]


def _slowest(history):
    """Seconds of the slowest append that no cut, no hold of the server and no stall of the machine
    overlaps."""
    troubles = _stalls(history)
    for begin, end in (("cut", "up"), ("hold", "held")):
        ends = [line["t"] for line in history.of(end)]
        for line in history.of(begin):
            at = bisect.bisect_left(ends, line["t"])
            troubles.append((line["t"], ends[at] + 1 if at < len(ends) else float("inf")))
    slowest = 0
    for answer in history.of("ok"):
        sent = history.sent[answer["id"]]["t"]
        if answer["t"] - sent > slowest and not any(
                begin < answer["t"] and end > sent for begin, end in troubles):
            slowest = answer["t"] - sent
    return slowest


def summary(history, counts):
    """What was checked, as figures by name, and (seconds of the slowest append, of the longest stall)."""
    acknowledged = sum(count for answer in history.of("ok")
                       for _, count in answer["ranges"].values())
    given = history.of("given")
    figures = {
        **counts, "requests": len(history.sent), "acknowledged": len(history.of("ok")),
        "events acknowledged": acknowledged,
        "answered again": sum(answer["duplicate"] for answer in history.of("ok")),
        "events stored": sum(map(len, history.final.values())),
        "events seen": sum(len(line["v"]) for line in history.of("saw")),
        "sessions": len(history.of("open", "join", "wjoin")),
        "acks confirmed": len(history.of("acked")), "acks fenced": len(history.of("fenced")),
        "events given to workers": sum(len(line["v"]) for line in given),
        "events acked by workers": work.confirmed(history),
        "nacks": len(history.of("wnack")),
        "extensions": len(history.of("wext")),
        "gaps told": len(history.of("gap", "passed")),
        "events passed": sum(history.start.values()),
        **{f"events {reason.lower()}": sum(
            line["until"] - line["from"] for line in history.of("gap")
            if line["s"] == "final" and line["reason"] == reason) for reason in ("ERASED", "COMPACTED")},
        "dead letters": len(history.of("dead")), "seeks": len(history.of("sought")),
        "results": derive.results(history),
        "policies changed": len(history.of("policied")), "erasures": len(history.of("destroyed")),
        "topics made": len(history.of("created")), "topics deleted": len(history.of("deleted")),
        "backups made": len(history.of("backed")), "backups restored": len(history.of("restored")),
        "events restored": sum(len(line["v"]) for line in history.of("had"))}
    return figures, (_slowest(history), max((b - a for a, b in _stalls(history)), default=0))


def told(found):
    """What `check` returned, for people."""
    return "\n".join(f"{name}: {len(what)}, as {what[:3]}" for name, what in found.items())
