"""A store that an earlier commit wrote is opened, says what it said then, is found intact, and goes on: also
after a crash."""

import json
import unittest

import stores
from store_contents import TOPICS
from support.events import event, stored
from support.server import Server
from support.stubs import pb


class EarlierStores(unittest.TestCase):

    def test_each_opens_and_says_what_it_said(self):
        self.assertNotEqual(stores.names(), [])
        for name in stores.names():
            with self.subTest(name):
                server = Server(ready=False)
                try:
                    said = stores.unpack(name, server.data)
                    self.check(stores.start(server, said), said)
                finally:
                    server.close()

    def check(self, server, said):
        self.assertEqual(json.loads(json.dumps(stores.answers(server, said))), said)
        findings = [one for answer in server.operations.VerifyStore(pb.VerifyStoreRequest())
                    for one in answer.findings]
        self.assertEqual(findings, [])
        for topic in TOPICS:
            answer = server.events.Append(pb.AppendRequest(topic=topic, events=[
                event(id="now", type="t0", key="k1")], conditions=[pb.Condition(
                    key="k1", revision=pb.KeyRevision(revision=said[f"key of {topic}"]))]))
            self.assertEqual(answer.key_revisions[0].revision, said[f"key of {topic}"] + 1)
        server.kill()
        server.start()
        for topic in TOPICS:
            newest = [one.event.id for one in stored(server.events.Read(pb.ReadRequest(
                topic=topic, filter=pb.Filter(keys=["k1"]))))][-1]
            self.assertEqual(newest, "now")


if __name__ == "__main__":
    unittest.main(verbosity=2)
