"""A history by hand, to write anomalies into."""

import copy
import unittest

import checkers
from history import History

GROUPS = {**dict.fromkeys(("join", "got"), {"g": "payroll"}),
          **dict.fromkeys(("wgot", "dead", "undone"), {"g": "desk"}),
          "wjoin": {"g": "desk", "mode": "KEY_ORDERED"}}


class Written(unittest.TestCase):
    """WELL: a history in which all is well; who is a client, and of which group, unless it says so, by the
    line."""

    WELL = []

    def setUp(self):
        self.lines = []
        for line in copy.deepcopy(self.WELL):
            self.add(**line)

    def line(self, op, number=0):
        return [line for line in self.lines if line["op"] == op][number]

    def add(self, op, **more):
        self.lines.append({"op": op, "who": more.get("s", "client"), **GROUPS.get(op, {}), **more})

    def found(self):
        return sorted(checkers.check(History(self.lines)))

    def test_nothing_is_wrong_where_all_is_well(self):
        self.assertEqual(self.found(), [])
