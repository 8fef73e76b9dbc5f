CREATE EXTENSION citext;
CREATE DOMAIN group_code AS varchar(8) CHECK (value <> '');
CREATE TABLE people (filler text, handle citext PRIMARY KEY);
CREATE TABLE groups (code group_code PRIMARY KEY, title text UNIQUE, open boolean);
CREATE TABLE people_in_groups (
    person citext NOT NULL, code group_code NOT NULL, PRIMARY KEY (person, code)
) PARTITION BY HASH (code);
-- Columns of a partition stand in an order of their own.
CREATE TABLE part_0 (code group_code NOT NULL, filler int, person citext NOT NULL);
ALTER TABLE part_0 DROP COLUMN filler;
ALTER TABLE people_in_groups ATTACH PARTITION part_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 PARTITION OF people_in_groups FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE groups_in_groups (
    no int2 NOT NULL UNIQUE, "inner" group_code, "outer" group_code, state char(4), since date,
    region text NOT NULL DEFAULT 'x'
);
CREATE UNIQUE INDEX identity_index ON groups_in_groups (region, no);
ALTER TABLE groups_in_groups REPLICA IDENTITY USING INDEX identity_index;
CREATE PUBLICATION teamgraph FOR TABLE people, groups, people_in_groups, groups_in_groups;
