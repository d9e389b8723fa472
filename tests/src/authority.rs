//! A health authority: the people who issue codes, with their API keys.

use std::net::SocketAddr;

use anyhow::ensure;
use proto::api::verification::{API_KEY_HEADER, IssueReply, IssueRequest};
use proto::{Feed, Kind, Region, ReportType};

use crate::wire::{Reply, Request};

/// An authority that both services know.
pub struct Authority {
    /// Its slug.
    pub id: String,
    /// Where its keys are published.
    pub regions: Vec<Region>,
    /// Its ADMIN key, for the staff.
    pub admin_key: String,
    /// Its DEVICE key, which stands in the app.
    pub device_key: String,
    /// Its STATS key, for its dashboards.
    pub stats_key: String,
    /// The verification service.
    pub verification: SocketAddr,
}

impl Authority {
    /// Issues a code for a person with this test result and no known onset.
    ///
    /// # Errors
    /// If the service refuses.
    pub async fn issue(&self, report_type: ReportType, date: &str) -> anyhow::Result<IssueReply> {
        let request =
            IssueRequest { test_type: report_type.to_string(), test_date: date.to_owned(), ..IssueRequest::default() };
        let reply = self.send_issue(&request).await?;
        ensure!(reply.status == 200, "issue: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
        reply.json()
    }

    /// Sends any request to issue.
    ///
    /// # Errors
    /// If nobody answers.
    pub async fn send_issue(&self, request: &IssueRequest) -> anyhow::Result<Reply> {
        let request = Request::post_json("/api/issue", serde_json::to_vec(request)?);
        request.with(API_KEY_HEADER, &self.admin_key).send(self.verification).await
    }

    /// The authority's feed of one kind in its first region.
    ///
    /// # Panics
    /// If it has no region.
    pub fn feed(&self, kind: Kind) -> Feed {
        Feed::verified(self.regions.first().expect("an authority has a region").clone(), kind)
    }
}
