//! A plan for people, for scripts, and for the chart.

use crate::cli::output;
use millrace_sizing::{Plan, Resources, Settings};
use serde_json::{Value, json};
use std::fmt::Write;
use std::io;

pub(super) fn table(plan: &Plan) -> io::Result<()> {
    let mut table = output::table(&["WHAT", "VALUE", "BECAUSE"]);
    for line in &plan.arithmetic {
        table.add_row([line.name, line.value.as_str(), line.because.as_str()]);
    }
    output::print_table(&table)?;
    for warning in &plan.warnings {
        output::error(&format!("warning: {warning}"));
    }
    Ok(())
}

pub(super) fn json(plan: &Plan) -> Value {
    let keda = json!({
        "minReplicaCount": plan.replicas.min,
        "maxReplicaCount": plan.replicas.max,
        "queueLength": plan.queue_length,
    });
    json!({
        "settings": plan.settings,
        "replicas": plan.replicas,
        "keda": keda,
        "resources": plan.resources,
        "arithmetic": plan.arithmetic,
        "warnings": plan.warnings,
    })
}

/// Settings are texts there, as environment variables are.
pub(super) fn helm(plan: &Plan) -> String {
    let Settings {
        event_prefetch_count,
        max_concurrent_batch_processing,
        max_workers,
        database_pool_size,
        database_max_overflow,
        memory_budget_mb,
    } = plan.settings;
    let Resources {
        cpu_request,
        memory_request_mb,
        memory_limit_mb,
    } = plan.resources;
    let (min, max, queue_length) = (plan.replicas.min, plan.replicas.max, plan.queue_length);
    let mut yaml = String::new();
    for warning in &plan.warnings {
        // Writing to a string does not fail.
        let _ = writeln!(yaml, "# warning: {warning}");
    }
    yaml + &format!(
        r#"replicaCount: {min}
settings:
  EVENT_PREFETCH_COUNT: "{event_prefetch_count}"
  MAX_CONCURRENT_BATCH_PROCESSING: "{max_concurrent_batch_processing}"
  MAX_WORKERS: "{max_workers}"
  DATABASE_POOL_SIZE: "{database_pool_size}"
  DATABASE_MAX_OVERFLOW: "{database_max_overflow}"
  MEMORY_BUDGET_MB: "{memory_budget_mb}"
autoscaling:
  keda:
    enabled: {enabled}
    minReplicaCount: {min}
    maxReplicaCount: {max}
    queueLength: {queue_length}
resources:
  requests:
    cpu: {cpu:.0}m
    memory: {memory_request_mb}Mi
  limits:
    memory: {memory_limit_mb}Mi
"#,
        // With one number of replicas there is nothing to scale.
        enabled = max > min,
        cpu = (cpu_request * 1_000.0).ceil(),
    )
}
