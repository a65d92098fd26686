//! Comments below a post, and the replies in them: a reply is a comment whose parent is the one it stands in.

use super::{joined, reactions};
use crate::domain::Comment;
use crate::parse::{
    platforms::common,
    reader::Reader,
    record::Record,
    shape::CommentShape,
    spelling::{Place, Spelling, top},
};

/// The author, where it is an object of the comment.
const AUTHOR: Place = Place(1);

const ID: [Spelling; 3] = joined(common::COMMENT_ID, [top("comment_id")]);
const LIKES: [Spelling; 3] = joined(common::COMMENT_LIKES, [top("num_likes")]);
const AUTHOR_NAME: [Spelling; 4] = joined(
    common::COMMENT_AUTHOR_NAME,
    [top("user_name"), AUTHOR.field("name")],
);

pub(super) const COMMENT: CommentShape = CommentShape {
    replies: Some(top("replies")),
    sections: &[Place::TOP.section("author")],
    id: &ID,
    author_username: &[top("author_username"), AUTHOR.field("username")],
    author_name: &AUTHOR_NAME,
    text: &[top("text"), top("message"), top("comment_text")],
    like_count: &LIKES,
    reply_count: &[top("reply_count"), top("num_replies")],
    commented_at: &[top("created_at"), top("created_time"), top("date_created")],
    finish,
    ..common::COMMON.comment
};

fn finish(record: &mut Record<'_>, reader: &mut Reader<'_>, comment: &mut Comment) {
    if comment.like_count.is_none() {
        comment.like_count = reactions::total(record, &[top("reactions")], reader);
    }
}
