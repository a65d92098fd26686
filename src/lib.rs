//! millrace: crawl events from RabbitMQ, batches from object storage, rows in Postgres.
//!
//! This crate is the program around the actors of `millrace-batches`: settings, commands, wiring, HTTP.

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
