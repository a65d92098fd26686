//! The routes over a real socket.

mod answers;
mod document;
mod made_up;
mod stream;
