CREATE TABLE signing_keys (
    kid         text PRIMARY KEY,
    private_pem text NOT NULL,
    state       text NOT NULL CHECK (state IN ('next', 'active', 'retired')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz
);
-- One key signs at a time, whatever races.
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (state) WHERE state = 'active';

CREATE TABLE sessions (
    id                 uuid PRIMARY KEY,
    user_id            uuid NOT NULL,
    provider           text NOT NULL,
    refresh_jti        uuid NOT NULL,
    device_id          text NOT NULL DEFAULT '',
    user_agent         text NOT NULL DEFAULT '',
    created_at         timestamptz NOT NULL DEFAULT now(),
    last_used_at       timestamptz NOT NULL DEFAULT now(),
    refresh_expires_at timestamptz NOT NULL,
    revoked_at         timestamptz,
    revoked_reason     text
);
CREATE INDEX sessions_by_user ON sessions (user_id, last_used_at DESC);

CREATE TABLE login_audits (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    uuid NOT NULL,
    provider   text NOT NULL,
    session_id uuid NOT NULL,
    login_ip   text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    issued_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_audits_by_user ON login_audits (user_id, issued_at DESC);
