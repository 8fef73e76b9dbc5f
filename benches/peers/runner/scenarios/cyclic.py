"""Debian's packages and what they depend on: real cycles. Who answers, who fails, who is wrong.

Whole, and as the part that every peer can load: the packages on cycles and all that they reach.
Half of the questions are about packages on cycles. All of them count as teams.
"""

import random

from .. import graphs, questions
from ..graphs import search
from . import asking


def run(scene):
    if not scene.plan.data:
        scene.record.lacks("cyclic", "debian", "", "there is no folder of data sets")
        return
    whole = scene.graph("debian", lambda folder: graphs.debian(scene.plan.data, folder))
    on_cycles = [
        team
        for team in range(1, whole.teams + 1)
        if any(team == above or team in whole.above(above) for above in whole.up[team])
    ]
    part = scene.graph("debian-cycles", lambda folder: reached(whole, on_cycles, folder))
    number = part.meta["numbers"]
    here = [number[str(team)] for team in on_cycles]
    for graph, cycles in [(part, here), (whole, on_cycles)]:
        if graph is whole and scene.plan.quick:
            scene.record.lacks("cyclic", "debian", "", "left out by --quick")
            continue
        ask(scene, graph, cycles)


def ask(scene, graph, cycles):
    draw, folder = random.Random(29), graph.folder
    pairs = []
    for place in range(scene.plan.checks // 4):
        member = draw.choice(cycles) if place % 2 else draw.randint(1, graph.teams)
        above = sorted(graph.above(member))
        team = draw.choice(above) if above and place % 4 < 2 else draw.randint(1, graph.teams)
        if team != member:
            pairs.append((member, team))
    checks = questions.write_checks(graph, folder / "check.csv", pairs)
    some = draw.sample(cycles, min(len(cycles), 200))
    some += [draw.randint(1, graph.teams) for _ in some]
    teams = questions.teams_of(graph, folder / "teams.csv", 0, members=some)
    with scene.running("cyclic", graph) as peers:
        for peer in peers:
            asking.loading(scene, graph, peer, "cyclic")
        asking.ask(scene, graph, peers, "check", checks, "cyclic")
        asking.ask(scene, graph, peers, "teams", teams, "cyclic")


def reached(whole, on_cycles, folder):
    kept = set(on_cycles)
    for team in on_cycles:
        kept |= search(whole.up, team)
    number = {team: place for place, team in enumerate(sorted(kept), 1)}
    edges = [
        (number[member], number[team])
        for member, team in whole.edges
        if member in number and team in number
    ]
    return graphs.write(folder, "debian-cycles", len(number), 0, edges, numbers=number)
