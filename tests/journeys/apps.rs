//! Apps of other makers, as far as they read an index.

use tests::outside_reader::CheckedFeed;

/// What an app knows that keeps `start >= since; since = max(end)`, as those of the covidgreen family do.
#[derive(Default)]
pub(crate) struct BySince {
    since: i64,
    /// The bundles that it took, in order.
    pub(crate) taken: Vec<String>,
}

/// What an app knows that keeps the last line of the index that it handled, as those of Google do.
#[derive(Default)]
pub(crate) struct ByLastLine {
    last: Option<String>,
    /// The bundles that it took, in order.
    pub(crate) taken: Vec<String>,
}

impl BySince {
    /// Reads the index.
    pub(crate) fn poll(&mut self, index: &[String]) {
        for path in index {
            let name = path.rsplit('/').next().unwrap_or_default();
            let mut parts = name.split('-').map(|part| part.parse::<i64>().unwrap_or_default());
            let (start, end) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            if start >= self.since {
                self.taken.push(path.clone());
                self.since = self.since.max(end);
            }
        }
    }
}

impl ByLastLine {
    /// Reads the index.
    pub(crate) fn poll(&mut self, index: &[String]) {
        let handled = self.last.as_ref().and_then(|last| index.iter().position(|path| path == last));
        self.taken.extend_from_slice(&index[handled.map_or(0, |position| position + 1)..]);
        self.last = index.last().cloned();
    }
}

/// The index, as these apps read it.
pub(crate) fn index_of(checked: &CheckedFeed) -> Vec<String> {
    checked.manifest.bundles.iter().map(|bundle| bundle.path.clone()).collect()
}
