-- The catalogue of characters. A character is never deleted: one that was taken out is retired, since
-- users may have it, and its code keeps its meaning.
CREATE TABLE characters (
    code       text        PRIMARY KEY,
    name       text        NOT NULL,
    type       text        NOT NULL,
    dialog     text        NOT NULL,
    match      text,       -- null: the default character
    aliases    text[]      NOT NULL DEFAULT '{}',
    position   integer     NOT NULL,
    retired    boolean     NOT NULL DEFAULT false,
    revision   integer     NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Checked at the commit: two characters may swap what earns them.
    CONSTRAINT characters_match_once EXCLUDE (match WITH =) WHERE (NOT retired)
        DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT characters_name_once EXCLUDE (name WITH =) WHERE (NOT retired)
        DEFERRABLE INITIALLY DEFERRED
);

-- One row: the revision that every change raises, locked by who changes the catalogue.
CREATE TABLE catalogue (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    revision integer NOT NULL
);
INSERT INTO catalogue (revision) VALUES (0);

CREATE TABLE outbox (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic         text NOT NULL,
    key           text NOT NULL,
    payload       bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The process that wrote the row sends it itself until then.
    claimed_until timestamptz NOT NULL
);
CREATE INDEX outbox_by_key ON outbox (topic, key, id);
