//! The whole pipeline, black box: the built program against real RabbitMQ, Postgres and object storage.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod adoption;
mod alerts;
mod api;
mod attempts;
mod commands;
mod connections;
mod copies;
mod crashing_events;
mod delivery_limit;
mod drain;
mod fault_points;
mod legacy;
mod logs;
mod memory;
mod metrics;
mod notes;
mod oracle;
mod other_servers;
mod outages;
mod pooler;
mod quarantine;
mod queue_kinds;
mod reasons;
mod recovery;
mod refusals;
mod repeats;
mod resumption;
mod rights;
mod rotation;
mod running;
mod scale;
mod set_up;
mod stuck_writes;
mod supervision;
mod tls;
mod traces;
mod trial;
mod undecodable;
mod unfit_databases;
mod unreadable_objects;
