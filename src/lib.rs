//! millrace: an actor-based stream processor.
//!
//! This crate is the program around its pipelines: settings, commands, wiring, health, alerts, HTTP.

pub mod alerts;
pub mod cli;
pub mod config;
pub mod exit;
pub mod health;
pub mod http;
pub mod pipeline;
pub mod pipelines;
pub mod probe;
pub mod telemetry;
