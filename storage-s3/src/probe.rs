//! Whether a service on this machine speaks TLS or plain HTTP.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::endpoint::Endpoint;
use crate::fault::{Cause, Fault};

/// How long each step of the probe may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A TLS 1.2 `ClientHello` (RFC 5246, 7.4.1.2) without extensions: every TLS server answers it,
/// be it with an alert.
const CLIENT_HELLO: [u8; 50] = {
    let mut hello = [0; 50];
    // Record: handshake, TLS 1.0 for compatibility, 45 bytes.
    (hello[0], hello[1], hello[2], hello[4]) = (22, 3, 1, 45);
    // Handshake: client hello, 41 bytes, TLS 1.2; 32 bytes that stand for randomness follow.
    (hello[5], hello[8], hello[9], hello[10]) = (1, 41, 3, 3);
    // No session; one suite, ECDHE-RSA-AES128-GCM-SHA256; no compression.
    (hello[45], hello[46], hello[47], hello[48]) = (2, 0xc0, 0x2f, 1);
    hello
};

/// A request that every HTTP server answers.
const REQUEST: &[u8] = b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Asks whether the service at `endpoint` answers TLS with plain HTTP.
///
/// # Errors
///
/// If nobody answers there.
pub(crate) async fn speaks_plain_http(endpoint: &Endpoint) -> Result<bool, Fault> {
    match first_bytes(endpoint, &CLIENT_HELLO).await? {
        // Alert or handshake: TLS.
        [21 | 22, 3, ..] => Ok(false),
        answer if answer.starts_with(b"HTTP") => Ok(true),
        // Some servers hang up on what is no HTTP: those are asked in their own language.
        _ => Ok(first_bytes(endpoint, REQUEST).await?.starts_with(b"HTTP")),
    }
}

/// The beginning of the answer to `question`; zeroes where there is none.
async fn first_bytes(endpoint: &Endpoint, question: &[u8]) -> Result<[u8; 4], Fault> {
    let unreachable = |reason: String| Fault::new(Cause::Unreachable(reason));
    let address = (endpoint.host(), endpoint.port(true));
    let connected = tokio::time::timeout(TIMEOUT, TcpStream::connect(address)).await;
    let mut stream = connected
        .map_err(|_| Fault::timed_out(TIMEOUT))?
        .map_err(|error| unreachable(error.to_string()))?;
    let mut answer = [0; 4];
    let conversation = async {
        stream.write_all(question).await?;
        stream.read_exact(&mut answer).await
    };
    match tokio::time::timeout(TIMEOUT, conversation).await {
        Ok(Ok(_)) => Ok(answer),
        // Hanging up, and saying nothing, is an answer too.
        Ok(Err(_)) | Err(_) => Ok([0; 4]),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// What a server is taken for that answers a first question with `answers[0]`, and so on.
    fn verdict(answers: &'static [&'static [u8]]) -> Result<bool, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let server = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = [0; 20];
                stream.read_exact(&mut question).unwrap();
                stream.write_all(answer).unwrap();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let verdict = runtime.block_on(speaks_plain_http(&endpoint));
        server.join().unwrap();
        verdict
    }

    #[test]
    fn servers_of_both_kinds_are_told_apart() {
        assert!(verdict(&[b"HTTP/1.1 400 Bad Request\r\n\r\n"]).unwrap());
        assert!(verdict(&[b"", b"HTTP/1.1 403 Forbidden\r\n\r\n"]).unwrap());
        assert!(!verdict(&[&[21, 3, 3, 0, 2, 2, 40]]).unwrap());
        assert!(!verdict(&[&[22, 3, 3, 0, 80]]).unwrap());
        assert!(!verdict(&[b"SSH-2.0", b"SSH-2.0"]).unwrap());
        assert!(!verdict(&[b"", b""]).unwrap());
    }

    #[test]
    fn silence_is_no_answer() {
        let endpoint = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            Endpoint::parse(&listener.local_addr().unwrap().to_string()).unwrap()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let fault = runtime.block_on(speaks_plain_http(&endpoint)).unwrap_err();
        assert!(matches!(fault.cause, Cause::Unreachable(_)), "{fault}");
    }
}
