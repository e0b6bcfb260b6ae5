//! Task arrays of `HyperQueue`.

use super::launch::Launch;
use super::shell::{head, submissions};

const USAGE: &str = "\
#   bash THIS [words for hq submit, such as --priority=1]
# For a running server, whose workers see the sweep's folder. It stays until all is done; started again, what is done ends
# at once.";

/// The script.
pub fn script(launch: &Launch) -> String {
    let gpu = if launch.needs_gpu { " --resource gpus/nvidia=1" } else { "" };
    format!(
        "{}resources=(--cpus=\"$cpus\"{gpu})\n\n{}\n{}finished\n",
        head(launch, USAGE),
        include_str!("hyperqueue.sh"),
        submissions(launch, "next_stage")
    )
}

#[cfg(test)]
mod tests {
    use super::super::launch::tests::launch;
    use super::*;

    #[test]
    fn stages_are_arrays_with_a_wait_between() {
        let script = script(&launch());
        let end: Vec<&str> = script.lines().rev().take(5).collect();
        let expected = ["finished", "submit cells 10 1", "submit cells 0 0-2,4", "next_stage", "submit healthy 0 0-1"];
        assert_eq!(end, expected, "{script}");
        assert!(script.contains("resources=(--cpus=\"$cpus\" --resource gpus/nvidia=1)"), "{script}");
    }
}
