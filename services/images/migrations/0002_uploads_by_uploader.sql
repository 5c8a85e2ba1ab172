-- What is erased with a user.
CREATE INDEX uploads_by_uploader ON uploads (uploader_id) WHERE uploader_id IS NOT NULL;
