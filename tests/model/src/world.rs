//! What there is: uploads, a database, buckets, and exporters in the middle of something.

/// How many uploads, of one key each.
pub(crate) const UPLOADS: usize = 2;
/// How many exporters.
pub(crate) const EXPORTERS: usize = 2;
/// How many buckets.
pub(crate) const BUCKETS: usize = 2;
/// How many bundles at most: one an upload.
pub(crate) const BUNDLES: usize = 2;

/// By which rules exporters work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// As this project does.
    AsBuilt,
    /// A seal takes what was stamped since the seal before.
    Window,
    /// A seal takes what has a higher id than anything that was ever sealed.
    Serial,
    /// A seal reads what waits in one transaction, and writes the bundle in another.
    TornSeal,
    /// Manifest and index move without a look at the objects.
    ListsFirst,
    /// An object that could not be put counts as put.
    Tolerant,
    /// Manifest and index are written whatever they have become since they were read.
    NoCompareAndSet,
    /// The manifest is read before the index.
    ManifestReadFirst,
    /// Every exporter signs for itself.
    UnstoredSignatures,
    /// The same, and what stands under the name is overwritten.
    Overwrites,
    /// A pass publishes the bundles that it sealed itself.
    OwnBundlesOnly,
}

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) uploads: [Upload; UPLOADS],
    /// The bundles that were sealed, from the first; number `n` lists `n` of them.
    pub(crate) bundles: [Bundle; BUNDLES],
    /// How many there are.
    pub(crate) number: u8,
    /// Which bundles were noted as put, a set for each bucket.
    pub(crate) noted: [Set; BUCKETS],
    pub(crate) buckets: [Bucket; BUCKETS],
    pub(crate) exporters: [Exporter; EXPORTERS],
    /// Whether a bucket has refused an object: it does so once.
    pub(crate) refused: bool,
}

/// An upload's transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Upload {
    #[default]
    Expected,
    /// It has written, stamped by the clock and numbered, and nobody sees it yet. A seal that goes by stamps or numbers may have passed it by.
    Begun { passed: bool },
    /// Everybody sees it.
    Committed { passed: bool },
}

/// A bundle's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Bundle {
    /// Which uploads are in it.
    pub(crate) members: Set,
    /// Whose signature is stored; 0 before it was derived. Signatures of two exporters differ, as with most signers.
    pub(crate) signature: u8,
}

/// An object store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Bucket {
    /// The signature in each bundle's object; 0 if there is none. All else in it follows from rows that never change.
    pub(crate) objects: [u8; BUNDLES],
    /// The number at which the manifest stands.
    pub(crate) manifest: u8,
    /// And the index.
    pub(crate) index: u8,
}

/// An exporter: where it is in its pass, and what it has in mind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Exporter {
    pub(crate) place: Place,
    /// The number that it works towards.
    pub(crate) number: u8,
    /// Which bundles were derived when it looked.
    pub(crate) derived: Set,
    /// Which bundles each bucket lacks, as far as it knows.
    pub(crate) lacks: [Set; BUCKETS],
    /// The signature of the bundle at hand.
    pub(crate) signature: u8,
    /// Where index and manifest of each bucket stood when it read them.
    pub(crate) index: [u8; BUCKETS],
    pub(crate) manifest: [u8; BUCKETS],
    /// Where it wants to move those of the bucket at hand.
    pub(crate) target: u8,
    /// What it sealed itself in this pass, or is about to: only rules that are broken ask.
    pub(crate) own: Set,
    /// Whether it has crashed: it does so once.
    pub(crate) crashed: bool,
}

/// What an exporter does next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// Between two passes.
    #[default]
    Idle,
    /// It reads one list of this bucket, and then the other: the index first, unless rules say otherwise.
    ReadFirst(u8),
    ReadSecond(u8),
    /// It seals.
    Seal,
    /// It writes the bundle whose members it has read.
    WriteSeal,
    /// It reads what is to be listed.
    Read,
    /// It asks what this bucket holds.
    Ask(u8),
    /// It derives this bundle and stores its signature.
    Derive(u8),
    /// It puts this bundle into this bucket.
    Put(u8, u8),
    /// It notes that.
    Note(u8, u8),
    /// It reads the lists of this bucket once more, because somebody else has moved them.
    ReadFirstAgain(u8),
    ReadSecondAgain(u8),
    /// It moves them.
    MoveManifest(u8),
    MoveIndex(u8),
}

/// A set of small numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Set(u8);

impl Set {
    pub(crate) const fn has(self, element: u8) -> bool {
        self.0 & (1 << element) != 0
    }

    pub(crate) const fn insert(&mut self, element: u8) {
        self.0 |= 1 << element;
    }

    pub(crate) const fn remove(&mut self, element: u8) {
        self.0 &= !(1 << element);
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl World {
    /// Whether some bundle has this upload.
    pub(crate) fn is_sealed(&self, upload: u8) -> bool {
        self.bundles.iter().any(|bundle| bundle.members.has(upload))
    }

    /// The same world, in which the exporters have the names that are first in order: nothing depends on who is who.
    pub(crate) fn renamed(mut self) -> Self {
        if self.exporters[0] <= self.exporters[1] {
            return self;
        }
        self.exporters.swap(0, 1);
        let bundles = self.bundles.iter_mut().map(|bundle| &mut bundle.signature);
        let objects = self.buckets.iter_mut().flat_map(|bucket| &mut bucket.objects);
        let minds = self.exporters.iter_mut().map(|exporter| &mut exporter.signature);
        for signature in bundles.chain(objects).chain(minds).filter(|signature| **signature > 0) {
            *signature = 3 - *signature;
        }
        self
    }
}
