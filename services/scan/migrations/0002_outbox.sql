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
