//! `millrace-stack`: starts the private servers for a person, and keeps them until Ctrl-C or SIGTERM.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use millrace_stack::{Selected, Selection, interrupted};

/// The virtual host, database and bucket that a person finds.
const VHOST: &str = "/";
const DATABASE: &str = "millrace";
const BUCKET: &str = "crawl-results";

/// Private servers on loopback, gone without a trace when this program ends.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Start RabbitMQ; without any of these three, all are started
    #[arg(long)]
    rabbitmq: bool,
    /// Start Postgres
    #[arg(long)]
    postgres: bool,
    /// Start the object storage
    #[arg(long)]
    objects: bool,
    /// Write the settings for millrace into this file as well
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // Ctrl-C is also meant for a start that takes long.
    let stack = tokio::select! {
        stack = Selected::start(arguments.selection()) => stack?,
        _ = interrupted() => return Ok(()),
    };
    let lines = prepare(&stack).await?;
    if let Some(file) = &arguments.env_file {
        std::fs::write(file, &lines).with_context(|| format!("cannot write {}", file.display()))?;
    }
    describe(&stack);
    print!("{lines}");
    println!(
        "# ready; Ctrl-C ends the servers and removes {}",
        stack.directory().display()
    );
    interrupted().await
}

// === impl Arguments ===

impl Arguments {
    fn selection(&self) -> Selection {
        let all = !(self.rabbitmq || self.postgres || self.objects);
        Selection {
            rabbitmq: all || self.rabbitmq,
            postgres: all || self.postgres,
            objects: all || self.objects,
        }
    }
}

/// Makes the database and the bucket; returns the settings as lines of an env file.
async fn prepare(stack: &Selected) -> anyhow::Result<String> {
    let mut env = Vec::new();
    if let Some(rabbitmq) = &stack.rabbitmq {
        env.extend(rabbitmq.env(VHOST));
    }
    if let Some(postgres) = &stack.postgres {
        postgres.create_database(DATABASE).await?;
        env.extend(postgres.env(DATABASE));
    }
    if let Some(objects) = &stack.objects {
        objects.create_bucket(BUCKET).await?;
        env.extend(objects.env(BUCKET));
    }
    Ok(env
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect())
}

fn describe(stack: &Selected) {
    if let Some(rabbitmq) = &stack.rabbitmq {
        let (user, password) = rabbitmq.credentials();
        println!(
            "# RabbitMQ: {}  management {} ({user} / {password})",
            rabbitmq.url(VHOST),
            rabbitmq.management().url()
        );
    }
    if let Some(postgres) = &stack.postgres {
        println!("# Postgres: psql {}", postgres.url(DATABASE));
    }
    if let Some(objects) = &stack.objects {
        println!("# Objects:  {} ({})", objects.endpoint(), objects.kind());
    }
}
