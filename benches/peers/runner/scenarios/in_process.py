"""Libraries in the asker's own process: petgraph's search, ascent, differential-dataflow, and the
product's graph beside them. A process for each, so that memory is that one's alone."""

import json
import statistics
import subprocess

from .. import questions

LIBRARIES = {
    "s": ["product", "petgraph", "ascent-teams", "ascent-all", "differential-teams",
          "differential-all"],
    "m": ["product", "petgraph", "ascent-teams", "differential-teams"],
}
NAMES = {"product": "teamgraph"}
SETTINGS = {
    "petgraph": "0.8: Csr, ids dense already, a visited list that turns into a hash set at 32",
    "ascent": "0.8: two rules, compiled, one thread; a change means to run them again",
    "differential": "0.26 on timely 0.32: one worker, edges as input, distinct pairs counted",
}


def run(scene, size):
    graph = scene.size(size)
    checks = questions.checks(graph, graph.folder / "check.csv", scene.plan.checks)
    if scene.plan.wants("petgraph"):
        with scene.attempt("in-process", size, "petgraph"):
            compare(scene, graph, checks)
    for what in LIBRARIES[size]:
        if what != "product" and not scene.plan.wants(what):
            continue
        name = NAMES.get(what, what)
        with scene.attempt("in-process", size, name):
            scene.record.peer(name, in_process=SETTINGS.get(what.split("-")[0], "GraphWriter"))
            library(scene, graph, what, name)
    if size == "m":
        for what in ("ascent-all", "differential-all"):
            scene.record.lacks("in-process", size, what, "every participation is kept at S alone")


def call(scene, graph, what, *more):
    command = [scene.plan.program, "in-process", "--what", what, "--graph", graph.folder]
    command += ["--samples", scene.plan.samples, *more]
    done = subprocess.run(
        [str(it) for it in command],
        capture_output=True,
        text=True,
        timeout=scene.plan.peer_limit_s,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-400:])
    return json.loads(done.stdout)


def compare(scene, graph, checks):
    answer = call(scene, graph, "checks", "--checks", checks)
    asked = answer["questions"] * scene.plan.samples
    for name in ("teamgraph", "petgraph"):
        wrong = answer[f"{name}_wrong"]
        facts = {"right": asked - wrong, "wrong": wrong}
        scene.record.figure(
            "in-process", graph.name, name, "check", "ns", answer[f"{name}_ns"], **facts
        )


def library(scene, graph, what, name):
    answer = call(scene, graph, what)
    figure = lambda measure, unit, samples, **facts: scene.record.figure(
        "in-process", graph.name, name, measure, unit, samples, **facts
    )
    build = answer["build_s"]
    facts = {"pairs": answer["pairs"]} if "pairs" in answer else {}
    if "pairs" in answer:
        facts |= right_or_wrong(graph, what, answer)
    figure("build", "s", build if isinstance(build, list) else [build], **facts)
    figure("memory", "bytes", [answer["bytes"]])
    for measure, key in (("nest_big_team", "add_ms"), ("un_nest_big_team", "remove_ms")):
        if key in answer:
            figure(measure, "ms", answer[key])
    if what in ("petgraph", "ascent-teams", "ascent-all"):
        # There is no other way to change them.
        again = [statistics.median(build) * 1e3]
        figure("nest_big_team", "ms", again, note="built anew: the median of the builds")


def right_or_wrong(graph, what, answer):
    """The count of pairs against the independent closure's."""
    teams = sum(len(graph.above(team)) for team in range(1, graph.teams + 1))
    pairs = teams
    if what.endswith("-all"):
        people = range(graph.teams + 1, graph.teams + graph.people + 1)
        pairs += sum(len(graph.above(person)) for person in people)
    is_right = answer["pairs"] == pairs and answer.get("pairs_after", pairs) == pairs
    return {"right": int(is_right), "wrong": int(not is_right)}
