//! What the scripts for Slurm and `HyperQueue` have in common.

use std::path::Path;

use super::launch::Launch;

/// The head of a script: what it is, and the values that its body uses.
pub fn head(launch: &Launch, usage: &str) -> String {
    let Launch { title, label, sweep, program, n_cpus, .. } = launch;
    format!(
        "#!/usr/bin/env bash\n# Sweep {title}.\n{usage}\nset -eu\nname={label}\nsweep={}\nprogram=${{BERT_HEAL:-{}}}\ncpus={n_cpus}\n",
        quoted(sweep),
        quoted(program),
    )
}

/// The lines at its end, one for each array, with a line between stages.
pub fn submissions(launch: &Launch, between_stages: &str) -> String {
    let mut lines = Vec::new();
    for (i, array) in launch.arrays.iter().enumerate() {
        if i > 0 && launch.arrays[i - 1].stage != array.stage {
            lines.push(between_stages.to_owned());
        }
        lines.push(format!("submit {} {} {}", array.stage.as_str(), array.offset, array.ranges()));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A path as one word of a shell.
pub fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
