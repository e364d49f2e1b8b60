"""topic, group, server and completion; what is printed, and how commands fail."""

import json
import subprocess
import unittest

from cli_support import CliTest, environment, hr_events, parse_lines


class TopicCommands(CliTest):

    def test_a_topic_lives(self):
        self.assertEqual(self.ok("topic", "create", "life", "--partitions", 8),
                         "created topic life (8 partitions)\n")
        topic = json.loads(self.ok("topic", "show", "life", "-o", "json"))
        self.assertEqual((topic["name"], topic["partitions"], topic["durability"]),
                         ("life", 8, "synced"))
        self.assertEqual([w["partition"] for w in topic["watermarks"]], list(range(8)))
        self.assertIn("life", [t["name"] for t in json.loads(self.ok("topic", "list", "-o", "json"))])
        self.assertRegex(self.ok("topic", "show", "life"), r"partitions: +8")
        self.assertEqual(self.ok("topic", "delete", "life"), "deleted topic life (8 partitions)\n")
        self.fails(3, "topic", "show", "life")

    def test_settings_can_be_set_and_changed(self):
        created = json.loads(self.ok("topic", "create", "settings", "--description", "a b",
                                     "-o", "jsonl"))
        self.assertEqual((created["description"], created["max_age_seconds"]), ("a b", None))
        changed = json.loads(self.ok("topic", "update", "settings", "--description", "c",
                                     "-o", "jsonl"))
        self.assertEqual(changed["description"], "c")
        self.assertIn("nothing to change", self.fails(1, "topic", "update", "settings"))

    def test_lists_only_a_prefix(self):
        for name in ("prefix-a", "prefix-b"):
            self.ok("topic", "create", name)
        topics = parse_lines(self.ok("topic", "list", "--prefix", "prefix-", "-o", "jsonl"))
        self.assertEqual([t["name"] for t in topics], ["prefix-a", "prefix-b"])

    def test_what_exists_is_not_created_again(self):
        self.ok("topic", "create", "twice")
        self.assertIn("tidemark topic show twice", self.fails(3, "topic", "create", "twice"))
        self.ok("topic", "create", "twice", "--if-not-exists")

    def test_a_topic_may_be_called_like_a_command(self):
        for name in ("list", "tail", "topic"):
            self.ok("topic", "create", name)
            self.assertEqual(json.loads(self.ok("topic", "show", name, "-o", "json"))["name"], name)
            self.assertEqual(self.read(name), [])


class GroupCommands(CliTest):

    def test_a_group_is_shown_and_moved(self):
        topic = self.new_topic(2)
        self.append(topic, hr_events(100))
        self.ok("consume", topic, "--group", "shown", "--until-caught-up")
        group = json.loads(self.ok("group", "show", "shown", "-o", "json"))
        self.assertEqual(group["topics"], [topic])
        self.assertEqual(group["lag_offsets"], 0)
        self.assertEqual(sum(p["committed_offset"] for p in group["partitions"]), 100)
        self.assertIn("COMMITTED", self.ok("group", "show", "shown"))
        self.assertIn("shown", [g["name"] for g in json.loads(self.ok("group", "list", "-o", "json"))])

        place = ["--topic", topic, "--partition", 0, "--offset", 1]
        self.assertIn("tidemark group show shown", self.fails(3, "group", "commit", "shown", *place))
        self.ok("group", "commit", "shown", *place, "--allow-rewind")
        group = json.loads(self.ok("group", "show", "shown", "-o", "json"))
        self.assertEqual(group["partitions"][0]["committed_offset"], 1)

    def test_an_offset_past_the_end_is_refused(self):
        topic = self.new_topic()
        self.fails(3, "group", "commit", "past", "--topic", topic, "--partition", 0, "--offset", 1)

    def test_a_group_that_is_not_there_is_named(self):
        error = self.fails(3, "group", "show", "nobody")
        self.assertIn("nobody", error)
        self.assertIn("tidemark group list", error)


class Failures(CliTest):

    def test_usage(self):
        for arguments in ([], ["nonsense"], ["read"], ["topic"], ["topic", "create"],
                          ["read", "hr", "-o", "xml"], ["read", "hr", "--limit", "0"],
                          ["read", "hr", "--limit", "many"], ["consume", "hr"],
                          ["append", "hr", "--key", "without-type"],
                          ["consume", "hr", "--group", "g", "--limit", "1", "--until-caught-up"],
                          ["read", "hr", "--from", "sometime"], ["read", "hr", "--until", "earliest"],
                          ["topic", "create", "no spaces"]):
            with self.subTest(arguments):
                self.fails(1, *arguments)

    def test_help_is_no_failure(self):
        for arguments in (["--help"], ["topic", "--help"], ["read", "-h"], ["--version"]):
            self.assertTrue(self.ok(*arguments))
        self.assertIn("Exit codes:", self.ok("--help"))

    def test_a_server_that_is_not_there(self):
        for arguments in (["topic", "list"], ["read", "hr"], ["tail", "hr"], ["append", "hr"],
                          ["consume", "hr", "--group", "g"], ["server", "info"]):
            with self.subTest(arguments):
                # Port 1 is not in use: connecting is refused.
                error = self.fails(2, *arguments, "--server", "127.0.0.1:1")
                self.assertIn("tidemarkd --data DIR --listen 127.0.0.1:1", error)

    def test_a_topic_that_is_not_there(self):
        for arguments in (["read", "missing"], ["tail", "missing"], ["append", "missing"],
                          ["append", "missing", "--producer-id", "p"],
                          ["consume", "missing", "--group", "g"], ["topic", "show", "missing"],
                          ["topic", "delete", "missing"]):
            with self.subTest(arguments):
                error = self.fails(3, *arguments, stdin='{"type":"x"}\n')
                self.assertIn("missing", error)
                self.assertIn("tidemark topic create missing", error)


class ServerInfo(CliTest):

    def test_tells_limits_and_features(self):
        info = json.loads(self.ok("server", "info", "-o", "json"))
        self.assertEqual(info["server"], self.server.address)
        self.assertGreater(info["limits"]["event_bytes_max"], 0)
        self.assertIn("event_bytes_max", self.ok("server", "info"))

    def test_the_flag_is_stronger_than_the_environment(self):
        done = self.run_cli("--server", self.server.address, "server", "info",
                            env=environment(TIDEMARK_SERVER="127.0.0.1:1"))
        self.assertEqual(done.returncode, 0, done.err)


class Completion(CliTest):

    def complete(self, *words):
        """What bash offers for the last of `words`."""
        script = self.ok("completion", "bash")
        line = " ".join(f"'{word}'" for word in words)
        program = (f"{script}\nCOMP_WORDS=({line})\nCOMP_CWORD={len(words) - 1}\n"
                   "_tidemark\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
        from cli_support import BIN
        env = dict(self.env, PATH=f"{BIN}:{self.env['PATH']}")
        done = subprocess.run(["bash", "-c", program], capture_output=True, check=True, env=env)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode().split()

    def test_bash_offers_commands_options_and_values(self):
        self.assertEqual(self.complete("tidemark", "to"), ["topic"])
        self.assertEqual(set(self.complete("tidemark", "topic", "")),
                         {"create", "list", "show", "types", "update", "delete"})
        self.assertEqual(self.complete("tidemark", "-o", "json", "topic", "cr"), ["create"])
        self.assertEqual(self.complete("tidemark", "read", "x", "--unt"), ["--until"])
        self.assertEqual(set(self.complete("tidemark", "read", "x", "-o", "json")),
                         {"json", "jsonl"})
        self.assertEqual(self.complete("tidemark", "topic", "create", "x", "--durability", "m"),
                         ["memory"])

    def test_bash_offers_the_servers_topics_and_groups(self):
        topic = self.new_topic()
        self.append(topic, hr_events(1))
        self.ok("consume", topic, "--group", "completed", "--until-caught-up")
        self.assertIn(topic, self.complete("tidemark", "read", "top"))
        self.assertEqual(self.complete("tidemark", "group", "show", "comp"), ["completed"])
        host, port = self.server.address.split(":")
        self.assertIn(topic, self.complete("tidemark", "--server", host, ":", port, "read", "top"))

    def test_other_shells_get_scripts(self):
        self.assertIn("#compdef tidemark", self.ok("completion", "zsh"))
        self.assertIn("complete -c tidemark", self.ok("completion", "fish"))
        self.fails(1, "completion", "csh")


if __name__ == "__main__":
    unittest.main()
