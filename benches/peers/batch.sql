-- A batch in one statement, which is one transaction: the ledger first, and nothing more where the event is there already.
-- Postgres reads the JSON itself. The peers have this from one file, so that they differ in nothing but their language.
--
-- $1 items, $2 event, $3 object, $4 project, $5 job, $6 platform, $7 batch index, $8 total batches, $9 content count,
-- $10 time of the event, $11 time of receipt, $12 brand, $13 keyword, $14 task
WITH event AS (
    INSERT INTO ingested_batches (
        event_id, object_path, project_id, job_id, platform, batch_index, total_batches, content_count,
        item_count, success_count, error_count, rejected_count, error_distribution, event_at, received_at, attempts)
    VALUES ($2::text, $3::text, $4::text, $5::text, $6::text, $7::bigint, $8::bigint, $9::bigint,
        $9::bigint, $9::bigint, 0, 0, '{}', $10::timestamptz, $11::timestamptz, 1)
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
), item AS MATERIALIZED (
    SELECT meta.*, content.*, author.*, items.comments
    FROM event,
        jsonb_to_recordset($1::jsonb) AS items (meta jsonb, content jsonb, author jsonb, comments jsonb),
        jsonb_to_record(items.meta) AS meta (
            id text, task_type text, crawled_at timestamptz, published_at timestamptz, permalink text,
            keyword_source text, lang text, region text, pipeline_version text, fetch_status text, fetch_error text,
            error_code text, error_details jsonb),
        jsonb_to_record(items.content) AS content (
            external_id text, url text, description text, duration_seconds double precision, tags text[],
            category text, view_count bigint, like_count bigint, comment_count bigint, share_count bigint,
            save_count bigint, sound_name text, media_type text, media_path text, transcription text,
            transcription_status text, transcription_error text),
        jsonb_to_record(items.author) AS author (
            username text, display_name text, bio text, avatar_url text, follower_count bigint,
            following_count bigint, total_likes bigint, video_count bigint, verified boolean)
), posts AS (
    INSERT INTO post_analytics AS old (
        scope, platform, id, project_id, is_dryrun, external_id, url, permalink, content_text,
        content_transcription, transcription_status, transcription_error, hashtags, lang, region, category,
        sound_name, media_type, media_path, media_duration, published_at, crawled_at, view_count, like_count,
        comment_count, share_count, save_count, author_key, author_username, author_name, follower_count, job_id,
        batch_index, task_type, keyword_source, brand_name, pipeline_version, fetch_status, fetch_error, error_code,
        error_details)
    SELECT $4, $6, id, $4, false, external_id, url, permalink, description,
        transcription, transcription_status, transcription_error, tags, lang, region, category,
        sound_name, media_type, media_path, duration_seconds, published_at, crawled_at, view_count, like_count,
        comment_count, share_count, save_count, username, username, display_name, follower_count, $5,
        $7, coalesce(task_type, $14::text), coalesce(keyword_source, $13::text), $12::text, pipeline_version,
        fetch_status, fetch_error, error_code, error_details
    FROM item
    ON CONFLICT (scope, platform, id) DO UPDATE SET
        url = excluded.url, permalink = excluded.permalink, content_text = excluded.content_text,
        content_transcription = coalesce(excluded.content_transcription, old.content_transcription),
        transcription_status = coalesce(excluded.transcription_status, old.transcription_status),
        hashtags = coalesce(excluded.hashtags, old.hashtags), crawled_at = excluded.crawled_at,
        view_count = excluded.view_count, like_count = excluded.like_count,
        comment_count = excluded.comment_count, share_count = excluded.share_count, save_count = excluded.save_count,
        author_name = excluded.author_name, follower_count = excluded.follower_count, job_id = excluded.job_id,
        batch_index = excluded.batch_index, updated_at = now()
    WHERE old.crawled_at < excluded.crawled_at
), authors AS (
    -- In the order of their keys: transactions side by side meet on authors, and must not meet crosswise.
    INSERT INTO authors AS old (
        platform, author_key, username, display_name, avatar_url, bio, follower_count, following_count, total_likes,
        video_count, verified, crawled_at)
    SELECT DISTINCT ON (username)
        $6, username, username, display_name, avatar_url, bio, follower_count, following_count, total_likes,
        video_count, verified, crawled_at
    FROM item
    WHERE username IS NOT NULL
    ORDER BY username, crawled_at DESC
    ON CONFLICT (platform, author_key) DO UPDATE SET
        display_name = excluded.display_name, avatar_url = excluded.avatar_url, bio = excluded.bio,
        follower_count = excluded.follower_count, following_count = excluded.following_count,
        total_likes = excluded.total_likes, video_count = excluded.video_count, verified = excluded.verified,
        crawled_at = excluded.crawled_at
    WHERE old.crawled_at < excluded.crawled_at
)
INSERT INTO comments AS old (
    platform, comment_id, post_id, author_username, author_name, text, like_count, reply_count, parent_type,
    parent_id, commented_at, crawled_at)
SELECT $6, comment.external_id, item.id, comment.author_username, comment.author_display_name, comment.text,
    comment.like_count, comment.reply_count, comment.parent_type, comment.parent_id, comment.created_at,
    item.crawled_at
FROM item,
    jsonb_to_recordset(item.comments) AS comment (
        external_id text, author_username text, author_display_name text, text text, like_count bigint,
        reply_count bigint, parent_type text, parent_id text, created_at timestamptz)
ON CONFLICT (platform, comment_id) DO UPDATE SET
    text = excluded.text, like_count = excluded.like_count, reply_count = excluded.reply_count,
    crawled_at = excluded.crawled_at
WHERE old.crawled_at < excluded.crawled_at
