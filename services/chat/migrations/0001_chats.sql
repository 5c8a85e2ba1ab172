-- Chats: the list of a user, and what a model is told of what came before.
CREATE TABLE chats (
    chat_id            uuid        PRIMARY KEY,
    user_id            uuid        NOT NULL,
    title              text,
    preview            text,        -- first characters of the latest answer
    hidden             boolean     NOT NULL DEFAULT false,  -- holds one question of AskOnce
    message_count      integer     NOT NULL DEFAULT 0,
    turn_count         integer     NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL,
    last_message_at    timestamptz,
    deleted_at         timestamptz,
    summary            text        NOT NULL DEFAULT '',
    summarised_through integer     NOT NULL DEFAULT 0  -- position of the last message it covers
);
-- The two halves of the list, page by page: chats with messages, then those without.
CREATE INDEX chats_spoken ON chats (user_id, last_message_at DESC, chat_id DESC)
    WHERE deleted_at IS NULL AND NOT hidden AND last_message_at IS NOT NULL;
CREATE INDEX chats_silent ON chats (user_id, created_at DESC, chat_id DESC)
    WHERE deleted_at IS NULL AND NOT hidden AND last_message_at IS NULL;
CREATE INDEX chats_of_user ON chats (user_id);
CREATE INDEX chats_hidden ON chats (created_at) WHERE hidden;

-- Turns: one row an accepted message. The committed row is the acceptance.
CREATE TABLE turns (
    job_id             uuid        PRIMARY KEY,
    chat_id            uuid        NOT NULL REFERENCES chats,
    user_id            uuid        NOT NULL,
    number             integer     NOT NULL,  -- from 1 within the chat, in the order of acceptance
    status             text        NOT NULL DEFAULT 'accepted'
                       CHECK (status IN ('accepted', 'waiting', 'completed', 'failed', 'cancelled')),
    message            text        NOT NULL,
    image_url          text        NOT NULL,
    image_key          text        NOT NULL,
    image_content_type text        NOT NULL,
    latitude           double precision,
    longitude          double precision,
    model              text        NOT NULL,
    traceparent        text        NOT NULL,
    awaited            boolean     NOT NULL,  -- somebody waits for its end in a call
    created_at         timestamptz NOT NULL,
    deadline_at        timestamptz NOT NULL,
    finished_at        timestamptz,
    round              integer     NOT NULL DEFAULT 0,  -- how often it has waited for the user
    input_type         text,        -- what it waits for
    question           text,
    parked_state       bytea,       -- what the worker had worked out
    waits_until        timestamptz,
    last_input         text,        -- fingerprint of the input that ended the latest round
    intent             text,
    result             text        COMPRESSION lz4,  -- what `done` carries, rendered once
    error_reason       text,
    error_message      text,
    UNIQUE (chat_id, number),
    CONSTRAINT waiting_ends CHECK ((status = 'waiting') = (waits_until IS NOT NULL)),
    CONSTRAINT completed_has_result CHECK ((status = 'completed') = (result IS NOT NULL)),
    CONSTRAINT failed_has_reason CHECK ((status = 'failed') = (error_reason IS NOT NULL)),
    CONSTRAINT ended_has_time
        CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
-- What the sweeper looks for; both hold only what is under way.
CREATE INDEX turns_open ON turns (deadline_at) WHERE status = 'accepted';
CREATE INDEX turns_waiting ON turns (waits_until) WHERE status = 'waiting';

-- Messages, in the order they were stored (seq) and by the turn they belong to (position).
CREATE TABLE messages (
    message_id uuid        PRIMARY KEY,
    chat_id    uuid        NOT NULL REFERENCES chats,
    job_id     uuid        NOT NULL REFERENCES turns,
    seq        integer     NOT NULL,
    position   integer     NOT NULL,
    role       text        NOT NULL CHECK (role IN ('user', 'assistant')),
    content    text        NOT NULL,
    image_url  text,
    intent     text,
    metadata   text,        -- JSON object
    created_at timestamptz NOT NULL,
    UNIQUE (chat_id, seq),
    UNIQUE (chat_id, position)
);

-- First answers to messages with an idempotency key; the answer follows from the job id.
CREATE TABLE idempotency_keys (
    user_id     uuid        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    job_id      uuid        NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Records for the worker, in the order of the turns of a chat.
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

-- Wakes the call that waits for a turn, whoever ends it.
CREATE FUNCTION tell_that_turn_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('chat_turn_ended', NEW.job_id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER awaited_turn_ended AFTER UPDATE OF status ON turns
    FOR EACH ROW WHEN (NEW.awaited AND NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION tell_that_turn_ended();
