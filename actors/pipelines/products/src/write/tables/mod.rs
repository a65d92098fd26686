//! The tables of the transaction: of each its statements, and how a draft becomes their parameters.

pub(super) mod ids;
pub(super) mod journal;
pub(super) mod positions;
pub(super) mod probe;
pub(super) mod queues;
pub(super) mod rejected;
pub(super) mod states;
pub(super) mod stats;
