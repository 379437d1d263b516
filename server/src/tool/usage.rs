//! `exuvia snapshot --help`.

/// What the tool can do.
pub(super) const USAGE: &str = "\
exuvia snapshot: look at snapshots, and salvage them, without a server

usage: exuvia snapshot list   DIRECTORY [--json]
       exuvia snapshot info   PATH [--json]
       exuvia snapshot verify PATH [--json]
       exuvia snapshot get    PATH KEY [--db N] [--json]
       exuvia snapshot export PATH [--json]
       exuvia snapshot prune  DIRECTORY --keep N [--dry-run] [--json]

DIRECTORY may also be a place in S3, s3://bucket/prefix; the server's flags --s3_endpoint and so on
say how it is reached, here or as EXUVIA_FLAG_s3_endpoint in the environment.

PATH is a directory or one snapshot: its manifest, as data/dump-summary.dfs, or that without
-summary.dfs, or a file in Redis's format, as data/dump.rdb. Of a directory, verify looks at every
snapshot, and info, get and export take the newest complete one. --dbfilename TEMPLATE restricts a
directory to the names that it matches. -- ends the options, for keys that begin with a dash.

Redis's files and Dragonfly's snapshots are foreign: they have neither pages nor an index, so get
reads from the front, and what stands behind a damaged place is lost.

  list     all snapshots, the newest first; damaged and unfinished ones too. Reads manifests and
           the lengths of parts only
  info     what the manifest says, and whether every part is there
  verify   reads and checks every page, and names the damaged ones
  get      writes the value of one key, found by the index
  export   one JSON object a line for every key: db, key, value, and expires_at_unix_ms if it
           expires. Bytes that are not UTF-8 are base64, marked by a field key_encoding or
           value_encoding. Goes around damaged pages and tells how many keys are lost
  prune    removes all but the N newest complete snapshots that match --dbfilename, by default
           dump-{timestamp}. Damaged ones stay, and the newest that holds keys

exit code: 0 if all is well, 1 if something is damaged, missing or failed, 2 for wrong usage
";
