//! A bucket that is waited for only so long after another one was done.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use proto::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::bucket::{Bucket, Object, ObjectPath, Put, Replaced, Version};
use crate::error::ExportError;

/// A bucket whose calls end when the others have waited long enough. What a call was doing then may take effect all the same, as after every error.
pub(crate) struct PatientBucket {
    inner: Arc<dyn Bucket>,
    /// When the waiting ends; none as long as nobody waits.
    end: watch::Receiver<Option<Instant>>,
}

impl PatientBucket {
    /// The bucket `inner`, until `end`.
    pub(crate) fn new(inner: Arc<dyn Bucket>, end: watch::Receiver<Option<Instant>>) -> Self {
        Self { inner, end }
    }

    async fn until_the_end<T>(&self, call: impl Future<Output = Result<T, ExportError>>) -> Result<T, ExportError> {
        tokio::select! {
            biased;
            done = call => done,
            () = ended(self.end.clone()) => Err(ExportError::Retry(
                "the others have waited for it long enough; what it lacks is left to the next pass".to_owned(),
            )),
        }
    }
}

async fn ended(mut end: watch::Receiver<Option<Instant>>) {
    let known = end.wait_for(Option::is_some).await.map(|end| *end);
    match known {
        Ok(Some(end)) => sleep_until(end).await,
        // Nobody is left who could wait.
        _ => std::future::pending().await,
    }
}

#[async_trait]
impl Bucket for PatientBucket {
    async fn put_if_absent(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Put, ExportError> {
        self.until_the_end(self.inner.put_if_absent(path, bytes)).await
    }

    async fn get(&self, path: &ObjectPath) -> Result<Option<Object>, ExportError> {
        self.until_the_end(self.inner.get(path)).await
    }

    async fn replace(
        &self,
        path: &ObjectPath,
        bytes: &[u8],
        expected: Option<&Version>,
    ) -> Result<Replaced, ExportError> {
        self.until_the_end(self.inner.replace(path, bytes, expected)).await
    }

    async fn delete(&self, path: &ObjectPath) -> Result<(), ExportError> {
        self.until_the_end(self.inner.delete(path)).await
    }

    async fn list(&self, under: &ObjectPath) -> Result<BTreeMap<ObjectPath, u64>, ExportError> {
        self.until_the_end(self.inner.list(under)).await
    }

    async fn clock(&self) -> Result<Option<Timestamp>, ExportError> {
        self.until_the_end(self.inner.clock()).await
    }

    async fn tidy(&self) -> Result<(), ExportError> {
        self.until_the_end(self.inner.tidy()).await
    }
}
