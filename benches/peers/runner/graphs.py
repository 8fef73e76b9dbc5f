"""Graphs: made up or real, all in one form, and their closure by a plain search.

A folder with `meta.json` and `memberships.csv` (member,team); teams are numbered from 1, people
after them. The closure here shares nothing with any peer: a search from each member asked about.
"""

import csv
import gzip
import json
import subprocess


class Graph:
    def __init__(self, folder):
        self.folder = folder
        self.meta = json.loads((folder / "meta.json").read_text())
        self.name = self.meta["name"]
        self.teams = self.meta["teams"]
        self.people = self.meta["people"]
        self.edges = read_edges(folder / "memberships.csv")
        self.up = [[] for _ in range(self.teams + self.people + 1)]
        for member, team in self.edges:
            self.up[member].append(team)
        self._above = {}
        self._down = None

    @property
    def down(self):
        """The direct members of each team, made when first asked for."""
        if self._down is None:
            self._down = [[] for _ in range(self.teams + 1)]
            for member, team in self.edges:
                self._down[team].append(member)
        return self._down

    def is_team(self, member):
        return member <= self.teams

    def above(self, start):
        """All that a member reaches, itself left out even if it lies on a cycle."""
        if start in self._above:
            return self._above[start]
        found = search(self.up, start)
        if self.is_team(start):
            self._above[start] = found
        return found

    def below(self, team):
        """The teams below a team, itself included."""
        seen, open_ = {team}, [team]
        while open_:
            for member in self.down[open_.pop()]:
                if member <= self.teams and member not in seen:
                    seen.add(member)
                    open_.append(member)
        return seen

    def people_of(self, team):
        below, down = self.below(team), self.down
        return {member for it in below for member in down[it] if member > self.teams}


def search(up, start):
    seen, open_ = {start}, [start]
    while open_:
        for team in up[open_.pop()]:
            if team not in seen:
                seen.add(team)
                open_.append(team)
    seen.discard(start)
    return seen


def read_edges(file):
    with open(file) as lines:
        next(lines)
        return [tuple(map(int, line.split(","))) for line in lines]


def write(folder, name, teams, people, edges, **more):
    folder.mkdir(parents=True, exist_ok=True)
    meta = {"name": name, "teams": teams, "people": people, "memberships": len(edges)} | more
    (folder / "meta.json").write_text(json.dumps(meta))
    with open(folder / "memberships.csv", "w") as out:
        out.write("member,team\n")
        out.writelines(f"{member},{team}\n" for member, team in edges)
    return Graph(folder)


def generated(plan, size, folder):
    """The organisation of a size, by the product's own generator."""
    subprocess.run([plan.program, "export", "--size", size, "--into", folder], check=True)
    return Graph(folder)


def numbered(teams, rows):
    """Names become numbers: those that are teams first. Edges once each, none from a member to
    itself."""
    names = sorted(teams)
    people = sorted({member for member, _ in rows} - teams)
    number = {name: place for place, name in enumerate(names + people, 1)}
    edges = dict.fromkeys((number[member], number[team]) for member, team in rows)
    return number, len(names), len(people), [edge for edge in edges if edge[0] != edge[1]]


def rows_of(file):
    opened = gzip.open(file, "rt") if str(file).endswith(".gz") else open(file)
    with opened as lines:
        yield from csv.DictReader(lines)


def debian(data, folder):
    source = data / "debian-bookworm-depends"
    teams = {row["team"] for row in rows_of(source / "teams.csv.gz")}
    rows = [(row["member"], row["team"]) for row in rows_of(source / "memberships.csv.gz")]
    _, teams, people, edges = numbered(teams, rows)
    return write(folder, "debian", teams, people, edges)


def chain(folder, name, levels, people_below):
    """Team 1 in team 2 in team 3 and so on; some people in team 1."""
    people = [(levels + place, 1) for place in range(1, people_below + 1)]
    nested = [(team, team + 1) for team in range(1, levels)]
    return write(folder, name, levels, people_below, people + nested)
