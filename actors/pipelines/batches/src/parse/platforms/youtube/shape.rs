//! What YouTube's crawler sends.

use super::super::common;
use crate::domain::Post;
use crate::parse::{
    reader::Reader,
    record::Record,
    shape::{PostShape, Shape},
    spelling::content,
};

/// The common names, and a `video_id` where there is no other.
pub(super) static SHAPE: Shape = Shape {
    post: PostShape {
        finish,
        ..common::COMMON.post
    },
    ..common::COMMON
};

/// The video's id is read where the common name is missing, and stays in `extra` under its own name.
fn finish(record: &mut Record<'_>, reader: &mut Reader<'_>, post: &mut Post) {
    if post.external_id.is_none()
        && let Some(json) = record.json(content("video_id"))
    {
        post.external_id = reader.text(json).value();
    }
}
