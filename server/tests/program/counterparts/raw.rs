//! Requests as no library sends them.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    /// `null` when it is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// Sends a request line and header lines, byte by byte as they are.
pub(crate) async fn send(port: u16, request: &str, lines: &[&[u8]]) -> Answer {
    let first = format!("{request} HTTP/1.1\r\nHost: service\r\nConnection: close\r\n");
    let lines = lines.iter().flat_map(|line| [line, &b"\r\n"[..]]).collect::<Vec<_>>().concat();
    let bytes = [first.as_bytes(), &lines, b"\r\n"].concat();
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(&bytes).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    // A proxy that does not end the connection would be waited for.
    let answer = tokio::time::timeout(Duration::from_secs(10), exchange).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut head = head.split("\r\n");
    let status = head.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = head.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    // Without its chunks' lengths, if there are any: the outermost braces.
    let json = body.find('{').zip(body.rfind('}')).and_then(|(from, to)| serde_json::from_str(&body[from..=to]).ok());
    Answer { status, headers, body: json.unwrap_or_default() }
}
