-- Jobs: one row a submitted scan. The committed row is the acceptance.
CREATE TABLE jobs (
    job_id             uuid        PRIMARY KEY,
    user_id            uuid        NOT NULL,
    status             text        NOT NULL DEFAULT 'queued'
                       CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'cancelled')),
    image_url          text        NOT NULL,
    image_key          text        NOT NULL,
    image_content_type text        NOT NULL,
    user_input         text        NOT NULL,
    model              text        NOT NULL,
    municipality       text        NOT NULL,
    traceparent        text        NOT NULL,
    created_at         timestamptz NOT NULL,
    deadline_at        timestamptz NOT NULL,
    dispatched_at      timestamptz,
    finished_at        timestamptz,
    result             bytea,      -- eco2.scan.v1.ScanResult
    document           text        COMPRESSION lz4,  -- the app's JSON, rendered once
    major_category     text,
    middle_category    text,
    minor_category     text,
    reward_name        text,
    error_reason       text,
    error_stage        text,
    CONSTRAINT completed_has_result CHECK ((status = 'completed') = (document IS NOT NULL)),
    CONSTRAINT failed_has_reason CHECK ((status = 'failed') = (error_reason IS NOT NULL))
);

-- The history of a user, newest first, page by page.
CREATE INDEX jobs_history ON jobs (user_id, created_at DESC, job_id DESC);
-- What the sweeper looks for: jobs whose record was never acknowledged, jobs past their deadline.
-- Both hold only what is under way.
CREATE INDEX jobs_unsent ON jobs (created_at) WHERE status = 'queued';
CREATE INDEX jobs_open ON jobs (deadline_at) WHERE status IN ('queued', 'processing');

-- First answers to submissions with an idempotency key; the answer follows from the job id.
CREATE TABLE idempotency_keys (
    user_id     uuid        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    job_id      uuid        NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- What users say an item really was; one a job, the last one counts.
CREATE TABLE corrections (
    job_id          uuid        PRIMARY KEY REFERENCES jobs,
    user_id         uuid        NOT NULL,
    major_category  text        NOT NULL,
    middle_category text        NOT NULL,
    minor_category  text        NOT NULL,
    comment         text        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
