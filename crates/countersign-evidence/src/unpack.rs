//! The files of a bundle, for those who look at them one by one.

use std::collections::BTreeSet;

use countersign_core::Timestamp;

use crate::container;
use crate::layout::Layout;
use crate::report::{Lines, Report};

/// The members of a bundle by name, in order. Nothing of what they say is checked.
///
/// # Errors
/// The report of what is wrong, if the container is not written as bundles are, or a member is
/// missing, too much or out of order.
///
/// # Security
/// Every name that is returned stays in the folder that it is unpacked into, and means the same on
/// every system \[bundle.md §2\].
pub fn unpack(bundle: &[u8]) -> Result<Vec<(&str, &[u8])>, Box<Report>> {
    let mut lines = Lines::default();
    let members = container::read(bundle, &mut lines);
    let names: Vec<_> = members.iter().map(|member| member.name).collect();
    Layout::of(&names, &mut lines);
    let report = Report::new(Timestamp::UNIX_EPOCH, &BTreeSet::new(), lines, None);
    if report.accepted() {
        let pairs = members.into_iter().map(|member| (member.name, member.data));
        Ok(pairs.collect())
    } else {
        Err(Box::new(report))
    }
}
