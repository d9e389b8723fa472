//! Whether a service may be loaded: an operator says so, and the load tester asks before it sends anything else.
//!
//! A real authority's store must not be filled with made-up people because somebody mistyped a URL. So each service confirms by itself that it is there to
//! be tried out, and which hosts belong to it: who means two test deployments at a time, or a test deployment's services and a country's CDN, is
//! refused as well.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError};
use clap::Args;
use proto::api::deployment::{DeploymentHost, TestDeploymentReply};

use crate::unheard::Unheard;

/// Whether this is a test deployment. Each program gives the flag an environment variable of its own, see
/// [`with_environment`](crate::with_environment).
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct TestDeploymentSettings {
    /// This is a test deployment, and `load` may aim at it: the hosts that belong to it, the CDN's among them, HOST (on any port) or HOST:PORT, several
    /// by commas. GET /test-deployment then tells them to whoever asks. Never set this where people are served; without it `load` refuses to begin.
    #[arg(long = "test-deployment", value_name = "HOSTS", value_delimiter = ',')]
    pub test_deployment: Vec<DeploymentHost>,
}

/// The state of a service that may be part of a test deployment.
pub trait HasTestDeployment: 'static {
    /// The hosts of the test deployment; none if this is no such thing.
    fn test_deployment(&self) -> &[DeploymentHost];
}

/// `GET /test-deployment`: 200 `{"hosts":[...]}`.
///
/// # Errors
/// 404, as for every unknown path, unless this is a test deployment.
pub async fn test_deployment<S: HasTestDeployment, P: From<Unheard> + ResponseError>(
    state: Data<S>,
) -> Result<HttpResponse, P> {
    match state.test_deployment() {
        [] => Err(Unheard::UnknownPath.into()),
        hosts => {
            let reply = TestDeploymentReply { hosts: hosts.to_vec() };
            Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(reply))
        }
    }
}
