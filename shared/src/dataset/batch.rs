//! Token ids of rows, and rows padded into one rectangle.

/// A text as the model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedExample {
    /// Token ids with `[CLS]` and `[SEP]`, cut to the run's maximum length.
    pub input_ids: Vec<u32>,
    /// The class.
    pub label: u32,
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
    /// Segment ids, all 0 since each row is one text: `[n_rows, n_columns]`.
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
        for (row, &index) in row_indices.iter().enumerate() {
            let ids = &examples[index].input_ids;
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
            token_type_ids: vec![0; n_rows * n_columns],
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
            .map(|(input_ids, label)| EncodedExample { input_ids, label });
        let batch = Batch::new(&examples, &[1, 0], 9);
        assert_eq!((batch.n_rows, batch.n_columns), (2, 3));
        assert_eq!(batch.input_ids, [101, 102, 9, 101, 5, 102]);
        assert_eq!(batch.attention_mask, [1, 1, 0, 1, 1, 1]);
        assert_eq!(batch.token_type_ids, [0; 6]);
        assert_eq!((batch.labels.as_slice(), batch.row_indices.as_slice()), ([0, 1].as_slice(), [1, 0].as_slice()));
        assert_eq!(batch.n_tokens(), 5);
        assert_eq!(Batch::new(&examples, &[2, 0], 9).n_columns, 5);
    }
}
