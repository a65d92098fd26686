//! The dependencies as commands and health checks see them: a probe for each.

use super::Settings;
use crate::probe::Probe;
use millrace_amqp::AmqpStatus;
use millrace_batches::write::rights;
use millrace_objects::Stores;
use millrace_postgres::Database;
use std::sync::Arc;
use tokio::runtime::Handle;

const BROKER: &str = "rabbitmq";
/// The object store, as faults and health checks name it.
pub(super) const STORE: &str = "object_store";
/// The database, likewise.
pub(super) const DATABASE: &str = "database";

/// A round trip to each dependency of the service, in the order of the data.
pub(super) fn of(config: &Settings) -> Vec<Probe> {
    let amqp = Arc::new(config.amqp.clone());
    let broker = Probe::new(BROKER, move || {
        let amqp = amqp.clone();
        async move {
            millrace_amqp::ping(&amqp)
                .await
                .map_err(|fault| fault.to_string())
        }
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

/// The same questions over the connections that do the work: what they answer is what the work meets.
pub(super) fn working(status: &AmqpStatus, stores: &Arc<Stores>, database: &Database) -> Vec<Probe> {
    let connected = status.clone();
    let broker = Probe::new(BROKER, move || {
        let connection = connected.connection();
        async move {
            if connection.yes {
                Ok(connection.why)
            } else {
                Err(connection.why)
            }
        }
    });
    vec![
        broker,
        store_probe(stores.clone()),
        working_database_probe(status.clone(), database.clone()),
    ]
}

fn store_probe(stores: Arc<Stores>) -> Probe {
    Probe::new(STORE, move || {
        let stores = stores.clone();
        async move {
            let served = stores.ping().await.map_err(|error| error.to_string())?;
            match served.first_is_there() {
                true => Ok(served.to_string()),
                false => Err(served.to_string()),
            }
        }
    })
}

fn database_probe(database: Database) -> Probe {
    Probe::new(DATABASE, move || {
        let database = database.clone();
        async move {
            let answers = async {
                database.ping().await?;
                database.has_rights(&rights()).await
            };
            answers
                .await
                .map(|()| "answers".to_owned())
                .map_err(|fault| fault.to_string())
        }
    })
}

/// It serves only where all can be written, also what no stage writes.
fn working_database_probe(status: AmqpStatus, database: Database) -> Probe {
    Probe::new(DATABASE, move || {
        let (status, database) = (status.clone(), database.clone());
        async move {
            database.ping().await.map_err(|fault| fault.to_string())?;
            status.notes()?;
            Ok("answers".to_owned())
        }
    })
}

fn impossible(name: &'static str, why: String) -> Probe {
    Probe::new(name, move || {
        let why = why.clone();
        async move { Err(why) }
    })
}
