//! Parts of one model in the place of another's.

use crate::corruption::{Report, ResolvedSelection, TensorMut};
use crate::error::{Error, Result};
use crate::model::{Anatomy, Parameters};

/// Takes the selected parts out of `donor` into `receiver`, where everything else keeps its bits. Of single heads that is
/// their rows of query, key and value and their columns of the attention's output weight.
///
/// Classes are taken in the donor's order: [`fit`](super::fit) says whether that is the receiver's, and
/// [`reorder_classes`](super::reorder_classes) changes it.
///
/// # Errors
/// When a selected parameter is missing in one of them or has another shape there. Nothing has been changed then.
pub fn transplant(
    receiver: &mut Parameters,
    donor: &Parameters,
    parts: &ResolvedSelection,
    anatomy: Anatomy,
) -> Result<Report> {
    let selected: Vec<_> = receiver.paths().filter(|path| parts.contains(*path)).collect();
    let mut reports = Vec::with_capacity(selected.len());
    let mut grafted = Vec::with_capacity(selected.len());
    for path in selected {
        let shape = receiver.get(path)?.dims().to_vec();
        let theirs = donor.get(path)?;
        if theirs.dims() != shape {
            return Err(Error::Training(format!(
                "{} of shape {:?} cannot stand in the place of one of shape {shape:?}",
                path.name(anatomy.architecture),
                theirs.dims()
            )));
        }
        let mut values = receiver.to_vec(path)?;
        let mut tensor = TensorMut { path, shape, data: &mut values };
        reports.extend(parts.graft(anatomy, &mut tensor, &donor.to_vec(path)?));
        grafted.push((path, values));
    }
    for (path, values) in grafted {
        receiver.set(path, values)?;
    }
    Ok(Report::of(reports))
}
