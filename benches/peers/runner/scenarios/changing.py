"""Changes, in turns: a big team nested and taken back, and one membership that comes and goes.

The time is that from sending the change to an answer that knows it. Rows written are those of the
primary; bytes of its log are read before and after.
"""

import random
import statistics
from collections import defaultdict

from ..changes import pairs_of_edge
from ..scene import turns


def run(scene, graph, peers):
    if graph.meta.get("big_team"):
        nest(scene, graph, peers)
    one_membership(scene, graph, peers)


def nest(scene, graph, peers):
    big, spare = graph.meta["big_team"], graph.meta["spare_team"]
    person = next(it for it in graph.people_of(big) if spare not in graph.above(it))
    edges = {False: [(big, spare)], True: pairs_of_edge(graph, big, spare)}
    put(scene, graph, peers, "nest_big_team", edges, (person, spare))


def put(scene, graph, peers, measure, edges, probe):
    """The edge comes and goes. Those who keep pairs are told these."""
    seen, down = defaultdict(lambda: defaultdict(list)), set()
    for _, peer in turns(peers, scene.plan.samples):
        if peer.name in down or not peer.is_asked():
            continue
        down.add(peer.name)
        with scene.attempt("changing", graph.name, peer.name):
            for is_added in (True, False):
                words = ("add", "remove") if is_added else ("remove", "add")
                told = {words[0]: edges[peer.is_told_pairs], words[1]: []}
                before = peer.log_bytes()
                answer = peer.driver("apply", probe=(*probe, is_added), **told)
                after = peer.log_bytes()
                name = measure if is_added else f"un_{measure}"
                seen[peer.name][name, "s"].append(answer["visible_s"])
                seen[peer.name][f"{name}_rows", "rows"].append(answer["rows"])
                if before is not None:
                    seen[peer.name][f"{name}_log", "bytes"].append(after - before)
            peer.after_change()
            down.discard(peer.name)
    for name, measures in seen.items():
        for (measure_, unit), samples in measures.items():
            scene.record.figure("changing", graph.name, name, measure_, unit, samples)


def one_membership(scene, graph, peers):
    draw = random.Random(23)
    people = range(graph.teams + 1, graph.teams + graph.people + 1)
    writes = []
    for _ in range(10_000):
        person, team = draw.choice(people), draw.randint(1, graph.teams)
        tops = sorted((graph.above(team) | {team}) - graph.above(person))
        if team in tops:
            writes.append((person, team, draw.choice(tops)))
        if len(writes) == scene.plan.writes:
            break
    samples, down = defaultdict(lambda: defaultdict(list)), set()
    for _, peer in turns(peers, scene.plan.samples):
        if peer.name in down or not peer.is_asked():
            continue
        down.add(peer.name)
        with scene.attempt("changing", graph.name, peer.name):
            for name, is_added in (("join_visible", True), ("leave_visible", False)):
                millis = []
                for person, team, top in writes:
                    edges = [(person, team)]
                    if peer.is_told_pairs:
                        edges = pairs_of_edge(graph, person, team)
                    told = {"add": edges, "remove": []} if is_added else {"add": [], "remove": edges}
                    answer = peer.driver("apply", probe=(person, top, is_added), **told)
                    millis.append(answer["visible_s"] * 1e3)
                samples[peer.name][name].append(statistics.median(millis))
            down.discard(peer.name)
    for name, measures in samples.items():
        for measure, values in measures.items():
            note = f"each sample the median of {len(writes)} writes"
            scene.record.figure("changing", graph.name, name, measure, "ms", values, note=note)


def middle(scene, graph, peers):
    """The edge in the middle of a chain goes and comes back."""
    low = graph.teams // 2
    probe = (graph.teams + 1, graph.teams)
    seen, down = defaultdict(lambda: defaultdict(list)), set()
    for _, peer in turns(peers, scene.plan.samples):
        if peer.name in down or not peer.is_asked():
            continue
        down.add(peer.name)
        with scene.attempt("deep", graph.name, peer.name):
            for name, is_added in (("cut_in_the_middle", False), ("mend_in_the_middle", True)):
                edges = [(low, low + 1)]
                told = {"add": edges, "remove": []} if is_added else {"add": [], "remove": edges}
                answer = peer.driver("apply", probe=(*probe, is_added), **told)
                seen[peer.name][name].append(answer["visible_s"] * 1e3)
            down.discard(peer.name)
    for name, measures in seen.items():
        for measure, samples in measures.items():
            scene.record.figure("deep", graph.name, name, measure, "ms", samples)
