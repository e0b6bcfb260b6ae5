//! What a tokenizer reads and writes.

/// What is encoded as one row: a text, or a pair of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input<'t> {
    /// The text, or the first of a pair.
    pub text: &'t str,
    /// The second text of a pair, such as the hypothesis to a premise.
    pub text_pair: Option<&'t str>,
}

impl<'t> From<&'t str> for Input<'t> {
    fn from(text: &'t str) -> Self {
        Self { text, text_pair: None }
    }
}

/// A row as token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Token ids with `[CLS]` and `[SEP]`.
    pub ids: Vec<u32>,
    /// How many of the last ids are of the segment of the second text, its `[SEP]` included; 0 without a second text.
    pub n_second: usize,
    /// Whether something was cut off.
    pub is_cut: bool,
}
