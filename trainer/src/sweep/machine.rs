//! Which machine this is, and which of its processes run.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;

/// The name of this machine.
pub fn host() -> String {
    static HOST: LazyLock<String> = LazyLock::new(|| {
        let from_file = fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let from_environment = || std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok();
        // A shell on macOS knows it and does not hand it on.
        let from_program = || String::from_utf8(Command::new("hostname").output().ok()?.stdout).ok();
        let name = from_file.or_else(from_environment).or_else(from_program).unwrap_or_default();
        Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned()
    });
    HOST.clone()
}

/// One start of this machine, and the process numbers that count in this container: elsewhere on the machine they are other
/// processes.
pub fn boot() -> String {
    let Ok(id) = fs::read_to_string("/proc/sys/kernel/random/boot_id") else { return String::new() };
    let Ok(namespace) = fs::read_link("/proc/self/ns/pid") else { return String::new() };
    format!("{} {}", id.trim(), namespace.display())
}

/// Whether a process of this machine runs; a dead one whose end nobody has asked for does not.
pub fn is_running(pid: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The state stands behind the name, which may hold anything but ends with the last parenthesis.
    !status.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_name_without_a_line_end() {
        assert!(!host().is_empty() && host() != "unknown" && host() == host().trim(), "{:?}", host());
    }
}
