//! Secrets and certificates in files.

use super::*;

#[test]
fn a_secret_can_come_from_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"from-file \r\n").unwrap();
    let path = file.path().to_str().unwrap();
    let named = ("RABBITMQ_PASSWORD_FILE", path);
    let config = load(&[("RABBITMQ_PASSWORD", ""), named]).unwrap();
    assert_eq!(password(&config), "from-file ");
    assert_eq!(
        value_of(&config, "RABBITMQ_PASSWORD").1,
        Origin::File(path.to_owned())
    );
    assert_eq!(
        refused(&[named]),
        ["RABBITMQ_PASSWORD and RABBITMQ_PASSWORD_FILE"]
    );
    let gone = ("RABBITMQ_PASSWORD_FILE", "/nowhere/secret");
    assert_eq!(
        refused(&[("RABBITMQ_PASSWORD", ""), gone]),
        ["RABBITMQ_PASSWORD_FILE"]
    );
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = ("RABBITMQ_PASSWORD_FILE", empty.path().to_str().unwrap());
    assert_eq!(
        refused(&[("RABBITMQ_PASSWORD", ""), empty]),
        ["RABBITMQ_PASSWORD_FILE"]
    );
}

#[test]
fn secrets_in_files_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let url = file("url", "amqp://ana:old@mq/");
    let key = file("key", "old");
    let database = file("database", "postgresql://ana:old@db/x");
    let config = load(&[
        ("RABBITMQ_PASSWORD", ""),
        ("RABBITMQ_URL_FILE", &url),
        ("MINIO_SECRET_KEY", ""),
        ("MINIO_SECRET_KEY_FILE", &key),
        ("DATABASE_URL", ""),
        ("DATABASE_URL_FILE", &database),
    ])
    .unwrap();
    let StoreSettings::Minio { keys, .. } = &batches(&config).fetcher.store else {
        panic!("not MinIO")
    };
    file("url", "amqp://eva:new@mq2/");
    file("key", "new");
    file("database", "postgresql://ana:new@db/x");
    assert_eq!(password(&config), "old", "until a connection is made");
    let broker = batches(&config).amqp.broker.renew();
    assert_eq!((broker.user.as_str(), broker.host.as_str()), ("eva", "mq2"));
    assert_eq!(password(&config), "new");
    assert_eq!(keys.renew().secret.expose_secret(), "new");
    assert_eq!(
        batches(&config).postgres.url.renew().expose(),
        "postgresql://ana:new@db/x"
    );

    // Half of a rotation, or a mistake: what was good before is kept.
    file("database", "mysql://x");
    std::fs::remove_file(&key).unwrap();
    assert_eq!(keys.renew().secret.expose_secret(), "new");
    assert_eq!(
        batches(&config).postgres.url.renew().expose(),
        "postgresql://ana:new@db/x"
    );
}

#[test]
fn files_for_tls_must_be_there_and_complete() {
    let here = tempfile::NamedTempFile::new().unwrap();
    let here = here.path().to_str().unwrap();
    assert_eq!(
        refused(&[
            ("RABBITMQ_CA_FILE", "/nowhere/ca.pem"),
            ("DATABASE_CERT_FILE", here),
            ("MINIO_CA_FILE", "/nowhere/ca.pem"),
        ]),
        ["RABBITMQ_CA_FILE", "MINIO_CA_FILE", "DATABASE_CERT_FILE"]
    );
    let unused = load(&[("RABBITMQ_CA_FILE", here)]).unwrap().warnings;
    assert!(unused[0].contains("not encrypted"), "{unused:?}");
}

#[test]
fn a_certificate_can_stand_for_a_password() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let here = file.path().to_str().unwrap();
    let certificate = [
        ("RABBITMQ_PASSWORD", ""),
        ("RABBITMQ_URL", "amqps://mq"),
        ("RABBITMQ_CERT_FILE", here),
        ("RABBITMQ_KEY_FILE", here),
    ];
    let config = load(&certificate).unwrap();
    assert!(batches(&config).amqp.broker.last().password.is_none());
    assert!(batches(&config).amqp.tls.identity.is_some());
    let plain = [&certificate[..], &[("RABBITMQ_URL", "amqp://mq")]].concat();
    assert_eq!(refused(&plain), ["RABBITMQ_PASSWORD"]);
}
