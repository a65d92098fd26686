//! Reads settings from a source, remembers what is in force, and collects every problem on the way.

use super::InForce;
use super::mask;
use super::problem::{ConfigError, Problem};
use super::rule::Rule;
use super::setting::{About, Described, Fallback, Secrecy, Setting};
use super::source::{LayerView, Origin, Source};
use millrace_access::renewable::Renewable;

/// Reads typed settings; problems are collected, never returned one by one.
pub struct Reader<'a> {
    source: &'a Source,
    problems: Vec<Problem>,
    warnings: Vec<String>,
    in_force: Vec<InForce>,
}

/// One value as it was found.
struct Found {
    /// The variable it was found under.
    variable: &'static str,
    text: String,
    origin: Origin,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a Source) -> Self {
        let problems = source.problems().to_vec();
        Self {
            source,
            problems,
            warnings: Vec::new(),
            in_force: Vec::new(),
        }
    }

    pub(super) fn source(&self) -> &'a Source {
        self.source
    }

    /// The value, the default, or (with a problem reported) a placeholder.
    pub fn get<R: Rule>(&mut self, setting: &'static Setting<R>) -> R::Out {
        let rule = setting.rule();
        let about = setting.about();
        match (self.optional(setting), about.fallback) {
            (Some(value), _) => value,
            (None, Fallback::Value(text)) => rule.parse(text).unwrap_or_else(|what| {
                self.refuse(about, about.name, text, what, &setting.form());
                rule.placeholder()
            }),
            (None, Fallback::Required | Fallback::Absent(_)) => rule.placeholder(),
        }
    }

    /// The value where there is one. A bad value is reported and counts as none, and so does a missing
    /// required one.
    pub fn optional<R: Rule>(&mut self, setting: &'static Setting<R>) -> Option<R::Out> {
        let about = setting.about();
        match self.find(about) {
            Some(found) => {
                self.remember(about, &found.text, found.origin);
                match setting.rule().parse(&found.text) {
                    Ok(value) => Some(value),
                    Err(what) => {
                        self.refuse(about, found.variable, &found.text, what, &setting.form());
                        None
                    }
                }
            }
            None => {
                match about.fallback {
                    Fallback::Value(text) => self.remember(about, text, Origin::Default),
                    Fallback::Absent(_) => self.remember_unset(about),
                    Fallback::Required => {
                        self.remember_unset(about);
                        self.missing(setting, "");
                    }
                }
                None
            }
        }
    }

    /// A value that is read again later, from the same variables and from what their files hold then.
    pub(super) fn renewable<T: Send + Sync + 'static>(
        &self,
        what: &'static str,
        first: T,
        read: fn(&mut Reader<'_>) -> T,
    ) -> Renewable<T> {
        let source = self.source.clone();
        Renewable::new(what, first, move || {
            let mut reader = Reader::new(&source);
            let value = read(&mut reader);
            match reader.finish() {
                Ok(_) => Ok(value),
                Err(error) => {
                    let problems: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
                    Err(problems.join("; "))
                }
            }
        })
    }

    /// Whether a value was chosen, good or bad.
    pub(super) fn is_set<R: Rule>(&self, setting: &'static Setting<R>) -> bool {
        setting.about().variables().any(|name| self.source.has(&name))
    }

    /// Reports that a setting is needed after all.
    pub(super) fn missing<R: Rule>(&mut self, setting: &'static Setting<R>, otherwise: &str) {
        let about = setting.about();
        // A variable that is there but unusable was reported already.
        if self.is_set(setting) {
            return;
        }
        let mut hint = format!("set {}", about.name);
        if about.secrecy != Secrecy::Open {
            hint += &format!(", or {}_FILE to read it from a file", about.name);
        }
        hint += otherwise;
        self.problem(Problem::new(
            about.name,
            "is not set and has no default".to_owned(),
            &hint,
        ));
    }

    /// Shows another value than the one that was read, because another setting decided.
    pub(super) fn decided_by<R: Rule>(
        &mut self,
        setting: &'static Setting<R>,
        value: &str,
        by: &'static str,
    ) {
        self.remember(setting.about(), value, Origin::Derived(by));
    }

    /// Reports what is wrong.
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Remembers what is odd.
    pub fn warn(&mut self, warning: String) {
        self.warnings
            .push(millrace_text::mask::masked(&warning).into_owned());
    }

    /// What is in force and the warnings, or everything that is wrong.
    pub(crate) fn finish(self) -> Result<(Vec<InForce>, Vec<String>), ConfigError> {
        let Self {
            problems,
            warnings,
            in_force,
            ..
        } = self;
        match problems.is_empty() {
            true => Ok((in_force, warnings)),
            false => Err(ConfigError {
                problems,
                warnings,
                in_force,
            }),
        }
    }

    /// The strongest layer that sets any spelling of the setting decides.
    fn find(&mut self, about: &About) -> Option<Found> {
        let source = self.source;
        source.layers().find_map(|layer| self.find_in(layer, about))
    }

    fn find_in(&mut self, layer: LayerView<'_>, about: &About) -> Option<Found> {
        let mut found: Option<Found> = None;
        for name in about.names() {
            let Some(next) = self.spelling(layer, about, name) else {
                continue;
            };
            match &found {
                None => found = Some(next),
                Some(first) if first.text != next.text => {
                    let both = format!("{} and {}", first.variable, next.variable);
                    let what = "are two names of one setting and differ".to_owned();
                    self.problem(Problem::new(&both, what, "keep one of them"));
                }
                Some(_) => {}
            }
        }
        found
    }

    /// One name, directly or from the file that `<name>_FILE` names.
    fn spelling(&mut self, layer: LayerView<'_>, about: &About, name: &'static str) -> Option<Found> {
        let direct = layer.get(name);
        let file_variable = format!("{name}_FILE");
        let file = layer
            .get(&file_variable)
            .filter(|_| about.secrecy != Secrecy::Open);
        match (direct, file) {
            (Some(_), Some(_)) => {
                let both = format!("{name} and {file_variable}");
                self.problem(Problem::new(&both, "are both set".to_owned(), "keep one of them"));
                None
            }
            (Some(text), None) => Some(Found {
                variable: name,
                text: text.to_owned(),
                origin: layer.origin().clone(),
            }),
            (None, Some(path)) => self.read_file(name, &file_variable, path),
            (None, None) => None,
        }
    }

    fn read_file(&mut self, name: &'static str, file_variable: &str, path: &str) -> Option<Found> {
        let refused = |what: String, hint| Problem::new(file_variable, what, hint).with_value(path);
        match std::fs::read_to_string(path) {
            Ok(text) => {
                // Editors and `echo` end files with a newline; secrets do not.
                let text = text.trim_end_matches(['\r', '\n']).to_owned();
                if text.is_empty() {
                    let what = "names an empty file".to_owned();
                    self.problem(refused(what, "write the secret into it"));
                    return None;
                }
                Some(Found {
                    variable: name,
                    text,
                    origin: Origin::File(path.to_owned()),
                })
            }
            Err(error) => {
                let what = format!("names a file that cannot be read: {error}");
                self.problem(refused(what, "check the path and its permissions"));
                None
            }
        }
    }

    fn refuse(&mut self, about: &About, variable: &str, text: &str, what: String, form: &str) {
        let quoted = text.len() > 1 && text.starts_with(['"', '\'']) && text.ends_with(['"', '\'']);
        let hint = if about.secrecy != Secrecy::Open {
            format!("expected: {form}")
        } else if quoted {
            format!("remove the quotes; expected: {form}")
        } else if text.contains(" #") {
            format!("remove the comment after the value; expected: {form}")
        } else {
            format!("expected: {form}")
        };
        let problem = Problem::new(variable, what, &hint);
        self.problem(match about.secrecy {
            Secrecy::Open => problem.with_value(text),
            Secrecy::Url | Secrecy::Hidden => problem,
        });
    }

    fn remember(&mut self, about: &About, value: &str, origin: Origin) {
        let value = Some(mask::shown(about.secrecy, value));
        self.put(InForce {
            name: about.name,
            value,
            origin,
            secret: about.secrecy != Secrecy::Open,
        });
    }

    fn remember_unset(&mut self, about: &About) {
        let secret = about.secrecy != Secrecy::Open;
        self.put(InForce {
            name: about.name,
            value: None,
            origin: Origin::Unset,
            secret,
        });
    }

    fn put(&mut self, entry: InForce) {
        match self.in_force.iter_mut().find(|known| known.name == entry.name) {
            Some(known) => *known = entry,
            None => self.in_force.push(entry),
        }
    }
}
