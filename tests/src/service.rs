//! A service on a loopback port, for as long as the test holds it.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::{Server, ServerHandle};

/// A running service.
pub struct Service {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Service {
    /// Binds a free port and starts what `listen` makes of it.
    ///
    /// # Errors
    /// Those of binding and listening.
    pub fn start(listen: impl FnOnce(TcpListener) -> std::io::Result<Server>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = listen(listener)?;
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { address, handle })
    }

    /// Stops it and waits until it has.
    pub async fn stop(self) {
        self.handle.stop(true).await;
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The command is sent by the call; only waiting for its end would need an await.
        drop(self.handle.stop(false));
    }
}
