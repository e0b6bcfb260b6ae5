//! Replicas of a fine-tuning that share its steps out have the bits of one alone, however many they are.

use std::sync::Arc;

use candle_core::Device;
use shared::Parameters;
use shared::checkpoint::{Checkpoint, LoadOptions, WeightsHash};
use shared::dataset::EncodedExample;
use shared::model::{ModelConfig, Module};
use shared::nn::Kernels;
use shared::random::Seed;
use shared::training::{
    FineTuning, StatePart, StepGradient, StepReport, TrainingArgs, TrainingSeeds, shares, sum_of_shares,
};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const N_MICRO: usize = 4;
const N_STEPS: usize = 5;

/// 14 rows in steps of 8: the second step of an epoch has three micro-batches, the last of them of one row.
fn fine_tuning(trains_embeddings: bool) -> FineTuning {
    fine_tuning_in(N_MICRO, trains_embeddings)
}

fn fine_tuning_in(n_micro: usize, trains_embeddings: bool) -> FineTuning {
    let config = serde_json::json!({
        "model_type": "bert", "vocab_size": 40, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
        "intermediate_size": 48, "max_position_embeddings": 64, "id2label": {"0": "a", "1": "b", "2": "c"}
    });
    let config = ModelConfig::from_json(config.to_string().as_bytes()).unwrap();
    let options = LoadOptions { label_names: None, head_seed: Seed(3), device: Device::Cpu, hash: WeightsHash::Unused };
    let Checkpoint { config, mut parameters, .. } = Checkpoint::random(&config, &options).unwrap();
    let is_embedding = |module| {
        matches!(
            module,
            Module::WordEmbeddings
                | Module::PositionEmbeddings
                | Module::TokenTypeEmbeddings
                | Module::EmbeddingsLayerNorm
        )
    };
    parameters.freeze(|path| !trains_embeddings && is_embedding(path.module)).unwrap();
    let row = |i: usize| {
        let input_ids = (0..9 + i % 5).map(|at| (4 + (i * 7 + at * 5) % 36) as u32).collect();
        EncodedExample::of_one_text(input_ids, (i % 3) as u32)
    };
    let args = TrainingArgs {
        learning_rate: 1e-2,
        batch_size: 8 / n_micro,
        gradient_accumulation_steps: n_micro,
        warmup_ratio: 0.0,
        max_steps: Some(N_STEPS),
        ..TrainingArgs::default()
    };
    let seeds = TrainingSeeds { head: Seed(1), data: Seed(2) };
    let kernels = Kernels::for_device(&Device::Cpu);
    FineTuning::new(&config, parameters, Arc::new((0..14).map(row).collect()), &args, seeds, kernels, &Device::Cpu)
        .unwrap()
}

/// The gradient as another replica receives it.
fn sent(gradient: &StepGradient, from: &Parameters, to: &mut FineTuning) -> StepGradient {
    let mut values = Vec::new();
    let header = gradient.send(from, |some| values.extend_from_slice(some)).unwrap();
    let header = serde_json::from_str(&serde_json::to_string(&header).unwrap()).unwrap();
    let mut values = values.into_iter();
    to.receive(header, |some| {
        some.fill_with(|| values.next().unwrap());
        Ok(())
    })
    .unwrap()
}

/// A step of all replicas, of which the first puts the parts together.
fn step(replicas: &mut [FineTuning]) -> StepReport {
    let ranges = shares(replicas[0].next_batches().len(), replicas.len());
    let parts: Vec<_> =
        replicas.iter_mut().zip(ranges).map(|(replica, range)| replica.gradient(range).unwrap()).collect();
    let (first, others) = replicas.split_first_mut().unwrap();
    let parts = parts.into_iter().enumerate().filter_map(|(index, part)| {
        let part = part?;
        Some(if index == 0 { part } else { sent(&part, others[index - 1].parameters(), first) })
    });
    let parts = parts.collect();
    let sum = sum_of_shares(parts, first.parameters()).unwrap().unwrap();
    for replica in others {
        let sum = sent(&sum, first.parameters(), replica);
        replica.apply(sum).unwrap();
    }
    first.apply(sum).unwrap()
}

#[test]
fn any_number_of_replicas_has_the_bits_of_one() {
    for trains_embeddings in [false, true] {
        let mut expected: Option<(Vec<StepReport>, Vec<Vec<u8>>)> = None;
        for n_replicas in [1, 2, 4] {
            let mut replicas: Vec<_> = (0..n_replicas).map(|_| fine_tuning(trains_embeddings)).collect();
            let reports: Vec<_> = (0..N_STEPS).map(|_| step(&mut replicas)).collect();
            assert_eq!(reports.iter().map(|report| report.n_rows).collect::<Vec<_>>(), [8, 6, 8, 6, 8]);
            for replica in &replicas {
                let state: Vec<_> = StatePart::ALL.iter().map(|part| replica.save_part(*part).unwrap()).collect();
                let (of_one, state_of_one) = expected.get_or_insert_with(|| (reports.clone(), state.clone()));
                assert_eq!(reports, *of_one, "{n_replicas} replicas");
                assert!(state == *state_of_one, "{n_replicas} replicas, embeddings trained: {trains_embeddings}");
            }
        }
    }
}

#[test]
fn one_that_joins_later_goes_on_with_the_others() {
    let mut replicas = vec![fine_tuning(true)];
    step(&mut replicas);
    step(&mut replicas);
    let mut late = fine_tuning(true);
    late.restore(2, |part| replicas[0].save_part(part)).unwrap();
    replicas.push(late);
    let mut alone = vec![fine_tuning(true)];
    (0..4).for_each(|_| drop(step(&mut alone)));
    (0..2).for_each(|_| drop(step(&mut replicas)));
    for replica in &replicas {
        assert!(
            replica.save_part(StatePart::MeanSquare).unwrap() == alone[0].save_part(StatePart::MeanSquare).unwrap()
        );
    }
}

#[test]
fn two_micro_batches_have_the_bits_of_the_step_that_accumulates() {
    // With more of them, that step adds up in another order.
    let (mut alone, mut accumulating) = ([fine_tuning_in(2, true)], fine_tuning_in(2, true));
    for _ in 0..N_STEPS {
        assert_eq!(step(&mut alone), accumulating.step().unwrap());
    }
    for part in StatePart::ALL {
        assert!(alone[0].save_part(part).unwrap() == accumulating.save_part(part).unwrap());
    }
}

#[test]
fn part_of_a_step_is_refused_as_a_whole_and_parts_that_do_not_adjoin_are_not_added_up() {
    let mut alone = fine_tuning(true);
    let (first, last) = (alone.gradient(0..2).unwrap().unwrap(), alone.gradient(3..9).unwrap().unwrap());
    assert_eq!((first.range(), last.range()), (0..2, 3..4));
    assert!(alone.gradient(4..5).unwrap().is_none());
    assert!(alone.apply(first.clone()).is_err());
    assert!(first.clone().join(last.clone(), alone.parameters()).is_err());
    assert!(sum_of_shares(vec![first, last], alone.parameters()).is_err());
}
