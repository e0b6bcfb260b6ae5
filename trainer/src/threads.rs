//! The number of CPU threads, fixed before any of them starts.
//!
//! candle asks for the number of threads at every matrix product: it parses `RAYON_NUM_THREADS`, and when that is not
//! set counts the cores anew, which on Linux reads /proc/cpuinfo and costs 57 µs a call; a training step of a six-layer
//! encoder makes over a hundred. The variable also is candle's only switch, so `--threads` has to set it. A process
//! cannot safely change its environment once it may have threads, so on Unix it replaces itself by a copy that has it.
//!
//! Two more switches are in the environment, and are set the same way unless the user has set them. mimalloc gives freed
//! memory back to the system after 10 ms and faults it in again in the next step, which was 7 % of a training step's samples
//! in a profile; training needs the same memory at every step. candle's own threads turn in a loop after each of its
//! operations before they sleep, and take the processor from the threads that work.

#[cfg(not(windows))]
use crate::say;

const VARIABLE: &str = "RAYON_NUM_THREADS";

/// What else is set where the user has not.
const SWITCHES: [(&str, &str); 2] = [
    // Milliseconds before mimalloc gives memory back; below 0 it never does.
    ("MIMALLOC_PURGE_DELAY", "-1"),
    // Turns of the loop in which candle's threads wait.
    ("CANDLE_BARRIER_POOL_SPIN_LIMIT", "1"),
];

/// Makes this process use `asked` threads, else what `RAYON_NUM_THREADS` says, else one for each core it may use.
///
/// To be called once, before any work. On Unix it may not return: the process then starts over with the variable set,
/// keeping its process id, and comes here again. On Windows it sets the variables of the process itself.
pub fn fix(asked: Option<usize>) -> anyhow::Result<()> {
    let set = std::env::var(VARIABLE).ok();
    let threads = choose(asked, set.as_deref(), available());
    let mut changes: Vec<(&str, String)> = SWITCHES
        .into_iter()
        .filter(|(name, _)| std::env::var_os(name).is_none())
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    if set.as_deref() != Some(threads.to_string().as_str()) {
        changes.push((VARIABLE, threads.to_string()));
    }
    if !changes.is_empty() {
        apply(changes);
    }
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    Ok(())
}

fn available() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// As rayon does, a variable that is no number above 0 counts as not set.
fn choose(asked: Option<usize>, set: Option<&str>, available: usize) -> usize {
    let set = set.and_then(|set| set.parse().ok()).filter(|threads| *threads > 0);
    asked.or(set).unwrap_or(available)
}

/// Replaces the process; comes back only when that is not possible, and then the run is slower but the same.
#[cfg(unix)]
fn apply(changes: Vec<(&str, String)>) {
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    if let Ok(program) = std::env::current_exe() {
        let mut copy = Command::new(program);
        copy.args(std::env::args_os().skip(1)).envs(changes);
        let error = copy.exec();
        say!("note: cannot restart to set the number of threads ({error}); training may be slower");
    }
}

/// Windows cannot replace a process. A child that does the work would outlive this one when it is ended, and Ctrl-C would
/// end this one while the child still saves; so it stays one process. Only mimalloc, which reads its switch before `main`,
/// gives memory back as it does by itself.
#[cfg(windows)]
#[expect(unsafe_code, reason = "there is no safe way to change the environment")]
fn apply(changes: Vec<(&str, String)>) {
    for (name, value) in changes {
        // SAFETY: it is always safe on Windows, also beside other threads, by the documentation of `set_var`.
        unsafe { std::env::set_var(name, value) };
    }
}

#[cfg(not(any(unix, windows)))]
fn apply(_: Vec<(&str, String)>) {
    say!("note: the number of threads cannot be set here; training may be slower");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_variable_which_beats_the_number_of_cores() {
        assert_eq!(choose(Some(3), Some("5"), 8), 3);
        assert_eq!(choose(None, Some("5"), 8), 5);
        assert_eq!(choose(None, None, 8), 8);
        assert_eq!(choose(None, Some("0"), 8), 8);
        assert_eq!(choose(None, Some("many"), 8), 8);
    }
}
