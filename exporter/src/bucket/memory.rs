//! A bucket for tests, which fails the test when an object that must not change would.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use proto::Timestamp;
use store::Clock;

use crate::bucket::{Bucket, Object, ObjectPath, Put, Replaced, Version};
use crate::error::ExportError;

/// A bucket in memory. Clones share their content.
#[derive(Debug, Clone, Default)]
pub struct MemoryBucket {
    /// Guards all objects: every method is one critical section, so a compare-and-set is one too.
    objects: Arc<Mutex<BTreeMap<ObjectPath, Vec<u8>>>>,
    down: Arc<AtomicBool>,
    clock: Clock,
}

impl MemoryBucket {
    /// Lets every call fail, or work again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Moves the bucket's clock to so many seconds from the system's time.
    pub fn set_clock(&self, offset: i64) {
        self.clock.set_offset(offset);
    }

    /// What the bucket holds, as an outsider sees it.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.iter().map(|(path, bytes)| (path.to_string(), bytes.clone())).collect()
    }

    fn answering(&self) -> Result<MutexGuard<'_, BTreeMap<ObjectPath, Vec<u8>>>, ExportError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(ExportError::Retry("the bucket does not answer".to_owned()));
        }
        Ok(self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Bucket for MemoryBucket {
    /// # Panics
    /// If the object exists with other bytes: whoever tests with this bucket has just seen a published bundle change.
    async fn put_if_absent(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Put, ExportError> {
        let mut objects = self.answering()?;
        if let Some(there) = objects.get(path) {
            assert!(there == bytes, "{path} would change");
            return Ok(Put::Present);
        }
        objects.insert(path.clone(), bytes.to_vec());
        Ok(Put::Created)
    }

    async fn get(&self, path: &ObjectPath) -> Result<Option<Object>, ExportError> {
        Ok(self.answering()?.get(path).cloned().map(Object::by_content))
    }

    /// # Panics
    /// If the object is a bundle.
    async fn replace(
        &self,
        path: &ObjectPath,
        bytes: &[u8],
        expected: Option<&Version>,
    ) -> Result<Replaced, ExportError> {
        assert!(!path.as_str().ends_with(".zip"), "{path} is a bundle and may not be replaced");
        let mut objects = self.answering()?;
        let current = objects.get(path).map(|there| Version::of_content(there));
        if current.as_ref() != expected {
            return Ok(Replaced::Lost);
        }
        objects.insert(path.clone(), bytes.to_vec());
        Ok(Replaced::Done)
    }

    /// # Panics
    /// If the object is neither a bundle nor `ready`: phones always find an index.
    async fn delete(&self, path: &ObjectPath) -> Result<(), ExportError> {
        let mortal = path.as_str().ends_with(".zip") || path.as_str() == "ready";
        assert!(mortal, "{path} may not be deleted");
        self.answering()?.remove(path);
        Ok(())
    }

    async fn clock(&self) -> Result<Option<Timestamp>, ExportError> {
        drop(self.answering()?);
        Ok(Some(self.clock.now()))
    }

    async fn list(&self, under: &ObjectPath) -> Result<BTreeMap<ObjectPath, u64>, ExportError> {
        let inside = |path: &ObjectPath| {
            path.as_str()
                .strip_prefix(under.as_str())
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|name| !name.contains('/'))
        };
        let objects = self.answering()?;
        Ok(objects.iter().filter(|(path, _)| inside(path)).map(|(p, b)| (p.clone(), b.len() as u64)).collect())
    }
}
