//! Requests and responses of HTTP/1.1.

/// Longest head of a request.
pub(super) const HEAD_BYTES_MAX: usize = 8 << 10;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Metrics,
    Health,
}

/// A request that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) target: Target,
    /// `HEAD`: the same response without its body.
    pub(super) head_only: bool,
}

/// A status with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    HeadTooLarge,
    Unavailable,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }

    /// A body that says the same, for people.
    pub(super) fn body(self) -> String {
        match self {
            Self::NotFound => "not found; there are /metrics and /healthz\n".to_owned(),
            status => format!("{}\n", status.line()[4..].to_ascii_lowercase()),
        }
    }
}

/// Where the head of a request ends, if it does.
pub(super) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n")
}

/// Reads the head of a request. Header fields make no difference here.
///
/// # Errors
///
/// The status that refuses it.
pub(super) fn parse(head: &[u8]) -> Result<Request, Status> {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| Status::BadRequest)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Status::BadRequest);
    };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return Err(Status::BadRequest);
    }
    let target = match target.split('?').next() {
        Some("/metrics") => Target::Metrics,
        Some("/healthz") => Target::Health,
        _ => return Err(Status::NotFound),
    };
    match method {
        "GET" => Ok(Request { target, head_only: false }),
        "HEAD" => Ok(Request { target, head_only: true }),
        _ => Err(Status::MethodNotAllowed),
    }
}

/// The bytes of a response. The connection ends with it.
pub(super) fn response(status: Status, body: &str, head_only: bool) -> Vec<u8> {
    let allow = match status {
        Status::MethodNotAllowed => "Allow: GET, HEAD\r\n",
        _ => "",
    };
    // The version is that of Prometheus's text format.
    let mut text = format!(
        "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\n{allow}Connection: close\r\n\r\n",
        status.line(),
        body.len()
    );
    if !head_only {
        text.push_str(body);
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_targets_are_served_and_everything_else_is_refused_by_its_status() {
        let get = |target| Ok(Request { target, head_only: false });
        for (head, expected) in [
            ("GET /metrics HTTP/1.1\r\nHost: x", get(Target::Metrics)),
            ("GET /healthz?verbose HTTP/1.0", get(Target::Health)),
            ("HEAD /healthz HTTP/1.1", Ok(Request { target: Target::Health, head_only: true })),
            ("GET / HTTP/1.1", Err(Status::NotFound)),
            ("GET /metrics/ HTTP/1.1", Err(Status::NotFound)),
            ("POST /metrics HTTP/1.1", Err(Status::MethodNotAllowed)),
            ("GET /metrics", Err(Status::BadRequest)),
            ("GET  /metrics HTTP/1.1", Err(Status::BadRequest)),
            ("GET http://x/metrics HTTP/1.1", Err(Status::BadRequest)),
            ("GET /metrics HTTP/2.0", Err(Status::BadRequest)),
            ("PING", Err(Status::BadRequest)),
            ("", Err(Status::BadRequest)),
        ] {
            assert_eq!(parse(head.as_bytes()), expected, "{head:?}");
        }
        assert_eq!(parse(b"GET /\xff HTTP/1.1"), Err(Status::BadRequest));
    }

    #[test]
    fn a_response_says_how_long_it_is_and_that_it_is_the_last() {
        let text = String::from_utf8(response(Status::NotFound, "no\n", false)).unwrap();
        assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n"), "{text}");
        assert!(text.contains("Content-Length: 3\r\n") && text.contains("Connection: close\r\n"));
        assert!(text.ends_with("\r\n\r\nno\n"));
        let head = response(Status::Ok, "body", true);
        assert!(head.ends_with(b"\r\n\r\n") && head_end(&head) == Some(head.len() - 4));
    }
}
