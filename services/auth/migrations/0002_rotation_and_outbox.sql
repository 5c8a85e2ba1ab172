-- What the current pair of tokens says, so that the same pair can be signed again for a refresh
-- that ran beside the one that rotated it. A row from before gets a pair that was never signed:
-- only a rotation makes one that is signed twice.
ALTER TABLE sessions
    ADD COLUMN access_jti        uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN kid               text NOT NULL DEFAULT '',
    ADD COLUMN issued_at         timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN access_expires_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN tokens_expire_at  timestamptz,
    -- Refresh tokens that were rotated lately, and when, oldest first.
    ADD COLUMN superseded_jtis   uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN superseded_at     timestamptz[] NOT NULL DEFAULT '{}';
-- No access token outlives it: their life was shorter than that of refresh tokens.
UPDATE sessions SET tokens_expire_at = refresh_expires_at;
ALTER TABLE sessions
    ALTER COLUMN access_jti DROP DEFAULT,
    ALTER COLUMN kid DROP DEFAULT,
    ALTER COLUMN issued_at DROP DEFAULT,
    ALTER COLUMN access_expires_at DROP DEFAULT,
    ALTER COLUMN tokens_expire_at SET NOT NULL;
CREATE INDEX sessions_by_end ON sessions (tokens_expire_at);

-- How sessions ended, and who showed a token that had been rotated.
CREATE TABLE session_audits (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    event      text NOT NULL,
    detail     text NOT NULL DEFAULT '',
    address    text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL
);
CREATE INDEX session_audits_by_user ON session_audits (user_id, at DESC);

ALTER TABLE signing_keys ADD COLUMN activated_at timestamptz;
UPDATE signing_keys SET activated_at = created_at WHERE state = 'active';
-- One key waits at a time, too.
CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys (state) WHERE state = 'next';

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
