//! A model's parameters, damaged where they lie.
//!
//! Candle lends a variable's memory only to an operation on that one variable. Here each such operation holds what it was
//! lent and asks for the next variable's, so the innermost sees all of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use candle_core::{CpuStorage, InplaceOp1, Layout, Var, bail};

use super::report::Report;
use super::resolve::ResolvedPlan;
use super::tensor::TensorMut;
use super::weight_bit::WeightBit;
use crate::error::{ApplyError, Result};
use crate::model::{ParameterPath, Parameters};
use crate::nn::slice_mut;
use crate::random::Seed;

impl Parameters {
    /// Damages the parameters as `plan` says: trained ones where they lie, so that models built on them see it. Frozen ones
    /// that the plan touches are replaced by damaged copies, as [`Parameters::set`] does. Those of layers that the plan deletes
    /// are gone; a model that is made of the others computes without these layers.
    ///
    /// # Errors
    /// When the plan was resolved for another model.
    pub fn corrupt(&mut self, plan: &ResolvedPlan, seed: Seed) -> Result<Report> {
        let touched = plan.touched();
        let trained: BTreeMap<ParameterPath, &Var> = self.trained().filter(|(_, var)| var.device().is_cpu()).collect();
        let variables: Option<Vec<(ParameterPath, &Var)>> =
            touched.iter().map(|path| trained.get(path).map(|var| (*path, *var))).collect();
        let report = match variables {
            Some(variables) => with_values(&variables, |tensors| plan.apply(seed, tensors))??,
            // Frozen tensors may share their memory with another model's, and other devices have none to lend.
            None => self.corrupt_copies(&touched, plan, seed)?,
        };
        self.changes().record();
        self.remove_layers(&plan.removed_layers());
        Ok(report)
    }

    /// Flips one bit of one value, where it lies if it can; models built on a trained parameter see it. Returns the value
    /// before and after; a second time is the way back.
    ///
    /// # Errors
    /// When the model has no such parameter, or the parameter no such value.
    pub(crate) fn flip_bit(&mut self, path: ParameterPath, weight: WeightBit) -> Result<(f32, f32)> {
        let shape = self.get(path)?.dims().to_vec();
        let offset = weight.offset(&shape).ok_or_else(|| ApplyError::Shape {
            name: path.name(self.architecture()),
            shape: shape.clone(),
            expected: format!("a shape that has the place {}", weight.place()),
        })?;
        let flip = |data: &mut [f32]| {
            let before = data[offset];
            data[offset] = weight.flipped(before);
            (before, data[offset])
        };
        let lent = self.trained().find(|(other, var)| *other == path && var.device().is_cpu());
        if let Some(variable) = lent {
            let values = with_values(&[variable], |tensors| flip(tensors[0].data))?;
            self.changes_of(path)?.record();
            return Ok(values);
        }
        let mut data = self.to_vec(path)?;
        let values = flip(&mut data);
        self.set(path, data)?;
        Ok(values)
    }

    fn corrupt_copies(&mut self, touched: &[ParameterPath], plan: &ResolvedPlan, seed: Seed) -> Result<Report> {
        let mut copies = touched
            .iter()
            .map(|path| Ok((*path, self.get(*path)?.dims().to_vec(), self.to_vec(*path)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut tensors: Vec<TensorMut<'_>> = copies
            .iter_mut()
            .map(|(path, shape, data)| TensorMut { path: *path, shape: shape.clone(), data })
            .collect();
        let report = plan.apply(seed, &mut tensors)?;
        for (path, _, data) in copies {
            self.set(path, data)?;
        }
        Ok(report)
    }
}

/// What `f` makes of the values of `variables`, in their order.
///
/// # Errors
/// When a variable is not on the CPU, not f32 or not contiguous; `f` has not been called then.
fn with_values<R, F>(variables: &[(ParameterPath, &Var)], f: F) -> candle_core::Result<R>
where
    F: FnOnce(&mut [TensorMut<'_>]) -> R,
{
    lend(Vec::with_capacity(variables.len()), variables, f)
}

fn lend<R, F>(mut lent: Vec<TensorMut<'_>>, variables: &[(ParameterPath, &Var)], f: F) -> candle_core::Result<R>
where
    F: FnOnce(&mut [TensorMut<'_>]) -> R,
{
    let Some((_, variable)) = variables.first() else { return Ok(f(&mut lent)) };
    let operation = LentMemory { next: Cell::new(Some((lent, f))), variables, outcome: RefCell::new(None) };
    variable.inplace_op1(&operation)?;
    match operation.outcome.into_inner() {
        Some(outcome) => Ok(outcome),
        None => bail!("lend: candle did not run the operation"),
    }
}

struct LentMemory<'a, F, R> {
    /// What has been lent so far, and what to do with all of it.
    next: Cell<Option<(Vec<TensorMut<'a>>, F)>>,
    /// Those still to be lent; the first is this operation's.
    variables: &'a [(ParameterPath, &'a Var)],
    outcome: RefCell<Option<R>>,
}

impl<F, R> InplaceOp1 for LentMemory<'_, F, R>
where
    F: FnOnce(&mut [TensorMut<'_>]) -> R,
{
    fn name(&self) -> &'static str {
        "lend"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (Some((mut lent, f)), Some(((path, _), rest))) = (self.next.take(), self.variables.split_first()) else {
            bail!("lend: one operation was run twice");
        };
        let data = slice_mut(storage, layout, "lend")?;
        lent.push(TensorMut { path: *path, shape: layout.dims().to_vec(), data });
        *self.outcome.borrow_mut() = Some(lend(lent, rest, f)?);
        Ok(())
    }
}
