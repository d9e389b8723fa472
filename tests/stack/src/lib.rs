//! A whole deployment for tests: PostgreSQL with a standby, an object store, nginx, the services and exporters, each a process of its own that can be
//! stopped, killed and started again.
