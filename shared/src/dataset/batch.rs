//! Token ids of rows, and rows padded into one rectangle.

use crate::tokenizer::Encoded;

/// A text, or a pair of texts, as the model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedExample {
    /// Token ids with `[CLS]` and `[SEP]`, cut to the run's maximum length.
    pub input_ids: Vec<u32>,
    /// How many of the last tokens belong to the second text of a pair, its `[SEP]` included; 0 for one text.
    pub n_second: usize,
    /// The class.
    pub label: u32,
}

impl EncodedExample {
    /// What a tokenizer made of a row, and the row's class.
    #[must_use]
    pub fn new(encoded: Encoded, label: u32) -> Self {
        Self { input_ids: encoded.ids, n_second: encoded.n_second, label }
    }

    /// One text without a second.
    #[must_use]
    pub fn of_one_text(input_ids: Vec<u32>, label: u32) -> Self {
        Self { input_ids, n_second: 0, label }
    }
}

/// Rows padded on the right to the longest of them. All matrices are row-major `[n_rows, n_columns]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where each row stands in the split: `[n_rows]`.
    pub row_indices: Vec<usize>,
    /// Rows.
    pub n_rows: usize,
    /// Tokens of the longest row.
    pub n_columns: usize,
    /// Token ids, the padding token behind each row's end: `[n_rows, n_columns]`.
    pub input_ids: Vec<u32>,
    /// 1 at tokens, 0 at padding: `[n_rows, n_columns]`.
    pub attention_mask: Vec<u32>,
    /// Segment ids, 1 at the tokens of a pair's second text, else 0: `[n_rows, n_columns]`.
    pub token_type_ids: Vec<u32>,
    /// Classes: `[n_rows]`.
    pub labels: Vec<u32>,
}

impl Batch {
    /// Pads the rows of `examples` at `row_indices` with `pad_id`.
    ///
    /// # Panics
    /// When an index is not below the number of examples.
    #[must_use]
    pub fn new(examples: &[EncodedExample], row_indices: &[usize], pad_id: u32) -> Self {
        let n_rows = row_indices.len();
        let n_columns = row_indices.iter().map(|&index| examples[index].input_ids.len()).max().unwrap_or(0);
        let mut input_ids = Vec::with_capacity(n_rows * n_columns);
        let mut attention_mask = Vec::with_capacity(n_rows * n_columns);
        let mut token_type_ids = vec![0; n_rows * n_columns];
        for (row, &index) in row_indices.iter().enumerate() {
            let EncodedExample { input_ids: ids, n_second, .. } = &examples[index];
            let end = row * n_columns + ids.len();
            token_type_ids[end - n_second..end].fill(1);
            input_ids.extend_from_slice(ids);
            attention_mask.resize(row * n_columns + ids.len(), 1);
            input_ids.resize((row + 1) * n_columns, pad_id);
            attention_mask.resize((row + 1) * n_columns, 0);
        }
        Self {
            row_indices: row_indices.to_vec(),
            n_rows,
            n_columns,
            input_ids,
            attention_mask,
            token_type_ids,
            labels: row_indices.iter().map(|&index| examples[index].label).collect(),
        }
    }

    /// Real tokens, padding not counted: the sum of the attention mask.
    #[must_use]
    pub fn n_tokens(&self) -> usize {
        self.attention_mask.iter().map(|&mask| mask as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_padded_on_the_right_to_the_longest() {
        let examples = [(vec![101, 5, 102], 1), (vec![101, 102], 0), (vec![101, 7, 8, 9, 102], 2)]
            .map(|(input_ids, label)| EncodedExample::of_one_text(input_ids, label));
        let batch = Batch::new(&examples, &[1, 0], 9);
        assert_eq!((batch.n_rows, batch.n_columns), (2, 3));
        assert_eq!(batch.input_ids, [101, 102, 9, 101, 5, 102]);
        assert_eq!(batch.attention_mask, [1, 1, 0, 1, 1, 1]);
        assert_eq!(batch.token_type_ids, [0; 6]);
        assert_eq!((batch.labels.as_slice(), batch.row_indices.as_slice()), ([0, 1].as_slice(), [1, 0].as_slice()));
        assert_eq!(batch.n_tokens(), 5);
        assert_eq!(Batch::new(&examples, &[2, 0], 9).n_columns, 5);
    }

    #[test]
    fn the_second_text_of_a_pair_is_a_segment_of_its_own_and_padding_is_not() {
        let pair = EncodedExample { input_ids: vec![101, 5, 102, 6, 7, 102], n_second: 3, label: 0 };
        let short = EncodedExample { input_ids: vec![101, 5, 102, 102], n_second: 1, label: 1 };
        let batch = Batch::new(&[pair, short], &[0, 1], 0);
        assert_eq!(batch.token_type_ids, [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0]);
    }
}
