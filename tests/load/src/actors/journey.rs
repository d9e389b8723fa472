//! From a code to the server's receipt, as a phone goes it.

use client::{ClientError, Http, KeyServer, KeyUpload, Receipt, Relay, ReportUpload, Verification};
use proto::commitment::Commitment;

use crate::settings::Target;
use crate::world::{Stuck, World};

/// The gateways of both services, for phones that call through a relay.
#[derive(Clone)]
pub(crate) struct Relays {
    verification: Relay,
    server: Relay,
}

/// What is uploaded.
pub(crate) enum Load {
    /// Keys, how many and under which secret.
    Keys(KeyUpload),
    /// One report.
    Report(ReportUpload),
}

/// A phone on its way.
pub(crate) struct Journey<'a> {
    world: &'a World,
    http: Http,
    verification: Verification,
    server: KeyServer,
}

impl Relays {
    /// Asks both services for the keys of their gateways, and has relays in front of them. None if one of them has no gateway.
    pub(crate) async fn find(http: &Http, target: &Target) -> Result<Option<Self>, ClientError> {
        let relay = async |place: &crate::settings::Place| {
            let keys = match http.ohttp_keys(&place.base()).await {
                Err(ClientError::Refused { status: 404, .. }) => return Ok(None),
                keys => keys?,
            };
            // A relay hands on what it is given and sees nothing of it: here it is this machine.
            let gateway = client::BaseUrl::new(place.at("ohttp").as_str())?;
            Relay::new(gateway, &keys, None, crate::clock::boxed_chance).map(Some)
        };
        let (verification, server) = (relay(&target.verification).await?, relay(&target.server).await?);
        Ok(verification.zip(server).map(|(verification, server)| Self { verification, server }))
    }
}

impl Load {
    fn commitment(&self) -> Commitment {
        match self {
            Self::Keys(keys) => keys.commitment(),
            Self::Report(report) => report.commitment(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Keys(keys) => keys.len(),
            Self::Report(_) => 1,
        }
    }
}

impl<'a> Journey<'a> {
    /// A phone with these connections, whose requests go through relays if there are some.
    pub(crate) fn new(world: &'a World, http: Http, relays: Option<&Relays>) -> Result<Self, Stuck> {
        let Target { verification, server, device_key, .. } = &world.target;
        let verification = Verification::new(http.clone(), verification.base(), device_key.text());
        let mut verification = verification.map_err(|_| Stuck("not_sent"))?;
        let mut server = KeyServer::new(http.clone(), server.base());
        if let Some(relays) = relays {
            verification = verification.through(relays.verification.clone());
            server = server.through(relays.server.clone());
        }
        Ok(Self { world, http, verification, server })
    }

    /// The bytes that it has received so far.
    pub(crate) fn received(&self) -> u64 {
        self.http.traffic().received
    }

    /// Code, token, certificate, upload. Nothing is left out that was sent: `about_to_send` is told before keys leave the phone.
    pub(crate) async fn go(&self, code: &str, load: &Load, about_to_send: impl FnOnce()) -> Result<(), Stuck> {
        let nonce = client::Secret::draw(&mut crate::clock::chance());
        let (world, received) = (self.world, || self.received());
        let verified = world.step("verify", received, || self.verification.verify(code, &[], &nonce)).await?;
        let commitment = load.commitment();
        let certify = || self.verification.certificate(&verified.token, &commitment);
        let certificate = world.step("certificate", received, certify).await?;
        about_to_send();
        let receipt = match load {
            Load::Keys(keys) => world.step("publish", received, || self.server.publish(keys, &certificate)).await?,
            Load::Report(report) => {
                world.step("reports", received, || self.server.report(report, &certificate)).await?
            }
        };
        acknowledged(&receipt, load.len())
    }
}

/// Whether a receipt is one for all that was sent.
fn acknowledged(receipt: &Receipt, sent: usize) -> Result<(), Stuck> {
    let whole = receipt.accepted == sent && receipt.dropped.is_none();
    if whole { Ok(()) } else { Err(Stuck("partial_failure")) }
}
