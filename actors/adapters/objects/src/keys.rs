//! Keys that are read again for each request, so that a rotated pair needs no restart.

use super::StoreKeys;
use async_trait::async_trait;
use millrace_access::renewable::Renewable;
use object_store::{CredentialProvider, aws::AwsCredential};
use secrecy::ExposeSecret;
use std::sync::Arc;

/// Says who we are to an S3 store.
#[derive(Debug)]
pub(super) struct Keys(pub(super) Renewable<StoreKeys>);

// === impl Keys ===

#[async_trait]
impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let keys = self.0.renew();
        Ok(Arc::new(AwsCredential {
            key_id: keys.access.clone(),
            secret_key: keys.secret.expose_secret().to_owned(),
            token: None,
        }))
    }
}
