//! Labelled texts.
