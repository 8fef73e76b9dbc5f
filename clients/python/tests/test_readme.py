"""What the READMEs show in Python runs, and says what it should."""

import ast
import asyncio
import contextlib
import io
import re
import unittest
from pathlib import Path
from typing import Any

import psycopg

from teamgraph_client import Client
from world import ADDRESS, DATABASE_URL, until_ready

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parents[1]


def blocks(path: Path) -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
    return [block.replace("127.0.0.1:7420", ADDRESS) for block in found]


def run(block: str, **names: Any) -> list[str]:
    """The lines that the block prints; `await` may stand outside of any function."""
    code = compile(block, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        awaited = eval(code, names)
        if awaited is not None:
            asyncio.run(awaited)
    return printed.getvalue().splitlines()


class ReadmeTest(unittest.TestCase):
    client: Client

    @classmethod
    def setUpClass(cls) -> None:
        cls.client = Client(ADDRESS)
        cls.addClassCleanup(cls.client.close)
        until_ready(cls.client)

    def test_the_repository(self) -> None:
        [check] = blocks(REPOSITORY / "README.md")
        self.assertEqual(run(check), ["True indirect"])

    def test_the_package(self) -> None:
        first, token, many = blocks(PACKAGE / "README.md")
        self.assertEqual(run(first)[0], "alice may release")
        self.assertEqual(run(first)[-1], "acme")
        with psycopg.connect(DATABASE_URL) as database:
            run(token, database=database, client=self.client)
        self.assertEqual(run(many + "\nprint(len(answers))", names=["alice", "carol"]), ["2"])
