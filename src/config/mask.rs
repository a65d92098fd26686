//! Shows a value without what is secret in it.

use super::setting::Secrecy;
use millrace_text::mask::masked;

const HIDDEN: &str = "***";

/// The value as it may be printed.
pub(super) fn shown(secrecy: Secrecy, value: &str) -> String {
    match secrecy {
        // It is not meant to hold a secret, and one may have been put into it.
        Secrecy::Open => masked(value).into_owned(),
        Secrecy::Hidden => HIDDEN.to_owned(),
        Secrecy::Url => masked(&url(value)).into_owned(),
    }
}

/// Keeps scheme, user, hosts and path. Splits at the *last* `@`, so that a password with an unescaped
/// `@` or `/` in it is still hidden whole; what is not a URL is hidden altogether.
fn url(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return HIDDEN.to_owned();
    };
    let (user, place) = match rest.rsplit_once('@') {
        Some((login, place)) => match login.split_once(':') {
            Some((user, _)) => (format!("{user}:{HIDDEN}@"), place),
            None => (format!("{HIDDEN}@"), place),
        },
        None => (String::new(), rest),
    };
    // Passwords may be parameters too, and a fragment may be the rest of a badly escaped one.
    let place = match place.find(['?', '#']) {
        Some(at) => format!("{}?{HIDDEN}", &place[..at]),
        None => place.to_owned(),
    };
    format!("{scheme}://{user}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_keep_what_helps_and_lose_what_is_secret() {
        let cases = [
            (
                "postgresql://ana:pw@db:5432/analytics",
                "postgresql://ana:***@db:5432/analytics",
            ),
            (
                "postgresql://ana:p@w/x@db/analytics",
                "postgresql://ana:***@db/analytics",
            ),
            (
                "postgresql://db/analytics?password=pw",
                "postgresql://db/analytics?***",
            ),
            ("postgresql://a:pw@h1:1,h2:2/x", "postgresql://a:***@h1:1,h2:2/x"),
            ("amqp://token@mq", "amqp://***@mq"),
            ("host=db password=pw", "***"),
            ("file:///data", "file:///data"),
        ];
        for (value, expected) in cases {
            assert_eq!(url(value), expected);
        }
    }

    proptest! {
        #[test]
        fn a_password_in_a_url_is_never_shown(password in "[a-z@/:?#%]{0,4}SECRET[a-z@/:?#%]{0,4}") {
            let value = format!("postgresql://ana:{password}@db/analytics");
            prop_assert!(!url(&value).contains("SECRET"));
        }
    }
}
