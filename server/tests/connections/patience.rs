//! How long connections are held for those who do nothing with them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::callers::{PATIENCE, connect};
use crate::program::Program;

/// Sends this and reads until the server hangs up: what it said until then.
async fn last_words(program: &Program, said: &[u8]) -> String {
    let mut stream = connect(program.address, 0).await.expect("it listens");
    stream.write_all(said).await.expect("sent");
    read_to_end(stream).await
}

async fn read_to_end(mut stream: TcpStream) -> String {
    let mut words = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut words)).await.expect("it hangs up some time");
    // A reset says the same as an end.
    drop(ended);
    String::from_utf8_lossy(&words).into_owned()
}

fn statuses(words: &str) -> Vec<&str> {
    words.split("HTTP/1.1 ").skip(1).map(|reply| &reply[..3]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_or_not_all_is_hung_up_on_without_a_word() {
    let program = Program::start(&["--tick-ms", "0"]);
    let half = b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nX-Y";
    let answered = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
    let answered_and_half = [&answered[..], half].concat();
    let long = [&b"GET /x HTTP/1.1\r\nHost: x\r\nX: "[..], &[b'x'; 20_000]].concat();
    let (silent, begun, idle, second, endless) = tokio::join!(
        last_words(&program, b""),
        last_words(&program, half),
        last_words(&program, answered),
        last_words(&program, &answered_and_half),
        last_words(&program, &long),
    );
    for words in [silent, begun, endless] {
        assert_eq!(words, "");
    }
    for words in [idle, second] {
        assert_eq!(statuses(&words), ["404"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_stops_is_answered_and_what_follows_an_answer_is_served() {
    let program = Program::start(&["--tick-ms", "0"]);
    let stopped =
        b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    let words = last_words(&program, stopped).await;
    assert_eq!(statuses(&words), ["408"]);
    let mut stream = connect(program.address, 0).await.expect("it listens");
    for _ in 0..3 {
        stream.write_all(&b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4)).await.expect("sent");
    }
    assert_eq!(statuses(&read_to_end(stream).await), ["404"; 12]);
}
