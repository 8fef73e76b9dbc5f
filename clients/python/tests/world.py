"""The server and the database that the tests meet, as tests/it/end_to_end.rs makes them."""

import os
import time

from teamgraph_client import Client

ADDRESS = os.environ["TEAMGRAPH_ADDRESS"]
DATABASE_URL = os.environ["TEAMGRAPH_DATABASE_URL"]

# The server copies some 40 members; the slot's creation may wait for other transactions.
READY_S = 60.0
LOOK_EVERY_S = 0.05


def until_ready(client: Client) -> None:
    """Waits until the server follows its database."""
    deadline = time.monotonic() + READY_S
    while client.status().feed.state != "streaming":
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready within {READY_S} s: {client.status().feed}")
        time.sleep(LOOK_EVERY_S)


# A change in SQL that each test makes for a person of its own.
JOINS = """
    WITH joining AS (
        INSERT INTO teamgraph.person (name, display_name) VALUES (%(name)s, %(name)s) RETURNING id
    )
    INSERT INTO teamgraph.team_membership (person, team, status)
        SELECT joining.id, team.id, 2 FROM joining, teamgraph.person team
        WHERE team.name = 'release-admins'
"""
