//! The step that announces the keys of Oblivious HTTP gateways in a feed's manifest.

use proto::manifest::GatewayService;

use crate::error::ExportError;
use crate::gateway_spec::{GatewaySpec, hashes};
use crate::pass::Pass;

/// Announces what the settings name, unless it is announced already. Of a service that they do not name, everything stays as it is: an exporter
/// that knows nothing of gateways takes none away.
pub(crate) async fn announce(pass: &Pass<'_>, specs: &[GatewaySpec]) -> Result<(), ExportError> {
    for service in GatewayService::ALL {
        let named: Vec<&GatewaySpec> = specs.iter().filter(|spec| spec.service == service).collect();
        if named.is_empty() {
            continue;
        }
        let hashes = hashes(service, &named)?;
        let announced = pass.store.announce_gateways(pass.feed, service, &hashes);
        pass.step("feed.announce_gateways", None, None, announced).await?;
    }
    Ok(())
}
