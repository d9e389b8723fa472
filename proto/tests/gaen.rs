//! The 144 intervals of the GAEN cryptography specification's test vectors, v1.2.

use proto::gaen::TemporaryExposureKey;

const VECTORS: &str = include_str!("vectors/gaen_v1.2_rpi_aem.txt");
const METADATA: [u8; 4] = [0x40, 0x08, 0, 0];

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).expect("hex").try_into().expect("of this length")
}

#[test]
fn every_identifier_and_its_metadata_are_those_of_the_specification() {
    let key = bytes::<16>("75c734c6dd1a782de7a965da5eb93125");
    let key = TemporaryExposureKey::new(&key, 2_642_976, 144).expect("valid");
    let identifiers: Vec<_> = key.identifiers().collect();
    let rows: Vec<_> = VECTORS.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!((identifiers.len(), rows.len()), (144, 144));
    for (row, (index, identifier)) in rows.iter().zip(identifiers.iter().enumerate()) {
        let mut columns = row.split(' ');
        let mut column = || columns.next().expect("three columns");
        assert_eq!(column().parse(), Ok(index));
        assert_eq!(identifier.0, bytes(column()), "interval {index}");
        assert_eq!(key.crypt_metadata(identifier, METADATA), bytes(column()), "metadata of interval {index}");
    }
}
