//! A COMMIT whose answer never comes: whether it took effect is settled by the ledger.

use crate::{server::TestDatabase, writes::*};
use millrace_engine::Sink;
use std::{
    io,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
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

#[tokio::test]
async fn a_commit_of_unknown_outcome_is_settled_by_the_ledger() {
    for cut in [Cut::Before, Cut::After] {
        let database = TestDatabase::migrated().await;
        let mut settings = database.settings();
        let direct = database.server().url(database.name());
        let port = proxy(database.server().port(), cut).await;
        settings.url = direct
            .replace(&format!(":{}/", database.server().port()), &format!(":{port}/"))
            .into();
        let mut writer = database.writer_with(&settings);
        outage(writer.write(&[&one("e1")]).await.unwrap_err());
        let after_the_cut = database.everything().await;
        assert_eq!(!after_the_cut.is_empty(), cut == Cut::After);

        assert_works(&database, &mut writer, "e1").await;
        if cut == Cut::After {
            assert_eq!(
                database.everything().await,
                after_the_cut,
                "nothing is written twice"
            );
        }
    }
}
