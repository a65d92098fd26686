//! The program behind `make demo`: real servers, a generated corpus, the service at work, and a summary.

mod account;
mod corpus;
mod program;
mod progress;
mod summary;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use millrace_stack::{Service, Stack, Tenant, interrupted};

use crate::account::Account;
use crate::corpus::Corpus;
use crate::program::Millrace;
use crate::summary::Summary;

const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// Watch real events flow through real servers into real tables
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How many items to generate
    #[arg(long, env = "DEMO_ITEMS", default_value_t = 3_000)]
    items: usize,
    /// The same seed makes the same corpus
    #[arg(long, env = "DEMO_SEED", default_value_t = 7)]
    seed: u64,
    /// Exit and clean up when the work is done, instead of staying for a look around
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::parse();
    // `ONCE=1 make demo`; clap would take the variable, but not its empty value.
    arguments.once |= std::env::var_os("ONCE").is_some_and(|value| !value.is_empty() && value != "0");
    tokio::select! {
        outcome = perform(&arguments) => outcome,
        interrupted = interrupted() => interrupted.map(|()| ExitCode::from(130)),
    }
}

/// The whole show; an interruption drops it, and with it the servers.
async fn perform(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let millrace = Millrace::find()?;
    let corpus = Corpus {
        items: arguments.items,
        seed: arguments.seed,
    };
    println!("starting RabbitMQ, Postgres and object storage …");
    // What the corpus will hold is computed meanwhile: the progress bar wants to know its length.
    let (stack, plan) = tokio::join!(Stack::start(), corpus.plan(&millrace));
    let (stack, plan) = (stack?, plan?);
    let tenant = stack.tenant("demo").await?;
    println!(
        "servers answer after {:.1} s; object storage is the {}",
        seconds(started),
        stack.objects.kind()
    );

    millrace.migrate(&tenant).await?;
    let service = tenant.service(millrace.path(), &[("LOG_FORMAT", "json")])?;
    service.wait_ready(READY_TIMEOUT).await?;
    println!(
        "millrace is ready after {:.1} s; {} events are on their way",
        seconds(started),
        plan.messages()
    );

    let loading = async {
        corpus
            .load(&millrace, &tenant)
            .await
            .context("the corpus could not be loaded")
    };
    let watching = progress::watch(&tenant, &service, &plan, started);
    let (loaded, account) = tokio::try_join!(loading, watching)?;
    let summary = Summary::gather(&tenant, &service, &loaded, &account).await?;
    summary.print();

    if !arguments.once {
        print_addresses(&tenant, &service);
        println!("\nAll of it stays up until Ctrl-C.");
        interrupted().await?;
    }
    finish(&service, &account).await
}

/// Lets the service drain; the code says whether every event was accounted for.
async fn finish(service: &Service, account: &Account) -> anyhow::Result<ExitCode> {
    let code = service.terminate().await?;
    if code != Some(0) {
        eprintln!("millrace did not end well: exit code {code:?}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(if account.is_complete() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print_addresses(tenant: &Tenant<'_>, service: &Service) {
    let stack = tenant.stack();
    let (user, password) = stack.rabbitmq.credentials();
    let (access_key, secret_key) = stack.objects.credentials();
    println!("\nLook around:");
    println!("  RabbitMQ    {}", tenant.amqp_url());
    println!(
        "  management  {}  ({user} / {password})",
        stack.rabbitmq.management().url()
    );
    println!("  Postgres    psql {}", tenant.database_url());
    println!(
        "  objects     {}/{}  ({access_key} / {secret_key})",
        stack.objects.endpoint(),
        tenant.bucket()
    );
    println!("  metrics     {}/metrics", service.url());
    println!("  readiness   {}/readyz", service.url());
    println!("  files, logs {}", stack.directory().display());
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
