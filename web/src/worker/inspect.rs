//! Looking inside the models: predictions, attention, drift, attribution.

use super::model::Model;
use super::session::Session;
use super::team::BATCH_SIZE;
use crate::failure::{Failure, computation};
use crate::protocol::{
    AttentionView, Attribution, Classification, DriftSource, DriftView, LayerDrift, ModelAttention, ModelAttribution,
    ModelPrediction,
};
use candle_core::Tensor;
use shared::Condition;
use shared::dataset::{Batch, EncodedExample, evaluation_batches};
use shared::evaluation::{predicted_class, softmax};
use shared::inspection::{Gram, Trace, integrated_gradients, mean_cosine};
use shared::model::{ForwardMode, TextClassifier};
use shared::tokenizer::Input;
use std::rc::Rc;

/// Tokens over which drift is measured at most; the products of CKA grow with their square.
const MAX_DRIFT_TOKENS: usize = 384;

/// Points of the integral: with 24 the scores of a healthy MiniLM sum to within a percent.
const N_POINTS: usize = 24;

/// What [`attribution`] does, in the field's words.
const METHOD: &str =
    "integrated gradients of the class margin, from a baseline of padding, with 24 Gauss-Legendre points";

/// Classes and probabilities of each text.
pub(super) fn classify(
    session: &Session,
    texts: &[String],
    conditions: &[Condition],
) -> Result<Vec<Classification>, Failure> {
    let models = session.models(conditions)?;
    let models: Vec<_> = models.iter().map(|(condition, model)| (*condition, &model.classifier)).collect();
    classify_by(session, texts, &models)
}

/// As [`classify`], by models at hand.
pub(super) fn classify_by(
    session: &Session,
    texts: &[String],
    models: &[(Condition, &TextClassifier)],
) -> Result<Vec<Classification>, Failure> {
    let encoded = encode(session, texts)?;
    let mut classifications: Vec<Classification> = texts
        .iter()
        .zip(&encoded)
        .map(|(text, encoded)| Classification {
            text: text.clone(),
            tokens: session.tokenizer.pieces(&encoded.example.input_ids),
            is_cut: encoded.is_cut,
            models: Vec::with_capacity(models.len()),
        })
        .collect();
    let examples: Vec<EncodedExample> = encoded.into_iter().map(|encoded| encoded.example).collect();
    for (condition, model) in models {
        for (classification, logits) in classifications.iter_mut().zip(logits(session, model, &examples)?) {
            classification.models.push(prediction(*condition, &logits));
        }
    }
    Ok(classifications)
}

/// Logits of all examples, in their order.
fn logits(session: &Session, model: &TextClassifier, examples: &[EncodedExample]) -> Result<Vec<Vec<f32>>, Failure> {
    let pad = session.config.pad_token_id;
    let outputs = shared::training::logits(model, examples, BATCH_SIZE, pad, |_| {}).map_err(|e| computation(&e))?;
    Ok(outputs.into_iter().map(|output| output.logits).collect())
}

fn prediction(model: Condition, logits: &[f32]) -> ModelPrediction {
    let label = predicted_class(logits);
    // With one logit of −∞ the others still have shares, and no class: they are no answer either.
    let probabilities = softmax(logits).into_iter().map(|p| label.map(|_| p).filter(|p| p.is_finite())).collect();
    ModelPrediction { model, label, probabilities }
}

/// Where one head looks.
pub(super) fn attention(
    session: &Session,
    text: &str,
    layer_idx: usize,
    head_idx: Option<usize>,
    conditions: &[Condition],
) -> Result<AttentionView, Failure> {
    let config = &session.config;
    let out_of = |setting: &str, n: usize, got: usize| Failure::BadSetting {
        setting: format!("The {setting}"),
        expected: format!("from 0 to {}", n.saturating_sub(1)),
        got: got.to_string(),
    };
    if layer_idx >= config.n_layers {
        return Err(out_of("layer", config.n_layers, layer_idx));
    }
    if let Some(head_idx) = head_idx.filter(|head_idx| *head_idx >= config.n_heads) {
        return Err(out_of("head", config.n_heads, head_idx));
    }
    let (example, tokens) = encode_one(session, text)?;
    let batch = Batch::new(&[example], &[0], config.pad_token_id);
    let models = session.models(conditions)?;
    let models = models.iter().map(|(condition, model)| {
        let trace = Trace::capture(&model.classifier, &batch)?;
        let heads = trace.attentions[layer_idx].squeeze(0)?; // [heads, seq, seq]
        let of_head = match head_idx {
            Some(head_idx) => heads.get(head_idx)?,
            None => heads.mean(0)?,
        };
        let probabilities = of_head.flatten_all()?.to_vec1::<f32>()?;
        let probabilities = probabilities.into_iter().map(|p| p.is_finite().then_some(p)).collect();
        Ok(ModelAttention { model: *condition, probabilities })
    });
    let models = models.collect::<shared::Result<_>>().map_err(|e| computation(&e))?;
    Ok(AttentionView { layer_idx, head_idx, tokens, models })
}

/// How far hidden states moved from the healthy model's.
pub(super) fn drift(session: &Session, source: &DriftSource, conditions: &[Condition]) -> Result<DriftView, Failure> {
    let examples = match source {
        DriftSource::Text(text) => vec![encode_one(session, text)?.0],
        DriftSource::HeldOut { n_rows } => {
            let rows = session.rows.as_ref().ok_or(Failure::NoRows { purpose: "evaluation".to_owned() })?;
            let rows = session.held_out_examples(rows)?;
            rows.iter().take((*n_rows).max(1)).cloned().collect()
        }
    };
    let healthy = hidden_states(session, &session.healthy, &examples)?;
    let width = session.config.hidden_size;
    let n_tokens = healthy.first().map_or(0, |state| state.len() / width);
    let grams: Vec<Option<Gram>> = healthy.iter().map(|state| Gram::new(state, width)).collect();
    let mut layers = Vec::new();
    for (condition, model) in session.models(conditions)? {
        let moved = if Rc::ptr_eq(&model, &session.healthy) {
            healthy.clone()
        } else {
            hidden_states(session, &model, &examples)?
        };
        for (at, (state, (healthy, gram))) in moved.iter().zip(healthy.iter().zip(&grams)).enumerate() {
            let cka = Gram::new(state, width).zip(gram.as_ref()).and_then(|(moved, healthy)| moved.linear_cka(healthy));
            layers.push(LayerDrift {
                model: condition,
                layer_idx: at.checked_sub(1),
                cosine: mean_cosine(state, healthy, width),
                linear_cka: cka,
            });
        }
    }
    Ok(DriftView { n_tokens, layers })
}

/// The embeddings' output and every layer's, each `[tokens, hidden]` over the tokens of all examples without padding,
/// and at most [`MAX_DRIFT_TOKENS`] of them.
fn hidden_states(session: &Session, model: &Model, examples: &[EncodedExample]) -> Result<Vec<Vec<f32>>, Failure> {
    let width = session.config.hidden_size;
    let mut states = vec![Vec::new(); session.config.n_layers + 1];
    let lengths: Vec<usize> = examples.iter().map(|example| example.input_ids.len()).collect();
    let mut n_left = MAX_DRIFT_TOKENS;
    for indices in evaluation_batches(&lengths, BATCH_SIZE) {
        if n_left == 0 {
            break;
        }
        let batch = Batch::new(examples, &indices, session.config.pad_token_id);
        let is_token: Vec<bool> = batch.attention_mask.iter().map(|mask| *mask == 1).collect();
        let taken: Vec<usize> = (0..is_token.len()).filter(|at| is_token[*at]).take(n_left).collect();
        n_left -= taken.len();
        let mode = ForwardMode::Evaluation;
        let run = || -> shared::Result<Vec<Tensor>> {
            let encoder = model.classifier.encoder();
            let mask = encoder.mask(&batch)?;
            let mut hidden = vec![encoder.embed(&batch, mode)?];
            for layer in encoder.layers() {
                let below = hidden.last().expect("it begins with the embeddings' output");
                hidden.push(layer.forward(below, &mask, mode)?);
            }
            Ok(hidden)
        };
        for (state, hidden) in states.iter_mut().zip(run().map_err(|e| computation(&e))?) {
            let values: Vec<f32> = hidden.flatten_all().and_then(|all| all.to_vec1()).map_err(|e| computation(&e))?;
            for at in &taken {
                state.extend_from_slice(&values[at * width..(at + 1) * width]);
            }
        }
    }
    Ok(states)
}

/// What each token contributed.
pub(super) fn attribution(
    session: &Session,
    text: &str,
    target: Option<u32>,
    conditions: &[Condition],
) -> Result<Attribution, Failure> {
    let config = &session.config;
    let (example, tokens) = encode_one(session, text)?;
    let target = match target {
        Some(target) if (target as usize) < config.label_names.len() => target,
        Some(target) => {
            return Err(Failure::BadSetting {
                setting: "The class".to_owned(),
                expected: format!("from 0 to {}", config.label_names.len().saturating_sub(1)),
                got: target.to_string(),
            });
        }
        None => {
            let logits = logits(session, &session.healthy.classifier, std::slice::from_ref(&example))?.remove(0);
            // A healthy model that is not finite came so; then any class will do.
            prediction(Condition::Healthy, &logits).label.unwrap_or_default()
        }
    };
    let finite = |value: f32| value.is_finite().then_some(value);
    let models = session.models(conditions)?;
    let models = models.iter().map(|(condition, model)| {
        let pad = config.pad_token_id;
        let attribution = integrated_gradients(&model.classifier, &example.input_ids, pad, target, N_POINTS)?;
        Ok(ModelAttribution {
            model: *condition,
            scores: attribution.scores.iter().copied().map(finite).collect(),
            margin: finite(attribution.margin),
            baseline_margin: finite(attribution.baseline_margin),
            completeness_gap: finite(attribution.completeness_gap()),
        })
    });
    let models = models.collect::<shared::Result<_>>().map_err(|e| computation(&e))?;
    Ok(Attribution { method: METHOD.to_owned(), target, tokens, models })
}

/// A text as the models read it.
struct Encoded {
    example: EncodedExample,
    is_cut: bool,
}

fn encode(session: &Session, texts: &[String]) -> Result<Vec<Encoded>, Failure> {
    let max_length = session.summary.max_length;
    let inputs: Vec<Input<'_>> = texts.iter().map(|text| text.as_str().into()).collect();
    let encoded = session.tokenizer.encode_inputs(&inputs, max_length).map_err(|e| computation(&e))?;
    let examples = encoded
        .into_iter()
        .map(|encoded| Encoded { example: EncodedExample::of_one_text(encoded.ids, 0), is_cut: encoded.is_cut });
    Ok(examples.collect())
}

pub(super) fn encode_one(session: &Session, text: &str) -> Result<(EncodedExample, Vec<String>), Failure> {
    let Encoded { example, .. } = encode(session, &[text.to_owned()])?.remove(0);
    let tokens = session.tokenizer.pieces(&example.input_ids);
    Ok((example, tokens))
}
