"""Eight years of a real organisation's history, one transaction after the other.

Each peer begins empty and is given every transaction on one connection, as fast as it takes them.
While the product follows, another connection asks over and over for what is committed by then:
that is the lag. At the end the teams of every member are compared with the history's own end.
"""

import json
from collections import Counter, defaultdict

from .. import graphs, questions
from ..changes import Participations
from ..driver import Driver
from ..peers import everyone
from ..peers.ldap import Ldap
from ..peers.sql import Plain, Recursive
from ..scene import turns
from . import asking


def run(scene):
    file = scene.plan.data and scene.plan.data / "kubernetes-org/changes.csv"
    if not file or not file.exists():
        scene.record.lacks("replay", "kubernetes", "", "there is no kubernetes-org/changes.csv")
        return
    folder = scene.work / "graph-history"
    graph, transactions = history(file, folder)
    told = {False: folder / "edges.jsonl", True: folder / "pairs.jsonl"}
    write(told, graph, transactions)
    everybody = range(1, graph.teams + graph.people + 1)
    teams = questions.teams_of(graph, folder / "end.csv", 0, members=list(everybody))
    # Recursive SQL keeps nothing, so its changes are those of the memberships alone.
    kinds = [kind for kind in everyone(scene) if kind not in (Recursive, Ldap)]
    if scene.plan.wants(Ldap.name):
        reason = "a directory has no transactions; one membership is under changes"
        scene.record.lacks("replay", graph.name, Ldap.name, reason)
    if scene.plan.wants(Plain.name):
        kinds.append(Plain)
    with scene.running("replay", graph, kinds, rows=False) as peers:
        seen, down = defaultdict(list), set()
        for number, peer in turns(peers, scene.plan.samples):
            if peer.name in down or not peer.is_asked():
                continue
            down.add(peer.name)
            with scene.attempt("replay", graph.name, peer.name):
                if number:
                    begin_anew(peer, graph)
                answer = replay(scene, peer, graph, told[peer.is_told_pairs])
                answer["end"] = None
                peer.settle()
                if peer.name != Plain.name:
                    answer["end"] = peer.driver(
                        "ask", kind="teams", questions=teams, seconds=20, once=True
                    )
                seen[peer.name].append(answer)
                down.discard(peer.name)
        for name, answers in seen.items():
            report(scene.record, graph, name, answers)


def begin_anew(peer, graph):
    if hasattr(peer, "empty"):
        peer.empty()
    else:
        peer.stop()
        peer.start(graph, rows=False)


def replay(scene, peer, graph, file):
    if peer.name != "teamgraph":
        return peer.driver("replay", file=file)
    ended = scene.work / "replay-ended"
    ended.unlink(missing_ok=True)
    watcher = Driver(
        scene.plan,
        "teamgraph",
        graph.teams,
        at=peer.address,
        database=peer.cluster.url(peer.database),
        connections=1,
    )
    try:
        watcher.send(cmd="lag", until=ended)
        answer = peer.driver("replay", file=file)
        ended.touch()
        answer["lag"] = watcher.answer(60)
        # What follows must know the last transaction.
        peer.driver("apply", add=[], remove=[], probe=(1, 1, True))
        return answer
    finally:
        watcher.stop()


def report(record, graph, name, answers):
    more = {"note": f"{answers[0]['transactions']} transactions, {answers[0]['failed']} failed"}
    if answers[0]["first_error"]:
        more["first_error"] = answers[0]["first_error"]
    figure = lambda measure, unit, samples, **facts: record.figure(
        "replay", graph.name, name, measure, unit, samples, **facts
    )
    figure("transactions", "/s", [it["per_s"] for it in answers], **more)
    figure("transaction_p99", "ms", [it["p99_ms"] for it in answers])
    figure("rows_written", "rows", [it["rows"] for it in answers])
    for share in ("p50", "p99", "max"):
        lags = [it["lag"][f"{share}_ms"] for it in answers if "lag" in it]
        figure(f"lag_{share}", "ms", lags)
    ends = [it["end"] for it in answers if it["end"]]
    if ends:
        asking.write(record, "replay", graph.name, name, "teams_at_the_end", ends)


def history(file, folder):
    """The graph at the end, and the edges that each transaction adds and removes. An edge is there
    as long as one row states it."""
    rows = list(graphs.rows_of(file))
    teams = {row["team"] for row in rows}
    number, team_count, people, _ = graphs.numbered(
        teams, [(row["member"], row["team"]) for row in rows]
    )
    stated, there, transactions = Counter(), set(), []
    by_transaction = defaultdict(list)
    for row in rows:
        by_transaction[row["tx"]].append(row)
    for changes in by_transaction.values():
        touched = set()
        for row in changes:
            edge = (number[row["member"]], number[row["team"]])
            stated[edge] += 1 if row["op"] == "+" else -1
            touched.add(edge)
        now = {edge for edge in touched if stated[edge] > 0 and edge[0] != edge[1]}
        add, remove = sorted(now - there), sorted((touched & there) - now)
        there = (there - touched) | now
        transactions.append((add, remove))
    graph = graphs.write(folder, "kubernetes-history", team_count, people, sorted(there))
    return graph, transactions


def write(told, graph, transactions):
    participations = Participations(graph.teams + graph.people)
    with open(told[False], "w") as edges, open(told[True], "w") as pairs:
        for add, remove in transactions:
            edges.write(json.dumps({"add": add, "remove": remove}) + "\n")
            come, go = participations.transaction(add, remove)
            pairs.write(json.dumps({"add": come, "remove": go}) + "\n")
