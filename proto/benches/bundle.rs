//! What writing a GAEN bundle costs: CPU time, bytes a key, memory above the baseline. `cargo bench -p proto --bench bundle`
//!
//! Keys come from [`generator`], are sorted (timed on its own) and put into a file, from which a process of its own writes the bundle into
//! another file: its peak of memory is then that of writing alone. The time covers reading the keys, encoding, digest, deflate and signing.

#[path = "generator.rs"]
mod generator;

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::Command;

use proto::bundle::{Bundle, BundleSigner, Entry, GaenEntry, Header, Limits, Signature, SigningKeyId, Writer};
use proto::gaen::TemporaryExposureKey;
use proto::{ReportType, Timestamp};

/// A key in the file between the two processes: 16 bytes, rolling start, then report type, days since onset, risk and period.
const RECORD: usize = 24;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", keys, zip] => write(Path::new(keys), Path::new(zip)),
        ["generate", count, keys] => generate(count.parse().expect("a number"), Path::new(keys)),
        // Cargo says `--bench` when it measures; otherwise it only wants to see that this runs.
        _ if arguments.iter().any(|argument| argument == "--bench") => measure(&[1_000_000, 4_000_000]),
        _ => measure(&[10_000]),
    }
}

fn measure(counts: &[usize]) {
    let directory = tempfile::tempdir().expect("a directory");
    let (keys, zip) = (directory.path().join("keys"), directory.path().join("bundle.zip"));
    for count in counts {
        itself(&["generate", &count.to_string(), keys.to_str().expect("UTF-8")]);
        itself(&["write", keys.to_str().expect("UTF-8"), zip.to_str().expect("UTF-8")]);
    }
}

/// Runs a step in a process of its own.
fn itself(arguments: &[&str]) {
    let program = std::env::current_exe().expect("a path");
    assert!(Command::new(program).args(arguments).status().expect("runs").success());
}

fn generate(count: usize, path: &Path) {
    let mut keys: Vec<GaenEntry> = generator::keys().take(count).collect();
    let before = cpu_seconds();
    keys.sort_unstable_by(|a, b| (a.class(), a.order_bytes()).cmp(&(b.class(), b.order_bytes())));
    println!("{count} keys: sorted in {:.2} s", cpu_seconds() - before);
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    for entry in &keys {
        file.write_all(&to_record(entry)).expect("writes");
    }
    file.flush().expect("writes");
}

fn write(keys: &Path, zip: &Path) {
    let id = SigningKeyId::new("310", "v1").expect("valid");
    let header = Header {
        region: "NO".parse().expect("valid"),
        start: Timestamp::from_unix(1_605_830_400),
        end: Timestamp::from_unix(1_605_844_800),
        signing: vec![id.clone()],
    };
    let signer = BundleSigner::Gaen(p256::ecdsa::SigningKey::from_slice(&[5; 32]).expect("a scalar"));
    let mut input = BufReader::new(File::open(keys).expect("a file"));
    let out = File::create(zip).expect("a file");
    let (memory, cpu) = (peak_kib(), cpu_seconds());

    let mut writer = Writer::<GaenEntry, _>::new(out, &header).expect("begins");
    let mut record = [0; RECORD];
    while input.read_exact(&mut record).is_ok() {
        writer.push(&from_record(&record)).expect("in order");
    }
    let unsigned = writer.end().expect("ends");
    let signature = Signature { key: id, bytes: signer.sign(&unsigned.digest()) };
    let (_, summary) = unsigned.finish(&[signature]).expect("finishes");

    let (cpu, memory) = (cpu_seconds() - cpu, peak_kib() - memory);
    let bytes = summary.zip_bytes as f64 / summary.entries as f64;
    println!(
        "{} keys: {cpu:.2} s of CPU, {bytes:.3} bytes a key, {} bytes, {:.1} MiB above the baseline",
        summary.entries,
        summary.zip_bytes,
        memory as f64 / 1024.0
    );
    // Time depends on the machine and is for the reader to judge; these do not.
    assert!(bytes <= 17.8 || summary.entries < 1_000_000, "more than 17.8 bytes a key");
    assert!(memory <= 32 * 1024, "more than 32 MiB above the baseline");

    let limits = Limits { zip_bytes: u64::MAX, export_bytes: u64::MAX, entries: usize::MAX, ..Limits::default() };
    let cpu = cpu_seconds();
    let bundle = Bundle::read(&fs::read(zip).expect("reads"), &limits).expect("a phone would read it");
    bundle.verify(&signer.public_key()).expect("signed");
    println!("{} keys: read and verified in {:.2} s", summary.entries, cpu_seconds() - cpu);
}

fn to_record(entry: &GaenEntry) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..16].copy_from_slice(entry.key.data());
    record[16..20].copy_from_slice(&entry.key.rolling_start().number().to_le_bytes());
    record[20] = entry.report_type.expect("all fields are set").export_value();
    record[21] = entry.days_since_onset.expect("all fields are set").cast_unsigned();
    record[22] = entry.transmission_risk;
    record[23] = entry.key.rolling_period();
    record
}

fn from_record(record: &[u8; RECORD]) -> GaenEntry {
    let start = u32::from_le_bytes([record[16], record[17], record[18], record[19]]);
    GaenEntry {
        key: TemporaryExposureKey::new(&record[..16], start.into(), record[23].into()).expect("was valid"),
        transmission_risk: record[22],
        report_type: ReportType::from_export_value(record[20].into()),
        days_since_onset: Some(record[21].cast_signed()),
    }
}

/// User and system time of this process: fields 14 and 15 of proc(5) `stat`, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // The command in parentheses may hold spaces; what follows it does not.
    let fields = stat.rsplit(')').next().expect("fields").split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum();
    ticks as f64 / 100.0
}

/// The highest resident memory of this process so far.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("proc(5) has it");
    line.split_whitespace().nth(1).expect("a value").parse().expect("a number")
}
