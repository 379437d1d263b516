//! `--help`.

use std::fmt::Write;

use super::table::{Change, FLAGS, Topic};

/// Columns of the help text.
const COLUMNS: usize = 96;

/// All flags with defaults, grouped by topic.
pub(crate) fn help() -> String {
    let mut text = String::from(
        "exuvia: a Redis-compatible in-memory store with point-in-time snapshots\n\n\
         usage: exuvia [--flag=value | --flag value | --boolean | --noboolean]...\n\
         \x20      exuvia snapshot --help   to look at snapshots without a server\n\n\
         Every flag can also be set by an environment variable EXUVIA_FLAG_<name>, or in a file\n\
         of --name=value lines given with --flagfile; the command line wins over the file, the\n\
         file over the environment. --version prints the version.\n",
    );
    for (topic, title) in Topic::ALL {
        let _ = writeln!(text, "\n{title}");
        for flag in FLAGS.iter().filter(|flag| flag.topic == topic) {
            let note = match flag.change {
                Change::Start => "",
                Change::Anytime => "; can be changed with CONFIG SET",
            };
            let default = flag.default_text();
            let _ = writeln!(text, "  --{} (default '{default}'{note})", flag.name);
            wrap(&mut text, &format!("{}. Accepted: {}.", flag.summary, flag.kind.accepted()));
        }
    }
    text
}

/// Appends `sentence`, indented and broken into lines.
fn wrap(text: &mut String, sentence: &str) {
    let mut column = 0;
    for word in sentence.split_whitespace() {
        if column == 0 || column + 1 + word.len() > COLUMNS {
            text.push_str(if column == 0 { "        " } else { "\n        " });
            column = 8;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}
