"""The flattened table: every participation a row, with the two indexes that its questions need,
and functions that keep it right, cycles and second paths included.

Adding: all above the team × all below the member. Removing: of those pairs, the ones that no
search over the memberships that remain finds again. A person who leaves is one such search.
"""

CREATE = """
CREATE SCHEMA peers;
CREATE TABLE peers.participation (person bigint NOT NULL, team bigint NOT NULL);
CREATE FUNCTION peers.teams() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT {teams}::bigint';
CREATE FUNCTION peers.join_team(a_member bigint, a_team bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE written bigint;
BEGIN
    INSERT INTO teamgraph.team_membership (person, team, status) VALUES (a_member, a_team, 2);
    INSERT INTO peers.participation (person, team)
        SELECT low.person, high.team
        FROM (SELECT p.team FROM peers.participation p WHERE p.person = a_team
              UNION SELECT a_team) high,
             (SELECT p.person FROM peers.participation p WHERE p.team = a_member
              UNION SELECT a_member) low
        WHERE low.person <> high.team
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written + 1;
END $$;
CREATE FUNCTION peers.leave_team(a_member bigint, a_team bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE written bigint;
BEGIN
    DELETE FROM teamgraph.team_membership WHERE person = a_member AND team = a_team;
    IF a_member > peers.teams() THEN
        WITH RECURSIVE above (team) AS (
            SELECT m.team FROM teamgraph.team_membership m
            WHERE m.person = a_member AND m.status IN (2, 3)
            UNION
            SELECT m.team FROM above JOIN teamgraph.team_membership m ON m.person = above.team
                AND m.status IN (2, 3))
        DELETE FROM peers.participation p
        WHERE p.person = a_member AND NOT EXISTS (SELECT FROM above WHERE above.team = p.team);
    ELSE
        WITH RECURSIVE
        high AS MATERIALIZED (
            SELECT p.team FROM peers.participation p WHERE p.person = a_team
            UNION SELECT a_team),
        low AS MATERIALIZED (
            SELECT p.person FROM peers.participation p WHERE p.team = a_member
            UNION SELECT a_member),
        below (top, team) AS (
            SELECT high.team, high.team FROM high
            UNION
            SELECT below.top, m.person FROM below
                JOIN teamgraph.team_membership m ON m.team = below.team AND m.status IN (2, 3)
                    AND m.person <= peers.teams()),
        kept AS MATERIALIZED (
            SELECT DISTINCT m.person, below.top AS team
            FROM low
                JOIN teamgraph.team_membership m ON m.person = low.person AND m.status IN (2, 3)
                JOIN below ON below.team = m.team)
        DELETE FROM peers.participation p USING high, low
        WHERE p.person = low.person AND p.team = high.team
            AND NOT EXISTS (SELECT FROM kept WHERE kept.person = p.person AND kept.team = p.team);
    END IF;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written + 1;
END $$;
"""

NEST = """
CREATE TEMP TABLE nested AS
    WITH RECURSIVE above (low, top) AS (
        SELECT m.person, m.team FROM teamgraph.team_membership m
        WHERE m.person <= peers.teams() AND m.status IN (2, 3)
        UNION
        SELECT above.low, m.team FROM above
            JOIN teamgraph.team_membership m ON m.person = above.top AND m.status IN (2, 3))
    SELECT low, top FROM above;
ANALYZE nested
"""

# So many people at a time that their pairs fit into work_mem.
FILL_AT_ONCE = 50_000
FILL = """
INSERT INTO peers.participation (person, team)
    SELECT DISTINCT person, team FROM (
        SELECT m.person, m.team FROM teamgraph.team_membership m
        WHERE m.status IN (2, 3) AND m.person BETWEEN {first} AND {last}
        UNION ALL
        SELECT m.person, nested.top FROM teamgraph.team_membership m
            JOIN nested ON nested.low = m.team
        WHERE m.status IN (2, 3) AND m.person BETWEEN {first} AND {last}) pairs
    WHERE person <> team
"""

INDEX = """
ALTER TABLE peers.participation ADD PRIMARY KEY (person, team);
CREATE UNIQUE INDEX participation_team_person ON peers.participation (team, person)
"""


def create(connection, teams):
    connection.execute(CREATE.replace("{teams}", str(teams)))


def rebuild(connection, members, limit_s):
    """Empties the table, fills it, makes its indexes: what an upgrade or a repair costs."""
    connection.execute(f"SET statement_timeout = '{int(limit_s)}s'")
    connection.execute("SET work_mem = '1GB'")
    connection.execute("DROP INDEX IF EXISTS peers.participation_team_person")
    connection.execute(
        "ALTER TABLE peers.participation DROP CONSTRAINT IF EXISTS participation_pkey"
    )
    connection.execute("TRUNCATE peers.participation")
    for statement in NEST.split(";"):
        connection.execute(statement)
    for first in range(1, members + 1, FILL_AT_ONCE):
        connection.execute(FILL.format(first=first, last=first + FILL_AT_ONCE - 1))
    connection.execute("DROP TABLE nested")
    for statement in INDEX.split(";"):
        connection.execute(statement)
    connection.execute("RESET work_mem")
    connection.execute("SET statement_timeout = 0")


def settle(connection):
    """As after a vacuum: the indexes alone can answer."""
    connection.execute("VACUUM (ANALYZE) peers.participation")
    connection.execute("CHECKPOINT")


def bytes_and_rows(connection):
    size = connection.execute("SELECT pg_total_relation_size('peers.participation')")
    size = size.fetchone()[0]
    rows = connection.execute("SELECT count(*) FROM peers.participation").fetchone()[0]
    return size, rows
