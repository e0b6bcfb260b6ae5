//! Gradients of parameters, taken past candle's accumulator.
//!
//! Candle adds every gradient to a fresh tensor of zeros: three passes over memory and two allocations of the
//! parameter's size, and a look-up table's gradient is as large as the table although a batch reads a few hundred of its
//! 30,000 rows. [`collect`] runs a backward pass during which fused operations hand the gradients of *parameters* over
//! directly, tables row by row. Outside of it they return them to candle as usual, so `loss.backward()` alone still
//! gives every gradient.
//!
//! Every operation holds the [`Collector`] it was made with. Nothing is kept by thread: one that waits for others in the
//! middle of a backward pass may take up a piece of work of another model's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId, bail};
use serde::{Deserialize, Serialize};

use super::host::HostSlice;
use super::kernels::{Buffer, sum_of_squares};

/// The gradient of one parameter.
#[derive(Clone, Debug)]
pub enum Gradient {
    /// A tensor of the parameter's shape.
    Dense(Tensor),
    /// All values in the parameter's order, in memory that the next step uses again.
    Host(HostGradient),
    /// Some rows of a table; all others are 0.
    Rows(RowGradient),
}

/// As many values as the parameter has.
#[derive(Clone, Debug)]
pub struct HostGradient(pub(super) Buffer);

/// Gradients of some rows of a `[n_rows, n_columns]` table.
#[derive(Clone, Debug)]
pub struct RowGradient {
    n_columns: usize,
    /// Row → its gradient, ascending.
    rows: BTreeMap<u32, Vec<f32>>,
}

impl RowGradient {
    /// Sums `gradients` `[ids.len(), n_columns]` by id, in their order.
    pub(super) fn new(ids: &[u32], gradients: &[f32], n_columns: usize) -> Self {
        let mut sum = Self { n_columns, rows: BTreeMap::new() };
        for (id, gradient) in ids.iter().zip(gradients.chunks_exact(n_columns)) {
            sum.add_row(*id, gradient);
        }
        sum
    }

    fn add_row(&mut self, id: u32, gradient: &[f32]) {
        let row = self.rows.entry(id).or_insert_with(|| vec![0.0; gradient.len()]);
        row.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
    }

    /// The rows that have a gradient, ascending.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, &[f32])> {
        self.rows.iter().map(|(id, row)| (*id, row.as_slice()))
    }

    /// The gradient of one row, if it has one.
    pub(super) fn row(&self, id: u32) -> Option<&[f32]> {
        self.rows.get(&id).map(Vec::as_slice)
    }

    /// As a tensor of the table's shape.
    fn to_dense(&self, table: &Tensor) -> Result<Tensor> {
        let mut dense = vec![0.0; table.elem_count()];
        for (id, row) in self.rows() {
            let start = id as usize * self.n_columns;
            dense[start..start + self.n_columns].copy_from_slice(row);
        }
        Tensor::from_vec(dense, table.shape(), table.device())
    }
}

/// What of a gradient is not values, for one that travels to another thread's memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GradientParts {
    /// There is none: the loss does not depend on the parameter.
    None,
    /// As many values as the parameter has.
    All,
    /// The rows of a table with these ids, ascending.
    Rows(Vec<u32>),
}

impl Gradient {
    /// What it is, and its values in the order in which [`Gradient::receive`] asks for them.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn send(&self, values: &mut dyn FnMut(&[f32])) -> Result<GradientParts> {
        match self {
            Self::Dense(tensor) => values(&tensor.flatten_all()?.to_vec1::<f32>()?),
            Self::Host(host) => values(&host.0),
            Self::Rows(rows) => {
                rows.rows().for_each(|(_, row)| values(row));
                return Ok(GradientParts::Rows(rows.rows().map(|(id, _)| id).collect()));
            }
        }
        Ok(GradientParts::All)
    }

    /// The gradient of `parameter` that was sent, whose values `fill` writes; none where there was none.
    ///
    /// # Errors
    /// What `fill` says, or when rows are not of the parameter's table.
    pub fn receive<E: From<candle_core::Error>>(
        parts: GradientParts,
        parameter: &Tensor,
        mut fill: impl FnMut(&mut [f32]) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<Self>, E> {
        match parts {
            GradientParts::None => Ok(None),
            GradientParts::All => {
                let mut values = Buffer::new(parameter.elem_count());
                fill(&mut values)?;
                Ok(Some(Self::Host(HostGradient(values))))
            }
            GradientParts::Rows(ids) => {
                let (n_rows, n_columns) = parameter.dims2()?;
                let mut rows = BTreeMap::new();
                for id in ids {
                    if id as usize >= n_rows {
                        return Err(candle_core::Error::Msg(format!("row {id} of a table of {n_rows}")).into());
                    }
                    let mut row = vec![0.0; n_columns];
                    fill(&mut row)?;
                    rows.insert(id, row);
                }
                Ok(Some(Self::Rows(RowGradient { n_columns, rows })))
            }
        }
    }

    /// The sum of two gradients of one parameter.
    ///
    /// # Errors
    /// When the two are of different shapes.
    pub fn plus(self, other: Self, parameter: &Tensor) -> Result<Self> {
        match (self, other) {
            (Self::Dense(a), Self::Dense(b)) => Ok(Self::Dense((a + b)?)),
            (Self::Host(mut a), Self::Host(b)) => {
                a.0.iter_mut().zip(b.0.iter()).for_each(|(a, b)| *a += b);
                Ok(Self::Host(a))
            }
            (Self::Rows(mut a), Self::Rows(b)) => {
                b.rows().for_each(|(id, row)| a.add_row(id, row));
                Ok(Self::Rows(a))
            }
            (a, b) => Ok(Self::Dense((a.to_dense(parameter)? + b.to_dense(parameter)?)?)),
        }
    }

    /// As a tensor of the parameter's shape.
    ///
    /// # Errors
    /// When it is not of the parameter's size.
    pub fn to_dense(&self, parameter: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(tensor) => Ok(tensor.clone()),
            Self::Host(values) => Tensor::from_slice(&values.0, parameter.shape(), parameter.device()),
            Self::Rows(rows) => rows.to_dense(parameter),
        }
    }

    /// The largest absolute value; none of them may be NaN.
    ///
    /// # Errors
    /// When it has no values, or the device cannot be read.
    pub fn max_abs(&self) -> Result<f64> {
        let of = |values: &[f32]| f64::from(values.iter().fold(0.0_f32, |max, g| max.max(g.abs())));
        match self {
            Self::Rows(rows) => Ok(rows.rows().map(|(_, row)| of(row)).fold(0.0, f64::max)),
            Self::Host(values) => Ok(of(&values.0)),
            Self::Dense(tensor) => Ok(f64::from(tensor.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?)),
        }
    }

    /// Σ g², in f64 and in a fixed order; on other devices than a CPU in f32, where it may be infinite.
    ///
    /// # Errors
    /// When the device cannot be read, or on a CPU the gradient is not f32.
    pub fn squared_norm(&self) -> Result<f64> {
        match self {
            Self::Rows(rows) => Ok(rows.rows().map(|(_, row)| sum_of_squares(row)).sum()),
            Self::Host(values) => Ok(sum_of_squares(&values.0)),
            Self::Dense(tensor) if tensor.device().is_cpu() => {
                let tensor = tensor.contiguous()?;
                Ok(sum_of_squares(HostSlice::new(&tensor)?.as_slice()))
            }
            Self::Dense(tensor) => Ok(f64::from(tensor.sqr()?.sum_all()?.to_scalar::<f32>()?)),
        }
    }
}

/// Gradients by the id of their parameter.
#[expect(clippy::disallowed_types, reason = "candle's ids have no order, and nothing goes through this map in turn")]
type ById = std::collections::HashMap<TensorId, Gradient>;

/// Gradients of a backward pass, by parameter.
#[derive(Debug)]
pub struct Gradients {
    handed_over: ById,
    store: GradStore,
}

impl Gradients {
    /// Takes out a parameter's gradient; `None` when the loss does not depend on it.
    ///
    /// # Errors
    /// When the gradients of two operations on it are of different shapes.
    pub fn remove(&mut self, parameter: &Tensor) -> Result<Option<Gradient>> {
        let direct = self.handed_over.remove(&parameter.id());
        let summed = self.store.remove(parameter).map(Gradient::Dense);
        match (direct, summed) {
            (Some(a), Some(b)) => a.plus(b, parameter).map(Some),
            (a, b) => Ok(a.or(b)),
        }
    }
}

/// Where the operations of one model hand gradients to while [`collect`] runs; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Collector(Arc<Mutex<Option<ById>>>);

impl Collector {
    /// Never held while an operation runs, so that no thread can wait for itself.
    fn gradients(&self) -> MutexGuard<'_, Option<ById>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an operation's `bwd` returns for an argument: nothing when the argument is a parameter and its gradient is
    /// being collected, else the gradient as a tensor.
    pub(super) fn hand_over(&self, argument: &Tensor, gradient: Gradient) -> Result<Option<Tensor>> {
        let left = if argument.is_variable() { self.offer(argument, gradient)? } else { Some(gradient) };
        left.map(|gradient| gradient.to_dense(argument)).transpose()
    }

    /// Hands over the gradient of a parameter that is no argument of the operation, so that candle could not take it.
    ///
    /// # Errors
    /// When gradients are not being collected: it would be lost.
    pub(super) fn hand_over_parameter(&self, parameter: &Tensor, gradient: Gradient) -> Result<()> {
        match self.offer(parameter, gradient)? {
            None => Ok(()),
            Some(_) => bail!("use nn::collect: Tensor::backward cannot return this operation's gradients"),
        }
    }

    /// Takes a parameter's gradient while gradients are collected; else gives it back.
    fn offer(&self, parameter: &Tensor, gradient: Gradient) -> Result<Option<Gradient>> {
        let before = match &mut *self.gradients() {
            None => return Ok(Some(gradient)),
            Some(gradients) => gradients.remove(&parameter.id()),
        };
        let sum = match before {
            Some(sum) => sum.plus(gradient, parameter)?,
            None => gradient,
        };
        if let Some(gradients) = &mut *self.gradients() {
            gradients.insert(parameter.id(), sum);
        }
        Ok(None)
    }
}

/// Runs the backward pass of a scalar `loss` that operations with this collector have computed.
///
/// # Errors
/// When another backward pass is under way with the same collector: gradients of the two could not be told apart.
pub fn collect(loss: &Tensor, collector: &Collector) -> Result<Gradients> {
    {
        let mut gradients = collector.gradients();
        if gradients.is_some() {
            bail!("two backward passes at once with one collector: each needs its own model");
        }
        *gradients = Some(ById::new());
    }
    let store = loss.backward();
    let handed_over = collector.gradients().take().unwrap_or_default();
    Ok(Gradients { handed_over, store: store? })
}
