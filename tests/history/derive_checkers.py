"""What is wrong with what a group makes of each event with its offsets in the same Transact (promise 3).

A result names its event: "...=place@offset=id" (derive_clients.py).
"""

import bisect
import collections

GROUP = "ledger"
RESULTS = "sums/"  # Their places begin so.


class _Results:
    """What is stored of them, in the server or in what a backup became."""

    def __init__(self, stored):
        """From place to (offset, value), in order."""
        self.of = collections.defaultdict(list)  # From event (place, offset) to where its results are.
        for place, events in stored.items():
            for offset, value in events if place.startswith(RESULTS) else ():
                source, event, _ = _event(value)
                self.of[source, event].append((place, offset))

    def faults(self, who, least, most):
        """Of which events from `least` on, up to `most`, there is not one result; by place."""
        found = []
        reached = collections.Counter(most)
        for place, offset in self.of:
            reached[place] = max(reached[place], offset + 1)
        for place, end in reached.items():
            counts = [len(self.of.get((place, offset), ())) for offset in range(end)]
            missing = [offset for offset in range(least.get(place, 0)) if counts[offset] == 0]
            twice = [offset for offset, count in enumerate(counts) if count > 1]
            early = [offset for offset in range(most.get(place, 0), end) if counts[offset]]
            for what, offsets in (("no result", missing), ("several results", twice),
                                  (f"results, and {most.get(place, 0)} is committed,", early)):
                if offsets:
                    found.append(f"{who} has {what} of {place}@{offsets[:5]}")
        return found


def _event(value):
    """(place, offset, id) of the event of which a result was made."""
    _, at, value = value.split("=", 2)
    place, offset = at.rsplit("@", 1)
    return place, int(offset), value


def results(history):
    """How many there are."""
    return sum(len(events) for place, events in history.final.items() if place.startswith(RESULTS))


def not_exactly_once(history):
    """Of an event before the group's committed offset there is not one result, or of one behind it there
    is one: in the end, for who looks on the way, or in what a backup became."""
    got = history.of_group(GROUP, "got")
    if not got:
        return []
    final = _Results(history.final)
    over = min((line["t"] for line in history.of("final")), default=0)
    before = [line["at"] for line in got if line["t"] < over]
    least = {place: max(at.get(place, 0) for at in before) for place in before[0]} if before else {}
    found = final.faults("the server", least, got[-1]["at"])
    found += _contents(history) + _on_the_way(history, final, got)
    for line in history.of("restored"):
        stored = collections.defaultdict(list)
        for had in history.of("had"):
            if had["b"] == line["b"]:
                stored[had["place"]] += enumerate(had["v"], had["o"])
        at = line["offsets"].get(GROUP, {})
        found += _Results(stored).faults(f"backup {line['b']}", at, at)
    return found


def _contents(history):
    """Each result is of the event that it names."""
    return [f"{value} is at {where}" for where, events in history.final.items()
            for _, value in (events if where.startswith(RESULTS) else ())
            if history.truth.get(_event(value)[0], {}).get(_event(value)[1]) != _event(value)[2]]


def _on_the_way(history, final, got):
    """Who asks for the offset and then reads finds all results before it; who reads and then asks finds
    none behind it."""
    reads = [line for line in history.of("read") if any(place.startswith(RESULTS) for place in line["ends"])]
    answered = [line["t"] for line in got]
    asked = sorted((line["from_t"], at) for at, line in enumerate(got))
    found = []
    for read in reads:
        seen = collections.defaultdict(set)  # From place of events to those of which there was a result.
        for (place, offset), where in final.of.items():
            if any(at < read["ends"].get(result, 0) for result, at in where):
                seen[place].add(offset)
        before = bisect.bisect_left(answered, read["from_t"])
        if before > 0:
            found += [f"{read['who']} read no results of {missing[:5]} of {place}, and {offset} was committed "
                      "before" for place, offset in got[before - 1]["at"].items()
                      if (missing := sorted(set(range(offset)) - seen[place]))]
        after = bisect.bisect_right(asked, (read["t"], len(got)))
        if after < len(asked):
            at = got[asked[after][1]]["at"]
            found += [f"{read['who']} read results of {place} up to {max(offsets)}, and {at.get(place, 0)} "
                      "was committed later" for place, offsets in seen.items()
                      if offsets and max(offsets) >= at.get(place, 0)]
    return found
