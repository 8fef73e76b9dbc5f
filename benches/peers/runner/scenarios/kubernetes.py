"""A real organisation, as it is today: loaded, asked, changed."""

from .. import graphs
from . import whole


def run(scene):
    folder = scene.plan.data and scene.plan.data / "kubernetes-org"
    if not folder or not folder.is_dir():
        scene.record.lacks("asking", "kubernetes", "", "there is no kubernetes-org")
        return
    whole.run(scene, scene.graph("kubernetes", lambda into: make(folder, into)))


def make(source, into):
    rows = [(row["member"], row["team"]) for row in graphs.rows_of(source / "memberships.csv")]
    teams = {row["team"] for row in graphs.rows_of(source / "teams.csv")}
    _, teams, people, edges = graphs.numbered(teams, rows)
    return graphs.write(into, "kubernetes", teams, people, edges)
