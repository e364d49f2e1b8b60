"""What is wrong with backups, and with the stores that they became: one position each, nothing of before
it is missing, nothing of after it is there."""

import collections

import member_checkers as members
import seek_checkers as seeks
import work_checkers as work


def _windows(history):
    """From a backup's id to when it was asked for and answered, and its position."""
    answers = {line["id"]: line for line in history.of("backed")}
    return {answer["b"]: (asked["t"], answer["t"], answer["p"])
            for asked in history.of("backup") if (answer := answers.get(asked["id"]))}


def backup_lost(history):
    """A backup that was reported made is not listed, damaged, or does not become a store."""
    dropped = {line["b"]: line["t"] for line in reversed(history.of("dropping"))}
    found = [f"backup {line['b']} does not become a store: {line['what']}"
             for line in history.of("unrestorable")]
    restored = {line["b"] for line in history.of("restored")}
    # The newest ones are tried, perhaps not all.
    oldest = min((int(line["b"]) for line in history.of("restored", "unrestorable")),
                 default=float("inf"))
    for b, (_, made, position) in _windows(history).items():
        for line in history.of("listed"):
            if line["from_t"] > made and line["t"] < dropped.get(b, float("inf")):
                if b in line["damaged"] or line["at"].get(b) != position:
                    found.append(f"backup {b} of position {position} was made, and is listed as "
                                 f"{line['at'].get(b)}")
        if int(b) > oldest and b not in dropped and b not in restored:
            found.append(f"backup {b} was not restored")
    return found


class _Restored:
    """The store that a backup became."""

    def __init__(self, history, line):
        self.backup, self.position = line["b"], line["p"]
        self.line = line
        self.events = collections.defaultdict(dict)
        self.gone = collections.defaultdict(set)
        for had in history.of("had"):
            if had["b"] == self.backup:
                self.events[had["place"]].update(enumerate(had["v"], had["o"]))
        for gap in history.of("hadgap"):
            if gap["b"] == self.backup:
                self.gone[gap["place"]].update(range(gap["from"], gap["until"]))

    def has(self, place, offset, value):
        """It is there, or it is known to be gone."""
        start, end = self.line["kept"].get(place, (0, 0))
        return offset < end and (self.events[place].get(offset) == value or offset < start
                                 or offset in self.gone[place])


def backup_mixed(history):
    """A restored store is not that of its position: what was committed up to it, and nothing else."""
    found = []
    windows = _windows(history)
    for line in history.of("restored"):
        store = _Restored(history, line)
        begun, made, position = windows.get(line["b"], (float("-inf"), float("inf"), line["p"]))
        if position != line["p"]:
            found.append(f"backup {line['b']} has position {line['p']}, and {position} was answered")
        for place, (start, end) in line["kept"].items():
            there = sorted([*store.events[place], *store.gone[place]])
            if there != list(range(start, end)):
                found.append(f"backup {line['b']} has holes in {place} [{start}, {end}): {there[:9]}")
            for offset, value in store.events[place].items():
                if history.truth.get(place, {}).get(offset) != value:
                    found.append(f"backup {line['b']} has {value} at {place}@{offset}")
        for answer, request, place, first, values in history.placed():
            if values is None:
                continue
            wanted = answer["p"] <= line["p"]
            if (answer["t"] < begun and not wanted) or (request["t"] > made and wanted):
                found.append(f"backup {line['b']} is of {begun} to {made}, position {line['p']}, and "
                             f"{request['id']} of {request['t']} has position {answer['p']}")
            for offset, value in enumerate(values, first):
                if wanted and not store.has(place, offset, value):
                    found.append(f"backup {line['b']} lacks {value} of position {answer['p']}")
                elif not wanted and offset < line["kept"].get(place, (0, 0))[1]:
                    found.append(f"backup {line['b']} has {place}@{offset} of position {answer['p']}")
    return found + _repeated(history)


def _repeated(history):
    """A restored store knows its producers: what it has is not stored again."""
    found = []
    positions = {line["b"]: line["p"] for line in history.of("restored")}
    answers = {line["id"]: line for line in history.of("ok")}
    for line in history.of("again"):
        first = answers[line["id"]]
        expected = first["p"] <= positions[line["b"]]
        if line["duplicate"] != expected or (expected and line["ranges"] != first["ranges"]):
            found.append(f"{line['id']} repeated to the store of backup {line['b']}: duplicate "
                         f"{line['duplicate']}, {line['ranges']}; it was {first['ranges']}")
    return found


def backup_regressed(history):
    """A restored group is not where it was: below what was confirmed before, or past what was asked for."""
    found = []
    windows = _windows(history)
    for line in history.of("restored"):
        begun, made, _ = windows.get(line["b"], (float("-inf"), float("inf"), None))
        who = f"backup {line['b']} has"
        for group in members.groups(history):
            at = line["offsets"].get(group.name, {})
            found += [f"{who} {group.name} at {at.get(place, 0)} of {place}, and it was at {least}"
                      for place in group.places.known()
                      if at.get(place, 0) < (least := group.places.at_least(place, begun, made))]
            found += seeks.past(history, group, at, begun, made, who)
        for talk in work.talks(history):
            at = line["work"].get(talk.group, {})
            found += [f"{who} {talk.group} at {at.get(place, 0)} of {place}, and it was at {least}"
                      for place in talk.places.known()
                      if at.get(place, 0) < (least := talk.places.at_least(place, begun, made))]
        for group, at in [*line["offsets"].items(), *line["work"].items()]:
            found += [f"{who} {group} at {offset} of {place}, past its end" for place, offset in at.items()
                      if offset > line["kept"].get(place, (0, 0))[1]]
        for group, worked in line["worked"].items():
            found += _work(history, line, group, worked, begun, made)
    return found


def _work(history, line, group, worked, begun, made):
    """Of a group that acks by event: what was confirmed before is not given again, what nobody had acked
    is."""
    given = {(one["place"], offset) for one in history.of_group(group, "undone") if one["b"] == line["b"]
             for offset in one["o"]}
    if not worked:
        return []
    acked, perhaps = set(), set()
    answers = {(one["s"], one["n"]): one for one in history.of_group(group, "wacked")}
    for ack in history.of_group(group, "wack"):
        answer = answers.get((ack["s"], ack["n"]))
        for place, offsets in ack["at"].items():
            fenced = set(answer["fenced"].get(place, [])) if answer else set()
            accepted = {(place, offset) for offset in offsets if offset not in fenced}
            if ack["t"] < made:
                perhaps |= accepted
            if answer and answer["t"] < begun:
                acked |= accepted
    for nack in history.of_group(group, "wnack"):
        if nack["dead"]:
            perhaps |= {(place, offset) for place, offsets in nack["at"].items() for offset in offsets}
    found = [f"backup {line['b']} gives {event}, whose ack was confirmed before it" for event in
             sorted(given & acked)]
    wanted = {(place, offset) for place, (start, end) in line["kept"].items() if place in worked
              for offset in range(start, end)}
    missing = sorted(wanted - given - perhaps)
    return found + [f"backup {line['b']} does not give {missing[:5]}, which nobody had acked"] * bool(
        missing)
