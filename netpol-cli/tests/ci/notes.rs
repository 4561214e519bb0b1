//! A service that takes notes over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// Takes one request.
pub(crate) struct Notes {
    url: String,
    taken: JoinHandle<(String, String)>,
}

impl Notes {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = || {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                line.trim_end().to_owned()
            };
            let request = line();
            let mut length = 0;
            loop {
                let header = line().to_lowercase();
                if header.is_empty() {
                    break;
                }
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            stream
                .write_all(
                    b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
                )
                .unwrap();
            (request, String::from_utf8(body).unwrap())
        });
        Self { url, taken }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The request line and the body; waits until there was a request.
    pub(crate) fn one(self) -> (String, String) {
        self.taken.join().unwrap()
    }
}
