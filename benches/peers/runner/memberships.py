"""The product's built-in schema in a database, filled with a graph by COPY.

A graph is loaded once into each server; databases are copies of that. Indexes of the memberships
are made after the rows, as they were.
"""

import subprocess

BEFORE = """
SET session_replication_role = replica;
ALTER TABLE teamgraph.team_membership DROP CONSTRAINT team_membership_person_team_key;
DROP INDEX teamgraph.team_membership_team_idx
"""
AFTER = """
ALTER TABLE teamgraph.team_membership ADD CONSTRAINT team_membership_person_team_key
    UNIQUE (person, team);
CREATE INDEX team_membership_team_idx ON teamgraph.team_membership (team);
VACUUM (ANALYZE) teamgraph.person, teamgraph.team_membership;
CHECKPOINT
"""


def create(plan, cluster, database, graph, rows=True):
    """The database, new; without memberships if so wanted."""
    template = f"loaded_{graph.name}_{rows}".replace("-", "_").lower()
    if template not in cluster.templates:
        load(plan, cluster, template, graph, rows)
        cluster.templates.add(template)
    cluster.sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
    cluster.sql(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY file_copy')


def forget(cluster, graph):
    """The graph's templates are needed no more."""
    name = graph.name.replace("-", "_").lower()
    for template in [it for it in cluster.templates if it.startswith(f"loaded_{name}_")]:
        cluster.sql(f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')
        cluster.templates.discard(template)


def load(plan, cluster, database, graph, rows):
    cluster.create(database)
    command = [plan.teamgraph, "migrate", "--database-url", cluster.url(database).split("?")[0]]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with cluster.connect(database) as connection:
        for statement in BEFORE.split(";"):
            connection.execute(statement)
        columns = "teamgraph.person (id, name, display_name, team_owner)"
        with connection.cursor().copy(f"COPY {columns} FROM STDIN") as out:
            write(out, people(graph))
        if rows:
            columns = "teamgraph.team_membership (person, team, status)"
            with connection.cursor().copy(f"COPY {columns} FROM STDIN") as out:
                write(out, (f"{member}\t{team}\t2\n" for member, team in graph.edges))
        for statement in AFTER.split(";"):
            connection.execute(statement)


def people(graph):
    """A team must have an owner, and nobody owns itself."""
    first = graph.teams + 1 if graph.people else 1
    for key in range(1, graph.teams + graph.people + 1):
        owner = (first if key != first else 2) if key <= graph.teams else "\\N"
        yield f"{key}\tn{key}\tn{key}\t{owner}\n"


def write(out, lines):
    piece = []
    for line in lines:
        piece.append(line)
        if len(piece) == 10_000:
            out.write("".join(piece))
            piece.clear()
    out.write("".join(piece))
