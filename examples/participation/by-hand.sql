-- A participation table as applications keep one by hand: right when a membership is new, and not
-- always when one ends, since whoever is below may be in by another way, or may not.

CREATE TABLE teamparticipation (
    id     serial PRIMARY KEY,
    team   integer NOT NULL REFERENCES person,
    person integer NOT NULL REFERENCES person,
    CONSTRAINT teamparticipation_team_key UNIQUE (team, person)
);
CREATE INDEX teamparticipation_person_idx ON teamparticipation (person);

CREATE FUNCTION keep_participation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.status IN (2, 3) THEN
        INSERT INTO teamparticipation (team, person)
        SELECT above.team, below.person
        FROM teamparticipation above, teamparticipation below
        WHERE above.person = NEW.team AND below.team = NEW.person
        ON CONFLICT DO NOTHING;
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM teamparticipation WHERE team = OLD.team AND person = OLD.person;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_participation AFTER INSERT OR DELETE ON teammembership
    FOR EACH ROW EXECUTE FUNCTION keep_participation();

CREATE FUNCTION keep_participation_in_itself() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO teamparticipation (team, person) VALUES (NEW.id, NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER keep_participation_in_itself AFTER INSERT ON person
    FOR EACH ROW EXECUTE FUNCTION keep_participation_in_itself();

-- The whole anew, from the memberships.
CREATE FUNCTION rebuild_participation() RETURNS void LANGUAGE sql AS $$
    DELETE FROM teamparticipation;
    INSERT INTO teamparticipation (team, person)
    WITH RECURSIVE participation (team, person) AS (
        SELECT id, id FROM person
        UNION
        SELECT e.team, p.person
        FROM participation p
        JOIN teammembership e ON e.person = p.team AND e.status IN (2, 3)
        JOIN person t ON t.id = e.team AND t.teamowner IS NOT NULL
    )
    SELECT team, person FROM participation;
$$;
