//! Interoperability: foreign programs read what we write and derive what we derive.

mod tools;

mod identifiers;
