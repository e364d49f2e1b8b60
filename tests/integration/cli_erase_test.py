"""Erasure from the command line: erase, erasures list, erasures show."""

import json
import unittest

import conformance_support  # noqa: F401

from cli_support import CliTest

WHY = ("--reason", "art. 17", "--actor", "dpo")


class Erase(CliTest):

    def setUp(self):
        super().setUp()
        self.topic = self.new_topic()
        self.append(self.topic, [{"type": kind, "subject": key, "id": str(n), "data": "d",
                                  "datacontenttype": "text/plain"}
                                 for n, (kind, key) in enumerate(
                                     [("a", "ann"), ("b", "ann"), ("a", "bob"), ("a", "ann")])])

    def test_a_key(self):
        counted = json.loads(self.ok("erase", self.topic, "--key", "ann", *WHY, "--dry-run",
                                     "-o", "json"))
        self.assertEqual((counted["events"], counted["dry_run"]), (3, True))
        typed = self.ok("erase", self.topic, "--key", "ann", "--type", "b", *WHY)
        self.assertIn("art. 17", typed)
        done = json.loads(self.ok("erase", self.topic, "--key", "ann", *WHY, "--wait",
                                  "-o", "json"))
        self.assertEqual((done["events"], done["state"], done["actor"]), (2, "complete", "dpo"))
        shown = json.loads(self.ok("erasures", "show", done["id"], "-o", "json"))
        self.assertEqual(shown, done)
        listed = json.loads(self.ok("erasures", "list", "-o", "json"))
        self.assertIn(done["id"], [one["id"] for one in listed])
        self.assertIn(self.topic, self.ok("erasures", "list"))
        self.ok("erase", self.topic, "--key", "ann", *WHY)  # There is nothing left.

    def test_offsets(self):
        done = json.loads(self.ok("erase", self.topic, "--offsets", "0:1-3", *WHY, "-o", "json"))
        self.assertEqual(done["events"], 2)
        self.assertEqual(done["offsets"],
                         {"partition": 0, "from_offset": 1, "until_offset": 3})

    def test_what_it_refuses(self):
        for arguments in ([], ["--key", "ann", "--offsets", "0:0-1"]):
            self.assertIn("say what", self.fails(1, "erase", self.topic, *arguments, *WHY))
        self.assertIn("PARTITION:FROM-UNTIL",
                      self.fails(1, "erase", self.topic, "--offsets", "0-1", *WHY))
        self.fails(3, "erase", "no-such-topic", "--key", "ann", *WHY)
        self.fails(3, "erasures", "show", "4711")


if __name__ == "__main__":
    unittest.main()
