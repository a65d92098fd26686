//! `rejected_items`: what could not be read. A corrected object that is announced again under
//! another event id replaces what was said about the same item before.

use super::Table;
use crate::domain::RejectedItem;
use millrace_postgres::{Get::*, clock, key, version};

pub(in crate::write) static REJECTED_ITEMS: Table<RejectedItem> = Table {
    name: "rejected_items",
    touched: None,
    columns: &[
        key("object_path", Text(|batch, _| Some(&batch.object.path))),
        key(
            "item_index",
            BigInt(|_, item| i64::try_from(item.item_index).ok()),
        ),
        version("job_id", Text(|batch, _| Some(&batch.event.job_id))),
        version("event_id", Text(|batch, _| Some(&batch.event.event_id))),
        version("reason", Text(|_, item| Some(item.reason.code()))),
        version("detail", Text(|_, item| Some(&item.detail))),
        version("raw", Text(|_, item| Some(&item.raw))),
        clock(
            "created_at",
            Time(|batch, _| Some(batch.event.delivery.received_at)),
        ),
    ],
};
