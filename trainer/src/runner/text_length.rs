//! How many tokens texts are cut to.

use anyhow::anyhow;
use shared::model::ModelConfig;

use crate::exit_code::bad_input;
use crate::say;

/// Tokens that a text is cut to where nobody says otherwise.
pub const DEFAULT_MAX_LENGTH: usize = 128;

/// How many of `n` texts of `kind` were cut, in words; none where none was.
#[must_use]
pub fn cuts_in_words(n_cut: usize, n: usize, kind: &str, max_length: usize) -> Option<String> {
    let plural = if n == 1 { "text" } else { "texts" };
    let was = if n_cut == 1 { "was" } else { "were" };
    (n_cut > 0)
        .then(|| format!("{n_cut} of {n} {kind} {plural} {was} truncated to {max_length} tokens (see --max-length)"))
}

/// The tokens that a text is cut to: what is `asked` for, else what the model's `own` run had, else what is `usual` for the
/// dataset of that name, else 128. What was not asked for is at most what the model has positions for,
/// and is said unless it is the default.
///
/// # Errors
/// Bad input when the length asked for leaves no room for text, or the model has no positions for it.
pub fn max_length(
    asked: Option<usize>,
    own: Option<usize>,
    usual: Option<(&str, usize)>,
    config: &ModelConfig,
) -> anyhow::Result<usize> {
    let n_positions = config.max_positions;
    if let Some(asked) = asked {
        return match asked {
            0..3 => Err(bad_input(anyhow!("--max-length {asked}: expected 3 or more, since [CLS] and [SEP] take two"))),
            _ if asked > n_positions => Err(bad_input(anyhow!(
                "--max-length {asked}: expected at most {n_positions}, the number of tokens the model has positions \
                 for"
            ))),
            _ => Ok(asked),
        };
    }
    let (wanted, because) = match (own, usual) {
        (Some(own), _) => (own, "as in the model's own run".to_owned()),
        (None, Some((name, usual))) => (usual, format!("as is usual for {name}")),
        (None, None) => (DEFAULT_MAX_LENGTH, String::new()),
    };
    let length = wanted.min(n_positions);
    if length < wanted {
        say!("note: texts are truncated to {length} tokens: the model has no more positions");
    } else if length != DEFAULT_MAX_LENGTH {
        say!("note: texts are truncated to {length} tokens, {because} (see --max-length)");
    }
    Ok(length)
}
