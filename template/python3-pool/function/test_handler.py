import inspect
import unittest

from handler import handle


class Test(unittest.TestCase):
    def test_handle_takes_an_event_and_its_context_or_one_request(self):
        self.assertIn(len(inspect.signature(handle).parameters), (1, 2))


if __name__ == "__main__":
    unittest.main()
