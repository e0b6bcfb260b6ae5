//! Numbers depend neither on how many threads compute them nor on what else they compute.

#![expect(clippy::disallowed_methods, reason = "a test of threads has threads")]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use candle_core::{DType, Device};
use shared::checkpoint::{Checkpoint, LoadOptions, WeightsHash};
use shared::dataset::EncodedExample;
use shared::model::{ModelConfig, Module, ParameterPath, TextClassifier};
use shared::nn::Kernels;
use shared::random::Seed;
use shared::training::{FineTuning, StatePart, TrainingArgs, TrainingSeeds, logits};

fn checkpoint(seed: u64, hidden_size: usize) -> Checkpoint {
    let config = serde_json::json!({
        "model_type": "bert", "vocab_size": 40, "hidden_size": hidden_size, "num_hidden_layers": 2,
        "num_attention_heads": 3, "intermediate_size": 2 * hidden_size, "max_position_embeddings": 64, "id2label": {"0": "a", "1": "b", "2": "c"}
    });
    let config = ModelConfig::from_json(config.to_string().as_bytes()).unwrap();
    let options =
        LoadOptions { label_names: None, head_seed: Seed(seed), device: Device::Cpu, hash: WeightsHash::Unused };
    Checkpoint::random(&config, &options).unwrap()
}

/// Rows of `n_tokens` tokens, every third one shorter.
fn rows(n_rows: usize, n_tokens: usize) -> Arc<Vec<EncodedExample>> {
    let row = |i: usize| {
        let input_ids = (0..n_tokens - i % 3).map(|at| (4 + (i * 7 + at * 5) % 36) as u32).collect();
        EncodedExample::of_one_text(input_ids, (i % 3) as u32)
    };
    Arc::new((0..n_rows).map(row).collect())
}

fn fine_tuning(seed: u64, rows: Arc<Vec<EncodedExample>>) -> FineTuning {
    let Checkpoint { config, parameters, .. } = checkpoint(seed, 48);
    let args = TrainingArgs {
        learning_rate: 1e-3,
        batch_size: rows.len(),
        warmup_ratio: 0.0,
        max_steps: Some(100),
        ..TrainingArgs::default()
    };
    let seeds = TrainingSeeds { head: Seed(seed), data: Seed(seed) };
    let kernels = Kernels::for_device(&Device::Cpu);
    FineTuning::new(&config, parameters, rows, &args, seeds, kernels, &Device::Cpu).unwrap()
}

fn pool(n_threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap()
}

#[test]
fn a_steps_gradients_have_the_same_bits_with_any_number_of_threads() {
    for (n_rows, n_tokens) in [(1, 33), (1, 61), (3, 43), (7, 23), (9, 57), (33, 31)] {
        // The means of gradients after one step are the gradients times 0.1 and the factor of clipping.
        let means = [1, 2, 3, 5].map(|n_threads| {
            pool(n_threads).install(|| {
                let mut fine_tuning = fine_tuning(1, rows(n_rows, n_tokens));
                fine_tuning.step().unwrap();
                fine_tuning.save_part(StatePart::Mean).unwrap()
            })
        });
        for (mean, n_threads) in means.iter().zip([1, 2, 3, 5]) {
            assert!(*mean == means[0], "{n_rows} rows of {n_tokens} tokens on {n_threads} threads");
        }
    }
}

/// What each of `work` returns, all of them started at once from threads outside of one small pool, `n_times` in turn. A
/// thread of the pool that waits for others in the middle of one takes up the next.
fn at_once<W: Send, R: Send>(work: &mut [W], n_times: usize, run: impl Fn(&mut W) -> R + Sync) -> Vec<Vec<R>> {
    let (pool, run) = (pool(3), &run);
    let repeat = |work: &mut W| (0..n_times).map(|_| pool.install(|| run(work))).collect();
    let repeat = &repeat;
    std::thread::scope(|scope| {
        let threads: Vec<_> = work.iter_mut().map(|work| scope.spawn(move || repeat(work))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn fine_tunings_at_once_in_one_pool_are_those_alone() {
    const N_STEPS: usize = 30;
    let new = || [1, 2, 3, 4, 5, 6].map(|seed| fine_tuning(seed, rows(12, 24)));
    let step = |fine_tuning: &mut FineTuning| match fine_tuning.step() {
        Ok(_) => fine_tuning.save_part(StatePart::Parameters).unwrap(),
        Err(error) => error.to_string().into_bytes(),
    };
    let alone = new().map(|fine_tuning| at_once(&mut [fine_tuning], N_STEPS, step).remove(0));
    let together = at_once(&mut new(), N_STEPS, step);
    let is_wrong = |(alone, together): &(&Vec<u8>, &Vec<u8>)| alone != together;
    let n_wrong = alone.iter().flatten().zip(together.iter().flatten()).filter(is_wrong).count();
    assert_eq!(n_wrong, 0, "of {} steps", 6 * N_STEPS);
}

#[test]
fn one_model_can_be_evaluated_many_times_at_once_in_a_small_pool() {
    let (done, is_done) = channel();
    std::thread::spawn(move || {
        let Checkpoint { config, mut parameters, .. } = checkpoint(1, 192);
        let kernels = Kernels::for_device(&Device::Cpu);
        let model = TextClassifier::for_evaluation(&config, &parameters, &kernels, DType::F32).unwrap();
        let rows = rows(1, 16);
        let path = ParameterPath::bias(Module::Pooler);
        let bias = parameters.to_vec(path).unwrap();
        for _ in 0..200 {
            // A change, after which every weight is packed anew.
            parameters.set(path, bias.clone()).unwrap();
            let evaluations = at_once(&mut [(); 8], 1, |()| logits(&model, &rows, 2, 0, |_| {}).unwrap());
            assert!(evaluations.iter().all(|evaluation| *evaluation == evaluations[0]));
        }
        done.send(()).unwrap();
    });
    // It takes seconds where no thread waits for itself.
    is_done.recv_timeout(Duration::from_secs(90)).expect("the evaluations end");
}
