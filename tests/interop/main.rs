//! Interoperability: foreign programs read what we write and derive what we derive.

mod text_format;
mod tools;

mod bundles;
mod certificates;
mod coepi;
mod foreign;
mod identifiers;
mod tree;
mod verification_api;
mod whole_run;
