//! The memory of many variables at once, to be changed where it lies.
//!
//! Candle lends a variable's memory only to an operation on that one variable. Here each such operation holds what it was
//! lent and asks for the next variable's, so the innermost sees all of them.

use std::cell::{Cell, RefCell};

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Var, bail};

use crate::corruption::TensorMut;
use crate::model::ParameterPath;
use crate::nn::slice_mut;

/// What `f` makes of the values of `variables`, in their order.
///
/// # Errors
/// When a variable is not on the CPU, not f32 or not contiguous; `f` has not been called then.
pub(super) fn with_values<R, F>(variables: &[(ParameterPath, &Var)], f: F) -> Result<R>
where
    F: FnOnce(&mut [TensorMut<'_>]) -> R,
{
    lend(Vec::with_capacity(variables.len()), variables, f)
}

fn lend<R, F>(mut lent: Vec<TensorMut<'_>>, variables: &[(ParameterPath, &Var)], f: F) -> Result<R>
where
    F: FnOnce(&mut [TensorMut<'_>]) -> R,
{
    let Some((_, variable)) = variables.first() else { return Ok(f(&mut lent)) };
    let loan = Loan { next: Cell::new(Some((lent, f))), variables, outcome: RefCell::new(None) };
    variable.inplace_op1(&loan)?;
    match loan.outcome.into_inner() {
        Some(outcome) => Ok(outcome),
        None => bail!("lend: candle did not run the operation"),
    }
}

struct Loan<'a, F, R> {
    /// What has been lent so far, and what to do with all of it.
    next: Cell<Option<(Vec<TensorMut<'a>>, F)>>,
    /// Those still to be lent; the first is this operation's.
    variables: &'a [(ParameterPath, &'a Var)],
    outcome: RefCell<Option<R>>,
}

impl<F, R> InplaceOp1 for Loan<'_, F, R>
where
    F: FnOnce(&mut [TensorMut<'_>]) -> R,
{
    fn name(&self) -> &'static str {
        "lend"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (Some((mut lent, f)), Some(((path, _), rest))) = (self.next.take(), self.variables.split_first()) else {
            bail!("lend: one operation was run twice");
        };
        let data = slice_mut(storage, layout, "lend")?;
        lent.push(TensorMut { path: *path, shape: layout.dims().to_vec(), data });
        *self.outcome.borrow_mut() = Some(lend(lent, rest, f)?);
        Ok(())
    }
}
