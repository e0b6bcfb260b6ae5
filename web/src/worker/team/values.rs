//! Numbers on their way between two workers' memories.

use js_sys::Float32Array;
use shared::Parameters;
use shared::model::ParameterPath;

/// An array that is filled from its start.
pub(super) struct Filled {
    array: Float32Array,
    at: u32,
}

impl Filled {
    /// An empty one with room for `len` values.
    pub(super) fn with_room(len: usize) -> Self {
        Self { array: Float32Array::new_with_length(len as u32), at: 0 }
    }

    pub(super) fn push(&mut self, values: &[f32]) {
        let end = self.at + values.len() as u32;
        self.array.subarray(self.at, end).copy_from(values);
        self.at = end;
    }

    pub(super) fn into_array(self) -> Float32Array {
        self.array
    }
}

/// An array that is read from its start.
pub(super) struct Read {
    array: Float32Array,
    at: u32,
}

impl Read {
    pub(super) fn new(array: Float32Array) -> Self {
        Self { array, at: 0 }
    }

    /// The next values.
    ///
    /// # Errors
    /// When there are not as many.
    pub(super) fn fill(&mut self, values: &mut [f32]) -> shared::Result<()> {
        let end = self.at + values.len() as u32;
        if end > self.array.length() {
            return Err(shared::Error::Training("a message between workers has too few values".to_owned()));
        }
        self.array.subarray(self.at, end).copy_to(values);
        self.at = end;
        Ok(())
    }
}

/// The values of some parameters, one after the other.
pub(super) fn of_parameters(parameters: &Parameters, paths: &[ParameterPath]) -> shared::Result<Float32Array> {
    let mut len = 0;
    for path in paths {
        len += parameters.get(*path)?.elem_count();
    }
    let mut filled = Filled::with_room(len);
    for path in paths {
        filled.push(&parameters.to_vec(*path)?);
    }
    Ok(filled.into_array())
}
