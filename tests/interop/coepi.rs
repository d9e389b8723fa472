//! nginx in front of a directory bucket answers apps made from CoEpi's, with the configuration that `deploy/` has.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::{Kind, ReportType, Timestamp};
use tests::nginx::{Answer, Nginx, Site, ask as send};
use tests::system::{NOON, System};

/// Six hours; noon is where an interval begins.
const LENGTH: i64 = 21_600;

#[tokio::test(flavor = "multi_thread")]
async fn an_app_made_from_coepis_reads_every_interval_through_nginx() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    let (feed, n) = (authority.feed(Kind::Tcn), NOON.unix() / LENGTH);
    let directory = tempfile::tempdir()?;
    let nginx = nginx(directory.path(), &system.tree(), &feed.to_string())?;
    let get = |path: &str| nginx.get(path).expect("nginx answers");
    let ask = |number: i64| get(&format!("/tcnreport/0.4.0?intervalNumber={number}&intervalLength=21600"));

    // The first pass ever: what runs is rendered, what comes is not.
    system.export_with_rendering(&feed).await?;
    assert_eq!(reports(&ask(n)), Some(Vec::new()));
    assert_eq!((ask(n + 1).status, ask(n - 1).status), (503, 503));

    let mut phone = system.phone(1, &authority)?;
    let report = phone.signed_report(24)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    phone.report_numbers(&code, std::slice::from_ref(&report)).await?;
    system.set_time(NOON.plus(3_600));
    assert_eq!(system.export_with_rendering(&feed).await?.feeds.iter().map(|feed| feed.sealed.len()).sum::<usize>(), 1);
    assert_eq!(ask(n + 1).status, 503, "nobody makes an answer up");

    // A quarter of an hour before the next interval it is there, and in its first second it is what it was.
    system.set_time(Timestamp::from_unix((n + 1) * LENGTH - 900));
    system.export_with_rendering(&feed).await?;
    let there = ask(n + 1);
    assert_eq!(reports(&there), Some(vec![report.as_bytes().to_vec()]));
    assert_eq!(there.header("content-type"), "application/json");
    assert!(there.header("cache-control").contains("immutable"), "{}", there.head);
    system.set_time(Timestamp::from_unix((n + 1) * LENGTH));
    system.export_with_rendering(&feed).await?;
    assert_eq!(ask(n + 1).body, there.body);
    let absent = ask(n + 2);
    assert_eq!((absent.status, absent.header("cache-control"), absent.header("retry-after")), (503, "no-store", "300"));

    // As apps may write it.
    let next = n + 1;
    for path in [
        format!("/tcnreport/v0.4.0?intervalNumber={next}&intervalLength=21600"),
        format!("/tcnreport/0.4.0?intervalLength=21600&intervalNumber={next}"),
        format!("/tcnreport/0.4.0?intervalLength=21600&other=1&intervalNumber={next}"),
    ] {
        assert_eq!(get(&path).body, there.body, "{path}");
    }
    for (status, query) in [
        (400, String::new()),
        (400, format!("?intervalNumber={next}")),
        (400, "?intervalLength=21600".to_owned()),
        (400, "?intervalNumber=&intervalLength=21600".to_owned()),
        (400, format!("?intervalNumber=-{next}&intervalLength=21600")),
        (400, format!("?intervalNumber=0{next}&intervalLength=21600")),
        (400, format!("?intervalNumber={next}.json&intervalLength=21600")),
        (400, "?intervalNumber=../index.txt%00&intervalLength=21600".to_owned()),
        (400, format!("?intervalNumber={next}&intervalLength=x")),
        (404, format!("?intervalNumber={next}&intervalLength=3600")),
        (503, "?intervalNumber=9999999999&intervalLength=21600".to_owned()),
    ] {
        assert_eq!(get(&format!("/tcnreport/0.4.0{query}")).status, status, "{query}");
    }
    assert_eq!(send(nginx.address(0), "DELETE /tcnreport/0.4.0", &[], "")?.status, 405);
    // The same address takes reports.
    assert_eq!(send(nginx.address(0), "POST /tcnreport/0.4.0", &[], "a report")?.body, b"stored: a report");
    Ok(())
}

/// The reports of an answer; none if it is no JSON array.
fn reports(answer: &Answer) -> Option<Vec<Vec<u8>>> {
    let encoded: Vec<String> = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200)?;
    encoded.iter().map(|report| STANDARD.decode(report).ok()).collect()
}

/// Starts it over a tree, with a key server behind it that says what it was sent.
fn nginx(directory: &Path, tree: &Path, feed: &str) -> anyhow::Result<Nginx> {
    let (server, tree) = (directory.join("server"), tree.display());
    serve(UnixListener::bind(&server)?);
    let http = format!("upstream pratique_server {{ server unix:{}; }}", server.display());
    let inside = format!("root {tree}; set $coepi_feed {feed}; include objects.conf; include coepi.conf;");
    Nginx::start(directory, &Site { http, servers: vec![inside], ..Site::default() })
}

/// Answers one request with what it was sent. Its thread ends with it, or with the process.
fn serve(listener: UnixListener) {
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let mut request = Vec::new();
        let mut buffer = [0; 1_024];
        // The body is short, and known by its end.
        while !request.ends_with(b"a report") {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(read) => request.extend_from_slice(&buffer[..read]),
            }
        }
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 16\r\n\r\nstored: a report");
    });
}
