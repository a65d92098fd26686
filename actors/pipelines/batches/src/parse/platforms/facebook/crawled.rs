//! Items of crawlers: the common names, a `page` as author, reactions and attachments in `content`.

use super::{attachments, joined, reactions, thread};
use crate::domain::Post;
use crate::parse::{
    platforms::common,
    reader::Reader,
    record::Record,
    shape::{AuthorShape, PostShape, Shape},
    spelling::{Place, Section, Spelling, author, content, top},
};

/// The page stands in the place of the author.
const SECTIONS: [Section; 7] = {
    let mut sections = common::SECTIONS;
    sections[Place::AUTHOR.0 - 1] = Place::TOP.section("page");
    sections
};

const TEXT: [Spelling; 3] = joined(common::TEXT, [content("message")]);
const LIKE_COUNT: [Spelling; 7] = joined(
    common::LIKE_COUNT,
    [content("reaction_count"), content("reactions_count")],
);
const VIEW_COUNT: [Spelling; 6] = joined(common::VIEW_COUNT, [content("video_view_count")]);

/// An item whose author is named as on any platform; a page beside them is no author.
pub(super) static BY_AUTHOR: Shape = CRAWLED;

/// An item whose author is the page.
pub(super) static BY_PAGE: Shape = Shape {
    sections: &SECTIONS,
    author: AuthorShape {
        avatar_url: &[author("avatar_url"), author("picture")],
        bio: &[author("bio"), author("about")],
        ..common::COMMON.author
    },
    ..CRAWLED
};

const CRAWLED: Shape = Shape {
    post: PostShape {
        external_id: &[content("external_id"), content("post_id")],
        text: &TEXT,
        view_count: &VIEW_COUNT,
        like_count: &LIKE_COUNT,
        finish,
        ..common::COMMON.post
    },
    comment: thread::COMMENT,
    ..common::COMMON
};

fn finish(record: &mut Record<'_>, reader: &mut Reader<'_>, post: &mut Post) {
    let reactions = [content("reactions"), top("reactions")];
    if post.like_count.is_none() {
        post.like_count = reactions::total(record, &reactions, reader);
    }
    // Beside a page, no author is nothing to keep.
    record.drop_if(top("author"), |_| false);
    attachments::fill(
        record,
        &[content("attachments"), top("attachments")],
        reader,
        post,
    );
}
