-- What earned a user points. The id is derived from user, reason and reference, so that a repeated
-- booking is the same row wherever it comes from. Entries are never changed.
CREATE TABLE point_entries (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    points     integer NOT NULL CHECK (points > 0),
    reason     text NOT NULL,
    reference  text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (user_id, reason, reference)
);
-- The list of a user, newest first, and their sum, both from the index alone up to the page.
CREATE INDEX point_entries_newest ON point_entries (user_id, created_at DESC, id DESC)
    INCLUDE (points);

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
