import types
import unittest

from handler import handle


class Test(unittest.TestCase):
    def test_it_says_hello(self):
        event = types.SimpleNamespace(body=b"", headers={}, method="GET", query={}, path="/")
        context = types.SimpleNamespace(hostname="localhost")

        self.assertEqual(handle(event, context), {"statusCode": 200, "body": "Hello from fwatchdog!"})
