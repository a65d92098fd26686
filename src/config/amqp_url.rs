//! Takes `RABBITMQ_URL` apart.

use url::Url;

/// The parts that a URL names; what it leaves out comes from the other settings.
/// Not `Debug`: it holds a password in the clear.
pub(super) struct AmqpUrl {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// `None` where the path is empty: pika and others take that for `/`.
    pub(super) vhost: Option<String>,
    /// Names of parameters, which we do not read.
    pub(super) parameters: Vec<String>,
}

// === impl AmqpUrl ===

impl AmqpUrl {
    /// Errors never quote the URL: it may hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is not a URL ({error})"))?;
        let tls = match url.scheme() {
            "amqp" => false,
            "amqps" => true,
            other => return Err(format!("has the scheme {other}, neither amqp nor amqps")),
        };
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or("names no host")?;
        if url.fragment().is_some() {
            return Err("holds a #, which must be written %23 in a password".to_owned());
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let user = Some(url.username()).filter(|user| !user.is_empty());
        Ok(Self {
            tls,
            host: decode(host)?,
            port: url.port(),
            user: user.map(decode).transpose()?,
            password: url.password().map(decode).transpose()?,
            vhost: vhost(url.path())?,
            parameters: url.query_pairs().map(|(name, _)| name.into_owned()).collect(),
        })
    }
}

/// `//` is how Celery writes the virtual host `/`.
fn vhost(path: &str) -> Result<Option<String>, String> {
    match path {
        "" | "/" => Ok(None),
        "//" => Ok(Some("/".to_owned())),
        _ => {
            let name = path.strip_prefix('/').unwrap_or(path);
            if name.contains('/') {
                return Err("has a / in the virtual host, which must be written %2F".to_owned());
            }
            decode(name).map(Some)
        }
    }
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next(), rest.next()].map(|digit| digit.and_then(|d| char::from(d).to_digit(16)));
        let [Some(high), Some(low)] = digits else {
            return Err("holds a % that is not followed by two hex digits".to_owned());
        };
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 once its escapes are decoded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> AmqpUrl {
        AmqpUrl::parse(text).ok().unwrap()
    }

    #[test]
    fn every_part_is_read_and_decoded() {
        let url = parsed("amqps://an%40a:p%40ss%2Fw%23%25@mq.example:5673/%2Fprod");
        assert!(url.tls);
        assert_eq!(url.host, "mq.example");
        assert_eq!(url.port, Some(5673));
        assert_eq!(url.user.as_deref(), Some("an@a"));
        assert_eq!(url.password.as_deref(), Some("p@ss/w#%"));
        assert_eq!(url.vhost.as_deref(), Some("/prod"));
    }

    #[test]
    fn what_is_left_out_stays_open() {
        let url = parsed("amqp://mq");
        assert_eq!(
            (url.port, url.user, url.password, url.vhost),
            (None, None, None, None)
        );
        assert_eq!(parsed("amqp://mq/").vhost, None);
        assert_eq!(parsed("amqp://mq//").vhost.as_deref(), Some("/"));
        assert_eq!(parsed("amqp://mq/%2f").vhost.as_deref(), Some("/"));
        assert_eq!(parsed("amqp://u:12345@[::1]:5672/v").host, "::1");
        assert_eq!(parsed("amqp://u:12345@mq").password.as_deref(), Some("12345"));
        assert_eq!(parsed("amqp://mq/v?heartbeat=30").parameters, ["heartbeat"]);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let cases = [
            ("mq:5672", "neither amqp nor amqps"),
            ("http://u:SECRET@mq", "neither amqp nor amqps"),
            ("amqp://u:SECRET@mq:99999", "is not a URL"),
            ("amqp://u:SEC#RET@mq", ""),
            ("amqp://u:SECRET@mq/a/b", "%2F"),
            ("amqp://u:SECRET%zz@mq", "two hex digits"),
            ("amqp://u:SECRET%ff@mq", "UTF-8"),
            ("amqp://", "names no host"),
        ];
        for (text, expected) in cases {
            let error = AmqpUrl::parse(text).err().unwrap();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("SECRET"), "{text}: {error}");
        }
    }
}
