//! Reading all members of a bundle without keeping them.

use std::ops::ControlFlow;

use crate::bundles::Member;

/// Takes the members of a bundle, one after the other, as they are read.
pub trait MemberSink: Send {
    /// The first member comes next. It is called again if the read begins anew, because others were in its way: then nothing counts of what came
    /// before.
    fn begin(&mut self);

    /// The next member in bundle order, and whether it is a revised one. A break ends the read, for good.
    fn take(&mut self, revised: bool, member: &Member) -> ControlFlow<()>;

    /// Whether what came since the beginning is all of the bundle, by its frozen counts and digest. If it came from a replica and is not, it is read
    /// again from the database itself; what comes from there is all that there is, whatever this says.
    fn is_whole(&self) -> bool;
}
