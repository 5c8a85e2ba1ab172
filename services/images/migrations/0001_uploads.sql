-- Presigned uploads and what became of them.
--
--   pending    handed out, may still be finalized
--   finalized  confirmed by the client; kept
--   expired    not confirmed in time; kept once used, else swept after a grace period
--   swept      claimed by the sweeper, its object is being deleted; the row goes after the object
--
-- An object counts as used from the first time it was inspected for somebody (a scan, a chat turn).
CREATE TABLE uploads (
    key          text        PRIMARY KEY,
    channel      text        NOT NULL,
    uploader_id  uuid,       -- null: found in the bucket, not handed out by this database
    content_type text        NOT NULL,
    metadata     jsonb       NOT NULL DEFAULT '{}',
    state        text        NOT NULL DEFAULT 'pending'
                 CHECK (state IN ('pending', 'finalized', 'expired', 'swept')),
    etag         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    finalized_at timestamptz,
    used_at      timestamptz
);

-- What the sweeper looks for; used and finalized uploads leave these indexes for good.
CREATE INDEX uploads_pending ON uploads (expires_at) WHERE state = 'pending';
CREATE INDEX uploads_unused ON uploads (expires_at) WHERE state = 'expired' AND used_at IS NULL;
CREATE INDEX uploads_swept ON uploads (key) WHERE state = 'swept';
