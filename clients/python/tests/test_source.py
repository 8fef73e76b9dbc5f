"""What the package repeats of the repository is still what the repository says."""

import re
import sys
import unittest
from pathlib import Path

from teamgraph_client.errors import REASONS

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parents[1]
sys.path.insert(0, str(PACKAGE))

import generate  # noqa: E402  (lies beside the package, not in it)


class SourceTest(unittest.TestCase):
    def test_the_generated_code_is_that_of_proto(self) -> None:
        made = generate.generate()
        kept = {path.name: path.read_text() for path in generate.WIRE.glob("*_pb2.py*")}
        self.assertTrue(made)
        self.assertEqual(made, kept, "run clients/python/generate.py and commit what it makes")

    def test_each_reason_has_its_exception(self) -> None:
        table = (REPOSITORY / "docs" / "errors.md").read_text()
        documented = re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)
        self.assertEqual(set(REASONS), set(documented))
