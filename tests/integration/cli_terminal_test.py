"""What is different on a terminal: colour, tables, progress, and that events cannot steer it."""

import os
import pty
import select
import subprocess
import unittest

from cli_support import BIN, CliTest, environment, hr_events


class OnATerminal(CliTest):

    def on_terminal(self, *arguments, env=None, only_stderr=False):
        """What a terminal gets to see of a command."""
        main, child = pty.openpty()
        try:
            process = subprocess.Popen(
                [BIN / "tidemark", *map(str, arguments)], env=env or self.env,
                stdin=child, stdout=subprocess.DEVNULL if only_stderr else child, stderr=child)
        finally:
            os.close(child)
        seen = b""
        while True:
            ready, _, _ = select.select([main], [], [], 30)
            self.assertTrue(ready, "the terminal is silent")
            try:
                part = os.read(main, 65536)
            except OSError:  # The other side is closed.
                break
            if not part:
                break
            seen += part
        os.close(main)
        self.assertEqual(process.wait(30), 0, seen)
        return seen.decode()

    def test_colour_only_there_and_only_if_wanted(self):
        self.new_topic()
        self.assertIn("\033[1m", self.on_terminal("topic", "list"))
        for wish in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            env = environment(TIDEMARK_SERVER=self.server.address, **wish)
            self.assertNotIn("\033[1m", self.on_terminal("topic", "list", env=env))
        self.assertNotIn("\033", self.ok("topic", "list"))

    def test_events_are_lines_for_people(self):
        topic = self.new_topic()
        self.append(topic, hr_events(3))
        self.assertIn("STORED", self.on_terminal("read", topic))

    def test_events_cannot_steer_it(self):
        topic = self.new_topic()
        self.append(topic, [{"type": "x", "datacontenttype": "text/plain",
                             "data": "\033]0;owned\a\r\n\u009b2J\u202e", "note": "n"}])
        env = environment(TIDEMARK_SERVER=self.server.address, NO_COLOR="1")
        for output in ("table", "json", "jsonl"):
            with self.subTest(output):
                seen = self.on_terminal("read", topic, "-o", output, env=env)
                self.assertIn("owned", seen)
                for sign in ("\033]", "\a", "\u009b", "\u202e"):
                    self.assertNotIn(sign, seen)

    def test_progress_is_shown_and_removed(self):
        topic = self.new_topic()
        self.append(topic, [{"type": "x", "data": "d" * 200} for _ in range(200_000)])
        seen = self.on_terminal("read", topic, only_stderr=True)
        self.assertRegex(seen, r"\[#*\.+\] [0-9]+ %  read [0-9,]+ events  [0-9,]+/s  [0-9a-z ]+ left")
        self.assertTrue(seen.endswith("\r\033[K"), seen[-50:])
        self.assertEqual(self.run_cli("read", topic, "--limit", 1).err, "")


if __name__ == "__main__":
    unittest.main()
