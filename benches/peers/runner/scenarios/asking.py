"""The same questions to all, in turns: point checks, teams of a member, people of a team.

Also what loading took, and what it holds in memory. Every answer is compared.
"""

from collections import defaultdict

from .. import questions
from ..scene import turns

KINDS = {
    "check": ("check", "check"),
    "teams": ("teams", "teams_of_member"),
    "people": ("people", "people_of_team"),
    "people_big": ("people", "people_of_big_team"),
}


def files(scene, graph):
    """The questions of each kind, drawn once."""
    plan, folder = scene.plan, graph.folder
    made = {
        "check": questions.checks(graph, folder / "check.csv", plan.checks),
        "teams": questions.teams_of(graph, folder / "teams.csv", plan.lists),
        "people": questions.people_of(graph, folder / "people.csv", min(plan.lists, 200)),
    }
    if graph.meta.get("big_team"):
        big = graph.folder / "people_big.csv"
        made["people_big"] = questions.people_of_one(graph, big, graph.meta["big_team"])
    return made


def loading(scene, graph, peer, scenario="asking"):
    with scene.attempt(scenario, graph.name, peer.name):
        if getattr(peer, "ready_s", None):
            samples = [peer.ready_s]
            scene.record.figure(scenario, graph.name, peer.name, "load", "s", samples, note="once")
        for name, count in peer.memory().items():
            unit = "rows" if name.endswith("rows") else "bytes"
            scene.record.figure(scenario, graph.name, peer.name, name, unit, [count])


def ask(scene, graph, peers, kind, file, scenario="asking"):
    """Rates and latencies; a peer that failed in one round is not asked again."""
    asked, measure = KINDS[kind]
    answers, down = defaultdict(list), set()
    for number, peer in turns(peers, scene.plan.samples):
        if peer.name in down or not peer.is_asked():
            continue
        down.add(peer.name)
        with scene.attempt(scenario, graph.name, peer.name):
            answer = peer.driver(
                "ask",
                kind=asked,
                questions=file,
                seconds=scene.plan.seconds,
                warmup=scene.plan.warmup,
                connections=1 if kind == "people_big" else None,
            )
            answers[peer.name].append(answer)
            down.discard(peer.name)
            if answer["right"] + answer["wrong"] == 0:
                down.add(peer.name)
    for name, list_ in answers.items():
        write(scene.record, scenario, graph.name, name, measure, list_)


def write(record, scenario, graph, peer, measure, answers):
    more = {word: sum(it[word] for it in answers) for word in ("right", "wrong", "failed")}
    for word in ("first_wrong", "first_error"):
        more[word] = next((it[word] for it in answers if it[word]), None)
    more = {word: value for word, value in more.items() if value is not None}
    answered = [it for it in answers if it["right"] + it["wrong"]]
    if not answered:
        reason = f"no answer to {measure}: {more.get('first_error')}"
        record.lacks(scenario, graph, peer, reason)
        return
    per_s = [it["per_s"] for it in answered]
    record.figure(scenario, graph, peer, measure, "/s", per_s, **more)
    for share in ("p50", "p99"):
        samples = [it[f"{share}_us"] for it in answered]
        record.figure(scenario, graph, peer, f"{measure}_{share}", "µs", samples)
