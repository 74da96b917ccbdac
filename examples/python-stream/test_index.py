import threading
import types
import unittest

import index


class Test(unittest.TestCase):
    def setUp(self):
        index.SECONDS_BETWEEN_EVENTS = 0.001
        self.cancelled = threading.Event()
        self.status, self.headers, self.events = index.handler(types.SimpleNamespace(cancelled=self.cancelled))

    def test_the_answer_is_a_stream_of_events(self):
        self.assertEqual((self.status, self.headers["content-type"]), (200, "text/event-stream"))
        for _ in range(3):
            self.assertRegex(next(self.events), r"^data: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\n\n$")

    def test_the_stream_ends_when_the_client_has_gone(self):
        next(self.events)
        self.cancelled.set()
        self.assertEqual(list(self.events), [])
