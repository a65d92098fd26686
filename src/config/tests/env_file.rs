//! A file in the form of `.env`, below the environment.

use super::*;

fn env_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn the_environment_wins_over_the_env_file() {
    let file = env_file(
        "RABBITMQ_HOST=from-file\nEVENT_PREFETCH_COUNT=1  # one batch at a time\nRABBITMQ_PASSWORD='a$b#c'\n",
    );
    let variables = with(&[
        ("RABBITMQ_PASSWORD", ""),
        ("EVENT_PREFETCH_COUNT", "7"),
        ("RABBITMQ_HOST", ""),
    ]);
    let config = Config::load(&Source::from_variables(variables).with_env_file(file.path())).unwrap();
    assert_eq!(batches(&config).amqp.broker.last().host, "from-file");
    assert_eq!(batches(&config).amqp.prefetch, 7);
    assert_eq!(password(&config), "a$b#c");
    let shown = file.path().display().to_string();
    assert_eq!(value_of(&config, "RABBITMQ_HOST").1, Origin::DotEnv(shown));
    assert_eq!(value_of(&config, "EVENT_PREFETCH_COUNT").1, Origin::Environment);
}

#[test]
fn a_comment_in_the_env_file_is_no_part_of_the_value() {
    let file = env_file("EVENT_PREFETCH_COUNT=1  # one batch at a time\n");
    let config = Config::load(&Source::from_variables(with(&[])).with_env_file(file.path())).unwrap();
    assert_eq!(batches(&config).amqp.prefetch, 1);
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_never_quoted() {
    let file = env_file("RABBITMQ_PASSWORD=\"SECRET\nMAX_WORKERS=3\n");
    let error = Config::load(&Source::from_variables(with(&[])).with_env_file(file.path())).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("RABBITMQ_PASSWORD") && !text.contains("SECRET"),
        "{text}"
    );
}
