//! What is shown of a run: a summary on the terminal, JSON, and one page of HTML that needs nothing but itself.

mod columns;
mod comparison;
mod html;
mod json;
mod sentences;
mod terminal;

pub use comparison::comparison;
pub use html::page;
pub use json::{UnreadableResults, from_json, to_json};
pub use terminal::summary;
