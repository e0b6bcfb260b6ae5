//! One bit of one weight.

use std::fmt;

use crate::model::{Kind, LayerModule, Module, ParameterPath};

/// A bit of a value of a tensor, as `flip` names it. Written `row.column,bitN`, or `place,bitN` for a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeightBit {
    /// The row of a matrix or look-up table, or the place in a vector, from 0.
    pub row: usize,
    /// The column, from 0; a vector has none.
    pub column: Option<usize>,
    /// 0 (the mantissa's last) to 31 (the sign) of the value as an IEEE 754 binary32.
    pub bit: u32,
}

impl WeightBit {
    /// The bit of the value at `offset` in row-major order of a tensor of this shape, `[out, in]` or `[n]`.
    #[must_use]
    pub fn at(offset: usize, shape: &[usize], bit: u32) -> Self {
        match *shape {
            [_, n_columns] => Self { row: offset / n_columns, column: Some(offset % n_columns), bit },
            _ => Self { row: offset, column: None, bit },
        }
    }

    /// The value's place in row-major order; nothing when a tensor of this shape has no such value.
    #[must_use]
    pub fn offset(self, shape: &[usize]) -> Option<usize> {
        match (shape, self.column) {
            (&[n_rows, n_columns], Some(column)) if self.row < n_rows && column < n_columns => {
                Some(self.row * n_columns + column)
            }
            (&[n], None) if self.row < n => Some(self.row),
            _ => None,
        }
    }

    /// The value with the bit flipped. A NaN that comes of it keeps its bits.
    #[must_use]
    pub fn flipped(self, value: f32) -> f32 {
        f32::from_bits(value.to_bits() ^ (1 << self.bit))
    }

    /// The indices in brackets, as `[3, 17]`.
    #[must_use]
    pub fn place(self) -> String {
        match self.column {
            Some(column) => format!("[{}, {column}]", self.row),
            None => format!("[{}]", self.row),
        }
    }

    /// A plan that flips this bit of a parameter and nothing else, in its canonical form.
    ///
    /// ```
    /// use shared::corruption::WeightBit;
    /// use shared::model::{LayerModule, Module, ParameterPath};
    ///
    /// let query = ParameterPath::weight(Module::Layer(0, LayerModule::Query));
    /// let bit = WeightBit { row: 3, column: Some(17), bit: 30 };
    /// assert_eq!(bit.plan(query), "flip:3.17,bit30@layers:0/attention.query");
    /// ```
    #[must_use]
    pub fn plan(self, path: ParameterPath) -> String {
        format!("flip:{self}@{}", selection_of(path))
    }

    /// As part of a sentence: `bit 30, the highest of the exponent, of weight [3, 17]`.
    pub(super) fn in_words(self) -> String {
        let what = if self.column.is_some() { "weight" } else { "entry" };
        format!("bit {}, {}, of {what} {}", self.bit, meaning(self.bit), self.place())
    }
}

impl fmt::Display for WeightBit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.row)?;
        if let Some(column) = self.column {
            write!(f, ".{column}")?;
        }
        write!(f, ",bit{}", self.bit)
    }
}

/// What a bit of an IEEE 754 binary32 stands for.
fn meaning(bit: u32) -> &'static str {
    match bit {
        31 => "the sign",
        30 => "the highest of the exponent",
        24..=29 => "in the exponent",
        23 => "the lowest of the exponent",
        22 => "the highest of the mantissa",
        0 => "the lowest of the mantissa",
        _ => "in the mantissa",
    }
}

/// The shortest selection that has this tensor and, beside it, at most one whose number of dimensions is another.
pub(super) fn selection_of(path: ParameterPath) -> String {
    let kind = match path.kind {
        Kind::Weight => "weight",
        Kind::Bias => "bias",
    };
    match path.module {
        Module::WordEmbeddings => "embeddings/word".to_owned(),
        Module::PositionEmbeddings => "embeddings/position".to_owned(),
        Module::TokenTypeEmbeddings => "embeddings/type".to_owned(),
        Module::EmbeddingsLayerNorm => format!("embeddings/layernorm.{kind}"),
        Module::Pooler => "pooler".to_owned(),
        Module::Classifier => "classifier".to_owned(),
        Module::Layer(layer_idx, module) => {
            let component = match module {
                LayerModule::Query => "attention.query",
                LayerModule::Key => "attention.key",
                LayerModule::Value => "attention.value",
                LayerModule::AttentionOutput => "attention.output",
                LayerModule::FfnIn => "ffn.in",
                LayerModule::FfnOut => "ffn.out",
                LayerModule::AttentionLayerNorm => return format!("layers:{layer_idx}/layernorm.attention.{kind}"),
                LayerModule::FfnLayerNorm => return format!("layers:{layer_idx}/layernorm.ffn.{kind}"),
            };
            format!("layers:{layer_idx}/{component}")
        }
    }
}
