//! What TikTok's crawler sends.

use super::super::common;
use crate::parse::shape::Shape;

/// It says nothing that the common names do not.
pub(super) static SHAPE: Shape = common::COMMON;
