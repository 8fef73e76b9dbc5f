-- uuid keys and names in mixed case.

CREATE SCHEMA "Identity";

CREATE TYPE "Identity"."AccountKind" AS ENUM ('user', 'group');

CREATE TABLE "Identity"."Account" (
    "Id"          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "DisplayName" text,
    "Kind"        "Identity"."AccountKind" NOT NULL DEFAULT 'user',
    "OwnerId"     uuid REFERENCES "Identity"."Account"
);

CREATE TABLE "Identity"."GroupMember" (
    "RowId"     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "AccountId" uuid NOT NULL REFERENCES "Identity"."Account",
    "GroupId"   uuid NOT NULL REFERENCES "Identity"."Account",
    status      text NOT NULL DEFAULT 'member',
    "Active"    boolean,
    CONSTRAINT "GroupMemberOnce" UNIQUE ("AccountId", "GroupId")
);
-- Deletes carry the account and the group, and not the row's number.
ALTER TABLE "Identity"."GroupMember" REPLICA IDENTITY USING INDEX "GroupMemberOnce";

CREATE PUBLICATION teamgraph FOR TABLE "Identity"."Account", "Identity"."GroupMember";
