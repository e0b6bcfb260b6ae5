use super::*;
use crate::Condition;
use crate::evaluation::{Metrics, Prediction};
use crate::model::Architecture;
use crate::random::Seed;
use crate::record::{
    DatasetSpec, Environment, Hashes, ModelResult, ModelSpec, Numerics, Protocol, Provenance, ReportSplit,
    ResultHashes, RunRecord, RunSpec, RunStatus, Seeds, SplitRows, TrainSummary,
};
use crate::statistics::Method;
use crate::training::{Precision, TrainingArgs};

const N_ROWS: usize = 1_000;

fn numerics(instruction_set: &str) -> Numerics {
    let (device_kind, kernels) = ("cpu".to_owned(), "fused".to_owned());
    Numerics { device_kind, instruction_set: instruction_set.to_owned(), kernels, dtype: Precision::F32 }
}

/// A finished run; numbers of right rows of 1,000 for healthy, control, corrupted and healed.
pub(crate) fn record(protocol: Protocol, plan: &str, seed: u64, right: [usize; 4]) -> RunRecord {
    let model = ModelSpec {
        name: "tiny".into(),
        architecture: Architecture::Bert,
        config_sha256: "c0".into(),
        tokenizer_sha256: "70".into(),
        weights_sha256: None,
        random: true,
        head: None,
    };
    let dataset = DatasetSpec {
        name: "toy".into(),
        content_sha256: "d4".into(),
        n_labels: 2,
        label_names: vec!["bad".into(), "good".into()],
        rows: SplitRows { train: 5_000, validation: 0, test: N_ROWS },
        n_bad_rows_skipped: 0,
    };
    let corruption = Some((protocol, plan.to_owned()));
    let spec = RunSpec::new(model, dataset, corruption, TrainingArgs::default(), Seeds::all(seed), ReportSplit::Test);
    let [healthy, control, corrupted, healed] = right.map(|n| {
        let accuracy = n as f64 / N_ROWS as f64;
        Some(ModelResult {
            metrics: Metrics {
                accuracy,
                macro_f1: accuracy,
                loss: Some(0.5),
                expected_calibration_error: None,
                n: N_ROWS,
                n_non_finite: 0,
                n_saturated: 0,
                largest_class_share: None,
            },
            predictions: "p".into(),
        })
    });
    let (version, commit, device) = ("0.1.0".into(), "unknown".into(), "cpu".into());
    RunRecord {
        run_id: spec.id(),
        spec,
        status: RunStatus::Ok,
        healthy,
        control: control.filter(|_| protocol == Protocol::Finetuned),
        corrupted,
        healed,
        recovery: None,
        deficit: None,
        against_healthy: None,
        train: TrainSummary::from_phases(Vec::new()),
        corruption: None,
        hashes: Hashes { weights: None, data: "d4".into(), checkpoints: ResultHashes::default() },
        provenance: Provenance::default(),
        weights: None,
        peak_rss_mib: None,
        numerics: Some(numerics("avx512")),
        environment: Environment { version, commit, device, dtype: Precision::F32, threads: Some(2) },
        notes: Vec::new(),
    }
}

fn finetuned(plan: &str, seed: u64, control: usize, healed: usize) -> RunRecord {
    record(Protocol::Finetuned, plan, seed, [900, control, 500, healed])
}

fn judged(records: &[RunRecord]) -> Vec<Judgement> {
    let runs: Vec<Run> = records.iter().filter_map(Run::from_record).collect();
    judge(&ClaimsFile::default(), &runs).unwrap()
}

/// `n_seeds` seeds whose healed model lacks about `lacking` rows against the control.
fn seeds(plan: &str, n_seeds: u64, lacking: i64) -> Vec<RunRecord> {
    (0..n_seeds).map(|seed| finetuned(plan, seed, 910, (910 - lacking + (seed % 3) as i64 - 1) as usize)).collect()
}

/// Predictions of which the first `n_right`, from row `first` on, are right.
fn predictions(n_right: usize, first: usize) -> Vec<Prediction> {
    (0..N_ROWS)
        .map(|row| {
            let is_right = (row + N_ROWS - first) % N_ROWS < n_right;
            let logits = if is_right { vec![1.0, 0.0] } else { vec![0.0, 1.0] };
            Prediction { row_hash: row.to_string(), label: 0, logits, is_saturated: false }
        })
        .collect()
}

#[test]
fn the_four_outcomes_follow_one_rule() {
    let of = |n_seeds, lacking| judged(&seeds("kaiming@bottom:0.5", n_seeds, lacking))[0].clone();
    assert_eq!(of(6, 30).outcome, Outcome::Worse);
    assert_eq!(of(6, -30).outcome, Outcome::Better);
    assert_eq!(of(6, 0).outcome, Outcome::Equivalent);
    assert_eq!((of(5, 30).outcome, of(5, 0).outcome), (Outcome::Undecided, Outcome::Undecided));
    assert_eq!(of(5, 30).seeds_to_decide, Some(6));
    assert_eq!(of(6, 30).p, 0.031_25);
    let one = of(1, 30);
    assert_eq!((one.outcome, one.interval_points, one.seeds_to_decide), (Outcome::Undecided, None, None));
    assert!((of(6, 30).effect_points.unwrap() + 3.0).abs() < 0.1);
}

#[test]
fn a_family_corrects_for_its_number_and_says_how_many_seeds_it_would_take() {
    let mut records = seeds("kaiming@bottom:0.5", 6, 30);
    records.extend(seeds("zero:0.1@all", 6, 30));
    let judgements = judged(&records);
    assert_eq!(judgements.len(), 2);
    for judgement in judgements {
        assert_eq!((judgement.family_size, judgement.adjusted_p), (2, 0.0625));
        assert_eq!((judgement.outcome, judgement.seeds_to_decide), (Outcome::Undecided, Some(7)));
    }
    // Of ten seeds 25 claims may hold at once.
    let many: Vec<RunRecord> = (1..=25).flat_map(|i| seeds(&format!("zero:0.{i:02}@all"), 10, 30)).collect();
    assert!(judged(&many).iter().all(|judgement| judgement.outcome == Outcome::Worse));
    let more: Vec<RunRecord> = (1..=26).flat_map(|i| seeds(&format!("zero:0.{i:02}@all"), 10, 30)).collect();
    assert!(judged(&more).iter().all(|judgement| judgement.outcome == Outcome::Undecided));
}

#[test]
fn claims_without_runs_count_in_their_family() {
    let text = "[[claim]]\nname = \"a\"\nfamily = \"primary\"\nquestion = \"full-recovery\"\n\
                [[claim]]\nname = \"b\"\nfamily = \"primary\"\nquestion = \"full-recovery\"\nmodel = \"other\"\n";
    let file = ClaimsFile::parse(text).unwrap();
    let runs: Vec<Run> = seeds("zero:0.1@all", 6, 30).iter().filter_map(Run::from_record).collect();
    let judgements = judge(&file, &runs).unwrap();
    assert_eq!((judgements.len(), judgements[0].family_size), (1, 2));
    assert_eq!(judgements[0].outcome, Outcome::Undecided);
}

#[test]
fn bottom_against_top_and_the_slope_are_paired_by_seeds() {
    let mut records = Vec::new();
    for seed in 0..8 {
        let jitter = (seed % 3) as usize;
        for (level, lacking) in [("0.25", 10), ("0.5", 30), ("1", 100)] {
            records.push(finetuned(&format!("kaiming@bottom:{level}"), seed, 910, 910 - 2 * lacking - jitter));
            records.push(finetuned(&format!("kaiming@top:{level}"), seed, 910, 910 - lacking - jitter));
        }
    }
    let judgements = judged(&records);
    let ends: Vec<&Judgement> =
        judgements.iter().filter(|judgement| judgement.question == Question::BottomAgainstTop).collect();
    // At level 1 both ends are the same damage.
    assert_eq!(ends.len(), 2);
    for (judgement, lacking) in ends.iter().zip([10.0, 30.0]) {
        assert_eq!((judgement.outcome, judgement.measure, judgement.n_pairs), (Outcome::Worse, Measure::Recovery, 8));
        // Of 410 rows lost.
        assert!((judgement.effect_points.unwrap() + 100.0 * lacking / 410.0).abs() < 1e-9);
    }
    let slopes: Vec<&Judgement> =
        judgements.iter().filter(|judgement| judgement.question == Question::LevelSlope).collect();
    assert_eq!(slopes.len(), 2);
    assert!(slopes.iter().all(|slope| slope.outcome == Outcome::Worse));
    assert!(slopes[0].to_string().contains("slope over levels 0.25, 0.5, 1 of kaiming from the bottom"));
    // (level − mean)·recovery over the squares: lost are 20, 60, 200 rows of 410 at 1/4, 1/2, 1.
    let levels = [0.25, 0.5, 1.0];
    let mean = levels.iter().sum::<f64>() / 3.0;
    let square: f64 = levels.iter().map(|level| (level - mean).powi(2)).sum();
    let product: f64 = levels.iter().zip([20.0, 60.0, 200.0]).map(|(level, lost)| (level - mean) * lost).sum();
    assert!((slopes[0].effect_points.unwrap() + 100.0 * product / square / 410.0).abs() < 1e-9);
}

#[test]
fn under_pretrained_ends_are_compared_by_the_deficit() {
    let records: Vec<RunRecord> = (0..6)
        .flat_map(|seed| {
            [("kaiming@bottom:0.5", 850), ("kaiming@top:0.5", 870)]
                .map(|(plan, healed)| record(Protocol::Pretrained, plan, seed, [900, 0, 500, healed]))
        })
        .collect();
    let judgements = judged(&records);
    let ends = judgements.iter().find(|judgement| judgement.question == Question::BottomAgainstTop).unwrap();
    assert_eq!((ends.measure, ends.outcome), (Measure::Deficit, Outcome::Worse));
    assert!((ends.effect_points.unwrap() + 2.0).abs() < 1e-9);
    // Against the healthy model, and without a recovery: the corrupted model's head is untrained.
    assert!(judgements[0].subject.starts_with("healed against healthy") && judgements[0].recovery.is_none());
}

#[test]
fn runs_that_differ_in_training_rows_or_numerics_are_not_pooled() {
    let plan = "kaiming@bottom:0.5";
    let whole = seeds(plan, 3, 30);
    let limited: Vec<RunRecord> = seeds(plan, 6, 30)
        .split_off(3)
        .into_iter()
        .map(|mut record| {
            record.spec.dataset.rows.train = 100;
            record
        })
        .collect();
    let elsewhere: Vec<RunRecord> = seeds(plan, 6, 30)
        .split_off(3)
        .into_iter()
        .map(|mut record| {
            record.numerics = Some(numerics("gemm-avx2"));
            record
        })
        .collect();
    for (others, difference) in [
        (&limited, "dataset.rows.train (5000 and 100)"),
        (&elsewhere, "numerics.instruction_set (\"avx512\" and \"gemm-avx2\")"),
    ] {
        let (one, other) = (Experiment::of(&whole[0]), Experiment::of(&others[0]));
        let differences: Vec<String> = one.differences(&other).iter().map(ToString::to_string).collect();
        assert_eq!(differences, [difference]);
        assert_ne!(one.id(), other.id());
        let judgements = judged(&[&whole[..], &others[..]].concat());
        assert_eq!(judgements.len(), 2);
        assert!(judgements.iter().all(|j| j.n_pairs == 3 && j.outcome == Outcome::Undecided));
    }
    // Seeds, damage and names do not set runs apart.
    let mut renamed = finetuned("zero:0.1@all", 9, 900, 800);
    renamed.spec.model.name = "copy".into();
    assert_eq!(Experiment::of(&whole[0]).differences(&Experiment::of(&renamed)), []);
    assert_eq!(Experiment::of(&whole[0]).id(), Experiment::of(&renamed).id());
    let together = judged(&seeds(plan, 6, 30));
    assert_eq!((together.len(), together[0].outcome), (1, Outcome::Worse));
}

#[test]
fn a_failed_healing_counts_as_corrupted_and_what_cannot_be_compared_is_counted() {
    let mut records = seeds("kaiming@bottom:0.5", 8, 30);
    let reason = "the loss is NaN".to_owned();
    records[0].status = RunStatus::Failed { phase: Condition::Healed, step: 3, learning_rate: 1e-2, reason };
    records[0].healed = None;
    records[1].control = None;
    records[2].healed.as_mut().unwrap().metrics.n_non_finite = 12;
    let judgement = &judged(&records)[0];
    assert_eq!((judgement.n_pairs, judgement.n_failed, judgement.n_unpaired), (7, 1, 1));
    assert_eq!(judgement.n_non_finite, 12);
    assert!(judgement.effect_points.unwrap() < -7.0, "the failed one lacks 41 points");
    let sentence = judgement.to_string();
    for part in [
        "1 healing failed and counts as corrupted",
        "12 rows are not finite and count as wrong",
        "1 seed lacks a model to compare and is left out",
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
    // Each seed counts once.
    let twice = [&records[..], &records[..]].concat();
    assert_eq!(judged(&twice)[0].n_pairs, 7);
}

#[test]
fn with_predictions_the_interval_is_over_rows_too_and_a_verdict_that_it_does_not_bear_out_says_so() {
    // All seeds lack the same ten rows of 1,000: sure for these rows, hardly for others.
    let lacking = |n: usize| -> Vec<Run> {
        (0..6)
            .map(|seed| {
                let record = finetuned("kaiming@bottom:0.5", seed, 910, 910 - n);
                let run = Run::from_record(&record).unwrap();
                let run = run.with_predictions(Condition::Control, &predictions(910, 0)).unwrap();
                run.with_predictions(Condition::Healed, &predictions(910 - n, 0)).unwrap()
            })
            .collect()
    };
    let of = |n: usize| judge(&ClaimsFile::default(), &lacking(n)).unwrap()[0].clone();
    let (few, many) = (of(3), of(40));
    assert_eq!((few.outcome, many.outcome), (Outcome::Worse, Outcome::Worse));
    assert_eq!(few.interval_method, Some(Method::Crossed));
    assert!(!few.is_borne_out() && many.is_borne_out(), "{few} {many}");
    assert!(few.to_string().contains("with other rows it could change"), "{few}");
    // Without predictions: the same verdict, and an interval over seeds alone.
    let bare = judged(&(0..6).map(|seed| finetuned("kaiming@bottom:0.5", seed, 910, 907)).collect::<Vec<_>>());
    assert_eq!((bare[0].outcome, bare[0].interval_method), (Outcome::Worse, Some(Method::Student)));
    let run = Run::from_record(&finetuned("kaiming@bottom:0.5", 0, 910, 900)).unwrap();
    assert!(run.clone().with_predictions(Condition::Healed, &predictions(899, 0)).is_err());
    assert!(run.with_predictions(Condition::Healed, &predictions(900, 0)[1..]).is_err());
}

#[test]
fn the_sentence_names_everything() {
    let judgement = &judged(&seeds("kaiming@bottom:0.5", 6, 30))[0];
    assert_eq!(
        judgement.to_string(),
        "full recovery: healed against control, kaiming@bottom:0.5 (tiny on toy, protocol finetuned; 5000 training rows, \
         3 epochs twice, learning rate 5e-5, batch 32, up to 128 tokens): worse, -3.0 points of accuracy (95 % interval \
         -3.1 to -2.9 over seeds on these rows, not adjusted), 6 seeds × 1000 rows, exact sign-flip p = 0.031 \
         (Holm-adjusted for 1 primary claim; smallest possible 0.031); 96.7 % of the accuracy is kept, 93 % of \
         the loss recovered."
    );
}

#[test]
fn the_committed_claims_file_is_read_and_mistakes_are_named() {
    let file = ClaimsFile::parse(include_str!("../../tests/golden/claims.toml")).unwrap();
    assert_eq!((file.claims.len(), file.alpha), (4, 0.05));
    assert_eq!(file.claims[3].measure, Some(Measure::Recovery));
    let message = |more: &str| {
        let text = format!("[[claim]]\nname = \"a\"\nfamily = \"primary\"\nquestion = \"full-recovery\"\n{more}");
        ClaimsFile::parse(&text).unwrap_err().to_string()
    };
    assert!(message("marign_points = 1").contains("marign_points"));
    assert_eq!(message("margin_points = 0"), "claim \"a\": expected margin_points above 0, got 0");
    assert_eq!(message("level = 0.5"), "claim \"a\": the field level does not apply to its question");
    assert!(message("level = 1").contains("both ends are the same"));
    assert_eq!(
        message("measure = \"recovery\""),
        "claim \"a\": full recovery is always measured by the deficit: expected measure = \"deficit\" or none"
    );
    let again = "[[claim]]\nname = \"a\"\nfamily = \"primary\"\nquestion = \"full-recovery\"\n";
    assert!(message(again).contains("duplicate name"));
    assert!(ClaimsFile::parse("alpha = 1.5\nclaim = []").unwrap_err().to_string().contains("between 0 and 1"));
    ClaimsFile::default().check().unwrap();
}

#[test]
fn another_seed_of_the_damage_alone_is_another_pair() {
    let mut record = finetuned("zero:0.1@all", 0, 910, 880);
    let first = record.clone();
    record.spec.seeds.corruption = Seed(7);
    assert_eq!(judged(&[first, record])[0].n_pairs, 2);
}

/// 24 claims × 10 seeds × 5,000 rows.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn a_table_of_claims_is_judged_in_a_moment() {
    let n_rows = 5_000;
    let of_rows = |n_right: usize, shift: usize| -> Vec<Prediction> {
        let right = |row: usize| (row * 7_919 + shift) % n_rows < n_right;
        let logits = |row: usize| if right(row) { vec![1.0, 0.0] } else { vec![0.0, 1.0] };
        let prediction =
            |row: usize| Prediction { row_hash: row.to_string(), label: 0, logits: logits(row), is_saturated: false };
        (0..n_rows).map(prediction).collect()
    };
    let mut runs = Vec::new();
    for plan in 0..24_usize {
        for seed in 0..10 {
            let mut record = finetuned(&format!("zero:0.{plan:02}@all"), seed, 900, 900);
            let n_right = 4_500 - 10 * plan - seed as usize;
            for (result, n_right) in [(&mut record.control, 4_550), (&mut record.healed, n_right)] {
                let result = result.as_mut().unwrap();
                (result.metrics.n, result.metrics.accuracy) = (n_rows, n_right as f64 / n_rows as f64);
            }
            let run = Run::from_record(&record).unwrap();
            let run = run.with_predictions(Condition::Control, &of_rows(4_550, seed as usize)).unwrap();
            runs.push(run.with_predictions(Condition::Healed, &of_rows(n_right, 31 * seed as usize)).unwrap());
        }
    }
    #[expect(clippy::disallowed_types, reason = "a test of speed has a clock")]
    let start = std::time::Instant::now();
    let judgements = judge(&ClaimsFile::default(), &runs).unwrap();
    let secs = start.elapsed().as_secs_f64();
    println!("24 claims × 10 seeds × 5,000 rows: {secs:.3} s");
    assert_eq!(judgements.len(), 24);
    assert!(judgements.iter().all(|judgement| judgement.interval_method == Some(Method::Crossed)));
    assert!(secs < 1.0, "{secs} s");
}
