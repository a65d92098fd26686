//! What is logged and how.

use super::reader::Reader;
use super::rule::Parsed;
use super::setting::{Setting, settings};
use tracing_subscriber::EnvFilter;

settings! { "Logs";
    LEVEL: Parsed<LogLevel> = Setting::new("LOG_LEVEL", Parsed::new("`trace`, `debug`, `info`, `warn`, `error`, `off`, any case; Python's names too", LogLevel::parse, || LogLevel::Info), "info", "What is logged of millrace itself.");
    FORMAT: Parsed<LogFormat> = Setting::optional("LOG_FORMAT", Parsed::new("`json`, `pretty`", LogFormat::parse, || LogFormat::Json), "pretty on a terminal, json otherwise", "One JSON object a line, or lines for people; on standard error.");
    FILTER: Parsed<String> = Setting::optional("RUST_LOG", Parsed::new("filter directives, such as `millrace=debug,amqprs=info`", filter, String::new), "none", "Adds to `LOG_LEVEL`, module by module; a level without a module takes its place for everything, libraries included.");
}

/// What is logged and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Level of our own modules.
    pub level: LogLevel,
    /// Form of a line; `None` leaves it to whether there is a terminal.
    pub format: Option<LogFormat>,
    /// Adds to the level.
    pub filter: Option<String>,
}

/// The least severity that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// Item-level detail.
    Debug,
    /// Milestones.
    Info,
    /// What went wrong and was recovered from.
    Warn,
    /// What went wrong for good.
    Error,
    /// Nothing.
    Off,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For people.
    Pretty,
}

/// Reads the group.
pub(super) fn read(reader: &mut Reader<'_>) -> LogSettings {
    LogSettings {
        level: reader.get(&LEVEL),
        format: reader.optional(&FORMAT),
        filter: reader.optional(&FILTER),
    }
}

// === impl LogSettings ===

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            format: None,
            filter: None,
        }
    }
}

// === impl LogLevel ===

impl LogLevel {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "trace" | "notset" => Ok(Self::Trace),
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" | "warning" => Ok(Self::Warn),
            "error" | "critical" | "fatal" => Ok(Self::Error),
            "off" | "none" => Ok(Self::Off),
            _ => Err("is not a log level".to_owned()),
        }
    }

    /// As filter directives spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Off => "off",
        }
    }
}

// === impl LogFormat ===

impl LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "pretty" | "text" | "console" => Ok(Self::Pretty),
            _ => Err("is neither json nor pretty".to_owned()),
        }
    }
}

fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("is not a filter ({error})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_any_case_and_as_python_names_them() {
        for (text, level) in [
            ("INFO", LogLevel::Info),
            ("Warning", LogLevel::Warn),
            ("CRITICAL", LogLevel::Error),
            ("debug", LogLevel::Debug),
        ] {
            assert_eq!(LogLevel::parse(text), Ok(level));
        }
        assert!(LogLevel::parse("loud").is_err());
    }
}
