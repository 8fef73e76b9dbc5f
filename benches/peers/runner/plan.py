"""How much of everything: what the options mean."""

import argparse
import dataclasses
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
PEERS = ROOT / "target/peers"


@dataclasses.dataclass
class Plan:
    quick: bool
    sizes: list
    samples: int
    seconds: float
    warmup: float
    checks: int
    lists: int
    writes: int
    peer_limit_s: int
    limit_s: int
    only: list
    scenarios: list
    data: pathlib.Path | None
    out: pathlib.Path
    teamgraph: pathlib.Path
    program: pathlib.Path

    def wants(self, peer):
        return not self.only or peer.split("-")[0] in self.only or peer in self.only

    def settings(self):
        return {
            "quick": self.quick,
            "sizes": self.sizes,
            "samples": self.samples,
            "window_s": self.seconds,
            "warmup_s": self.warmup,
            "connections": 8,
            "questions_under_way_each": 1,
            "checks": self.checks,
            "lists": self.lists,
            "writes_a_sample": self.writes,
            "peer_limit_s": self.peer_limit_s,
        }


def parse(arguments):
    description = "Asks the product and its peers the same questions of the same graphs."
    parser = argparse.ArgumentParser(prog="scripts/bench --peers", description=description)
    parser.add_argument("--quick", action="store_true", help="minutes, at size S, for developing")
    parser.add_argument("--sizes", default="", help="the made-up sizes [default: s,m; quick: s]")
    parser.add_argument("--samples", type=int, default=None, help="[default: 5; quick: 2]")
    parser.add_argument("--only", default="", help="only these peers, with commas between")
    parser.add_argument("--scenarios", default="", help="only these scenarios, likewise")
    parser.add_argument(
        "--data",
        default=None,
        help="the folder of the real data sets (also TEAMGRAPH_DATA; default: ../shared/data)",
    )
    parser.add_argument("--out", default=str(ROOT / "target/bench/peers.json"))
    parser.add_argument("--teamgraph", default=str(ROOT / "target/release/teamgraph"))
    parser.add_argument("--program", default=str(PEERS / "rust/release/teamgraph-peers"))
    options = parser.parse_args(arguments)
    quick = options.quick
    return Plan(
        quick=quick,
        sizes=words(options.sizes) or (["s"] if quick else ["s", "m"]),
        samples=options.samples or (2 if quick else 5),
        seconds=0.5 if quick else 0.6,
        warmup=0.2,
        checks=2_000 if quick else 20_000,
        lists=200 if quick else 2_000,
        writes=5 if quick else 20,
        peer_limit_s=60 if quick else 400,
        limit_s=55 * 60,
        only=words(options.only),
        scenarios=words(options.scenarios),
        data=data_folder(options.data),
        out=pathlib.Path(options.out),
        teamgraph=pathlib.Path(options.teamgraph),
        program=pathlib.Path(options.program),
    )


def words(text):
    return [word for word in text.split(",") if word]


def data_folder(given):
    """The folder given, or beside the project as the tests look for it; none if it is absent."""
    folder = given or os.environ.get("TEAMGRAPH_DATA") or ROOT / "../shared/data"
    folder = pathlib.Path(folder).resolve()
    return folder if folder.is_dir() else None
