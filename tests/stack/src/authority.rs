//! What an operator does once before a deployment can be used, with the programs' own commands.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::access::ApiKeys;
use crate::databases::{Databases, Login};
use crate::programs::{output, path};

/// The id of the authority.
pub(crate) const AUTHORITY: &str = "health";
/// The region of its feeds.
pub(crate) const REGION: &str = "XA";

/// Files that programs share.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) secret: PathBuf,
    pub(crate) certificate_keys: PathBuf,
    pub(crate) revision_keys: PathBuf,
    pub(crate) bundle_keys: PathBuf,
    /// The keys of both gateways, to which phones seal what they send through relays: that of the codes, and that of the uploads.
    pub(crate) verification_gateway: PathBuf,
    pub(crate) server_gateway: PathBuf,
}

impl Files {
    pub(crate) fn below(directory: &Path) -> Self {
        Self {
            secret: directory.join("codes.secret"),
            certificate_keys: directory.join("certificate-keys"),
            revision_keys: directory.join("server.revision"),
            bundle_keys: directory.join("bundle-keys"),
            verification_gateway: directory.join("verification-gateway.keys"),
            server_gateway: directory.join("server-gateway.keys"),
        }
    }
}

/// Makes tables, keys and the authority that both services know.
pub(crate) fn set_up(files: &Files, databases: &Databases) -> anyhow::Result<ApiKeys> {
    let run = |command: &mut Command, arguments: &[&OsStr]| output(command.args(arguments));
    let verification = |arguments: &[&str]| {
        let mut command = Command::new(path("verification")?);
        command.env("VERIFICATION_DATABASE_URL", databases.url(Login::VerificationOwner));
        command.env("VERIFICATION_SECRET_FILE", &files.secret);
        command.env("VERIFICATION_SIGNING_KEY_DIR", &files.certificate_keys);
        run(&mut command, &arguments.iter().map(OsStr::new).collect::<Vec<_>>())
    };
    let server = |arguments: &[&OsStr]| {
        let mut command = Command::new(path("server")?);
        command.env("SERVER_DATABASE_URL", databases.url(Login::KeysOwner));
        run(&mut command, arguments)
    };
    verification(&["migrate"])?;
    verification(&["secret", "create"])?;
    verification(&["authority", "create", "--id", AUTHORITY])?;
    let public = files.secret.with_file_name("authority.pem");
    verification(&["keys", "generate", "--authority", AUTHORITY, "--public-key", &public.to_string_lossy()])?;
    let gateway = files.verification_gateway.to_string_lossy();
    verification(&["ohttp-key", "generate", "--ohttp-key-file", &gateway])?;
    let api_key = |kind| -> anyhow::Result<String> {
        let said = verification(&["api-key", "create", "--authority", AUTHORITY, "--kind", kind])?;
        Ok(said.trim().to_owned())
    };
    let api_keys = ApiKeys { admin: api_key("admin")?, device: api_key("device")?, stats: api_key("stats")? };

    let words = |words: &'static str| words.split(' ').map(OsStr::new);
    server(&[OsStr::new("migrate")])?;
    let mut add: Vec<&OsStr> = words("authority add --public-key").collect();
    add.extend([public.as_os_str(), "--id".as_ref(), AUTHORITY.as_ref(), "--region".as_ref(), REGION.as_ref()]);
    server(&add)?;
    let mut generate: Vec<&OsStr> = words("revision-key generate --revision-key-file").collect();
    generate.push(files.revision_keys.as_os_str());
    server(&generate)?;
    let mut generate: Vec<&OsStr> = words("ohttp-key generate --ohttp-key-file").collect();
    generate.push(files.server_gateway.as_os_str());
    server(&generate)?;

    let mut exporter = Command::new(path("exporter")?);
    output(exporter.args(["keys", "generate", "--region", REGION, "--dir"]).arg(&files.bundle_keys))?;
    Ok(api_keys)
}
