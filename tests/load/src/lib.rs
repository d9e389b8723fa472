//! Drives a deployment of Pratique as a country does, measures what it feels like, and proves that nothing was lost.
