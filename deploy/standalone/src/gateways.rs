//! The gateways of both services: their keys, and how the exporter learns which to announce.

use exporter::config::{GatewayKeys, GatewaySpec};
use proto::Timestamp;
use proto::manifest::GatewayService;
use service::ohttp;
use store::chance;

use crate::error::StandaloneError;
use crate::layout::Layout;

/// Draws the keys that are missing. Those that are there stay, and so does what an operator has done with `ohttp-key rotate`.
pub(crate) fn make_keys(layout: &Layout) -> Result<(), StandaloneError> {
    for file in GatewayService::ALL.map(|service| layout.gateway_keys(service)) {
        if !file.exists() {
            ohttp::create(&file, &mut chance::source())?;
        }
    }
    Ok(())
}

/// Writes the lists that the exporter reads, as the operators of two services would hand them over.
pub(crate) fn hand_over(layout: &Layout, now: Timestamp) -> Result<(), StandaloneError> {
    for service in GatewayService::ALL {
        ohttp::export(&layout.gateway_keys(service), &layout.gateway_list(service), now)?;
    }
    Ok(())
}

/// What the exporter announces.
pub(crate) fn announced(layout: &Layout) -> Vec<GatewaySpec> {
    let spec = |service| GatewaySpec { service, keys: GatewayKeys::List(layout.gateway_list(service)) };
    GatewayService::ALL.map(spec).into()
}
