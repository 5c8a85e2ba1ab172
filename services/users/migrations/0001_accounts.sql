CREATE TABLE accounts (
    id                uuid PRIMARY KEY,
    nickname          text NOT NULL,
    name              text NOT NULL DEFAULT '',
    email             text NOT NULL DEFAULT '',
    phone_number      text UNIQUE,
    profile_image_url text NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE social_accounts (
    user_id          uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider         text NOT NULL CHECK (provider IN ('google', 'kakao', 'naver')),
    provider_user_id text NOT NULL,
    email            text NOT NULL DEFAULT '',
    last_login_at    timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, provider_user_id)
);
CREATE INDEX social_accounts_by_user ON social_accounts (user_id, last_login_at DESC);

-- A user owns a character once. The id is derived from user and code, so that a repeated grant is
-- the same row wherever it comes from.
CREATE TABLE user_characters (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    character_id   uuid NOT NULL,
    character_code text NOT NULL,
    name           text NOT NULL,
    type           text NOT NULL DEFAULT '',
    dialog         text NOT NULL DEFAULT '',
    source         text NOT NULL,
    acquired_at    timestamptz NOT NULL,
    UNIQUE (user_id, character_code)
);
CREATE INDEX user_characters_newest ON user_characters (user_id, acquired_at DESC, character_code);
