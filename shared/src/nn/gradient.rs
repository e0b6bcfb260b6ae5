//! Gradients of parameters, taken past candle's accumulator.
//!
//! Candle adds every gradient to a fresh tensor of zeros: three passes over memory and two allocations of the
//! parameter's size, and a look-up table's gradient is as large as the table although a batch reads a few hundred of its
//! 30,000 rows. [`collect`] runs a backward pass during which fused operations hand the gradients of *parameters* over
//! directly, tables row by row. Outside of it they return them to candle as usual, so `loss.backward()` alone still
//! gives every gradient.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId, bail};

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

impl Gradient {
    /// The sum of two gradients of one parameter.
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
    pub fn to_dense(&self, parameter: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(tensor) => Ok(tensor.clone()),
            Self::Host(values) => Tensor::from_slice(&values.0, parameter.shape(), parameter.device()),
            Self::Rows(rows) => rows.to_dense(parameter),
        }
    }

    /// Σ g², in f64 and in a fixed order.
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

/// Gradients of a backward pass, by parameter.
#[derive(Debug)]
pub struct Gradients {
    handed_over: HashMap<TensorId, Gradient>,
    store: GradStore,
}

impl Gradients {
    /// Takes out a parameter's gradient; `None` when the loss does not depend on it.
    pub fn remove(&mut self, parameter: &Tensor) -> Result<Option<Gradient>> {
        let direct = self.handed_over.remove(&parameter.id());
        let summed = self.store.remove(parameter).map(Gradient::Dense);
        match (direct, summed) {
            (Some(a), Some(b)) => a.plus(b, parameter).map(Some),
            (a, b) => Ok(a.or(b)),
        }
    }
}

thread_local! {
    /// Where fused operations hand gradients to while [`collect`] runs; candle's backward pass stays on one thread.
    static COLLECTOR: RefCell<Option<HashMap<TensorId, Gradient>>> = const { RefCell::new(None) };
}

/// Runs the backward pass of a scalar `loss`.
pub fn collect(loss: &Tensor) -> Result<Gradients> {
    COLLECTOR.set(Some(HashMap::new()));
    let store = loss.backward();
    let handed_over = COLLECTOR.take().unwrap_or_default();
    Ok(Gradients { handed_over, store: store? })
}

/// What an operation's `bwd` returns for an argument: nothing when the argument is a parameter and its gradient is being
/// collected, else the gradient as a tensor.
pub(super) fn hand_over(argument: &Tensor, gradient: Gradient) -> Result<Option<Tensor>> {
    let left = if argument.is_variable() { offer(argument, gradient)? } else { Some(gradient) };
    left.map(|gradient| gradient.to_dense(argument)).transpose()
}

/// Hands over the gradient of a parameter that is no argument of the operation, so that candle could not take it.
///
/// # Errors
/// When gradients are not being collected: it would be lost.
pub(super) fn hand_over_parameter(parameter: &Tensor, gradient: Gradient) -> Result<()> {
    match offer(parameter, gradient)? {
        None => Ok(()),
        Some(_) => bail!("this operation's gradients are only had by nn::collect, not by Tensor::backward"),
    }
}

/// Gives a parameter's gradient to the collector; what is left when there is none.
fn offer(parameter: &Tensor, gradient: Gradient) -> Result<Option<Gradient>> {
    COLLECTOR.with_borrow_mut(|collector| match collector {
        None => Ok(Some(gradient)),
        Some(gradients) => {
            let sum = match gradients.remove(&parameter.id()) {
                Some(sum) => sum.plus(gradient, parameter)?,
                None => gradient,
            };
            gradients.insert(parameter.id(), sum);
            Ok(None)
        }
    })
}
