import types
import unittest

from fwatchdog import BadRequest

from index import handler


class Test(unittest.TestCase):
    def test_a_name_is_greeted(self):
        request = types.SimpleNamespace(body=b'{"name": "Ada"}')
        self.assertEqual(handler(request), {"hello": "Ada"})

    def test_what_holds_no_name_is_a_bad_request(self):
        for body in (b"", b"[]", b"{}", b"Ada"):
            with self.subTest(body=body), self.assertRaises(BadRequest):
                handler(types.SimpleNamespace(body=body))
