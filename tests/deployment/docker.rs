//! The images: what they are built from, that their build steps work in a clean folder, and that what comes out runs with a read-only root as nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::programs::{built, complaint, ended, read, repository, variables_of};
use crate::tools::{apart, is_root, of_python, run};

const TARGETS: [&str; 3] = ["verification", "server", "exporter"];
/// The command that each image runs unless it is told otherwise.
const COMMANDS: [(&str, &str); 3] = [("verification", "serve"), ("server", "serve"), ("exporter", "run")];

#[test]
fn the_dockerfile_passes_its_linter() {
    run(of_python("hadolint").arg("--failure-threshold=info").arg(repository("deploy/Dockerfile")));
}

#[test]
fn the_dockerfile_says_what_the_programs_need() {
    let text = read("deploy/Dockerfile");
    let toolchain = read("rust-toolchain.toml");
    let version = toolchain.split("channel = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a channel");
    assert!(text.contains(&format!("rust:{version}-slim-")) && text.contains(&format!("RUSTUP_TOOLCHAIN={version}\n")));
    for (name, command) in COMMANDS {
        let stage = text.split(&format!("FROM scratch AS {name}\n")).nth(1).expect(name);
        let stage = stage.split("\nFROM ").next().unwrap_or_default().replace("\\\n", " ");
        let line = |begin: &str| stage.lines().find_map(|line| line.strip_prefix(begin)).expect(begin);
        assert_eq!(line("USER "), "65532:65532", "a number, so that nobody need look it up to see that it is not root");
        assert_eq!(line("COPY "), format!("--from=build /out/{name}/ /"));
        // Builders differ in whom they give what they copy.
        let owned = format!("COPY --from=build --chown=65532:65532 /out/{name}/var/lib/ /var/lib/");
        assert!(stage.lines().any(|line| line == owned), "{owned}");
        assert_eq!(line("ENTRYPOINT "), format!("[\"/usr/local/bin/{name}\"]"));
        assert_eq!(line("CMD "), format!("[\"{command}\"]"));
        let known = variables_of(name, &[command]);
        let set: BTreeMap<&str, &str> =
            line("ENV ").split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
        assert!(set.keys().all(|variable| known.contains_key(*variable)), "{set:?}");
        let ports: Vec<&str> = set.values().filter_map(|address| address.strip_prefix("0.0.0.0:")).collect();
        assert_eq!(ports, line("EXPOSE ").split(' ').collect::<Vec<_>>(), "each port is open that is listened on");
        let asked = line("HEALTHCHECK ").split("127.0.0.1:").nth(1).expect("a URL");
        assert!(ports.iter().any(|port| asked.starts_with(&format!("{port}/readyz"))), "{asked}");
        assert!(line("HEALTHCHECK ").contains("CMD [\"/usr/local/bin/ready\""));
    }
}

/// A test that builds everything does not see what the script leaves out.
#[test]
fn the_script_builds_every_program_of_the_images() {
    let text = read("deploy/image/build");
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).expect("a setting");
    let programs = line("PROGRAMS=\"").trim_end_matches('"');
    assert_eq!(programs.split(' ').collect::<BTreeSet<_>>(), TARGETS.into());
    let flags = line("PACKAGES=${PACKAGES:-").trim_end_matches('}');
    let words: Vec<&str> = flags.split(' ').collect();
    let packages: Vec<&str> = words.chunks(2).map(|pair| if pair[0] == "--package" { pair[1] } else { "" }).collect();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--locked", "--format-version=1"]);
    let metadata = run(cargo.current_dir(repository("")));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("JSON");
    let members = metadata["packages"].as_array().expect("packages");
    let mut built = BTreeSet::new();
    for name in packages {
        let package = members.iter().find(|package| package["name"] == name).expect(name);
        let defaults = package["features"]["default"].as_array().cloned().unwrap_or_default();
        // Object stores are what the exporter is mostly run with.
        assert!(name != "exporter" || defaults.iter().any(|feature| feature == "s3"), "{defaults:?}");
        let targets = package["targets"].as_array().expect("targets").iter();
        let programs = targets.filter(|target| target["kind"][0] == "bin");
        let made = programs.filter(|target| {
            let needed = target["required-features"].as_array().into_iter().flatten();
            needed.into_iter().all(|feature| defaults.contains(feature))
        });
        built.extend(made.filter_map(|target| target["name"].as_str()));
    }
    for needed in TARGETS.into_iter().chain(["ready"]) {
        assert!(built.contains(needed), "cargo build {flags} does not make {needed}: {built:?}");
    }
}

/// The compiler says which files it read to make a program; all of ours must be in the context.
#[test]
fn the_context_holds_all_that_the_programs_are_made_of_and_nothing_private() {
    let rules = Rules::read();
    let root = fs::canonicalize(repository("")).expect("the repository");
    for name in TARGETS {
        let made_of = fs::read_to_string(built(name).with_extension("d")).expect("the compiler's list");
        let sources = made_of.split_whitespace().filter_map(|path| Path::new(path).strip_prefix(&root).ok());
        let sources: Vec<_> = sources.filter(|path| !path.starts_with("target")).collect();
        assert!(sources.len() > 50, "{name} is made of {sources:?}");
        for source in sources {
            assert!(rules.keep(source), "{} is not in the context of {name}", source.display());
        }
    }
    for private in [
        ".git/config",
        "pratique-data/private/server.ohttp",
        "target/debug/server",
        "server.revision",
        "deploy/secrets/x",
    ] {
        assert!(!rules.keep(Path::new(private)), "{private}");
    }
}

/// Clean copy, build script, and then each program from the root directory of its image: read-only but for one volume, and nobody's uid.
#[test]
fn the_images_are_built_in_a_clean_folder_and_run_read_only_as_nobody() {
    let images = Images::build();
    let volume = images.volume();
    images.done("verification", &volume, &["secret", "create", "--secret-file", "/var/lib/pratique/secret"]);
    let codes = ["--database-url", "sqlite:/var/lib/pratique/codes.db", "--secret-file", "/var/lib/pratique/secret"];
    images.serves("verification", &volume, &codes);
    let keys = ["--database-url", "sqlite:/var/lib/pratique/keys.db"];
    images.serves("server", &volume, &keys);
    let bundle_keys = "/var/lib/pratique/bundle-keys";
    images.done("exporter", &volume, &["keys", "generate", "--region", "XX", "--dir", bundle_keys]);
    let bucket = ["--signing-key-dir", bundle_keys, "--bucket", "main=file:/var/lib/pratique/cdn"];
    images.done("exporter", &volume, &[&["once"][..], &keys, &bucket].concat());
    // What cannot be reached fails, and not for want of a library or a certificate.
    let (status, said) = images.ends("exporter", &volume, &["inspect", "https://127.0.0.1:1/x.zip"]);
    assert!(status != Some(0) && said.contains("127.0.0.1"), "{said}");
}

/// The lines of `.dockerignore`, which say it as paths: the last one that fits counts.
struct Rules(Vec<(bool, String)>);

impl Rules {
    fn read() -> Self {
        let text = read(".dockerignore");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rules = lines.map(|line| match line.strip_prefix('!') {
            Some(path) => (true, path.to_owned()),
            None => (false, line.to_owned()),
        });
        let rules: Vec<_> = rules.collect();
        assert!(rules.iter().all(|(keep, path)| if *keep {
            !path.contains('*')
        } else {
            path == "*" || !path.contains('*')
        }));
        Self(rules)
    }

    fn keep(&self, path: &Path) -> bool {
        let fits = |rule: &str| rule == "*" || path.starts_with(rule);
        self.0.iter().rev().find(|(_, rule)| fits(rule)).is_none_or(|(keep, _)| *keep)
    }

    /// Copies what is left into an empty folder, times included: by these cargo knows what it compiled.
    fn copy(&self, to: &Path) {
        let root = repository("");
        let listed = run(Command::new("git").current_dir(&root).args(["ls-files", "-co", "--exclude-standard", "-z"]));
        let kept = listed.split('\0').filter(|path| !path.is_empty() && self.keep(Path::new(path)));
        // A file that was removed and not yet committed as such is still listed.
        let kept: Vec<&str> = kept.filter(|path| root.join(path).exists()).collect();
        run(Command::new("cp")
            .current_dir(&root)
            .args(["--preserve=mode,timestamps", "--parents", "--target-directory"])
            .arg(to)
            .args(kept));
    }
}

/// The root directories of the images.
struct Images {
    directory: TempDir,
}

impl Images {
    /// In the place of the repository, where everything is compiled already, stands a copy of the context: so the script finds nothing that the
    /// Dockerfile would not have, and does not take minutes.
    fn build() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let [context, out] = ["context", "out"].map(|name| directory.path().join(name));
        fs::create_dir_all(&context).expect("made");
        Rules::read().copy(&context);
        let root = fs::canonicalize(repository("")).expect("the repository");
        let profile = built("server").parent().map(PathBuf::from).expect("a directory");
        let target = profile.parent().expect("the target directory");
        let name = profile.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        const SCRIPT: &str = "
            case $3/ in $1/*) mkdir -p \"$2/${3#\"$1\"/}\"; mount --bind \"$3\" \"$2/${3#\"$1\"/}\" ;; esac
            mount --rbind \"$2\" \"$1\"
            cd \"$1\"
            exec deploy/image/build \"$4\"";
        let mut script = apart(SCRIPT, &[&root, &context, &target, &out]);
        script.env("CARGO_TARGET_DIR", target).env("PROFILE", if name == "debug" { "dev" } else { name });
        // What cargo told this test of its package would have build scripts run anew that read the like, now and once more in the next build.
        let of_package = |name: &OsString| {
            ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|begin| name.as_encoded_bytes().starts_with(begin.as_bytes()))
        };
        for name in std::env::vars_os().map(|(name, _)| name).filter(of_package) {
            script.env_remove(name);
        }
        // As everything was built for the tests; other features would be other programs.
        run(script.env("PACKAGES", "--workspace"));
        Self { directory }
    }

    /// A directory that the programs may write to, as a volume that was just made.
    fn volume(&self) -> PathBuf {
        let volume = self.directory.path().join("volume");
        run(Command::new("cp").args(["--archive"]).arg(self.root("server").join("var/lib/pratique")).arg(&volume));
        volume
    }

    fn root(&self, image: &str) -> PathBuf {
        self.directory.path().join("out").join(image)
    }

    /// A program in its image.
    fn command(&self, image: &str, program: &str, volume: &Path, arguments: &[&str]) -> Command {
        const SCRIPT: &str = "
            root=$1 volume=$2 user=$3
            shift 3
            mount --bind \"$root\" \"$root\"
            mount --bind \"$volume\" \"$root/var/lib/pratique\"
            mount -o remount,bind,ro \"$root\"
            exec chroot $user \"$root\" \"$@\"";
        let user = if is_root() { "--userspec=65532:65532" } else { "--userspec=0:0" };
        let path = format!("/usr/local/bin/{program}");
        let mut command = apart(SCRIPT, &[&self.root(image), &volume, &user, &path]);
        command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// How a command ended, and what it complained of.
    fn ends(&self, image: &str, volume: &Path, arguments: &[&str]) -> (Option<i32>, String) {
        let output = ended(&self.command(image, image, volume, arguments));
        (output.status.code(), complaint(&output))
    }

    fn done(&self, image: &str, volume: &Path, arguments: &[&str]) {
        let (status, said) = self.ends(image, volume, arguments);
        assert_eq!(status, Some(0), "{image} {arguments:?}: {said}");
    }

    /// Serves until it is well and told to end, and ends well.
    fn serves(&self, image: &str, volume: &Path, settings: &[&str]) {
        let serve = [&["--json", "serve", "--listen", "127.0.0.1:0"][..], settings].concat();
        let mut command = self.command(image, image, volume, &serve);
        let mut service = Running(command.stdout(Stdio::piped()).spawn().expect("it starts"));
        let mut line = String::new();
        BufReader::new(service.0.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let said: serde_json::Value = serde_json::from_str(&line).expect("what it listens on");
        let url = format!("{}/health", said["listening"].as_str().expect("a URL"));
        let well = ended(&self.command(image, "ready", volume, &[&url]));
        assert_eq!(well.status.code(), Some(0), "{image}: {}", complaint(&well));
        let ill = ended(&self.command(image, "ready", volume, &[&url.replace("/health", "/nowhere")]));
        assert_eq!(ill.status.code(), Some(1));
        run(Command::new("kill").arg(service.0.id().to_string()));
        assert_eq!(service.0.wait().expect("a child").code(), Some(0), "{image} ends as it was asked to");
    }
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
