-- People and teams apart; each is numbered from 1.

CREATE SCHEMA directory;

CREATE TABLE directory.people (
    id    bigint PRIMARY KEY,
    login varchar(64) NOT NULL UNIQUE
);

CREATE TABLE directory.teams (
    id    integer PRIMARY KEY,
    slug  varchar(64) NOT NULL UNIQUE,
    owner bigint REFERENCES directory.people
);

CREATE TYPE directory.team_role AS ENUM ('member', 'deputy', 'lead');

-- Nothing but the person and the team tells a row from the others.
CREATE TABLE directory.team_members (
    person_id bigint NOT NULL REFERENCES directory.people,
    team_id   integer NOT NULL REFERENCES directory.teams,
    role      directory.team_role NOT NULL DEFAULT 'member',
    left_at   timestamptz,
    PRIMARY KEY (person_id, team_id)
);

CREATE TABLE directory.team_teams (
    id        smallint PRIMARY KEY,
    child     integer NOT NULL REFERENCES directory.teams,
    parent    integer NOT NULL REFERENCES directory.teams,
    suspended boolean NOT NULL DEFAULT false
);
ALTER TABLE directory.team_teams REPLICA IDENTITY FULL;

CREATE PUBLICATION teamgraph FOR TABLES IN SCHEMA directory;
