//! The program around the actors: everything that is no actor and no binary.

pub mod corpus;

/// Commands.
pub mod cli {
    pub mod generate;
}
