//! The service's address as an operator writes it.

use std::net::IpAddr;

use crate::InvalidS3Option;

/// The address of a service that is not AWS itself: `host`, `host:port`, or an URL of those.
///
/// # Examples
///
/// ```
/// use exuvia_storage_s3::Endpoint;
///
/// assert!(Endpoint::parse("localhost:9000").is_ok());
/// assert!(Endpoint::parse("https://s3.example.org/").is_ok());
/// assert!(Endpoint::parse("https://s3.example.org/path").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether TLS is spoken, if the operator wrote `http://` or `https://`.
    https: Option<bool>,
    /// Without the brackets of IPv6.
    host: String,
    port: Option<u16>,
}

impl Endpoint {
    /// Reads `host`, `host:port`, `http://host[:port][/]` or `https://host[:port][/]`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what is accepted.
    pub fn parse(text: &str) -> Result<Self, InvalidS3Option> {
        let refuse = || {
            InvalidS3Option::new(
                "endpoint",
                text,
                "is not an address; accepted: host, host:port, http://host:port or \
                 https://host:port, without a path",
            )
        };
        let (https, rest) = match text.split_once("://") {
            None => (None, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(false), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(true), rest),
            Some(_) => return Err(refuse()),
        };
        let rest = if https.is_some() { rest.strip_suffix('/').unwrap_or(rest) } else { rest };
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, port) = bracketed.split_once(']').ok_or_else(refuse)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| refuse())?;
            (host, port)
        } else {
            rest.find(':').map_or((rest, ""), |colon| rest.split_at(colon))
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                let port = digits.parse::<u16>().map_err(|_| refuse())?;
                if port == 0 {
                    return Err(refuse());
                }
                Some(port)
            }
            None if port.is_empty() => None,
            Some(_) | None => return Err(refuse()),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || host.len() > 253 || !host.chars().all(fits) {
            return Err(refuse());
        }
        Ok(Self { https, host: host.to_owned(), port })
    }

    /// Whether TLS is spoken, as far as the operator said so here.
    pub fn https(&self) -> Option<bool> {
        self.https
    }

    /// Whether the host is this machine by its very name.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether it is one of AWS's own.
    pub(crate) fn is_aws(&self) -> bool {
        let host = self.host.to_ascii_lowercase();
        host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port, by default that of the scheme.
    pub(crate) fn port(&self, https: bool) -> u16 {
        self.port.unwrap_or(if https { 443 } else { 80 })
    }

    /// The URL.
    pub(crate) fn url(&self, https: bool) -> String {
        let scheme = if https { "https" } else { "http" };
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_is_understood() {
        for (text, https, url, loopback) in [
            ("localhost:9000", None, "https://localhost:9000", true),
            ("s3.example.org", None, "https://s3.example.org", false),
            ("http://127.0.0.1:9000/", Some(false), "https://127.0.0.1:9000", true),
            ("HTTPS://s3.example.org", Some(true), "https://s3.example.org", false),
            ("[::1]:9000", None, "https://[::1]:9000", true),
            ("http://[2001:db8::1]/", Some(false), "https://[2001:db8::1]", false),
            ("localhost.example.org", None, "https://localhost.example.org", false),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.https(), https, "{text}");
            assert_eq!(endpoint.url(true), url, "{text}");
            assert_eq!(endpoint.is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "/",
            ":9000",
            "localhost:",
            "localhost:x",
            "localhost:0",
            "localhost:65536",
            "ftp://localhost",
            "localhost/",
            "localhost:9000/",
            "http://localhost/path",
            "http://user@localhost",
            "local host",
            "http://",
            "[::1",
            "[x]:1",
            "::1",
            "a?b",
            "[::1]x",
            "\"localhost\"",
            "localhost:+1",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text:?}");
        }
    }
}
