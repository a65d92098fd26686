//! A client of the API.

use crate::running::{PATIENCE, Running};
use jsonschema::Validator;
use serde_json::Value;
use std::sync::Mutex;
use url::Url;

pub(super) const TOKEN: &str = "token-of-the-api-test";

/// A client that knows the token, reads the document and keeps all answers.
pub(super) struct Reader<'a> {
    pub(super) pipeline: &'a Running<'a>,
    client: reqwest::Client,
    pub(super) document: Value,
    pub(super) heard: Mutex<String>,
}

impl<'a> Reader<'a> {
    pub(super) async fn new(pipeline: &'a Running<'a>) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let mut reader = Self {
            pipeline,
            client,
            document: Value::Null,
            heard: Mutex::default(),
        };
        reader.document = reader.ask("/openapi.json").await.1;
        reader
    }

    pub(super) async fn ask(&self, path: &str) -> (u16, Value) {
        let response = self.request(path).send().await.unwrap();
        let code = response.status().as_u16();
        assert_eq!(response.headers()["content-type"], "application/json", "{path}");
        let text = response.text().await.unwrap();
        self.heard.lock().unwrap().push_str(&text);
        (code, serde_json::from_str(&text).unwrap())
    }

    pub(super) fn request(&self, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/api/v1{path}", self.pipeline.service.url());
        self.client.get(url).bearer_auth(TOKEN)
    }

    /// An answer that is as the document says.
    pub(super) async fn get(&self, route: &str, path: &str) -> Value {
        let (code, body) = self.ask(path).await;
        assert_eq!(code, 200, "{path}: {body}");
        let schema = self.schema(route);
        let errors: Vec<_> = schema.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{path}: {errors:?} in {body}");
        body
    }

    pub(super) fn schema(&self, route: &str) -> Validator {
        let answers = &self.document["paths"][route]["get"]["responses"];
        let mut schema = answers["200"]["content"]["application/json"]["schema"].clone();
        assert!(schema.is_object(), "{route} is not in the document");
        schema["components"] = self.document["components"].clone();
        jsonschema::validator_for(&schema).unwrap()
    }

    /// All entries of a list, in parts of so many.
    pub(super) async fn walk(&self, route: &str, path: &str, list: &str, limit: usize) -> Vec<Value> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let mark = if path.contains('?') { '&' } else { '?' };
            let part = self
                .get(route, &format!("{path}{mark}limit={limit}{cursor}"))
                .await;
            let entries = part[list].as_array().unwrap();
            assert!(entries.len() <= limit, "{path}");
            found.extend(entries.iter().cloned());
            match part["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }

    /// Nothing that was heard holds a secret.
    pub(super) fn heard_no_secret(&self) {
        let heard = self.heard.lock().unwrap();
        assert!(heard.len() > 1_000);
        let env = self.pipeline.tenant.env().into_iter();
        let mut secrets = vec![TOKEN.to_owned()];
        for (name, value) in env {
            if name.contains("PASSWORD") || name.contains("SECRET") {
                secrets.push(value);
            } else if let Some(password) = Url::parse(&value)
                .ok()
                .and_then(|url| url.password().map(str::to_owned))
            {
                secrets.push(password);
            }
        }
        assert!(
            secrets.len() >= 4,
            "of the token, the broker, the store and the database"
        );
        for secret in secrets {
            assert!(!heard.contains(&secret), "{secret} was told");
        }
    }
}
