//! millrace: crawl events from RabbitMQ, batches from object storage, rows in Postgres.
//!
//! This crate is the program around the actors of `millrace-actors`: settings, commands, wiring, HTTP.

pub mod config;
pub mod http;
pub mod probe;
pub mod telemetry;
