//! Prometheus's text format.

use std::fmt::{Display, Write};

/// Metrics that are being written.
#[derive(Debug, Default)]
pub(super) struct Text {
    text: String,
}

impl Text {
    /// A value that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.header(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// A value that only grows, until somebody resets it.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.header(name, "counter", help);
        self.sample(name, &[], value);
    }

    /// Begins a metric that has labels; its samples follow.
    pub(super) fn header(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{open}{label}=\"{text}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_quoted_and_every_metric_says_what_it_is() {
        let mut text = Text::default();
        text.gauge("a", "What it is.", 1.5);
        text.header("b", "counter", "More.");
        text.sample("b", &[("x", "1"), ("y", "q\"\\\n")], 2);
        let expected = "# HELP a What it is.\n# TYPE a gauge\na 1.5\n\
                        # HELP b More.\n# TYPE b counter\nb{x=\"1\",y=\"q\\\"\\\\\\n\"} 2\n";
        assert_eq!(text.finish(), expected);
    }
}
