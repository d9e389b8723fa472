//! Text messages that nobody gets: an authority's settings, with a file for a provider.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Lets an authority send text messages through a program of its own: writes its settings into the delivery directory.
///
/// # Errors
/// If the settings cannot be written.
pub fn to_a_webhook(delivery_dir: &Path, authority: &str, url: &str) -> io::Result<()> {
    let sender = format!("kind = 'webhook'\nurl = '{url}'\nkey = '0123456789abcdef0123456789abcdef'");
    write(delivery_dir, authority, &sender, "[code]")
}

/// Lets an authority send text messages, to Norwegian numbers and as many as it likes: writes its settings into the delivery directory. They go
/// into a file there, a line of JSON each; its path.
///
/// # Errors
/// If the settings cannot be written.
pub fn into_a_file(delivery_dir: &Path, authority: &str, template: &str) -> io::Result<PathBuf> {
    write(delivery_dir, authority, "kind = 'file'\npath = 'texts'", template)?;
    Ok(delivery_dir.join("texts"))
}

fn write(delivery_dir: &Path, authority: &str, sender: &str, template: &str) -> io::Result<()> {
    let settings = format!(
        "calling_codes = ['47']\nregion = 'NO'\n[sender]\n{sender}\n[templates]\ndefault = '{template}'\n\
         [limits]\nper_block_an_hour = 100000\nper_network_an_hour = 100000\n"
    );
    DirBuilder::new().recursive(true).create(delivery_dir)?;
    let mut file = OpenOptions::new();
    let file = file.write(true).create_new(true).mode(0o600).open(delivery_dir.join(format!("{authority}.toml")));
    file?.write_all(settings.as_bytes())
}
