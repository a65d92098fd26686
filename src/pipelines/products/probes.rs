//! The dependencies as commands and health checks see them: a probe for each.

use super::{archive::NAMED_BY, recent, settings::Settings};
use crate::probe::Probe;
use millrace_kafka::{DEPENDENCY, KafkaStatus};
use millrace_objects::ObjectWriter;
use millrace_postgres::Database;
use millrace_products::write::rights;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The names are unique among all pipelines that run in a process, and the crawl pipeline has a database too.
const DATABASE: &str = "products_database";
const ARCHIVE: &str = "archive_store";

/// A round trip to each dependency, in the order of the data.
pub(super) fn of(settings: &Settings) -> Vec<Probe> {
    let kafka = Arc::new(settings.kafka.clone());
    let broker = Probe::new(DEPENDENCY, move || {
        let kafka = kafka.clone();
        async move {
            let answer = millrace_kafka::ping(&kafka).await;
            answer.map_err(|fault| fault.to_string())
        }
    });
    let database = match Database::new(&settings.postgres, &Handle::current()) {
        Ok(database) => database_probe(database),
        Err(error) => {
            let why = error.to_string();
            Probe::new(DATABASE, move || {
                let why = why.clone();
                async move { Err(why) }
            })
        }
    };
    let mut probes = vec![broker, database, archive_probe(settings)];
    probes.extend(recent::probe_of(&settings.recent));
    probes
}

/// The same questions over the connections that do the work: what they answer is what the work meets.
pub(super) fn working(settings: &Settings, status: &KafkaStatus, database: &Database) -> Vec<Probe> {
    let status = status.clone();
    let broker = Probe::new(DEPENDENCY, move || {
        let state = status.consuming();
        async move {
            match state.yes {
                true => Ok("in the group".to_owned()),
                false => Err(state.why),
            }
        }
    });
    let database = database.clone();
    let pinged = Probe::new(DATABASE, move || {
        let database = database.clone();
        async move {
            database.ping().await.map_err(|fault| fault.to_string())?;
            Ok("answers".to_owned())
        }
    });
    vec![broker, pinged, archive_probe(settings)]
}

/// A store that is away keeps nothing from being read: its files wait.
fn archive_probe(settings: &Settings) -> Probe {
    let objects = ObjectWriter::open(&settings.archive.store, NAMED_BY).map_err(|error| error.to_string());
    Probe::new(ARCHIVE, move || {
        let objects = objects.clone();
        async move {
            let objects = objects?;
            objects.ping().await.map_err(|fault| fault.to_string())?;
            Ok(format!("bucket {} answers", objects.bucket()))
        }
    })
    .not_needed()
}

fn database_probe(database: Database) -> Probe {
    Probe::new(DATABASE, move || {
        let database = database.clone();
        async move {
            let answers = async {
                database.ping().await?;
                database.has_rights(&rights()).await
            };
            let answers = answers.await;
            answers
                .map(|()| "answers".to_owned())
                .map_err(|fault| fault.to_string())
        }
    })
}
