//! Looking for what a person was given, in all bytes of a dump.

use anyhow::ensure;
use tests::crowd::Crowd;
use tests::search;

use crate::PEOPLE;

/// Checks that nothing secret is there, as it was, in hexadecimal or in base64; and that what is there is found.
pub(crate) fn ensure_none(crowd: &Crowd, dump: &[u8]) -> anyhow::Result<()> {
    let names: Vec<Vec<u8>> = crowd.people.keys().map(hex::decode).collect::<Result<_, _>>()?;
    let found = search::found(&names, dump)?;
    ensure!(found == 2 * PEOPLE, "the search finds what is there: {found}");

    let secrets = crowd.secrets.spelt();
    ensure!(secrets.len() > 50 * PEOPLE);
    let leaked = search::found(&secrets, dump)?;
    ensure!(leaked == 0, "{leaked} secrets are found");
    Ok(())
}
