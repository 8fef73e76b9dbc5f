"""Depth: 60 levels, which some peers refuse, and 10,000, with an edge that goes in the middle."""

from .. import graphs, questions
from . import asking, changing

LEVELS = {"deep-60": 60, "chain-10000": 10_000}


def run(scene):
    for name, levels in LEVELS.items():
        graph = scene.graph(name, lambda folder: make(folder, name, levels))
        with scene.running("deep", graph) as peers:
            for peer in peers:
                asking.loading(scene, graph, peer, "deep")
            checks = questions.write_checks(graph, graph.folder / "check.csv", pairs(graph))
            asking.ask(scene, graph, peers, "check", checks, "deep")
            changing.middle(scene, graph, [peer for peer in peers if not peer.is_told_pairs])


def make(folder, name, levels):
    graph = graphs.chain(folder, name, levels, 5)
    graph.meta["pairs"] = levels * (levels - 1) // 2 + 5 * levels
    return graph


def pairs(graph):
    """From the bottom to each tenth of the way up, and as often from there down: a no."""
    bottom, step = graph.teams + 1, max(graph.teams // 20, 1)
    heights = list(range(step, graph.teams + 1, step))
    return [(bottom, team) for team in heights] + [(team, 1) for team in heights if team > 1]
