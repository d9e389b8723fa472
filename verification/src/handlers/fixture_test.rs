//! An authority at work, for tests.
