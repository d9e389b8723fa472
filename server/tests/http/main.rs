//! The key server over real HTTP, on a real database: what phones send, what they are answered, and what is stored.

mod authority;
mod system;
mod wire;

mod answers;
mod certificates;
mod keys;
mod reports;
