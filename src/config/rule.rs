//! How the text of a setting becomes a value. Each rule parses, and says in words what it accepts.

/// What a setting's text may be, and what it turns into.
pub trait Rule: Sync {
    /// What the text becomes.
    type Out;
    /// Parses trimmed, non-empty text; the error continues a sentence that starts with the name.
    fn parse(&self, text: &str) -> Result<Self::Out, String>;
    /// What is accepted, for people.
    fn form(&self) -> String;
    /// Stands in after a problem was reported; never used, because a problem fails the load.
    fn placeholder(&self) -> Self::Out;
}

/// Any text.
pub struct Text;

/// The name of an exchange, queue, bucket, host…: text without spaces or slashes.
pub(super) struct Name;

/// The name of an exchange or a queue, or a routing key: AMQP allows any text of up to 255 bytes.
pub struct AmqpName;

/// Several of them.
pub(super) struct AmqpNames;

/// The longest short string of AMQP, in bytes.
pub(super) const LONGEST_AMQP_NAME: usize = 255;

/// `true`, `false` and their usual spellings.
pub struct Flag;

/// Names between commas, or a JSON array of strings as pydantic wants it.
pub struct List;

/// Any type that knows how to read itself.
pub(super) struct Parsed<T> {
    form: &'static str,
    parse: fn(&str) -> Result<T, String>,
    placeholder: fn() -> T,
}

// === impl Text ===

impl Rule for Text {
    type Out = String;

    fn parse(&self, text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }

    fn form(&self) -> String {
        "text".to_owned()
    }

    fn placeholder(&self) -> String {
        String::new()
    }
}

// === impl Name ===

impl Rule for Name {
    type Out = String;

    fn parse(&self, text: &str) -> Result<String, String> {
        if text.len() > 200 {
            return Err(format!("is {} bytes long, more than 200", text.len()));
        }
        match text
            .chars()
            .find(|c| c.is_whitespace() || c.is_control() || matches!(c, '/' | ','))
        {
            Some(stray) => Err(format!("holds {stray:?}, which a name cannot")),
            None => Ok(text.to_owned()),
        }
    }

    fn form(&self) -> String {
        "name".to_owned()
    }

    fn placeholder(&self) -> String {
        String::new()
    }
}

// === impl AmqpName ===

impl Rule for AmqpName {
    type Out = String;

    fn parse(&self, text: &str) -> Result<String, String> {
        if text.len() > LONGEST_AMQP_NAME {
            let bytes = text.len();
            return Err(format!("is {bytes} bytes long, more than {LONGEST_AMQP_NAME}"));
        }
        match text.chars().find(|c| c.is_control()) {
            Some(stray) => Err(format!("holds {stray:?}, which no name should")),
            None => Ok(text.to_owned()),
        }
    }

    fn form(&self) -> String {
        "text of up to 255 bytes".to_owned()
    }

    fn placeholder(&self) -> String {
        String::new()
    }
}

// === impl AmqpNames ===

impl Rule for AmqpNames {
    type Out = Vec<String>;

    fn parse(&self, text: &str) -> Result<Vec<String>, String> {
        list_of(&AmqpName, text)
    }

    fn form(&self) -> String {
        "names between commas; a JSON array where a name holds a comma".to_owned()
    }

    fn placeholder(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Entries between commas, or a JSON array of strings as pydantic wants it.
fn list_of<R: Rule>(rule: &R, text: &str) -> Result<Vec<R::Out>, String> {
    let parts: Vec<String> = if text.starts_with('[') {
        serde_json::from_str(text).map_err(|_| "starts with [ and is no JSON array of strings".to_owned())?
    } else {
        text.split(',').map(str::to_owned).collect()
    };
    let names = parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty());
    names
        .map(|name| {
            rule.parse(name)
                .map_err(|why| format!("has an entry {name:?} that {why}"))
        })
        .collect()
}

// === impl Flag ===

impl Rule for Flag {
    type Out = bool;

    fn parse(&self, text: &str) -> Result<bool, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
            "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
            _ => Err("is neither true nor false".to_owned()),
        }
    }

    fn form(&self) -> String {
        "`true`, `false`".to_owned()
    }

    fn placeholder(&self) -> bool {
        false
    }
}

// === impl List ===

impl Rule for List {
    type Out = Vec<String>;

    fn parse(&self, text: &str) -> Result<Vec<String>, String> {
        list_of(&Name, text)
    }

    fn form(&self) -> String {
        "names between commas, or a JSON array".to_owned()
    }

    fn placeholder(&self) -> Vec<String> {
        Vec::new()
    }
}

// === impl Parsed ===

impl<T> Parsed<T> {
    pub(super) const fn new(
        form: &'static str,
        parse: fn(&str) -> Result<T, String>,
        placeholder: fn() -> T,
    ) -> Self {
        Self {
            form,
            parse,
            placeholder,
        }
    }
}

impl<T> Rule for Parsed<T> {
    type Out = T;

    fn parse(&self, text: &str) -> Result<T, String> {
        (self.parse)(text)
    }

    fn form(&self) -> String {
        self.form.to_owned()
    }

    fn placeholder(&self) -> T {
        (self.placeholder)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_in_any_case_and_spelling() {
        for yes in ["true", "TRUE", "True", "1", "yes", "on"] {
            assert_eq!(Flag.parse(yes), Ok(true), "{yes}");
        }
        for no in ["false", "False", "0", "no", "OFF"] {
            assert_eq!(Flag.parse(no), Ok(false), "{no}");
        }
        assert!(Flag.parse("maybe").is_err());
    }

    #[test]
    fn lists_are_read_with_commas_and_as_json() {
        let two = vec!["A".to_owned(), "B".to_owned()];
        assert_eq!(List.parse("A,B"), Ok(two.clone()));
        assert_eq!(List.parse(" A , ,B, "), Ok(two.clone()));
        assert_eq!(List.parse(r#"["A", "B"]"#), Ok(two));
        assert_eq!(List.parse("[]"), Ok(vec![]));
        assert!(List.parse("[A,B]").is_err());
        assert!(List.parse("A B,C").is_err());
    }

    #[test]
    fn names_hold_no_spaces_or_slashes() {
        assert_eq!(
            Name.parse("analytics.data.collected"),
            Ok("analytics.data.collected".to_owned())
        );
        for bad in ["a b", "a/b", "a,b", "a\u{0}b", &"x".repeat(201)] {
            assert!(Name.parse(bad).is_err(), "{bad}");
        }
    }
}
