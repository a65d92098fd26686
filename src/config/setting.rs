//! A setting: one row of the one table that reading, `millrace config`, the documentation and the
//! check for unknown names are all derived from.

use super::rule::Rule;

/// A setting with the rule that reads it.
pub struct Setting<R> {
    about: About,
    rule: R,
}

/// What there is to say about a setting, whatever its type.
pub struct About {
    /// The environment variable.
    pub(super) name: &'static str,
    /// Other names that users already set; the first one that is set wins.
    pub(super) aliases: &'static [&'static str],
    /// What happens when it is not set.
    pub(super) fallback: Fallback,
    /// Whether it may be shown.
    pub(super) secrecy: Secrecy,
    /// One sentence for people.
    pub(super) doc: &'static str,
}

/// What happens when a setting is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    /// This text is read instead.
    Value(&'static str),
    /// The program does not start.
    Required,
    /// Nothing; the words say what that means.
    Absent(&'static str),
}

/// Whether a value may be shown. Anything but `Open` can also come from a file, by `<name>_FILE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Shown.
    Open,
    /// A URL that is shown without what is secret in it.
    Url,
    /// Never shown.
    Hidden,
}

/// Settings that belong together.
pub struct Group {
    /// Heading.
    pub title: &'static str,
    /// In the order of the documentation.
    pub settings: &'static [&'static dyn Described],
}

/// A setting without its type.
pub trait Described: Sync {
    /// Its words.
    fn about(&self) -> &About;
    /// What it accepts, for people.
    fn form(&self) -> String;
}

/// Declares the settings of one subsystem, and with them the group that lists them all.
macro_rules! settings {
    ($title:literal; $($id:ident: $rule:ty = $setting:expr;)+) => {
        $(static $id: $crate::config::Setting<$rule> = $setting;)+
        pub(crate) static GROUP: $crate::config::Group =
            $crate::config::Group { title: $title, settings: &[$(&$id),+] };
    };
}
pub(crate) use settings;

// === impl Setting ===

impl<R> Setting<R> {
    /// A setting with a default.
    pub const fn new(name: &'static str, rule: R, default: &'static str, doc: &'static str) -> Self {
        let fallback = Fallback::Value(default);
        Self {
            about: About {
                name,
                aliases: &[],
                fallback,
                secrecy: Secrecy::Open,
                doc,
            },
            rule,
        }
    }

    /// A setting that may stay unset, which means `absent`.
    pub const fn optional(name: &'static str, rule: R, absent: &'static str, doc: &'static str) -> Self {
        let fallback = Fallback::Absent(absent);
        Self {
            about: About {
                name,
                aliases: &[],
                fallback,
                secrecy: Secrecy::Open,
                doc,
            },
            rule,
        }
    }

    /// A setting without which the program does not start.
    pub const fn required(name: &'static str, rule: R, doc: &'static str) -> Self {
        let fallback = Fallback::Required;
        Self {
            about: About {
                name,
                aliases: &[],
                fallback,
                secrecy: Secrecy::Open,
                doc,
            },
            rule,
        }
    }

    /// Other names that users already set.
    pub const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.about.aliases = aliases;
        self
    }

    /// Never shown.
    pub const fn hidden(mut self) -> Self {
        self.about.secrecy = Secrecy::Hidden;
        self
    }

    /// Shown without what is secret in it.
    pub const fn hidden_in_url(mut self) -> Self {
        self.about.secrecy = Secrecy::Url;
        self
    }

    /// The environment variable.
    pub fn name(&self) -> &'static str {
        self.about.name
    }

    pub(super) fn rule(&self) -> &R {
        &self.rule
    }
}

impl<R: Rule> Described for Setting<R> {
    fn about(&self) -> &About {
        &self.about
    }

    fn form(&self) -> String {
        self.rule.form()
    }
}

// === impl About ===

impl About {
    /// The name and its aliases.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Every variable that this setting is read from.
    pub(super) fn variables(&self) -> impl Iterator<Item = String> + use<> {
        let with_files = self.secrecy != Secrecy::Open;
        self.names().flat_map(move |name| {
            let file = with_files.then(|| format!("{name}_FILE"));
            std::iter::once(name.to_owned()).chain(file)
        })
    }
}
