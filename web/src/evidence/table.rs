//! Every run as a row, and what may be said, in words.

use super::MIN_SEEDS_FOR_A_CLAIM;
use super::cell::{Cell, Experiment, Place, SeedOutcome};
use super::interval::over_seeds;
use shared::Condition;
use shared::figure::DataTable;
use shared::statistics::{DEFAULT_MARGIN, Interval, sign_flip_p_value};

/// One row for each seed of each cell.
#[must_use]
pub fn runs_table(experiment: &Experiment) -> DataTable {
    let has_control = experiment.reference == Condition::Control;
    let control = has_control.then_some("control");
    let header = ["plan", "seeds (damage, head, data)", "healthy"].into_iter().chain(control);
    let mut table = DataTable::new(header.chain(["corrupted", "healed", "deficit, points"]));
    for cell in &experiment.cells {
        for seed in &cell.seeds {
            let percent = |share: f64| format!("{:.1} %", 100.0 * share);
            let seeds = format!("{}, {}, {}", seed.seeds.corruption.0, seed.seeds.head.0, seed.seeds.data.0);
            let deficit = format!("{:.1}", seed.deficit());
            let control = seed.control.filter(|_| has_control);
            let accuracies = [Some(seed.healthy), control, Some(seed.corrupted), Some(seed.healed)];
            let accuracies = accuracies.into_iter().flatten().map(percent);
            table.push([cell.plan.clone(), seeds].into_iter().chain(accuracies).chain([deficit]));
        }
    }
    table
}

/// Whether the cell's model came back, by the project's rule: at least six seeds, an interval of the deficit above 0
/// for "does not", and one within the margin of equivalence for "does".
pub(super) fn verdict(cell: &Cell) -> &'static str {
    let deficits: Vec<f64> = cell.seeds.iter().map(SeedOutcome::deficit).collect();
    if deficits.len() < MIN_SEEDS_FOR_A_CLAIM {
        return "undecided";
    }
    // The margin is a share, deficits are points.
    let margin = 100.0 * DEFAULT_MARGIN;
    match over_seeds(&deficits).and_then(|mean| mean.interval) {
        Some(Interval { low, high, .. }) if low > -margin && high < margin => "fully recovers",
        Some(Interval { low, .. }) if low > 0.0 => "does not fully recover",
        _ => "undecided",
    }
}

/// What bottom against top says at each level, a sentence each.
#[must_use]
pub fn statements(experiment: &Experiment) -> Vec<String> {
    let mut statements = Vec::new();
    for bottom in &experiment.cells {
        let Some((scheme, Place::Bottom, level)) = &bottom.place else { continue };
        let is_twin = |cell: &&Cell| cell.place == Some((scheme.clone(), Place::Top, *level));
        let Some(top) = experiment.cells.iter().find(is_twin) else { continue };
        let pairs: Vec<f64> = bottom
            .seeds
            .iter()
            .filter_map(|one| {
                // What another arithmetic computed differs by more than the damage's place: it makes no pair.
                let is_pair = |other: &&SeedOutcome| (other.seeds, &other.numerics) == (one.seeds, &one.numerics);
                let other = top.seeds.iter().find(is_pair)?;
                Some(one.deficit() - other.deficit())
            })
            .collect();
        let Some(mean) = over_seeds(&pairs) else { continue };
        let n = pairs.len();
        let (more, size) = (if mean.value >= 0.0 { "more" } else { "less" }, mean.value.abs());
        let what = format!("{scheme} on {:.0} % of the layers: damage at the bottom", 100.0 * level);
        let seeds = if n == 1 { "1 pair of seeds".to_owned() } else { format!("{n} pairs of seeds") };
        let found = format!("{what} left {size:.1} points {more} behind than at the top over {seeds}");
        let p_value = sign_flip_p_value(&pairs).ok().filter(|_| n >= MIN_SEEDS_FOR_A_CLAIM);
        statements.push(match p_value {
            Some(p) if p < 0.05 => format!("{found} (exact sign-flip test, p = {p:.3})."),
            Some(p) => format!("{found}: undecided (exact sign-flip test, p = {p:.3})."),
            None => format!("{found}: undecided, since a claim needs at least {MIN_SEEDS_FOR_A_CLAIM} pairs."),
        });
    }
    statements
}
