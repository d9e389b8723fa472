//! The load tester's program.

fn main() {}
