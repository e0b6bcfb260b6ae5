//! The messages between the page and its worker.
//!
//! Every message travels as one JSON string inside an [`encode`]d envelope with [`VERSION`]. The worker's file has a
//! fixed name while the page's carries a hash, so a browser cache can pair builds of different age: the version turns
//! that into a sentence instead of a wrong picture. JSON, because a 64-bit seed survives it between two Rust programs
//! (a JavaScript number would not hold it) and because messages can be read in the browser's tools.

use crate::failure::Failure;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::seed::Seed;

/// Raised whenever a message changes its meaning or shape.
pub const VERSION: u32 = 1;

/// What the page asks of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Draw a model, corrupt it, and describe what that did.
    Corrupt {
        /// The seed of both the model and its corruption.
        seed: Seed,
        /// The corruption plan as the visitor wrote it.
        plan: String,
    },
}

/// What the worker tells the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The worker listens; requests sent before this are lost.
    Ready,
    /// The answer to [`Request::Corrupt`].
    Corrupted(ModelView),
    /// The request could not be answered.
    Failed(Failure),
}

/// A model before and after its corruption, reduced to what the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelView {
    /// The seed of the request.
    pub seed: Seed,
    /// The plan of the request, in its canonical form.
    pub plan: String,
    /// What the plan does to this model, as a sentence.
    pub description: String,
    /// SHA-256 over the bits of all weights after the corruption, in the order of a forward pass, in hexadecimal.
    pub fingerprint: String,
    /// The parts of the model in the order of a forward pass: embeddings first, classifier last.
    pub parts: Vec<PartView>,
}

/// One part of the model: the embeddings, one encoder layer, the pooler or the classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartView {
    /// What the visitor calls it.
    pub name: String,
    /// Values in all its tensors.
    pub n_values: usize,
    /// How many of them have other bits than before.
    pub n_changed: usize,
    /// How many of them are infinite or no number.
    pub n_non_finite: usize,
    /// The Hugging Face name of the matrix that is drawn: the one the plan changed most.
    pub parameter: String,
    /// That matrix before.
    pub before: MatrixView,
    /// That matrix after.
    pub after: MatrixView,
}

/// The upper left corner of a weight matrix, and the spread of all of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatrixView {
    /// The weights of the corner, row by row; `None` is infinite or no number, which JSON cannot hold.
    pub corner: Vec<Option<f32>>,
    /// Columns of the corner.
    pub n_columns: usize,
    /// Population standard deviation over the finite weights of the whole matrix.
    pub standard_deviation: f64,
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    version: u32,
    body: T,
}

/// One field of the envelope, read first: the body of another version need not be readable.
#[derive(Deserialize)]
struct EnvelopeVersion {
    version: u32,
}

/// The message as the string that is posted.
///
/// # Errors
/// [`Failure::MalformedMessage`] when the body has no JSON form.
pub fn encode<T: Serialize>(body: &T) -> Result<String, Failure> {
    serde_json::to_string(&Envelope { version: VERSION, body }).map_err(malformed)
}

/// The message in a posted string.
///
/// # Errors
/// [`Failure::VersionMismatch`] when the other side speaks another version, [`Failure::MalformedMessage`] when the
/// text is not a message at all.
pub fn decode<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let EnvelopeVersion { version } = serde_json::from_str(text).map_err(malformed)?;
    if version != VERSION {
        return Err(Failure::VersionMismatch { expected: VERSION, got: version });
    }
    serde_json::from_str::<Envelope<T>>(text).map(|envelope| envelope.body).map_err(malformed)
}

// By value, so that it fits `map_err`.
#[expect(clippy::needless_pass_by_value, reason = "the signature `map_err` asks for")]
fn malformed(error: serde_json::Error) -> Failure {
    Failure::MalformedMessage { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn decode_of_encode_is_the_identity_also_for_seeds_beyond_javascript_numbers() {
        let request = Request::Corrupt { seed: Seed(u64::MAX), plan: "kaiming@all".to_owned() };
        assert_eq!(encode(&request).and_then(|text| decode(&text)), Ok(request));
    }

    #[wasm_bindgen_test]
    fn answers_keep_every_bit_of_their_numbers() {
        // Exponent bits that flip give infinities as well, which JSON has no word for.
        let plan = "bitflip:0.05,exponent@all".to_owned();
        let response = crate::worker::answer(&Request::Corrupt { seed: Seed(3), plan });
        let Response::Corrupted(view) = &response else { panic!("{response:?}") };
        assert!(view.parts.iter().any(|part| part.after.corner.contains(&None)));
        assert_eq!(encode(&response).and_then(|text| decode(&text)), Ok(response));
    }

    #[wasm_bindgen_test]
    fn message_of_another_version_is_refused_even_when_its_body_is_unknown() {
        let text = r#"{"version":999,"body":{"heal":{}}}"#;
        assert_eq!(decode::<Request>(text), Err(Failure::VersionMismatch { expected: VERSION, got: 999 }));
    }

    #[wasm_bindgen_test]
    fn text_that_is_no_message_is_a_failure_not_a_panic() {
        for text in ["", "7", "{}", r#"{"version":1}"#, r#"{"version":1,"body":"corrupt"}"#] {
            assert!(matches!(decode::<Request>(text), Err(Failure::MalformedMessage { .. })), "{text}");
        }
    }
}
