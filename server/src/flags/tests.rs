//! Flags from all sources, and the one line that each mistake gets.

use std::ffi::OsString;
use std::net::SocketAddr;

use super::kind::Kind;
use super::*;

fn read_from(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Settings, String> {
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
    match read(arguments.iter().map(OsString::from), environment)? {
        Invocation::Serve(settings) => Ok(*settings),
        other => panic!("{other:?}"),
    }
}

fn error(arguments: &[&str]) -> String {
    read_from(arguments, &[]).unwrap_err()
}

#[test]
fn every_default_is_of_its_flags_kind_and_every_accessor_names_a_flag() {
    let settings = read_from(&[], &[]).unwrap();
    assert_eq!(settings.addresses(), ["127.0.0.1:6379".parse::<SocketAddr>().unwrap()]);
    assert_eq!(settings.requirepass(), "");
    assert_eq!(settings.maxclients(), 10_000);
    assert_eq!(settings.bulk_bytes_max(), 512 << 20);
    assert_eq!(settings.tcp_keepalive(), Some(std::time::Duration::from_mins(5)));
    assert_eq!((settings.idle_timeout(), settings.shutdown_timeout()), (None, None));
    assert!(settings.threads() > 0 && settings.protected_mode());
    assert!(!settings.allow_foreign_paths());
    assert_eq!((settings.maxmemory(), settings.snapshot_memory_limit()), (0, 0));
    assert_eq!((settings.verbosity(), settings.file_mode()), (0, 0o600));
    assert_eq!(settings.place().unwrap().local(), std::env::current_dir().ok().as_deref());
    let dir = tempfile::tempdir().unwrap();
    let local = crate::place::Place::parse(dir.path().to_str().unwrap()).unwrap();
    assert!(settings.options(&local).is_ok());
    let names: std::collections::HashSet<_> = FLAGS.iter().map(|flag| flag.name).collect();
    assert_eq!(names.len(), FLAGS.len());
}

#[test]
fn the_command_line_takes_every_spelling() {
    for arguments in [
        &["--port", "7000", "--protected_mode=false"][..],
        &["-port=7000", "--noprotected_mode"],
        &["--port=1", "--protected_mode", "false", "--port", "7000"],
        &["--protected_mode", "no", "-port", "7000"],
    ] {
        let settings = read_from(arguments, &[]).unwrap();
        assert_eq!((settings.port(), settings.protected_mode()), (7000, false), "{arguments:?}");
    }
    let settings = read_from(&["--allow_foreign_paths", "--dir", "-x"], &[]).unwrap();
    assert!(settings.allow_foreign_paths());
    assert!(settings.place().unwrap().local().unwrap().ends_with("-x"));
    assert!(matches!(read(["--help".into()], []), Ok(Invocation::Help)));
    assert!(matches!(read(["-version".into()], []), Ok(Invocation::Version)));
    assert!(help().contains("--dbfilename (default 'dump-{timestamp}'"));
}

#[test]
fn later_sources_win() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "# a comment\n\n--port=2\n  --maxclients=20\n--noprotected_mode\n")
        .unwrap();
    let flagfile = format!("--flagfile={}", file.path().display());
    let environment = [
        ("EXUVIA_FLAG_port", "1"),
        ("EXUVIA_FLAG_maxclients", "10"),
        ("EXUVIA_FLAG_v", "1"),
        ("EXUVIA_OTHER", "x"),
    ];
    let settings = read_from(&[&flagfile, "--maxclients=30"], &environment).unwrap();
    assert_eq!((settings.port(), settings.maxclients(), settings.verbosity()), (2, 30, 1));
    assert!(!settings.protected_mode());
}

#[test]
fn a_mistake_gets_one_line_with_flag_value_source_and_remedy() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "\n--port=x\n").unwrap();
    let path = file.path().display().to_string();
    for (message, words) in [
        (error(&["--port=x"]), &["--port", "'x'", "the command line", "0 to 65535"][..]),
        (error(&["--flagfile", &path]), &["--port", "'x'", "line 2 of", &path]),
        (
            read_from(&[], &[("EXUVIA_FLAG_prot", "1")]).unwrap_err(),
            &["--prot", "EXUVIA_FLAG_prot", "unknown", "did you mean --port?"],
        ),
        (error(&["--max-clients=1"]), &["did you mean --maxclients?"]),
        (error(&["--frobnicate=1"]), &["--frobnicate", "unknown", "--help"]),
        (error(&["--port"]), &["--port", "no value"]),
        (error(&["data"]), &["'data'", "not a flag"]),
        (error(&["--"]), &["not a flag"]),
        (error(&["--noport"]), &["--noport", "unknown"]),
        (error(&["--maxmemory=1x"]), &["'1x'", "512mb"]),
        (error(&["--compression=lz4"]), &["'lz4'", "zstd, none"]),
        (error(&["--snapshot_parts=3"]), &["power of two"]),
        (error(&["--snapshot_file_mode=0888"]), &["octal"]),
        (error(&["--snapshot_cron=0 25 * * *"]), &["--snapshot_cron", "'0 25 * * *'", "hour"]),
        (error(&["--snapshot_cron=hourly"]), &["--snapshot_cron", "'hourly'"]),
        (error(&["--save_schedule=25:00"]), &["--save_schedule", "'25:00'"]),
        (error(&["--snapshot_cron_tz=Mars/Olympus"]), &["--snapshot_cron_tz", "'Mars/Olympus'"]),
        (
            error(&["--snapshot_cron=@daily", "--save_schedule=23:00"]),
            &["--save_schedule", "--snapshot_cron", "deprecated"],
        ),
        (error(&["--snapshot_retain=-1"]), &["--snapshot_retain", "'-1'", "0 to"]),
        (error(&["--admin_port=6379"]), &["--admin_port", "6379", "--port"]),
        (error(&["--dbfilename=dump.rdb"]), &["--dbfilename", "--nodf_snapshot_format"]),
        (error(&["--rdb_version=8"]), &["--rdb_version", "'8'", "9 to 12"]),
        (error(&["--dir=s3://"]), &["--dir", "names no bucket", "s3://bucket/prefix"]),
        (error(&["--dir=s3://b/../p"]), &["--dir", "prefix"]),
        (error(&["--dir=gs://bucket"]), &["--dir", "'gs'", "s3://bucket/prefix"]),
        (error(&["--s3_endpoint=ftp://x"]), &["--s3_endpoint", "host:port"]),
        (error(&["--s3_endpoint=localhost:9000/path"]), &["--s3_endpoint", "without a path"]),
        (error(&["--s3_part_size=1MiB"]), &["--s3_part_size", "5MiB to 5GiB"]),
        (error(&["--s3_addressing=host"]), &["--s3_addressing", "auto, path, virtual"]),
        (error(&["--s3_checksum=md5"]), &["--s3_checksum", "auto, none, crc32c"]),
        (
            error(&["--dir=s3://b", "--s3_part_size=64MiB"]),
            &["--snapshot_buffer_bytes", "--s3_part_size", "68157440 or more"],
        ),
        (error(&["--dbfilename=\"dump\""]), &["quote"]),
        (error(&["--bind=0.0.0.0"]), &["--bind", "--requirepass", "--protected_mode=false"]),
        (error(&["--bind=example.org"]), &["--bind", "IP addresses"]),
        (error(&["--flagfile=/nonexistent"]), &["flagfile", "/nonexistent"]),
    ] {
        for word in words {
            assert!(message.contains(word), "{word:?} in {message:?}");
        }
        assert!(!message.contains('\n'), "{message:?}");
    }
    assert!(read_from(&["--bind=0.0.0.0", "--requirepass=x"], &[]).is_ok());
    assert!(read_from(&["--bind=0.0.0.0", "--noprotected_mode"], &[]).is_ok());
    assert!(read_from(&["--s3_use_https", "--df_snapshot_format"], &[]).is_ok());
    let redis = read_from(&["--nodf_snapshot_format", "--dbfilename=dump.rdb"], &[]).unwrap();
    assert_eq!(redis.dbfilename(), "dump");
}

#[test]
fn sizes_have_units() {
    for (text, bytes) in [
        ("0", 0),
        ("1048576", 1 << 20),
        ("1k", 1000),
        ("1kb", 1024),
        ("512mb", 512 << 20),
        ("512MiB", 512 << 20),
        ("1gb", 1 << 30),
        ("1g", 1_000_000_000),
        ("2TiB", 2 << 40),
    ] {
        assert_eq!(Kind::Bytes { max: u64::MAX }.parse(text), Some(FlagValue::Bytes(bytes)));
    }
    for text in ["", "mb", "-1", "1.5gb", "99999999999tb", "1 gb"] {
        assert_eq!(Kind::Bytes { max: u64::MAX }.parse(text), None, "{text:?}");
    }
}

#[test]
fn a_running_server_changes_only_what_it_can() {
    let mut settings = read_from(&[], &[]).unwrap();
    settings.set("maxmemory", "1gb").unwrap();
    assert_eq!(settings.maxmemory(), 1 << 30);
    assert_eq!(settings.snapshot_memory_limit(), 1 << 28);
    assert_eq!(settings.set("dir", "/tmp").unwrap_err(), "is immutable");
    assert!(settings.set("maxclients", "none").unwrap_err().contains("'none'"));
    assert!(settings.set("dbfilename", "'x'").unwrap_err().contains("quote"));
}

#[test]
fn a_schedule_needs_a_name_for_its_snapshots_and_changes_at_run_time() {
    let mut settings =
        read_from(&["--snapshot_cron=@hourly", "--snapshot_cron_tz=UTC"], &[]).unwrap();
    let hourly = settings.schedule().unwrap().unwrap();
    assert_eq!(hourly.next_after_unix_ms(1_000), Some(3_600_000));
    settings.set("snapshot_cron", "30 * * * *").unwrap();
    let half_past = settings.schedule().unwrap().unwrap();
    assert_eq!(half_past.next_after_unix_ms(1_000), Some(1_800_000));
    assert!(settings.set("snapshot_cron", "30 * *").unwrap_err().contains("'30 * *'"));
    settings.set("dbfilename", "").unwrap();
    assert_eq!(settings.schedule().unwrap(), None);

    let mut settings = read_from(&["--save_schedule=*:15", "--snapshot_cron_tz=UTC"], &[]).unwrap();
    let schedule = settings.schedule().unwrap().unwrap();
    assert_eq!(schedule.next_after_unix_ms(1_000), Some(900_000));
    assert!(settings.set("snapshot_cron", "@daily").unwrap_err().contains("save_schedule"));
    assert_eq!(read_from(&[], &[]).unwrap().schedule().unwrap(), None);
    settings.set("snapshot_retain", "24").unwrap();
    assert_eq!(settings.retain(), 24);
}

#[test]
fn the_http_endpoints_are_on_the_addresses_of_the_clients() {
    assert!(read_from(&[], &[]).unwrap().admin_addresses().is_empty());
    let settings = read_from(&["--admin_port=7001", "--bind=127.0.0.1 ::1"], &[]).unwrap();
    let expected = ["127.0.0.1:7001", "[::1]:7001"].map(|text| text.parse::<SocketAddr>().unwrap());
    assert_eq!(settings.admin_addresses(), expected);
}

#[test]
fn the_readme_has_every_flag_as_it_is() {
    let rows: Vec<String> = FLAGS.iter().map(Flag::readme_row).collect();
    let table =
        format!("| flag | default | changes | meaning |\n|---|---|---|---|\n{}", rows.join("\n"));
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&table), "the README's table of flags should be\n\n{table}\n");
}
