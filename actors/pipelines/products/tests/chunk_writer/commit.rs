//! A COMMIT whose answer never comes: the position says whether it took effect.

use crate::{fixtures::*, server::TestDatabase};
use millrace_engine::{Fault, Sink};
use millrace_postgres::Database;
use millrace_products::write::{Rules, Writer, WriterMetrics};
use prometheus_client::registry::Registry;
use std::{
    io,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

/// Where the next COMMIT is cut off.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    /// The server never sees it.
    Before,
    /// The server has committed and has said so; the writer does not hear it.
    After,
}

/// Stands between writer and server, and cuts one COMMIT.
async fn proxy(server: u16, cut: Cut) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let cut = Arc::new(Mutex::new(Some(cut)));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let cut = cut.clone();
            // A connection that ends early is the point.
            tokio::spawn(async move { relay(client, server, &cut).await });
        }
    });
    port
}

async fn relay(mut client: TcpStream, server: u16, cut: &Mutex<Option<Cut>>) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let sent = match read? {
                    0 => return Ok(()),
                    read => &up[..read],
                };
                let cut = if is_commit(sent) { cut.lock().unwrap().take() } else { None };
                if cut != Some(Cut::Before) {
                    server.write_all(sent).await?;
                }
                if cut == Some(Cut::After) {
                    assert!(server.read(&mut down).await? > 0);
                }
                if cut.is_some() {
                    return Ok(());
                }
            }
            read = server.read(&mut down) => match read? {
                0 => return Ok(()),
                read => client.write_all(&down[..read]).await?,
            }
        }
    }
}

fn is_commit(sent: &[u8]) -> bool {
    let query = b"COMMIT\0";
    sent.windows(query.len()).any(|window| window == query)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_unknown_outcome_is_settled_by_the_position() {
    for cut in [Cut::Before, Cut::After] {
        let database = TestDatabase::migrated().await;
        let settings = database.settings_at(proxy(database.server().port(), cut).await);
        let through = Database::new(&settings, &Handle::current()).unwrap();
        let metrics = WriterMetrics::register(&mut Registry::default());
        let mut writer = Writer::new(through, Rules::default(), "test", metrics);

        let one = chunk(None, 2, vec![created(0, "a", "p", 0), deleted(1, "b", "p", 1)]);
        let fault = writer.write(&[&one]).await.unwrap_err();
        assert!(
            matches!(
                fault,
                Fault::Outage {
                    dependency: "database",
                    ..
                }
            ),
            "{fault}"
        );
        let stored: i64 = database.value("SELECT count(*) FROM product_events").await;
        assert_eq!(stored, if cut == Cut::After { 2 } else { 0 }, "{cut:?}");

        writer.write(&[&one]).await.unwrap();
        let found = "SELECT concat_ws(' ', (SELECT count(*) FROM product_events), (SELECT next_offset FROM kafka_positions), \
            (SELECT sum(events) FROM product_stats), (SELECT sum(duplicates) FROM product_stats), (SELECT count(*) FROM archive_pending))";
        assert_eq!(database.texts(found).await, ["2 2 2 0 2"], "{cut:?}");
    }
}
