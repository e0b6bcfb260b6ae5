//! Job arrays of Slurm.

use super::launch::Launch;
use super::shell::{head, submissions};

const USAGE: &str = "\
#   bash THIS [words for sbatch, such as --time=2:00:00 --partition=long]
# One job array for up to MaxArraySize - 1 tasks of a stage; a stage begins when those before it have ended, however they did.";

/// The script: `bash SCRIPT` submits, and the jobs run the same file.
pub fn script(launch: &Launch) -> String {
    let memory = launch.memory_mib.map(|mib| format!(" --mem={mib}M")).unwrap_or_default();
    let gpu = if launch.needs_gpu { " --gres=gpu:1" } else { "" };
    format!(
        "{}resources=(--cpus-per-task=\"$cpus\"{memory}{gpu})\n\n{}\n{}submitted\n",
        head(launch, USAGE),
        include_str!("slurm.sh"),
        submissions(launch, "next_stage")
    )
}

#[cfg(test)]
mod tests {
    use super::super::launch::tests::launch;
    use super::*;

    #[test]
    fn stages_are_arrays_one_after_the_other() {
        let script = script(&launch());
        let end: Vec<&str> = script.lines().rev().take(5).collect();
        let expected = ["submitted", "submit cells 10 1", "submit cells 0 0-2,4", "next_stage", "submit healthy 0 0-1"];
        assert_eq!(end, expected, "{script}");
        assert!(script.contains("sweep='/shared/it'\\''s 100 %/levels'"), "{script}");
        assert!(script.contains("resources=(--cpus-per-task=\"$cpus\" --mem=512M --gres=gpu:1)"), "{script}");
    }
}
