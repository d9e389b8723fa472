//! The keys on which bundles are measured: always the same, and like those of a country on a bad day.
//!
//! - Every case uploads 14 keys on the same day, one for each of the 14 days before it, valid for the whole day (period 144).
//! - The onset lies one to ten days before the upload, evenly.
//! - Of ten cases eight are confirmed, one is likely, one is the person's own word.
//! - The transmission risk is constant for a case, 1 to 8, evenly. All fields are set.
//! - Key bytes and choices come from SplitMix64 (Steele, Lea, Flood 2014) with a fixed seed, so that no library can change them.
//!
//! Keys come in the order of cases; a bundle wants them sorted by class and bytes. Other benchmarks and tests take this file by its path.

use proto::ReportType;
use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;

const KEYS_A_CASE: usize = 14;
/// The day of the upload, 2020-11-20, in days since 1970.
const UPLOAD_DAY: i64 = 18_586;
const SEED: u64 = 0x5052_4154_4951_5545;

/// All keys, case by case, without end.
pub(crate) fn keys() -> impl Iterator<Item = GaenEntry> {
    let mut random = SplitMix64(SEED);
    std::iter::repeat_with(move || case(&mut random)).flatten()
}

fn case(random: &mut SplitMix64) -> [GaenEntry; KEYS_A_CASE] {
    let onset = UPLOAD_DAY - 1 - (random.next() % 10) as i64;
    let transmission_risk = 1 + (random.next() % 8) as u8;
    let report_type = match random.next() % 10 {
        0..8 => ReportType::Confirmed,
        8 => ReportType::Likely,
        _ => ReportType::UserReport,
    };
    std::array::from_fn(|nth| {
        let day = UPLOAD_DAY - KEYS_A_CASE as i64 + nth as i64;
        let data = [random.next().to_le_bytes(), random.next().to_le_bytes()].concat();
        GaenEntry {
            key: TemporaryExposureKey::new(&data, day * 144, 144).expect("16 bytes, a whole day"),
            transmission_risk,
            report_type: Some(report_type),
            days_since_onset: Some((day - onset) as i8),
        }
    })
}

struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
