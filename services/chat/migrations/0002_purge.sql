-- What the sweeper deletes for good some time after its owner has deleted it.
CREATE INDEX chats_deleted ON chats (deleted_at) WHERE deleted_at IS NOT NULL;
