"""append --expect-..., and transact: all of it is stored, or nothing."""

import json
import unittest

from cli_support import CliTest, to_lines


class Expectations(CliTest):

    def append_if(self, topic, *flags, key="employee-1", count=1, code=0):
        events = [{"type": "t", "subject": key, "id": str(n)} for n in range(count)]
        done = self.run_cli("append", topic, *flags, stdin=to_lines(events))
        self.assertEqual(done.returncode, code, done.err)
        return done

    def test_absent_exists_and_revision(self):
        topic = self.new_topic(2)
        self.append_if(topic, "--expect-exists", code=3)
        done = self.append_if(topic, "--expect-absent", "-o", "json")
        self.assertEqual(json.loads(done.out)["keys"],
                         [{"topic": topic, "key": "employee-1", "revision": 0}])
        self.append_if(topic, "--expect-absent", code=3)
        self.append_if(topic, "--expect-revision", 1, code=3)
        done = self.append_if(topic, "--expect-revision", 0, "-o", "table", count=3)
        self.assertIn("is at revision 3", done.out)
        self.append_if(topic, "--expect-exists")
        self.assertEqual(len(self.read(topic)), 5)

    def test_what_is_told_of_a_condition_that_does_not_hold(self):
        topic = self.new_topic()
        done = self.append_if(topic, "--expect-revision", 7, code=3)
        self.assertIn("expected revision 7, actual absent", done.err)
        self.assertIn("nothing was written", done.err)

    def test_another_key(self):
        topic = self.new_topic(4)
        self.append_if(topic, "--expect-absent", "--expect-key", "boss", key="a")
        self.append_if(topic, "--expect-exists", "--expect-key", "boss", key="b", code=3)

    def test_events_without_one_key(self):
        topic = self.new_topic()
        done = self.run_cli("append", topic, "--expect-absent",
                            stdin=to_lines([{"type": "t", "subject": "a"},
                                            {"type": "t", "subject": "b"}]))
        self.assertEqual(done.returncode, 1)
        self.assertIn("--expect-key", done.err)
        done = self.append_if(topic, "--expect-absent", "--acks", code=1)
        self.assertIn("--acks", done.err)
        self.append_if(topic, "--expect-key", "a", code=1)
        self.append_if(topic, "--expect-absent", "--expect-exists", code=1)


class Transact(CliTest):

    def transact(self, document, *flags, code=0):
        done = self.run_cli("transact", *flags, stdin=json.dumps(document))
        self.assertEqual(done.returncode, code, done.err)
        return done

    def test_topics_conditions_and_offsets(self):
        hr, emails = self.new_topic(2), self.new_topic()
        self.ok("append", hr, "--partition", 0, stdin=to_lines([{"type": "t"}] * 3))
        self.ok("consume", hr, "--group", "hiring", "--limit", 1)
        document = {
            "appends": [{"topic": hr, "events": [
                {"type": "employee.hired", "subject": "employee-1", "data": {"name": "Ada"}}]},
                {"topic": emails, "events": [{"type": "email.taken", "subject": "ada@example.com"}]}],
            "conditions": [{"topic": emails, "key": "ada@example.com", "expect": "absent"}],
            "offset_commits": [{"group": "hiring", "topic": hr, "offset": 3}],
            "producer": {"id": "hiring", "sequence": 1}}
        first = json.loads(self.transact(document, "-o", "json").out)
        self.assertEqual([r["topic"] for r in first["ranges"]], [hr, emails])
        self.assertEqual(first["keys"],
                         [{"topic": emails, "key": "ada@example.com", "revision": 0}])
        again = json.loads(self.transact(document, "-o", "json").out)
        self.assertEqual(again, {"position": first["position"], "ranges": first["ranges"],
                                 "keys": first["keys"], "duplicate": True})
        document["producer"]["sequence"] = 2
        done = self.transact(document, code=3)
        self.assertIn("expected absent, actual revision 0", done.err)
        self.assertEqual(len(self.read(emails)), 1)

    def test_wrong_documents(self):
        for document, words in (({"append": []}, 'no member "append"'),
                                ({"appends": [{"events": []}]}, "appends[0]"),
                                ({"appends": [{"topic": "t", "events": [{"id": "1"}]}]},
                                 "appends[0].events[0]"),
                                ({"conditions": [{"topic": "t", "key": "k"}]}, "expect"),
                                ([], "not a JSON object")):
            with self.subTest(document=document):
                self.assertIn(words, self.transact(document, code=1).err)


if __name__ == "__main__":
    unittest.main()
