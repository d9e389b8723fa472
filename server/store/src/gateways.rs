//! Which keys of Oblivious HTTP gateways a feed's manifest announces.

use async_trait::async_trait;
use proto::Feed;
use proto::manifest::GatewayService;

use crate::error::StoreError;

/// Announces keys of gateways, so that phones know that everybody is given the same ones. What is announced at a number is part of the
/// [listing](crate::Bundles::listing) of that number.
#[async_trait]
pub trait Gateways: Send + Sync {
    /// Replaces the keys of one service that the feed's manifest announces, given as SHA-256 of their configurations in any order; takes the
    /// next number if that changes anything. Keys of the other service stay as they are. Readers take at most
    /// [`MAX_GATEWAY_KEYS`](proto::manifest::MAX_GATEWAY_KEYS) of a service.
    async fn announce_gateways(
        &self,
        feed: &Feed,
        service: GatewayService,
        hashes: &[[u8; 32]],
    ) -> Result<(), StoreError>;
}
