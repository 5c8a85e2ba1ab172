-- The pictures of a user, newest first: those that were confirmed or used.
ALTER TABLE uploads ADD COLUMN id uuid
    GENERATED ALWAYS AS (substring(key FROM '/([0-9a-f]{32})\.')::uuid) STORED;
CREATE INDEX uploads_newest ON uploads (uploader_id, created_at DESC, id DESC)
    WHERE state = 'finalized' OR used_at IS NOT NULL;
