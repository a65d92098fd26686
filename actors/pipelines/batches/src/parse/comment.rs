//! The comments of an item.

use super::{
    fields,
    reader::{Reader, Scalar},
    record::{Record, Refusal},
    shape::{CommentShape, Spellings},
    spelling::Spelling,
    tally::CleanKind,
    tape::Value,
};
use crate::domain::{Comment, Platform};
use jiff::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// Namespace of derived comment ids. Part of the stored data: never change it.
const DERIVED: Uuid = Uuid::from_u128(0x6d69_6c6c_7261_6365_8063_6f6d_6d65_6e74);

/// What every comment of an item shares.
pub(super) struct Thread<'p> {
    pub(super) shape: &'p CommentShape,
    pub(super) platform: &'p Platform,
    pub(super) post_id: Arc<str>,
    pub(super) crawled_at: Timestamp,
}

/// The comment that replies stand in.
struct Parent {
    /// Shared by its replies: it may be long, and they many.
    id: Arc<str>,
    /// 1 for a comment on the post.
    level: usize,
}

/// Replies within replies that are rows; those deeper stay in `extra`, so that nothing recurses without end.
const MAX_REPLY_LEVELS: usize = 8;

// === impl Thread ===

impl Thread<'_> {
    /// Reads the comments of a post into those of the batch. What is no comment is left for the post's `extra`.
    pub(super) fn read_all(
        &self,
        record: &mut Record<'_>,
        reader: &mut Reader<'_>,
        comments: &mut Vec<Comment>,
    ) {
        self.read_list(record, self.shape.list, None, reader, comments);
    }

    /// Reads a list of comments: of the post, or of replies to one of them.
    fn read_list(
        &self,
        record: &mut Record<'_>,
        list: Spelling,
        parent: Option<&Parent>,
        reader: &mut Reader<'_>,
        comments: &mut Vec<Comment>,
    ) {
        let Some(value) = record.sent(list) else {
            return;
        };
        match Scalar::of(value.json) {
            Scalar::Null => record.take(list),
            Scalar::Array if parent.is_none_or(|parent| parent.level <= MAX_REPLY_LEVELS) => {
                self.read(record, list, value, parent, reader, comments);
            }
            _ => reader.tally.add(CleanKind::CommentUnreadable),
        }
    }

    /// Reads an array of valid JSON. What is no comment, and what is beyond the cap of the batch (three
    /// bytes of JSON must not become four hundred bytes of row without end), is left for `extra`.
    fn read(
        &self,
        record: &mut Record<'_>,
        list: Spelling,
        array: Value<'_>,
        parent: Option<&Parent>,
        reader: &mut Reader<'_>,
        comments: &mut Vec<Comment>,
    ) {
        let mut left = String::new();
        let walked = fields::for_each_value(array, |comment| {
            let trouble = match reader.comments_left {
                0 => Some(CleanKind::CommentsOverCap),
                _ => match self.read_one(comment, parent, reader, comments) {
                    Ok(()) => None,
                    Err(_) => Some(CleanKind::CommentUnreadable),
                },
            };
            if let Some(kind) = trouble {
                reader.tally.add(kind);
                left.push(if left.is_empty() { '[' } else { ',' });
                left.push_str(comment.json);
            }
            Ok(())
        });
        if walked.is_err() {
            reader.tally.add(CleanKind::CommentUnreadable);
        } else if left.is_empty() {
            record.take(list);
        } else {
            left.push(']');
            record.replace(list, left);
        }
    }

    /// Reads a comment and, behind it, its replies.
    fn read_one(
        &self,
        comment: Value<'_>,
        parent: Option<&Parent>,
        reader: &mut Reader<'_>,
        comments: &mut Vec<Comment>,
    ) -> Result<(), Refusal> {
        let mut record = Record::part(comment, self.shape.sections, reader)?;
        let comment = self.columns(&mut record, parent, reader);
        let Some(replies) = self.shape.replies else {
            let extra = record.extra(reader)?;
            comments.push(Comment { extra, ..comment });
            reader.comments_left -= 1;
            return Ok(());
        };
        let parent = Parent {
            id: comment.comment_id.as_str().into(),
            level: parent.map_or(0, |parent| parent.level) + 1,
        };
        let position = comments.len();
        comments.push(comment);
        reader.comments_left -= 1;
        self.read_list(&mut record, replies, Some(&parent), reader, comments);
        match record.extra(reader) {
            Ok(extra) => comments[position].extra = extra,
            Err(refusal) => {
                // They are in what is left of the list.
                reader.comments_left += comments.len() - position;
                comments.truncate(position);
                return Err(refusal);
            }
        }
        Ok(())
    }

    fn columns(&self, record: &mut Record<'_>, parent: Option<&Parent>, reader: &mut Reader<'_>) -> Comment {
        let shape = self.shape;
        let id = record.pick(shape.id, reader, Reader::key);
        let [like_count, reply_count] = [shape.like_count, shape.reply_count]
            .map(|spellings| record.pick(spellings, reader, Reader::count));
        let commented_at = record.pick(shape.commented_at, reader, Reader::time);
        let mut text = |spellings: Spellings| record.pick(spellings, reader, Reader::text);
        let mut comment = Comment {
            comment_id: String::new(),
            post_id: self.post_id.clone(),
            author_username: text(shape.author_username),
            author_name: text(shape.author_name),
            text: text(shape.text),
            like_count,
            reply_count,
            parent_type: text(shape.parent_type),
            parent_id: text(shape.parent_id).map(Arc::from),
            commented_at,
            crawled_at: self.crawled_at,
            extra: None,
        };
        (shape.finish)(record, reader, &mut comment);
        if let Some(parent) = parent {
            comment.parent_type.get_or_insert_with(|| "COMMENT".to_owned());
            comment.parent_id.get_or_insert_with(|| parent.id.clone());
        }
        comment.comment_id = id.unwrap_or_else(|| self.derived_id(&comment));
        comment
    }

    /// An id for a comment that was sent without one, the same whenever and wherever the comment is
    /// read again, so that replays do not multiply it: `derived-` and the UUID version 5, in the
    /// namespace `6d696c6c-7261-6365-8063-6f6d6d656e74`, of platform, post id, author's handle (or
    /// else name), text and time of writing, each as UTF-8 followed by U+0000, a missing one empty,
    /// the time in RFC 3339 UTC. Two comments that agree in all five are one comment.
    fn derived_id(&self, comment: &Comment) -> String {
        let author = comment.author_username.as_ref().or(comment.author_name.as_ref());
        let commented_at = comment.commented_at.map(|time| time.to_string());
        let mut name = Vec::new();
        for part in [
            Some(self.platform.as_str()),
            Some(&*self.post_id),
            author.map(String::as_str),
            comment.text.as_deref(),
            commented_at.as_deref(),
        ] {
            name.extend_from_slice(part.unwrap_or_default().as_bytes());
            name.push(0); // no part can hold it, so parts cannot run into each other
        }
        format!("derived-{}", Uuid::new_v5(&DERIVED, &name))
    }
}
