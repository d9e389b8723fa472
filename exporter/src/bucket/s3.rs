//! A bucket of an S3-compatible object store.
//!
//! What makes several exporters safe beside each other is that the store itself decides who comes first: bundles are written if nothing is there
//! (`If-None-Match: *`), index and manifest if they are what was read (`If-Match`). It answers 412 to whoever came second, and 409 to whoever should
//! come again. A store that ignores the condition is found out before anything is written to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use proto::Timestamp;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::s3_clock::DateOfAnswer;
use super::s3_connect::{Patience, client};
use super::s3_failure::{failed, status};
use crate::bucket::{Bucket, Headers, Object, ObjectPath, Put, Replaced, S3Place, Version};
use crate::error::ExportError;

/// The object that shows whether the store heeds conditions. Its name begins with a dot, as no object's of a feed does.
const PROBE: &str = ".pratique-probe";
/// What the probe says.
const PROBE_TEXT: &[u8] = b"This object shows whether the store heeds conditions. It may be deleted.\n";
/// What can be written only if nothing is there, and what stands in for a version that nothing has.
const NOTHING: &str = "*";
const NO_VERSION: &str = "\"00000000000000000000000000000000\"";

/// A bucket in an object store. Clones share their connections.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    client: Client,
    place: S3Place,
    patience: Patience,
    /// Set once the store has shown that it heeds conditions.
    proven: Arc<OnceCell<()>>,
}

/// What the store answered to a write.
enum Written {
    /// It is written.
    Done,
    /// The condition did not hold.
    Lost,
}

/// A read that came to nothing.
enum Unread {
    /// The answer ended before the object did, or did not end in time: another attempt may read it all.
    CutShort(String),
    Failed(ExportError),
}

impl S3Bucket {
    /// Reaches the store with credentials from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), a profile, a web identity, or the
    /// machine's own role, and sees whether it heeds conditions. A store that does not answer is asked again before the first write, so that it
    /// keeps nobody from writing to others.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if it heeds none, unless the place says `unconditional=true`, and if nothing says which region it is.
    pub async fn open(place: S3Place) -> Result<Self, ExportError> {
        Self::connect(place, None, Patience::default()).await
    }

    /// The same with credentials from elsewhere (the id of an access key, and its secret) and with more patience, or less.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(place: S3Place, id: &str, secret: &str, patience: Patience) -> Result<Self, ExportError> {
        Self::connect(place, Some(Credentials::new(id, secret, None, None, "given")), patience).await
    }

    async fn connect(
        place: S3Place,
        credentials: Option<Credentials>,
        patience: Patience,
    ) -> Result<Self, ExportError> {
        let client = client(&place, credentials, &patience).await?;
        let bucket = Self { client, place, patience, proven: Arc::default() };
        // Whatever else is wrong with the store stands in the report of each pass, until it is mended.
        match timeout(patience.connect, bucket.probe()).await {
            Ok(Ok(false)) => return Err(bucket.unsafe_store()),
            Ok(Ok(true)) => drop(bucket.proven.set(())),
            Ok(Err(_)) | Err(_) => {}
        }
        Ok(bucket)
    }

    /// Whether the store heeds conditions. What seems to show that it does not is tried again: somebody may have deleted the probe in between.
    async fn probe(&self) -> Result<bool, ExportError> {
        Ok(self.place.unconditional || self.heeds_conditions().await? || self.heeds_conditions().await?)
    }

    /// Writes an object that may be there on the condition that it is not, and then on the condition that it is what it cannot be. Whether both were
    /// refused.
    async fn heeds_conditions(&self) -> Result<bool, ExportError> {
        let put = || self.put(PROBE, PROBE_TEXT);
        self.send(|| put().if_none_match(NOTHING)).await?;
        let again = self.send(|| put().if_none_match(NOTHING)).await?;
        let other = self.send(|| put().if_match(NO_VERSION)).await?;
        Ok(matches!((again, other), (Written::Lost, Written::Lost)))
    }

    /// Nothing is written before the store has shown that it heeds conditions.
    async fn prove(&self) -> Result<(), ExportError> {
        let prove = || async { if self.probe().await? { Ok(()) } else { Err(self.unsafe_store()) } };
        self.proven.get_or_try_init(prove).await.copied()
    }

    fn unsafe_store(&self) -> ExportError {
        ExportError::GiveUp(format!(
            "bucket s3://{}: the store ignores If-None-Match or If-Match, so that two exporters would overwrite each other; take another, \
             or add unconditional=true to the URL and see to it that one exporter alone writes there",
            self.place.bucket
        ))
    }

    /// What the store calls an object.
    fn key(&self, name: &str) -> String {
        match &self.place.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_owned(),
        }
    }

    /// What is being tried, for an error.
    fn doing(&self, what: &str, name: &str) -> String {
        format!("cannot {what} s3://{}/{}", self.place.bucket, self.key(name))
    }

    /// A write, without its condition.
    fn put(&self, name: &str, bytes: &[u8]) -> PutObjectFluentBuilder {
        let Headers { content_type, cache_control } = Headers::of(name);
        self.client
            .put_object()
            .bucket(&self.place.bucket)
            .key(self.key(name))
            .content_type(content_type)
            .cache_control(cache_control)
            .set_server_side_encryption(self.place.sse.as_deref().map(Into::into))
            .set_ssekms_key_id(self.place.sse_key.clone())
            .set_storage_class(self.place.storage_class.as_deref().map(Into::into))
            .body(ByteStream::from(bytes.to_vec()))
    }

    /// Sends a write until the store has decided. After a lost reply the repetition may lose against the write itself: whoever puts compares bytes,
    /// and whoever replaces reads again.
    async fn send(&self, put: impl Fn() -> PutObjectFluentBuilder + Send + Sync) -> Result<Written, ExportError> {
        let mut sent = 1;
        loop {
            let put = put();
            let name = put.get_key().clone().unwrap_or_default();
            let error = match put.send().await {
                Ok(_) => return Ok(Written::Done),
                Err(error) => error,
            };
            match status(&error) {
                // There is something, or something else, or nothing that could be what was read.
                Some(412) => return Ok(Written::Lost),
                Some(404) if error.code() == Some("NoSuchKey") => return Ok(Written::Lost),
                // Two writes met, and neither has won.
                Some(409) if self.patience.again(sent).await => sent += 1,
                _ => return Err(failed(&format!("cannot write s3://{}/{name}", self.place.bucket), &error)),
            }
        }
    }

    async fn read(&self, path: &ObjectPath) -> Result<Option<Object>, Unread> {
        let get = self.client.get_object().bucket(&self.place.bucket).key(self.key(path.as_str()));
        let mut answer = match get.send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(Unread::Failed(failed(&self.doing("read", path.as_str()), &error))),
        };
        let Some(version) = answer.e_tag.take().map(Version::of_store) else {
            return Err(Unread::Failed(ExportError::GiveUp(format!("{path}: the store tells no ETag"))));
        };
        match timeout(self.patience.attempt, whole(path, answer)).await {
            Ok(bytes) => Ok(Some(Object { bytes: bytes?, version })),
            Err(_) => Err(Unread::CutShort("the answer did not end in time".to_owned())),
        }
    }

    async fn present(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Put, ExportError> {
        match self.get(path).await? {
            Some(there) if there.bytes == bytes => Ok(Put::Present),
            Some(_) => Err(ExportError::Corrupt(format!(
                "s3://{}/{}: other bytes than ours stand under this name; they were left as they are",
                self.place.bucket,
                self.key(path.as_str())
            ))),
            None => Err(ExportError::Retry(format!("{path} was deleted while it was being put"))),
        }
    }
}

#[async_trait]
impl Bucket for S3Bucket {
    async fn put_if_absent(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Put, ExportError> {
        self.prove().await?;
        // A store that heeds no condition would overwrite.
        if self.place.unconditional && self.get(path).await?.is_some() {
            return self.present(path, bytes).await;
        }
        match self.send(|| self.put(path.as_str(), bytes).if_none_match(NOTHING)).await? {
            Written::Done => Ok(Put::Created),
            Written::Lost => self.present(path, bytes).await,
        }
    }

    async fn get(&self, path: &ObjectPath) -> Result<Option<Object>, ExportError> {
        let mut sent = 1;
        loop {
            match self.read(path).await {
                Ok(object) => return Ok(object),
                Err(Unread::Failed(why)) => return Err(why),
                Err(Unread::CutShort(_)) if self.patience.again(sent).await => sent += 1,
                Err(Unread::CutShort(why)) => {
                    return Err(ExportError::Retry(format!("{}: {why}", self.doing("read", path.as_str()))));
                }
            }
        }
    }

    async fn replace(
        &self,
        path: &ObjectPath,
        bytes: &[u8],
        expected: Option<&Version>,
    ) -> Result<Replaced, ExportError> {
        self.prove().await?;
        if self.place.unconditional && self.get(path).await?.map(|there| there.version).as_ref() != expected {
            return Ok(Replaced::Lost);
        }
        let put = || match expected {
            Some(version) => self.put(path.as_str(), bytes).if_match(version.as_str()),
            None => self.put(path.as_str(), bytes).if_none_match(NOTHING),
        };
        match self.send(put).await? {
            Written::Done => Ok(Replaced::Done),
            Written::Lost => Ok(Replaced::Lost),
        }
    }

    async fn delete(&self, path: &ObjectPath) -> Result<(), ExportError> {
        let delete = self.client.delete_object().bucket(&self.place.bucket).key(self.key(path.as_str()));
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(()),
            Err(error) => Err(failed(&self.doing("delete", path.as_str()), &error)),
        }
    }

    /// From the `Date` of an answer: any will do, even that there is no such object.
    async fn clock(&self) -> Result<Option<Timestamp>, ExportError> {
        let date = DateOfAnswer::default();
        let head = self.client.head_object().bucket(&self.place.bucket).key(self.key(PROBE));
        match head.customize().interceptor(date.clone()).send().await {
            Err(error) if status(&error).is_none() => Err(failed(&self.doing("reach", PROBE), &error)),
            _ => Ok(date.told()),
        }
    }

    async fn list(&self, under: &ObjectPath) -> Result<BTreeMap<ObjectPath, u64>, ExportError> {
        let prefix = format!("{}/", self.key(under.as_str()));
        let list = self.client.list_objects_v2().bucket(&self.place.bucket).prefix(&prefix).delimiter("/");
        let mut pages = list.into_paginator().send();
        let mut objects = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(&self.doing("list", under.as_str()), &error))?;
            for object in page.contents() {
                let name = object.key().and_then(|key| key.strip_prefix(&prefix)).unwrap_or_default();
                // What is no path of an object is none of ours.
                let Ok(path) = format!("{under}/{name}").parse() else { continue };
                objects.insert(path, object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default());
            }
        }
        Ok(objects)
    }
}

/// The bytes of an answer, all of them.
async fn whole(path: &ObjectPath, mut answer: GetObjectOutput) -> Result<Vec<u8>, Unread> {
    let expected = answer.content_length.and_then(|length| u64::try_from(length).ok());
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.body.try_next().await.map_err(|why| Unread::CutShort(why.to_string()))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > Object::MAX_BYTES {
            return Err(Unread::Failed(ExportError::Corrupt(format!("{path}: is longer than any object of ours"))));
        }
    }
    match expected {
        Some(expected) if expected != bytes.len() as u64 => {
            Err(Unread::CutShort(format!("{} of {expected} bytes came", bytes.len())))
        }
        _ => Ok(bytes),
    }
}
