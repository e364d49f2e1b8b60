"""Topics with encrypt_by_key: what is on the disk, what erasure destroys, backups, master keys."""

import pathlib
import secrets
import subprocess
import tempfile

from google.protobuf import field_mask_pb2

from support.case import ServerCase, main
from support.events import event, hr_events, stored
from support.server import PATIENCE_S, TIDEMARKD, Server, wait_until
from support.stubs import pb
from support.work import Worker

ANN = "employee-ann"


def master_key(name):
    return f"{name} {secrets.token_hex(32)}\n"


class Encryption(ServerCase):

    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.TemporaryDirectory(prefix="tidemark-keys-")
        cls.addClassCleanup(cls.keys.cleanup)
        cls.key_file = pathlib.Path(cls.keys.name, "master.keys")
        cls.key_file.write_text(master_key("first"))
        backups = tempfile.TemporaryDirectory(prefix="tidemark-backups-")
        cls.addClassCleanup(backups.cleanup)
        cls.backups = backups.name
        cls.server = Server("--backup-dir", cls.backups, "--master-key-file", str(cls.key_file))
        cls.addClassCleanup(cls.server.close)

    def topic(self, **config):
        return self.new_topic(encrypt_by_key=True, **config)

    def holds(self, directory, needle):
        return [path.name for path in pathlib.Path(directory).rglob("*")
                if path.is_file() and needle in path.read_bytes()]

    def erase(self, topic, key):
        answer = self.server.topics.EraseEvents(pb.EraseEventsRequest(
            topic=topic, key=pb.EraseKey(key=key), reason="art. 17", actor="dpo"))

        def erasure():
            return self.server.topics.GetErasure(
                pb.GetErasureRequest(erasure_id=answer.erasure_id)).erasure

        wait_until(lambda: erasure().state == pb.ERASURE_STATE_COMPLETE, "the erasure to be complete")
        return erasure()

    def backup(self):
        return self.server.operations.CreateBackup(pb.CreateBackupRequest(),
                                                   timeout=PATIENCE_S).backup

    def restored(self, backup):
        server = Server("--master-key-file", str(self.key_file), ready=False)
        self.addCleanup(server.close)
        done = subprocess.run([TIDEMARKD, "restore", "--from", self.backups, "--backup", backup.id,
                               "--data", server.data], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return server.start()

    def data_of(self, server, topic, **how):
        found = stored(server.events.Read(pb.ReadRequest(topic=topic, **how), timeout=PATIENCE_S))
        return sorted(one.event.SerializeToString(deterministic=True) for one in found)

    def test_clients_notice_nothing(self):
        plain, topic = self.new_topic(partitions=2), self.topic(partitions=2)
        events = hr_events(500) + [event(id="no-key", key="", data=b"x"), event(id="no-data", data=b"")]
        for name in (plain, topic):
            self.append(name, events)
        key = events[0].key
        for restart in (False, True):
            if restart:
                self.server.restart()
            for how in ({}, {"filter": pb.Filter(keys=[key])}, {"direction": pb.DIRECTION_BACKWARD},
                        {"filter": pb.Filter(types=["employee.created"])}, {"without_data": True}):
                with self.subTest(restart=restart, how=how):
                    self.assertEqual(self.data_of(self.server, topic, **how),
                                     self.data_of(self.server, plain, **how))
        self.assertIn("topic.encrypt_by_key", self.server.operations.GetServerInfo(
            pb.GetServerInfoRequest()).features)

    def test_no_file_holds_the_data(self):
        topic = self.topic()
        secret = b"ann earns 4711 a month"
        self.append(topic, [event(key=ANN, data=secret)])
        self.assertEqual(self.holds(self.server.data, secret), [])
        self.server.restart()
        self.assertEqual(self.holds(self.server.data, secret), [])
        self.backup()
        self.assertEqual(self.holds(self.backups, secret), [])
        [found] = self.read(topic)
        self.assertEqual(found.event.data, secret)

    def test_old_backups_forget_what_is_erased(self):
        topic = self.topic()
        # In one batch, so that the backup keeps the erased event beside others.
        self.append(topic, [event(id="a", key=ANN, data=b"of ann"),
                            event(id="b", key="employee-bob", data=b"of bob")])
        old = self.backup()
        erasure = self.erase(topic, ANN)
        self.assertEqual((erasure.events, erasure.entity_keys, erasure.problem), (1, 1, ""))
        self.append(topic, [event(id="c", key=ANN, data=b"of ann, later")])
        self.server.operations.VerifyBackup(pb.VerifyBackupRequest(id=old.id), timeout=PATIENCE_S)

        server = self.restored(old)
        answers = list(server.events.Read(pb.ReadRequest(topic=topic), timeout=PATIENCE_S))
        self.assertEqual([one.event.data for one in stored(answers)], [b"of bob"])
        gaps = [one.gap for one in answers if one.HasField("gap")]
        self.assertEqual([(gap.reason, gap.from_offset, gap.until_offset) for gap in gaps],
                         [(pb.GAP_REASON_ERASED, 0, 1)])
        # Later backups have what came later.
        server = self.restored(self.backup())
        self.assertEqual([one.event.data for one in stored(server.events.Read(
            pb.ReadRequest(topic=topic), timeout=PATIENCE_S))], [b"of bob", b"of ann, later"])
        *_, last = server.operations.VerifyStore(pb.VerifyStoreRequest(), timeout=PATIENCE_S)
        self.assertTrue(last.complete)

    def test_dead_letters_outlive_the_topics_rule_encrypted(self):
        topic, group = self.topic(), self.new_name("work")
        secret = b"ann was dismissed"
        self.append(topic, [event(id="a", key=ANN, data=secret)])
        worker = Worker(self.server.groups, group, [topic])
        self.addCleanup(worker.close)
        worker.until_events(1)
        worker.nack_events(worker.events, dead_letter=True)
        worker.until_nacked(1).break_off()
        self.append(topic, [event(id="b", key="employee-bob")])
        self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
            name=topic, config=pb.TopicConfig(retention=pb.Retention(max_bytes=1)),
            update_mask=field_mask_pb2.FieldMask(paths=["retention"])))
        self.assertEqual([one.event.id for one in self.read(topic)], ["b"])

        def letters():
            return [one.event.data for one in self.server.groups.ListDeadLetters(
                pb.ListDeadLettersRequest(group=group)).dead_letters]

        self.assertEqual(letters(), [secret])
        self.server.restart()
        self.assertEqual(letters(), [secret])
        self.assertEqual(self.holds(self.server.data, secret), [])
        self.server.groups.RedriveDeadLetters(pb.RedriveDeadLettersRequest(
            group=group, all=pb.AllDeadLetters()))
        worker = Worker(self.server.groups, group)
        self.addCleanup(worker.close)
        worker.until_events(2)
        self.assertEqual({one.event.id: one.event.data for one in worker.events}["a"], secret)
        worker.nack_events([one for one in worker.events if one.event.id == "a"], dead_letter=True)
        worker.until_nacked(1).break_off()
        self.assertEqual(letters(), [secret])
        self.assertEqual(self.erase(topic, ANN).entity_keys, 1)
        self.assertNotIn(secret, letters())

    def test_rotation(self):
        topic = self.topic()
        self.append(topic, [event(key=ANN, data=b"before")])
        old = self.backup()
        first = self.key_file.read_text()
        name = self.new_name("key")
        current = self.server.operations.RotateMasterKey(
            pb.RotateMasterKeyRequest(dry_run=True)).master_key
        self.key_file.write_text(master_key(name) + first)
        planned = self.server.operations.RotateMasterKey(pb.RotateMasterKeyRequest(dry_run=True))
        self.assertGreaterEqual(planned.rewrapped, 1)
        done = self.server.operations.RotateMasterKey(pb.RotateMasterKeyRequest())
        self.assertEqual((done.master_key, done.rewrapped, done.entity_keys, list(done.idle_keys)),
                         (name, planned.rewrapped, planned.entity_keys, [current]))
        # The old one can go: from the file, the store and the backups.
        self.key_file.write_text(self.key_file.read_text().split("\n")[0] + "\n")
        self.server.restart()
        self.append(topic, [event(key=ANN, data=b"after")])
        self.assertEqual([one.event.data for one in self.read(topic)], [b"before", b"after"])
        wrapped = bytes([len(current)]) + current.encode()
        for directory in (pathlib.Path(self.server.data, "keys"), self.backups):
            self.assertEqual([one for one in self.holds(directory, wrapped) if "LOG" not in one], [])
        self.assertEqual([one.event.data for one in stored(self.restored(old).events.Read(
            pb.ReadRequest(topic=topic), timeout=PATIENCE_S))], [b"before"])

    def test_rotation_refuses_a_bad_file(self):
        good = self.key_file.read_text()
        self.addCleanup(self.key_file.write_text, good)
        for text, says in (("", "no master key"), ("x\n", ":1:"), (master_key("other"), "has no key")):
            self.key_file.write_text(text)
            with self.subTest(text=text):
                details = self.refusal(lambda: self.server.operations.RotateMasterKey(
                    pb.RotateMasterKeyRequest()))
                self.assertEqual(details.code.name, "FAILED_PRECONDITION")
                self.assertIn(says, details.message)

    def test_a_server_without_the_keys_does_not_start(self):
        server = Server("--master-key-file", str(self.key_file))
        self.addCleanup(server.close)
        server.topics.CreateTopic(pb.CreateTopicRequest(
            name="hr", config=pb.TopicConfig(encrypt_by_key=True)))
        server.stop()
        done = subprocess.run([TIDEMARKD, "--data", server.data, "--listen", "127.0.0.1:0",
                               "--http", "off"], capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("set master_key_file", done.stderr)


class WithoutMasterKeys(ServerCase):

    def test_it_is_refused(self):
        calls = {
            "config.encrypt_by_key": lambda: self.server.topics.CreateTopic(pb.CreateTopicRequest(
                name=self.new_name("topic"), config=pb.TopicConfig(encrypt_by_key=True))),
            "update": lambda: self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
                name=self.new_topic(), config=pb.TopicConfig(encrypt_by_key=True),
                update_mask=field_mask_pb2.FieldMask(paths=["encrypt_by_key"]))),
            "rotate": lambda: self.server.operations.RotateMasterKey(pb.RotateMasterKeyRequest()),
        }
        for name, call in calls.items():
            with self.subTest(call=name):
                self.assert_refused(call, "FAILED_PRECONDITION", "MASTER_KEY_FILE_NOT_SET")
        self.assertNotIn("topic.encrypt_by_key", self.server.operations.GetServerInfo(
            pb.GetServerInfoRequest()).features)


if __name__ == "__main__":
    main()
