//! How each dependency is asked whether it is there.

use super::rooms::Parts;
use crate::{config::Config, probe::Probe};
use millrace_actors::{
    fetcher::Stores,
    ingress::{IngressStatus, amqp},
    writer::postgres::Database,
};
use std::sync::Arc;
use tokio::runtime::Handle;

const BROKER: &str = "rabbitmq";
const STORE: &str = "object_store";
const DATABASE: &str = "database";

/// A round trip to each dependency, for `millrace check`.
pub fn probes(config: &Config) -> Vec<Probe> {
    let amqp = Arc::new(config.amqp.clone());
    let broker = Probe::new(BROKER, move || {
        let amqp = amqp.clone();
        async move { amqp::ping(&amqp).await.map_err(|fault| fault.to_string()) }
    });
    let store = match Stores::new(&config.fetcher) {
        Ok(stores) => store_probe(Arc::new(stores)),
        Err(error) => impossible(STORE, error.to_string()),
    };
    let database = match Database::new(&config.postgres, &Handle::current()) {
        Ok(database) => database_probe(database),
        Err(error) => impossible(DATABASE, error.to_string()),
    };
    vec![broker, store, database]
}

/// The same questions over the connections that do the work, for `/readyz`.
pub(super) fn watched(parts: &Parts, status: &IngressStatus) -> Vec<Probe> {
    let status = status.clone();
    let broker = Probe::new(BROKER, move || {
        let consuming = status.consuming();
        async move { if consuming.yes { Ok(consuming.why) } else { Err(consuming.why) } }
    });
    vec![broker, store_probe(parts.stores.clone()), database_probe(parts.database.clone())]
}

fn store_probe(stores: Arc<Stores>) -> Probe {
    Probe::new(STORE, move || {
        let stores = stores.clone();
        async move { stores.ping().await.map(|()| "answers".to_owned()).map_err(|error| error.to_string()) }
    })
}

fn database_probe(database: Database) -> Probe {
    Probe::new(DATABASE, move || {
        let database = database.clone();
        async move { database.ping().await.map(|()| "answers".to_owned()).map_err(|fault| fault.to_string()) }
    })
}

fn impossible(name: &'static str, why: String) -> Probe {
    Probe::new(name, move || {
        let why = why.clone();
        async move { Err(why) }
    })
}
