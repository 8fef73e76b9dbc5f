"""The product's built-in schema in a database, filled with a graph by COPY."""

import subprocess


def create(plan, cluster, database, graph, rows=True):
    cluster.create(database)
    url = cluster.url(database)
    subprocess.run(
        [plan.teamgraph, "migrate", "--database-url", url.split("?")[0]],
        check=True,
        capture_output=True,
        timeout=60,
    )
    with cluster.connect(database) as connection:
        connection.execute("SET session_replication_role = replica")
        owner = graph.teams + 1 if graph.people else 1
        columns = "teamgraph.person (id, name, display_name, team_owner)"
        with connection.cursor().copy(f"COPY {columns} FROM STDIN") as out:
            for key in range(1, graph.teams + graph.people + 1):
                # A team must have an owner, and nobody owns itself.
                team = (owner if key != owner else 2) if key <= graph.teams else None
                out.write_row((key, f"n{key}", f"n{key}", team))
        if rows:
            columns = "teamgraph.team_membership (person, team, status)"
            with connection.cursor().copy(f"COPY {columns} FROM STDIN") as out:
                out.write("".join(f"{member}\t{team}\t2\n" for member, team in graph.edges))
        connection.execute("VACUUM (ANALYZE) teamgraph.person, teamgraph.team_membership")
        connection.execute("CHECKPOINT")
