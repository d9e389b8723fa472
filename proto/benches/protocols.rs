//! What a phone pays for checking others' keys and reports: identifiers of a GAEN key, numbers of a TCN report.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use proto::gaen::{Observation, Observations, RollingProximityIdentifier, TemporaryExposureKey};
use proto::interval::Interval;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};

/// Keys of one batch: enough that their own bytes are not all that the cache holds.
const KEYS: u32 = 1_000;
/// Numbers of one report, the longest span there is.
const SPAN: u16 = 1_345;

fn keys() -> Vec<TemporaryExposureKey> {
    let key = |number: u32| {
        let mut data = [0; 16];
        data[..4].copy_from_slice(&number.to_le_bytes());
        TemporaryExposureKey::new(&data, 2_642_976, 144).expect("valid")
    };
    (0..KEYS).map(key).collect()
}

fn gaen(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gaen");
    group.throughput(Throughput::Elements(KEYS.into()));
    let keys = keys();
    group.bench_function("tek_to_identifiers", |bencher| {
        bencher.iter(|| {
            for key in &keys {
                for identifier in key.identifiers() {
                    black_box(identifier);
                }
            }
        });
    });
    // Two weeks of a busy life: 500 strangers' identifiers a day.
    let heard = (0..7_000_u128).map(|number| Observation {
        identifier: RollingProximityIdentifier(
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes(),
        ),
        heard: Interval::new(2_642_976),
    });
    let observations = Observations::new(heard);
    group.bench_function("tek_to_matches", |bencher| {
        bencher.iter(|| keys.iter().map(|key| observations.matches(black_box(key)).len()).sum::<usize>());
    });
    group.finish();
}

fn tcn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tcn");
    let key = ReportAuthorizationKey::from_seed([7; 32]);
    let memo = Memo::new(MemoType::CoEpiV1, &[1]).expect("fits");
    let report = SignedReport::create(&key, &memo, 1, SPAN).expect("valid");
    group.throughput(Throughput::Elements(SPAN.into()));
    group.bench_function("tcn_numbers", |bencher| {
        bencher.iter(|| {
            for number in report.numbers() {
                black_box(number);
            }
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("report_verify", |bencher| {
        bencher.iter_batched(
            || report.as_bytes().to_vec(),
            |bytes| SignedReport::decode(&bytes).expect("valid").verify(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, gaen, tcn);
criterion_main!(benches);
