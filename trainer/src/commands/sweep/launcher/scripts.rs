//! The scripts for Slurm and `HyperQueue`.

use std::path::Path;

use super::launch::Launch;

const SLURM_USAGE: &str = "\
#   bash THIS [words for sbatch, such as --time=2:00:00 --partition=long]
# One job array for up to MaxArraySize - 1 tasks of a stage; a stage begins when those before it have ended, however they did.";

const HYPERQUEUE_USAGE: &str = "\
#   bash THIS [words for hq submit, such as --priority=1]
# For a running server, whose workers see the sweep's folder. It stays until all is done; started again, what is done ends
# at once.";

/// Job arrays of Slurm: `bash SCRIPT` submits, and the jobs run the same file.
pub fn slurm(launch: &Launch) -> String {
    let memory = launch.memory_mib.map(|mib| format!(" --mem={mib}M")).unwrap_or_default();
    let gpu = if launch.needs_gpu { " --gres=gpu:1" } else { "" };
    format!(
        "{}resources=(--cpus-per-task=\"$cpus\"{memory}{gpu})\n\n{}\n{}submitted\n",
        head(launch, SLURM_USAGE),
        include_str!("slurm.sh"),
        submissions(launch)
    )
}

/// Task arrays of `HyperQueue`.
pub fn hyperqueue(launch: &Launch) -> String {
    let gpu = if launch.needs_gpu { " --resource gpus/nvidia=1" } else { "" };
    format!(
        "{}resources=(--cpus=\"$cpus\"{gpu})\n\n{}\n{}finished\n",
        head(launch, HYPERQUEUE_USAGE),
        include_str!("hyperqueue.sh"),
        submissions(launch)
    )
}

/// The head of a script: what it is, and the values that its body uses.
fn head(launch: &Launch, usage: &str) -> String {
    let Launch { title, label, sweep, program, n_cpus, .. } = launch;
    format!(
        "#!/usr/bin/env bash\n# Sweep {title}.\n{usage}\nset -eu\nname={label}\nsweep={}\nprogram=${{BERT_HEAL:-{}}}\ncpus={n_cpus}\n",
        quoted(sweep),
        quoted(program),
    )
}

/// The lines at its end, one for each array, with a line between stages.
fn submissions(launch: &Launch) -> String {
    let mut lines = Vec::new();
    for (i, array) in launch.arrays.iter().enumerate() {
        if i > 0 && launch.arrays[i - 1].stage != array.stage {
            lines.push("next_stage".to_owned());
        }
        lines.push(format!("submit {} {} {}", array.stage.as_str(), array.offset, array.ranges()));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::super::launch::tests::launch;
    use super::*;

    #[test]
    fn stages_of_slurm_are_arrays_one_after_the_other() {
        let script = slurm(&launch());
        let end: Vec<&str> = script.lines().rev().take(5).collect();
        let expected = ["submitted", "submit cells 10 1", "submit cells 0 0-2,4", "next_stage", "submit healthy 0 0-1"];
        assert_eq!(end, expected, "{script}");
        assert!(script.contains("sweep='/shared/it'\\''s 100 %/levels'"), "{script}");
        assert!(script.contains("resources=(--cpus-per-task=\"$cpus\" --mem=512M --gres=gpu:1)"), "{script}");
    }

    #[test]
    fn stages_of_hyperqueue_are_arrays_with_a_wait_between() {
        let script = hyperqueue(&launch());
        let end: Vec<&str> = script.lines().rev().take(5).collect();
        let expected = ["finished", "submit cells 10 1", "submit cells 0 0-2,4", "next_stage", "submit healthy 0 0-1"];
        assert_eq!(end, expected, "{script}");
        assert!(script.contains("resources=(--cpus=\"$cpus\" --resource gpus/nvidia=1)"), "{script}");
    }
}
