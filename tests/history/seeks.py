"""Where a group may be, and where it has to be, by what was asked for and answered, seeks included.

What is asked at one time and answered at another takes effect at some time between; what is not answered
does so until the server is gone, or never.
"""

import bisect
import collections

NEVER = float("inf")


class Seek:
    """Of one place."""

    def __init__(self, begin, end, answered, target):
        self.begin, self.end, self.answered = begin, end, answered
        self.target = target  # None: not known.

    def may_put_before(self, offset):
        return self.target is None or self.target <= offset

    def may_put_past(self, offset):
        return self.target is None or self.target > offset


class Seeks:
    """Of one group."""

    def __init__(self, history, group):
        self._of = collections.defaultdict(list)  # From place to its seeks, by begin.
        crashes = [line["t"] for line in history.of("crash")]
        answers = {line["id"]: line for line in history.of("sought", "unsought")}
        for line in history.of_group(group, "seek"):
            answer = answers.get(line["id"])
            if answer is None:
                at = bisect.bisect_right(crashes, line["t"])
                end = crashes[at] if at < len(crashes) else NEVER
            elif answer["op"] == "unsought":
                continue
            else:
                end = answer["t"]
            for place, target in line["at"].items():
                if answer is not None:
                    target = answer["at"].get(place)
                self._of[place].append(Seek(line["t"], end, answer is not None, target))

    def __bool__(self):
        return bool(self._of)

    def of(self, place):
        return self._of.get(place, [])

    def newest(self, place, t):
        """The newest seek that surely took effect before t, or None."""
        return max((one for one in self.of(place) if one.answered and one.end < t),
                   key=lambda one: one.begin, default=None)

    def floor(self, place, t):
        """What was over by then does not count any more at t."""
        newest = self.newest(place, t)
        return newest.begin if newest else -NEVER

    def possible(self, place, from_t, until_t):
        """Those that may have taken effect between."""
        return [one for one in self.of(place) if one.begin < until_t and one.end > from_t]


class Places:
    """Where a group is, by facts: at `end` it was known that since some time after `begin` it is at
    least at `offset`, but for seeks."""

    def __init__(self, seeks):
        self._seeks = seeks
        self._facts = collections.defaultdict(list)  # From place to (begin, end, offset).
        self._epochs = {}

    def know(self, place, begin, end, offset):
        self._facts[place].append((begin, end, offset))

    def known(self):
        return list(self._facts)

    def at_least(self, place, from_t, until_t):
        """A lower bound of where it is at some time between."""
        found, cap = 0, NEVER
        for seek in reversed(self._seeks.of(place)):
            if seek.begin >= until_t:
                continue
            found = max(found, min(cap, self._known(place, seek, from_t)))
            if seek.answered and seek.end < from_t:
                return max(found, min(cap, seek.target))
            cap = min(cap, seek.target or 0)
        return max(found, min(cap, self._known(place, None, from_t)))

    def _known(self, place, seek, before):
        """The highest offset of facts of before that began after `seek` was over."""
        if (place, seek) not in self._epochs:
            after = seek.end if seek else -NEVER
            top, steps = 0, []
            for end, offset in sorted((end, offset) for begin, end, offset in self._facts[place]
                                      if begin > after):
                top = max(top, offset)
                steps.append((end, top))
            self._epochs[place, seek] = steps
        steps = self._epochs[place, seek]
        at = bisect.bisect_left(steps, (before,))
        return steps[at - 1][1] if at else 0
