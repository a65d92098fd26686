//! The parameters of a connection string, as libpq spells them: after the `?` of a URL, or as `key=value` pairs.

use super::BadConnectionString;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A connection string, its parameters apart.
#[derive(Debug)]
pub(crate) struct Spelled {
    /// What stands before the `?` of a URL; none for pairs.
    address: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
}

/// The scheme by which the driver knows a URL.
const SCHEME: &str = "postgresql://";

// === impl Spelled ===

impl Spelled {
    pub(crate) fn read(text: &str) -> Result<Self, BadConnectionString> {
        if !text.starts_with(SCHEME) {
            return Ok(Self {
                address: None,
                parameters: pairs(text)?,
            });
        }
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        Ok(Self {
            address: Some(address.to_owned()),
            parameters: query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(decoded)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Takes the hosts that a URL names among its parameters: there, the driver reads several as one.
    pub(crate) fn take_hosts(&mut self) -> Vec<String> {
        let mut hosts = Vec::new();
        if self.address.is_some() {
            self.parameters.retain(|(name, value)| {
                let is_host = name == "host";
                if is_host {
                    hosts.extend(value.split(',').map(str::to_owned));
                }
                !is_host
            });
        }
        hosts
    }

    /// The text again, for the driver.
    pub(crate) fn written(&self) -> String {
        let Some(address) = &self.address else {
            let pair = |(name, value): &(String, String)| {
                format!("{name}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
            };
            return self.parameters.iter().map(pair).collect::<Vec<_>>().join(" ");
        };
        let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        // Names are the driver's own by now, and it does not decode them.
        let pair = |(name, value): &(String, String)| format!("{name}={}", escape(value));
        match self.parameters.is_empty() {
            true => address.clone(),
            false => {
                let query: Vec<_> = self.parameters.iter().map(pair).collect();
                format!("{address}?{}", query.join("&"))
            }
        }
    }
}

fn decoded(pair: &str) -> Result<(String, String), BadConnectionString> {
    let bad = |what: &str| BadConnectionString::new(format!("a parameter {what}"));
    let (name, value) = pair.split_once('=').ok_or_else(|| bad("has no value"))?;
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded
            .map(|text| text.into_owned())
            .map_err(|_| bad("is not UTF-8"))
    };
    Ok((decode(name)?, decode(value)?))
}

/// `name = 'a value' other=x`: blanks around `=`, quotes, and a backslash before what is meant as it stands.
fn pairs(text: &str) -> Result<Vec<(String, String)>, BadConnectionString> {
    let bad = |what: &str| BadConnectionString::new(format!("of its key=value pairs, one {what}"));
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(|| bad("has no value"))?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(bad("has no value, or blanks in its name"));
        }
        let (value, after) = value(after.trim_start()).ok_or_else(|| bad("has a quote without an end"))?;
        found.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(found)
}

/// A value and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let (quoted, text) = match text.strip_prefix('\'') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            '\'' if quoted => return Some((value, &text[at + 1..])),
            blank if !quoted && blank.is_whitespace() => return Some((value, &text[at..])),
            other => value.push(other),
        }
    }
    (!quoted).then_some((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pairs_are_read_as_libpq_does() {
        let error = pairs("host=h password='hush").unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
        let read = pairs(r"host = h password='it\'s \\ 1' user=a\ b options=").unwrap();
        let expected = [
            ("host", "h"),
            ("password", r"it's \ 1"),
            ("user", "a b"),
            ("options", ""),
        ];
        assert_eq!(
            read,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(value in "\\PC{0,20}") {
            for address in [None, Some("postgresql://h/db".to_owned())] {
                let spelled = Spelled { address, parameters: vec![("options".to_owned(), value.clone())] };
                let again = Spelled::read(&spelled.written()).unwrap();
                prop_assert_eq!(again.parameters, spelled.parameters);
            }
        }
    }
}
