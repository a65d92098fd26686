//! The table itself, and its items by key.

use crate::{
    DynamoError, DynamoSettings, Item,
    client::Clients,
    value::{Value, item_of, theirs},
};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A table. Clones share its connections, which are made when it is first asked.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) settings: Arc<DynamoSettings>,
    clients: Arc<OnceCell<Clients>>,
}

// === impl Table ===

impl Table {
    /// The table that the settings name.
    pub fn new(settings: DynamoSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            clients: Arc::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.table
    }

    /// The item with this key, as it is after every write that was answered before.
    ///
    /// # Errors
    /// It was not told.
    pub async fn get(&self, key: &str, value: &str) -> Result<Option<Item>, DynamoError> {
        let key = Item::from([(key.to_owned(), Value::from(value))]);
        let asked = self.clients().await.questions.get_item();
        let asked = asked.table_name(self.name()).consistent_read(true);
        let answer = asked.set_key(Some(theirs(key))).send().await;
        Ok(answer.map_err(DynamoError::of)?.item.map(item_of))
    }

    pub(crate) async fn clients(&self) -> &Clients {
        self.clients.get_or_init(|| Clients::new(&self.settings)).await
    }
}
