//! One weight of every model.

use super::super::session::Session;
use crate::failure::{Failure, computation};
use crate::protocol::{ViewWeight, WeightView};
use shared::Condition;
use shared::corruption::WeightBit;

/// Its bits.
///
/// # Errors
/// When there is no such parameter, or no such place in it.
pub(in super::super) fn view_weight(session: &Session, request: &ViewWeight) -> Result<WeightView, Failure> {
    let config = &session.config;
    let is_named = |path: &shared::model::ParameterPath| path.name(config.architecture) == request.name;
    let path = config.parameters().into_iter().find(is_named).ok_or_else(|| Failure::BadSetting {
        setting: "The tensor".to_owned(),
        expected: "a parameter of this model".to_owned(),
        got: request.name.clone(),
    })?;
    let shape = config.shape_of(path);
    let weight = WeightBit { row: request.row, column: request.column, bit: 0 };
    let at = weight.offset(&shape).ok_or_else(|| {
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        Failure::BadSetting {
            setting: "The weight".to_owned(),
            expected: format!("within {} of shape {}, counted from 0", request.name, sizes.join(" × ")),
            got: weight.place(),
        }
    })?;
    let bits = session.models(&[Condition::Healthy, Condition::Corrupted, Condition::Healed])?;
    let bits = bits.into_iter().map(|(condition, model)| {
        let values = model.parameters.to_vec(path).map_err(|e| computation(&e))?;
        Ok((condition, values[at].to_bits()))
    });
    Ok(WeightView { weight: request.clone(), plan: weight.plan(path), bits: bits.collect::<Result<_, Failure>>()? })
}
