//! `/products/positions`: where Kafka has been read to.

use super::Asked;
use crate::http::{ApiError, Body};
use axum::extract::{OriginalUri, State};
use millrace_products::reports::{GapReport, PositionReport};
use serde::Serialize;
use utoipa::ToSchema;

/// The positions of the consumer group.
#[derive(Serialize, ToSchema)]
struct Positions {
    /// `database`: what all replicas stored; `end`, `lag` and `waits` are known of the partitions that this replica
    /// reads.
    scope: &'static str,
    /// By topic and partition.
    positions: Vec<PositionReport>,
    /// Records that were never read, the newest find first, at most 200.
    gaps: Vec<GapReport>,
}

/// The position, end, lag and owner of each partition.
#[utoipa::path(get, path = "/products/positions", responses((status = 200, body = Positions)))]
pub(super) async fn positions(
    State(asked): State<Asked>,
    OriginalUri(uri): OriginalUri,
) -> Result<Body, ApiError> {
    let (reports, partitions) = (asked.reports.clone(), asked.partitions.clone());
    let answer = async move {
        let (mut positions, gaps) = reports.positions().await?;
        let known = partitions();
        positions.iter_mut().for_each(|position| position.add(&known));
        Ok(Positions {
            scope: "database",
            positions,
            gaps,
        })
    };
    asked.api.answer(&uri, answer).await
}
