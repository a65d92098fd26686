//! How the program ends. The numbers are those of `sysexits.h`; scripts and Kubernetes rely on them. A second signal
//! ends `millrace run` at once, past this type, with 128 and its number: 130 for SIGINT, 143 for SIGTERM.

use crate::config::ConfigError;
use std::process::ExitCode;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well: 0.
    Fine,
    /// The command line makes no sense: 64.
    Usage,
    /// A dependency is not available: 69.
    Unavailable,
    /// Restarts did not help, or something else went wrong inside the program: 70.
    GaveUp,
    /// The settings make no sense: 78.
    Config,
}

/// Why a command failed, and the code that says so.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What to tell the person in front.
    pub error: anyhow::Error,
}

// === impl Exit ===

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Usage => 64,
            Self::Unavailable => 69,
            Self::GaveUp => 70,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

// === impl Failure ===

impl Failure {
    /// A dependency is not available.
    pub fn unavailable(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Unavailable,
            error: error.into(),
        }
    }

    /// The command line makes no sense in a way that the parser of arguments does not see.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Usage,
            error: error.into(),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            exit: Exit::GaveUp,
            error,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self {
            exit: Exit::GaveUp,
            error: error.into(),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self {
            exit: Exit::Config,
            error: error.into(),
        }
    }
}
