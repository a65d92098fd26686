-- Outside a transaction, statement by statement. A build that was interrupted leaves an invalid
-- index behind, so every such migration first drops what may be there.
DROP INDEX CONCURRENTLY IF EXISTS idx_comments_post_id;
CREATE INDEX CONCURRENTLY idx_comments_post_id ON comments (platform, post_id);
