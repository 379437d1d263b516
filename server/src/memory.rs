//! Memory, as far as the process can tell.

use exuvia::Stats;

/// Bytes the data takes: entries, tables, and what open snapshots hold besides.
pub(crate) fn used_bytes(stats: &Stats) -> u64 {
    stats.total.entry_bytes + stats.table_bytes + stats.superseded_bytes
}

/// Bytes of physical memory that the process has, where the system tells.
pub(crate) fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// Bytes of physical memory of the machine, where the system tells.
pub(crate) fn system_bytes() -> Option<u64> {
    machine("MemTotal:")
}

/// Bytes of physical memory that programs could still get, where the system tells.
pub(crate) fn available_bytes() -> Option<u64> {
    machine("MemAvailable:")
}

fn machine(figure: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(figure))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// A size as a person reads it, in Redis's form: `1.50M`.
pub(crate) fn human(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "K", "M", "G", "T"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{bytes}B") } else { format!("{size:.2}{unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.2}P")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_redis_writes_them() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1536), "1.50K");
        assert_eq!(human(3 << 30), "3.00G");
    }

    #[test]
    fn the_process_has_memory() {
        assert!(resident_bytes().is_none_or(|bytes| bytes > 100_000));
        assert!(system_bytes() > resident_bytes());
        assert!(available_bytes() <= system_bytes());
    }
}
