//! The number of CPU threads, fixed before any of them starts.
//!
//! candle asks for the number of threads at every matrix product: it parses `RAYON_NUM_THREADS`, and when that is not
//! set counts the cores anew, which on Linux reads /proc/cpuinfo and costs 57 µs a call; a training step of a six-layer
//! encoder makes over a hundred. The variable also is candle's only switch, so `--threads` has to set it. A process
//! cannot safely change its environment once it may have threads, so it replaces itself by a copy that has it.
//!
//! The allocator has a switch in the environment, too: mimalloc gives freed memory back to the system after 10 ms and
//! faults it in again in the next step, which was 7 % of a training step's samples in a profile. Training needs the same
//! memory at every step, so it is kept, unless the user has set the variable.

use std::process::Command;

const VARIABLE: &str = "RAYON_NUM_THREADS";

/// mimalloc's delay before it gives memory back, in milliseconds; below 0 it never does.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";
const NEVER: &str = "-1";

/// Makes this process use `asked` threads, else what `RAYON_NUM_THREADS` says, else one for each core it may use.
///
/// To be called once, before any work. On Unix it may not return: the process then starts over with the variable set,
/// keeping its process id, and comes here again.
pub fn fix(asked: Option<usize>) -> anyhow::Result<()> {
    let set = std::env::var(VARIABLE).ok();
    let threads = choose(asked, set.as_deref(), available());
    let purge_delay = std::env::var(PURGE_DELAY).ok();
    if set.as_deref() != Some(threads.to_string().as_str()) || purge_delay.is_none() {
        start_over(threads, purge_delay.as_deref().unwrap_or(NEVER));
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
fn start_over(threads: usize, purge_delay: &str) {
    use std::os::unix::process::CommandExt;
    if let Ok(program) = std::env::current_exe() {
        let mut copy = Command::new(program);
        copy.args(std::env::args_os().skip(1)).env(VARIABLE, threads.to_string()).env(PURGE_DELAY, purge_delay);
        let error = copy.exec();
        eprintln!("note: cannot start over with {VARIABLE}={threads} ({error}); training may be slower");
    }
}

/// Elsewhere a process cannot be replaced; a child does the work and this one passes on how it ended.
#[cfg(not(unix))]
fn start_over(threads: usize, purge_delay: &str) {
    if let Ok(program) = std::env::current_exe() {
        let mut copy = Command::new(program);
        copy.args(std::env::args_os().skip(1)).env(VARIABLE, threads.to_string()).env(PURGE_DELAY, purge_delay);
        match copy.status() {
            Ok(status) => std::process::exit(status.code().unwrap_or(1)),
            Err(error) => eprintln!("note: cannot start over with {VARIABLE}={threads} ({error}); going on"),
        }
    }
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
