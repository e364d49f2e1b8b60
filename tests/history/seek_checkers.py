"""What is wrong with where groups are (promise 8): with seeks, what they begin, and what they end."""

import keeping_checkers as keeping
import member_checkers as members
import work_checkers as work

from seeks import NEVER

MICROSECOND = 2e-6  # More than one: these are floating-point numbers.


def misplaced(history):
    """A group is past what was asked for since it was sought, or a seek puts it where it was not to go."""
    found = []
    for group in members.groups(history):
        for line in group.own:
            found += past(history, group, line["at"], group.since[line["s"]], line["t"],
                           f"{line['s']} was given")
        for line in group.got:
            found += past(history, group, line["at"], line["from_t"], line["t"], "GetOffsets says")
    return found + _targets(history)


def past(history, group, at, from_t, until_t, who):
    """What is wrong with its being `at` (offset by place) at some time between."""
    found = []
    for place, offset in at.items():
        most = _at_most(group, place, from_t, until_t)
        # Past what was acked are only events that were gone.
        if offset > most and not all(history.is_gone(place, one) for one in range(most, offset)):
            found.append(f"{who} {offset} of {place}, and nobody put {group.name} past {most}")
    return found


def _at_most(group, place, from_t, until_t):
    """The highest offset that acks and seeks that may count by then name."""
    floor = group.seeks.floor(place, from_t)
    most = 0
    for seek in group.seeks.possible(place, floor, until_t):
        most = max(most, NEVER if seek.target is None else seek.target)
    for sent, confirmed, offset in group.asked[place]:
        if offset > most and sent < until_t and confirmed > floor:
            most = offset
    return most


def _targets(history):
    """Where seeks went."""
    answers = {line["id"]: line for line in history.of("sought")}
    groups = {group.name: group for group in members.groups(history)}
    found = []
    for line in history.of("seek"):
        answer = answers.get(line["id"])
        if answer is None:
            continue
        well = answer["at"].keys() == line["at"].keys() and all(
            offset == line["at"][place] if line["at"][place] is not None
            else _fits(history, groups, line, answer["t"], place, offset)
            for place, offset in answer["at"].items())
        if not well:
            found.append(f"{line['id']} ({line['kind']} {line['value']} {line['at']}) put {line['g']} "
                         f"to {answer['at']}")
    return found


def _fits(history, groups, line, answered, place, offset):
    ages = keeping.ages_at(history, place)
    known = ages.end_answered_before(line["t"])
    if line["kind"] == "latest":
        return offset >= known
    if line["kind"] == "last_n":
        return offset >= known - line["value"]
    if line["kind"] == "time":
        return (ages.time.get(offset - 1, 0) < line["value"] + MICROSECOND
                and ages.time.get(offset, NEVER) > line["value"] - MICROSECOND)
    other = groups.get(line["value"])
    if other is None:
        return offset == 0
    return (other.places.at_least(place, line["t"], answered) <= offset
            <= _at_most(other, place, line["t"], answered))


def unfenced(history):
    """An ack of what was given before a seek counts after it."""
    found = []
    for group in members.groups(history):
        known = {(line["s"], line["a"], place): line["t"] for line in group.own for place in line["at"]}
        for line in group.acked if group.seeks else ():
            place = line["place"]
            seek = group.seeks.newest(place, group.sent[members.ack_of(line)])
            if seek and known[line["s"], line["a"], place] < seek.begin:
                found.append(f"{line['s']} acked {place}@{line['o']} by what it had before it was sought "
                             f"to {seek.target}")
    for talk in work.talks(history):
        found += [f"{session} acked {event}, which it was given before the group was sought"
                  for session, event in talk.unfenced()]
    return found
