"""A history in which all is well passes; each anomaly that is written into it is found by its checker, and
by no other one."""

import copy
import unittest

import checkers
from history import History

# Two requests of one producer, a reader, a Read, a key's second revision, and a partition that goes from
# one member to the other.
WELL = [
    {"op": "send", "t": 1, "id": "p/1", "parts": {"hr/0": ["a", "b"]}, "producer": "p", "sequence": 1},
    {"op": "ok", "t": 2, "id": "p/1", "ranges": {"hr/0": [0, 2]}, "duplicate": False},
    {"op": "send", "t": 3, "id": "p/2", "parts": {"hr/0": ["c"], "hr/1": ["d"]}, "producer": "p",
     "sequence": 2},
    {"op": "ok", "t": 4, "id": "p/2", "ranges": {"hr/0": [2, 1], "hr/1": [0, 1]}, "duplicate": False},
    {"op": "send", "t": 5, "id": "k/1", "parts": {"hr/1": ["e"]}, "key": "k", "expect": -1},
    {"op": "ok", "t": 6, "id": "k/1", "ranges": {"hr/1": [1, 1]}, "duplicate": False},
    {"op": "send", "t": 7, "id": "k/2", "parts": {"hr/1": ["f"]}, "key": "k", "expect": 0},
    {"op": "ok", "t": 8, "id": "k/2", "ranges": {"hr/1": [2, 1]}, "duplicate": False},
    {"op": "send", "t": 8.1, "id": "k/3", "parts": {"hr/1": ["x"]}, "key": "k", "expect": 0},
    {"op": "fail", "t": 8.2, "id": "k/3", "reason": "CONDITION_FAILED"},
    {"op": "open", "t": 9, "s": "r", "from": {"hr/0": 0, "hr/1": 1}},
    {"op": "saw", "t": 10, "s": "r", "place": "hr/0", "o": 0, "v": ["a", "b"]},
    {"op": "saw", "t": 11, "s": "r", "place": "hr/0", "o": 2, "v": ["c"]},
    {"op": "saw", "t": 12, "s": "r", "place": "hr/1", "o": 1, "v": ["e", "f"]},
    {"op": "read", "from_t": 9, "t": 12, "ends": {"hr/0": 3, "hr/1": 3}},
    {"op": "join", "t": 13, "s": "m", "who": "m"},
    {"op": "join", "t": 14, "s": "n", "who": "n"},
    {"op": "own", "t": 15, "s": "m", "who": "m", "a": 100, "at": {"hr/0": 0}},
    {"op": "saw", "t": 16, "s": "m", "place": "hr/0", "o": 0, "v": ["a", "b"]},
    {"op": "ack", "t": 17, "s": "m", "a": 100, "place": "hr/0", "o": 2},
    {"op": "acked", "t": 18, "s": "m", "a": 100, "place": "hr/0", "o": 2},
    {"op": "got", "from_t": 19, "t": 20, "at": {"hr/0": 2}},
    {"op": "giving", "t": 21, "s": "m", "places": ["hr/0"], "until": 30},
    {"op": "own", "t": 22, "s": "n", "who": "n", "a": 200, "at": {"hr/0": 2}},
    {"op": "saw", "t": 23, "s": "n", "place": "hr/0", "o": 2, "v": ["c"]},
    {"op": "final", "t": 40, "place": "hr/0", "o": 0, "v": ["a", "b", "c"]},
    {"op": "final", "t": 41, "place": "hr/1", "o": 0, "v": ["d", "e", "f"]},
]


class Checkers(unittest.TestCase):

    def setUp(self):
        self.lines = copy.deepcopy(WELL)
        for line in self.lines:
            line.setdefault("who", line.get("s", "client"))

    def line(self, op, number=0):
        return [line for line in self.lines if line["op"] == op][number]

    def add(self, op, **more):
        self.lines.append({"op": op, "who": more.get("s", "client"), **more})

    def found(self):
        return sorted(checkers.check(History(self.lines)))

    def test_nothing_is_wrong_where_all_is_well(self):
        self.assertEqual(self.found(), [])

    def test_lost(self):
        self.line("final", 1)["v"] = ["d", "e"]
        self.line("saw", 2)["v"] = ["e"]
        self.assertEqual(self.found(), ["lost", "lost_update"])

    def test_lost_within(self):
        self.line("ok", 1)["ranges"]["hr/0"] = [3, 1]
        self.line("read")["from_t"] = 2
        self.assertEqual(self.found(), ["lost"])

    def test_duplicated(self):
        self.line("final", 1)["v"].append("a")
        self.assertEqual(self.found(), ["duplicated"])

    def test_foreign(self):
        self.line("final", 1)["v"].append("y")
        self.assertEqual(self.found(), ["foreign"])

    def test_refused_and_stored(self):
        self.line("final", 1)["v"].append("x")
        self.assertEqual(self.found(), ["foreign"])

    def test_torn(self):
        self.add("send", t=8, id="p/3", parts={"hr/1": ["g"], "hr/0": ["h"]})
        self.line("final", 1)["v"].append("g")
        self.assertEqual(self.found(), ["torn"])

    def test_holes(self):
        self.line("final", 1)["o"] = 1
        self.line("saw", 2)["o"] = 2
        self.line("open")["from"]["hr/1"] = 2
        self.line("ok", 1)["ranges"]["hr/1"] = [1, 1]
        self.line("ok", 2)["ranges"]["hr/1"] = [2, 1]
        self.line("ok", 3)["ranges"]["hr/1"] = [3, 1]
        self.line("read")["ends"]["hr/1"] = 4
        self.assertEqual(self.found(), ["holes"])

    def test_dirty(self):
        self.add("saw", t=12.5, s="r", place="hr/0", o=3, v=["z"])
        self.assertEqual(self.found(), ["dirty"])

    def test_reordered_in_time(self):
        self.add("send", t=8.5, id="q/1", parts={"hr/1": ["g"]})
        self.add("ok", t=8.6, id="q/1", ranges={"hr/1": [0, 1]}, duplicate=False)
        self.line("final", 1)["v"] = ["g", "e", "f", "d"]
        self.line("ok", 1)["ranges"]["hr/1"] = [3, 1]
        self.line("read")["ends"]["hr/1"] = 4
        self.assertEqual(self.found(), ["reordered"])

    def test_reordered_by_a_producer(self):
        for number, t in ((0, 1), (1, 1.5)):
            self.line("send", number)["t"] = t
        self.line("ok", 0)["t"] = 4
        self.line("send", 0)["sequence"] = 3
        self.assertEqual(self.found(), ["reordered"])

    def test_skipped(self):
        self.lines.remove(self.line("saw", 0))
        self.assertEqual(self.found(), ["skipped"])

    def test_stale(self):
        self.line("read")["ends"]["hr/0"] = 2
        self.assertEqual(self.found(), ["stale"])

    def test_lost_update(self):
        self.line("send", 3)["expect"] = -1
        self.assertEqual(self.found(), ["lost_update"])

    def test_regressed_for_the_next_owner(self):
        self.line("own", 1)["at"] = {"hr/0": 0}
        self.add("saw", t=22.5, s="n", place="hr/0", o=0, v=["a", "b"])
        self.assertEqual(self.found(), ["regressed"])

    def test_regressed_for_who_asks(self):
        self.line("got")["at"]["hr/0"] = 1
        self.assertEqual(self.found(), ["regressed"])

    def test_undelivered(self):
        self.line("own", 0)["at"]["hr/0"] = 1
        self.line("saw", 3).update(o=1, v=["b"])
        self.assertEqual(self.found(), ["undelivered"])

    def test_owned_twice(self):
        self.line("ack")["t"] = 22.5  # After the other has it.
        self.line("acked")["t"] = 22.7
        self.line("got")["from_t"] = 18
        self.assertEqual(self.found(), ["owned_twice"])

    def test_not_owned_twice_after_the_deadline_or_a_crash_or_by_the_dead(self):
        self.lines.remove(self.line("ack"))
        self.lines.remove(self.line("acked"))
        self.assertEqual(self.found(), ["owned_twice"])
        well = copy.deepcopy(self.lines)
        self.line("giving")["until"] = 21.5
        self.assertEqual(self.found(), [])
        for line in ({"op": "crash"}, {"op": "kill", "victim": "m"}, {"op": "stop", "victim": "m"}):
            self.lines = [*copy.deepcopy(well), {**line, "t": 20, "who": "world"}]
            self.assertEqual(self.found(), [], line)

    def test_baffled(self):
        self.add("broke", t=3, what="INTERNAL")
        self.assertEqual(self.found(), ["baffled"])


if __name__ == "__main__":
    unittest.main()
