//! The step that announces the keys of Oblivious HTTP gateways in a feed's manifest.

use proto::manifest::GatewayService;

use crate::error::ExportError;
use crate::gateway_spec::{GatewaySpec, hashes};
use crate::pass::Pass;

/// Announces what the settings name, unless it is announced already. Of a service that they do not name, everything stays as it is: an exporter
/// that knows nothing of gateways takes none away.
pub(crate) async fn announce(pass: &Pass<'_>, specs: &[GatewaySpec]) -> Result<(), ExportError> {
    for (service, named) in by_service(specs) {
        let hashes = hashes(service, &named)?;
        let announced = pass.store.announce_gateways(pass.feed, service, &hashes);
        pass.step("feed.announce_gateways", None, None, announced).await?;
    }
    Ok(())
}

/// Whether every list that the settings name can be read now. Each pass reads them again, and one that is broken then leaves what was announced.
///
/// # Errors
/// [`ExportError::GiveUp`] with the file.
pub(crate) fn ensure_readable(specs: &[GatewaySpec]) -> Result<(), ExportError> {
    by_service(specs).try_for_each(|(service, named)| hashes(service, &named).map(drop))
}

/// The services of which anything is said, with all of it.
fn by_service(specs: &[GatewaySpec]) -> impl Iterator<Item = (GatewayService, Vec<&GatewaySpec>)> {
    let of = |service| (service, specs.iter().filter(|spec| spec.service == service).collect::<Vec<_>>());
    GatewayService::ALL.into_iter().map(of).filter(|(_, named)| !named.is_empty())
}
