//! Where settings come from: the environment first, then `.env`.

use super::problem::Problem;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Variables, the strongest layer first.
#[derive(Clone, Default)]
pub struct Source {
    layers: Vec<Layer>,
    problems: Vec<Problem>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The process environment.
    Environment,
    /// A file in the form of `.env`.
    DotEnv(String),
    /// A file named by a `*_FILE` variable.
    File(String),
    /// Taken from, or computed from, other settings.
    Derived(&'static str),
    /// The default.
    Default,
    /// Not set, and there is no default.
    Unset,
}

#[derive(Clone)]
struct Layer {
    origin: Origin,
    variables: BTreeMap<String, String>,
}

// === impl Source ===

impl Source {
    /// Variables as if they were the environment.
    pub fn from_variables<K: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        let layer = Layer {
            origin: Origin::Environment,
            variables,
        };
        Self {
            layers: vec![layer],
            problems: Vec::new(),
        }
    }

    /// The real environment, and under it `env_file`, or else `.env` in the working directory if there is one.
    pub fn from_world(env_file: Option<&Path>) -> Self {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let source = Self::from_variables(std::env::vars_os().map(|(k, v)| (lossy(k), lossy(v))));
        match env_file {
            Some(path) => source.with_env_file(path),
            None if Path::new(".env").is_file() => source.with_env_file(Path::new(".env")),
            None => source,
        }
    }

    /// Adds a file in the form of `.env` as the weakest layer.
    #[must_use]
    pub fn with_env_file(mut self, path: &Path) -> Self {
        let shown = path.display().to_string();
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) => {
                let what = format!("cannot be read: {error}");
                let hint = "name a readable file with --env-file, or none";
                self.problems.push(Problem::new(&shown, what, hint));
                return self;
            }
        };
        let mut variables = BTreeMap::new();
        for line in lines {
            match line {
                // The first wins, as in dotenvy itself.
                Ok((name, value)) => drop(variables.entry(name).or_insert(value)),
                Err(error) => self.problems.push(unreadable_line(&shown, &error)),
            }
        }
        self.layers.push(Layer {
            origin: Origin::DotEnv(shown),
            variables,
        });
        self
    }

    /// Whether this name has a value anywhere.
    pub fn has(&self, name: &str) -> bool {
        self.layers().any(|layer| layer.get(name).is_some())
    }

    /// Variables whose names start with one of these, the strongest of each.
    pub fn with_prefixes(&self, prefixes: &[&str]) -> Vec<(String, String)> {
        let mut found = BTreeMap::new();
        for layer in self.layers.iter().rev() {
            let wanted = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
            let pairs = layer.variables.iter().filter(|(name, _)| wanted(name));
            found.extend(pairs.map(|(name, value)| (name.clone(), value.clone())));
        }
        found.into_iter().collect()
    }

    /// What could not be read at all.
    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn layers(&self) -> impl Iterator<Item = LayerView<'_>> {
        self.layers.iter().map(LayerView)
    }
}

/// One layer, as readers see it.
#[derive(Clone, Copy)]
pub(super) struct LayerView<'a>(&'a Layer);

// === impl LayerView ===

impl<'a> LayerView<'a> {
    /// The trimmed value; a blank one counts as not set, because `NAME=${OTHER:-}` leaves blanks behind,
    /// and so does the link that Kubernetes injects for a service that happens to share our prefix.
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        let value = self.0.variables.get(name)?.trim();
        (!value.is_empty() && !is_service_link(name, value)).then_some(value)
    }

    pub(super) fn origin(self) -> &'a Origin {
        &self.0.origin
    }

    pub(super) fn variables(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// `RABBITMQ_PORT=tcp://10.0.0.7:5672` is there because a Service is called `rabbitmq`, not because
/// a port was chosen.
pub(super) fn is_service_link(name: &str, value: &str) -> bool {
    let injected = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    name.ends_with("_PORT") && injected
}

/// dotenvy's message quotes the line, and the line may hold a secret: only the name before `=` is repeated.
fn unreadable_line(file: &str, error: &dotenvy::Error) -> Problem {
    let hint = "write NAME=value, with quotes around a value that has spaces, # or $";
    let dotenvy::Error::LineParse(line, _) = error else {
        return Problem::new(file, "has a line that is not readable text".to_owned(), hint);
    };
    let name = line.split('=').next().unwrap_or_default().trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let which = if plain {
        format!("the line of {name}")
    } else {
        "a line".to_owned()
    };
    Problem::new(file, format!("cannot be read from {which} on"), hint)
}

// === impl Origin ===

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("env"),
            Self::DotEnv(path) => f.write_str(path),
            Self::File(path) => write!(f, "file {path}"),
            Self::Derived(from) => write!(f, "from {from}"),
            Self::Default => f.write_str("default"),
            Self::Unset => f.write_str("not set"),
        }
    }
}
