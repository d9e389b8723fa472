//! What can happen next.

use crate::world::{BUCKETS, BUNDLES, EXPORTERS, Exporter, Place, Rules, Set, UPLOADS, Upload, World};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// An upload's transaction writes.
    Begin(u8),
    /// It commits.
    Commit(u8),
    /// An exporter takes a step.
    Step(u8, &'static str),
    /// An exporter's object is refused.
    Refuse(u8),
    /// An exporter dies, and forgets what it had in mind.
    Crash(u8),
}

/// All that can happen, and what comes of it.
pub(crate) fn next(world: &World, rules: Rules) -> Vec<(Action, World)> {
    let mut all = Vec::new();
    for upload in 0..UPLOADS as u8 {
        all.extend(upload_goes_on(world, upload));
    }
    for exporter in 0..EXPORTERS as u8 {
        let at = world.exporters[usize::from(exporter)];
        all.push(step(world, rules, exporter));
        if let (Place::Put(..), false) = (at.place, world.refused) {
            let mut refused = world.clone();
            refused.refused = true;
            Turn { world: &mut refused, rules, exporter }.is_refused();
            all.push((Action::Refuse(exporter), refused));
        }
        if !at.crashed && at.place != Place::Idle {
            let mut crashed = world.clone();
            crashed.exporters[usize::from(exporter)] = Exporter { crashed: true, ..Exporter::default() };
            all.push((Action::Crash(exporter), crashed));
        }
    }
    all
}

/// An upload writes or commits. They begin in the order of their numbers: another order would be the same with other names.
pub(crate) fn upload_goes_on(world: &World, upload: u8) -> Option<(Action, World)> {
    let early = world.uploads[..usize::from(upload)].contains(&Upload::Expected);
    let (action, state) = match world.uploads[usize::from(upload)] {
        Upload::Expected if early => return None,
        Upload::Expected => (Action::Begin(upload), Upload::Begun { passed: false }),
        Upload::Begun { passed } => (Action::Commit(upload), Upload::Committed { passed }),
        Upload::Committed { .. } => return None,
    };
    let mut world = world.clone();
    world.uploads[usize::from(upload)] = state;
    Some((action, world))
}

/// An exporter takes its next step.
pub(crate) fn step(world: &World, rules: Rules, exporter: u8) -> (Action, World) {
    let mut world = world.clone();
    let name = Turn { world: &mut world, rules, exporter }.take();
    (Action::Step(exporter, name), world)
}

/// Which of two lists is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

/// One exporter's turn.
struct Turn<'a> {
    world: &'a mut World,
    rules: Rules,
    exporter: u8,
}

impl Turn<'_> {
    const fn mind(&mut self) -> &mut Exporter {
        &mut self.world.exporters[self.exporter as usize]
    }

    const fn go(&mut self, place: Place) {
        self.mind().place = place;
    }

    /// Does what comes next; what that was.
    fn take(&mut self) -> &'static str {
        match self.mind().place {
            // To begin is no step of its own.
            Place::Idle => self.begin_with(0),
            Place::ReadFirst(bucket) => self.begin_with(bucket),
            Place::ReadSecond(bucket) => {
                let name = self.read_list(bucket, Half::Second);
                let last = usize::from(bucket) + 1 == BUCKETS;
                self.go(if last { Place::Seal } else { Place::ReadFirst(bucket + 1) });
                name
            }
            Place::Seal => {
                self.seal();
                "seal"
            }
            Place::WriteSeal => {
                let members = std::mem::take(&mut self.mind().own);
                self.write_bundle(members);
                self.go(Place::Read);
                "write seal"
            }
            Place::Read => {
                self.read();
                "read"
            }
            Place::Ask(bucket) => {
                self.ask(bucket);
                "ask"
            }
            Place::Derive(bundle) => {
                self.derive(bundle);
                "derive"
            }
            Place::Put(bundle, bucket) => {
                self.put(bundle, bucket);
                "put"
            }
            Place::Note(bundle, bucket) => {
                self.note(bundle, bucket);
                self.put_further(bundle, bucket + 1);
                "note"
            }
            Place::ReadFirstAgain(bucket) => {
                let name = self.read_list(bucket, Half::First);
                self.go(Place::ReadSecondAgain(bucket));
                name
            }
            Place::ReadSecondAgain(bucket) => {
                let name = self.read_list(bucket, Half::Second);
                self.decide(bucket);
                name
            }
            Place::MoveManifest(bucket) => {
                self.move_manifest(bucket);
                "move manifest"
            }
            Place::MoveIndex(bucket) => {
                self.move_index(bucket);
                "move index"
            }
        }
    }

    /// Reads the first list of a bucket, at the beginning of a pass.
    fn begin_with(&mut self, bucket: u8) -> &'static str {
        let name = self.read_list(bucket, Half::First);
        self.go(Place::ReadSecond(bucket));
        name
    }

    /// Reads the index first, and then the manifest: they are moved the other way round.
    fn read_list(&mut self, bucket: u8, half: Half) -> &'static str {
        let (at, there) = (usize::from(bucket), self.world.buckets[usize::from(bucket)]);
        let swapped = self.rules == Rules::ManifestReadFirst;
        if (half == Half::First) == swapped {
            self.mind().manifest[at] = there.manifest;
            "read manifest"
        } else {
            self.mind().index[at] = there.index;
            "read index"
        }
    }

    /// One transaction, under a lock: what is taken is what all see that commits before it.
    fn seal(&mut self) {
        let mut members = Set::default();
        for upload in 0..UPLOADS as u8 {
            if let Upload::Committed { passed } = self.world.uploads[usize::from(upload)]
                && !self.world.is_sealed(upload)
                && !passed
            {
                members.insert(upload);
            }
        }
        self.pass_by(members);
        if self.rules == Rules::TornSeal && !members.is_empty() {
            self.mind().own = members;
            return self.go(Place::WriteSeal);
        }
        self.write_bundle(members);
        self.go(Place::Read);
    }

    /// Whoever goes by stamps or ids will never look again at what is older than what was taken now.
    fn pass_by(&mut self, taken: Set) {
        for upload in 0..UPLOADS as u8 {
            let younger_is_taken = (upload..UPLOADS as u8).any(|other| taken.has(other));
            let passes = match self.rules {
                Rules::Window => true,
                Rules::Serial => younger_is_taken,
                _ => false,
            };
            if let (Upload::Begun { passed }, true) = (&mut self.world.uploads[usize::from(upload)], passes) {
                *passed = true;
            }
        }
    }

    fn write_bundle(&mut self, members: Set) {
        let number = self.world.number;
        if members.is_empty() || usize::from(number) == BUNDLES {
            return;
        }
        self.world.bundles[usize::from(number)].members = members;
        self.world.number += 1;
        if self.rules == Rules::OwnBundlesOnly {
            self.mind().own.insert(number);
        }
    }

    /// What is to be listed, and which of it was derived.
    fn read(&mut self) {
        let number = self.world.number;
        let mut derived = Set::default();
        (0..number).filter(|at| self.world.bundles[usize::from(*at)].signature > 0).for_each(|at| derived.insert(at));
        let mind = self.mind();
        (mind.number, mind.derived) = (number, derived);
        self.go(Place::Ask(0));
    }

    /// A bucket holds what was noted as put there, and is still there.
    fn ask(&mut self, bucket: u8) {
        let (noted, objects) = (self.world.noted[usize::from(bucket)], self.world.buckets[usize::from(bucket)].objects);
        let mind = self.mind();
        for bundle in 0..mind.number {
            let held = mind.derived.has(bundle) && noted.has(bundle) && objects[usize::from(bundle)] > 0;
            if !held {
                mind.lacks[usize::from(bucket)].insert(bundle);
            }
        }
        if usize::from(bucket) + 1 < BUCKETS { self.go(Place::Ask(bucket + 1)) } else { self.derive_further(0) }
    }

    /// The next bundle that was never derived or that some bucket lacks; after the last one, the lists.
    fn derive_further(&mut self, from: u8) {
        let (rules, mind) = (self.rules, self.mind());
        mind.signature = 0;
        let wanted = |bundle: &u8| {
            let missing = !mind.derived.has(*bundle) || mind.lacks.iter().any(|lacks| lacks.has(*bundle));
            missing && (rules != Rules::OwnBundlesOnly || mind.own.has(*bundle))
        };
        match (from..mind.number).find(wanted) {
            Some(bundle) => self.go(Place::Derive(bundle)),
            None => self.list(0),
        }
    }

    /// The first signature that is stored is the bundle's.
    fn derive(&mut self, bundle: u8) {
        let own = self.exporter + 1;
        let stored = &mut self.world.bundles[usize::from(bundle)].signature;
        if *stored == 0 {
            *stored = own;
        }
        let everybody_signs = matches!(self.rules, Rules::UnstoredSignatures | Rules::Overwrites);
        let signature = if everybody_signs { own } else { *stored };
        self.mind().signature = signature;
        self.put_further(bundle, 0);
    }

    /// The next bucket that lacks a bundle; after the last one, the next bundle.
    fn put_further(&mut self, bundle: u8, from: u8) {
        let lacks = self.mind().lacks;
        match (from..BUCKETS as u8).find(|bucket| lacks[usize::from(*bucket)].has(bundle)) {
            Some(bucket) => self.go(Place::Put(bundle, bucket)),
            None => self.derive_further(bundle + 1),
        }
    }

    /// Puts an object if it is absent. If another stands there, that is an alarm and nothing is noted.
    fn put(&mut self, bundle: u8, bucket: u8) {
        let signature = self.mind().signature;
        let object = &mut self.world.buckets[usize::from(bucket)].objects[usize::from(bundle)];
        if *object == 0 || self.rules == Rules::Overwrites {
            *object = signature;
        }
        let same = *object == signature;
        if same { self.go(Place::Note(bundle, bucket)) } else { self.put_further(bundle, bucket + 1) }
    }

    fn note(&mut self, bundle: u8, bucket: u8) {
        self.world.noted[usize::from(bucket)].insert(bundle);
        self.mind().lacks[usize::from(bucket)].remove(bundle);
    }

    /// The bucket did not take the object: it lacks it, and the others get it all the same.
    fn is_refused(&mut self) {
        let Place::Put(bundle, bucket) = self.mind().place else { return };
        if self.rules == Rules::Tolerant {
            self.note(bundle, bucket);
        }
        self.put_further(bundle, bucket + 1);
    }

    /// Begins with a bucket's lists; after the last bucket, the pass is over and all is forgotten.
    fn list(&mut self, bucket: u8) {
        let (at, mind) = (usize::from(bucket), self.mind());
        // What will not be asked for again is forgotten, so that more states are the same.
        mind.target = 0;
        (mind.derived, mind.own) = (Set::default(), Set::default());
        mind.lacks[..at].fill(Set::default());
        mind.index[..at].fill(0);
        mind.manifest[..at].fill(0);
        if at == BUCKETS {
            *mind = Exporter { crashed: mind.crashed, ..Exporter::default() };
        } else {
            self.decide(bucket);
        }
    }

    /// The highest number, not below the manifest's, of which the bucket holds every bundle.
    fn decide(&mut self, bucket: u8) {
        let (at, mind) = (usize::from(bucket), *self.mind());
        let held = |bundle: u8| bundle < mind.number && !mind.lacks[at].has(bundle);
        let blind = self.rules == Rules::ListsFirst;
        let first = mind.manifest[at].max(1);
        let highest = (first..=self.world.number).rev().find(|number| blind || (0..*number).all(held));
        let Some(target) = highest else { return self.list(bucket + 1) };
        self.mind().target = target;
        if mind.manifest[at] < target { self.go(Place::MoveManifest(bucket)) } else { self.then_index(bucket) }
    }

    fn move_manifest(&mut self, bucket: u8) {
        let (at, mind) = (usize::from(bucket), *self.mind());
        let there = &mut self.world.buckets[at].manifest;
        if *there != mind.manifest[at] && self.rules != Rules::NoCompareAndSet {
            return self.go(Place::ReadFirstAgain(bucket));
        }
        *there = mind.target;
        self.then_index(bucket);
    }

    fn then_index(&mut self, bucket: u8) {
        let mind = self.mind();
        if mind.index[usize::from(bucket)] == mind.target {
            self.list(bucket + 1);
        } else {
            self.go(Place::MoveIndex(bucket));
        }
    }

    fn move_index(&mut self, bucket: u8) {
        let (at, mind) = (usize::from(bucket), *self.mind());
        let there = &mut self.world.buckets[at].index;
        if *there != mind.index[at] && self.rules != Rules::NoCompareAndSet {
            return self.go(Place::ReadFirstAgain(bucket));
        }
        *there = mind.target;
        self.list(bucket + 1);
    }
}
