//! Which database: one URL, whichever engine keeps it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Debug, Display, Formatter};
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{TypedValueParser, ValueParserFactory};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use proto::Malformed;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Where a database is: `sqlite:PATH` or `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?PARAMETER=VALUE&...]`.
///
/// Neither `Debug` nor `Display` nor any error repeats a password; an error repeats nothing of the URL, since a mistyped one may have its
/// password anywhere.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(Box<PostgresUrl>),
}

/// A database of a PostgreSQL server, and how much its connection is protected.
///
/// Parameters are those of libpq that tokio-postgres knows, for instance `host=/run/postgresql` for a Unix socket, and five more:
///
/// - `sslmode`: `disable`, `prefer` (plain if the server offers nothing better) or `require`. Default: `require` over a network, `disable` over a
///   Unix socket. Whenever there is TLS, the server's certificate and name are verified, so that `verify-full` means the same as `require`.
/// - `sslrootcert`: a PEM file with the authorities that may have signed that certificate. Default: those that browsers trust.
/// - `password_file`: a file with the password, so that it stands neither in the environment nor on a command line; read when the program starts.
/// - `connections`: how many connections a program has at most, 1 to 1,000. Default: 16.
/// - `statement_timeout`: how many seconds a statement may take, 1 to 3,600. Default: 60.
///
/// `connect_timeout`, in seconds, is also how long a request waits until one of these connections is free. Default: 5.
///
/// `tcp_user_timeout` is how many seconds a machine may leave unconfirmed what was sent to it before its connection is given up; libpq counts it in
/// milliseconds. Default: 10. A connection on which nothing is heard is asked for a sign of life as `keepalives_idle`, `keepalives_interval` and
/// `keepalives_retries` say. Default: after 10 s, every 5 s, 3 times. 0 leaves any of them to the system.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    pub(crate) config: Config,
    pub(crate) roots: Option<PathBuf>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) connections: usize,
    /// In seconds.
    pub(crate) statement_timeout: u32,
}

/// How many connections a program has at most, unless the URL says otherwise.
const CONNECTIONS: usize = 16;
/// How long a statement may take, in seconds, unless the URL says otherwise. Sealing half a million keys takes a tenth of it.
const STATEMENT_TIMEOUT: u32 = 60;
/// What is added of the driver's parameters unless the URL says it. A machine that loses its power or its network says no farewell: left to the
/// system, whoever waits for an answer of it waits for a quarter of an hour, and whoever has sent nothing for two hours.
const LIVELINESS: [(&str, &str); 4] =
    [("tcp_user_timeout", "10"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_retries", "3")];
/// The parameters that the driver knows.
const OF_DRIVER: [&str; 18] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];
/// And those that we add.
const OURS: [&str; 5] = ["connections", "password_file", "sslmode", "sslrootcert", "statement_timeout"];

impl FromStr for DatabaseUrl {
    type Err = Malformed;

    fn from_str(url: &str) -> Result<Self, Malformed> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            // `sqlite:///abs/path` is how other tools spell an absolute path.
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return if path.is_empty() { Err(malformed()) } else { Ok(Self::Sqlite(PathBuf::from(path))) };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return PostgresUrl::parse(url).map(Box::new).map(Self::Postgres);
        }
        Err(malformed())
    }
}

fn malformed() -> Malformed {
    Malformed::new("database-url", "must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE")
}

impl PostgresUrl {
    fn parse(url: &str) -> Result<Self, Malformed> {
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut password_file, mut others) = (None, None, None, Vec::new());
        let (mut connections, mut statement_timeout) = (CONNECTIONS, STATEMENT_TIMEOUT);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "sslmode" => mode = Some(value),
                "sslrootcert" => roots = Some(PathBuf::from(value)),
                "password_file" => password_file = Some(PathBuf::from(value)),
                "connections" => connections = number("connections", value, 1..=1_000)? as usize,
                "statement_timeout" => statement_timeout = number("statement_timeout", value, 1..=3_600)?,
                _ => others.push(Cow::Borrowed(of_driver(name, parameter)?)),
            }
        }
        others.extend(unsaid(&others));
        let mut config: Config = format!("{address}?{}", others.join("&")).parse().map_err(|_| malformed())?;
        if config.get_hosts().is_empty() {
            return Err(Malformed::new("database-url", "must name a host, or a socket's directory as host=/DIRECTORY"));
        }
        if password_file.is_some() && config.get_password().is_some() {
            return Err(Malformed::new("database-url", "must have a password or a password_file, not both"));
        }
        config.ssl_mode(ssl_mode(mode, &config)?);
        Ok(Self { config, roots, password_file, connections, statement_timeout })
    }
}

/// What is to be added of [`LIVELINESS`]. Only what is not there: the driver takes 0 for not having been told.
fn unsaid(said: &[Cow<'_, str>]) -> Vec<Cow<'static, str>> {
    let named = |name: &str| said.iter().any(|parameter| parameter.split('=').next() == Some(name));
    LIVELINESS.iter().filter(|(name, _)| !named(name)).map(|(name, value)| format!("{name}={value}").into()).collect()
}

/// A parameter that the driver takes. What it takes for one and is none is not repeated: it may be the end of a password.
fn of_driver<'a>(name: &str, parameter: &'a str) -> Result<&'a str, Malformed> {
    let Some(known) = OF_DRIVER.into_iter().find(|known| *known == name) else {
        let all = OF_DRIVER.into_iter().chain(OURS);
        let meant = all.map(|known| (slips(name, known), known)).min().filter(|(slips, _)| *slips <= 2);
        let advice = meant
            .map_or_else(|| "a ? in a password is written %3F".to_owned(), |(_, known)| format!("is {known} meant?"));
        return Err(Malformed::new("database-url", format!("has a parameter that does not exist; {advice}")));
    };
    let alone: Result<Config, _> = format!("postgres://host/?{parameter}").parse();
    match alone {
        Ok(_) => Ok(parameter),
        Err(_) => Err(Malformed::new("database-url", format!("{known} cannot be what it says"))),
    }
}

fn number(name: &str, value: &str, within: std::ops::RangeInclusive<u32>) -> Result<u32, Malformed> {
    let number = value.parse().ok().filter(|number| within.contains(number));
    let (least, most) = within.into_inner();
    number.ok_or_else(|| Malformed::new("database-url", format!("{name} must be a number from {least} to {most}")))
}

/// How many letters were left out, put in or mistaken for others, to write one word for another.
fn slips(written: &str, meant: &str) -> usize {
    let mut row: Vec<usize> = (0..=meant.len()).collect();
    for (at, letter) in written.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in meant.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[meant.len()]
}

fn ssl_mode(given: Option<&str>, config: &Config) -> Result<SslMode, Malformed> {
    match given {
        Some("disable") => Ok(SslMode::Disable),
        Some("prefer") => Ok(SslMode::Prefer),
        Some("require" | "verify-full") => Ok(SslMode::Require),
        Some(_) => Err(Malformed::new("database-url", "sslmode must be disable, prefer, require or verify-full")),
        None if config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) => Ok(SslMode::Disable),
        None => Ok(SslMode::Require),
    }
}

impl Display for DatabaseUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => Display::fmt(url, f),
        }
    }
}

impl Display for PostgresUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => f.write_str(host)?,
            Some(Host::Unix(path)) => write!(f, "{}", path.display())?,
            None => {}
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl Debug for DatabaseUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl Debug for PostgresUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

/// Reads a [`DatabaseUrl`] from a command line. The parser that clap would choose repeats a value that it refuses, password and all.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseUrlParser;

impl ValueParserFactory for DatabaseUrl {
    type Parser = DatabaseUrlParser;

    fn value_parser() -> DatabaseUrlParser {
        DatabaseUrlParser
    }
}

impl TypedValueParser for DatabaseUrlParser {
    type Value = DatabaseUrl;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<DatabaseUrl, clap::Error> {
        let parsed: Result<DatabaseUrl, Malformed> = value.to_str().ok_or_else(malformed).and_then(str::parse);
        parsed.map_err(|why| {
            // A program may take a URL under another name, of a replica for instance.
            let name = arg.and_then(clap::Arg::get_long).unwrap_or(why.field);
            let said = format!("--{name}: {}\n", why.reason);
            let mut error = clap::Error::raw(ErrorKind::ValueValidation, said).with_cmd(command);
            if let Some(arg) = arg {
                error.insert(ContextKind::InvalidArg, ContextValue::String(arg.to_string()));
            }
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(url: &str) -> PostgresUrl {
        match url.parse().expect("a URL") {
            DatabaseUrl::Postgres(url) => *url,
            DatabaseUrl::Sqlite(path) => panic!("{}", path.display()),
        }
    }

    #[test]
    fn a_url_names_a_file() {
        for (url, path) in [("sqlite:k.db", "k.db"), ("sqlite:/var/k.db", "/var/k.db"), ("sqlite:///k.db", "/k.db")] {
            assert_eq!(url.parse(), Ok(DatabaseUrl::Sqlite(PathBuf::from(path))));
        }
    }

    #[test]
    fn a_url_names_a_database_of_a_server() {
        let url = postgres("postgres://server:secret@db.example:5433/keys?application_name=here");
        assert_eq!(url.config.get_dbname(), Some("keys"));
        assert_eq!(url.config.get_ports(), [5433]);
        assert_eq!(url.config.get_application_name(), Some("here"));
        assert_eq!(url.config.get_password(), Some(b"secret".as_slice()));
    }

    #[test]
    fn a_network_is_not_trusted_unless_the_url_says_so() {
        for (url, mode) in [
            ("postgres://u@db/k", SslMode::Require),
            ("postgresql://u@db/k?sslmode=verify-full", SslMode::Require),
            ("postgres://u@db/k?sslmode=prefer", SslMode::Prefer),
            ("postgres://u@db/k?sslmode=disable", SslMode::Disable),
            ("postgres:///k?host=/run/postgresql&user=u", SslMode::Disable),
        ] {
            assert_eq!(postgres(url).config.get_ssl_mode(), mode, "{url}");
        }
        let url = postgres("postgres://u@db/k?sslrootcert=/etc/ca.pem");
        assert_eq!(url.roots, Some(PathBuf::from("/etc/ca.pem")));
    }

    #[test]
    fn a_password_is_never_printed() {
        let url: DatabaseUrl = "postgres://server:hunter2@db/keys".parse().expect("a URL");
        for text in [format!("{url}"), format!("{url:?}")] {
            assert!(text.contains("postgres://db/keys") && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_password_may_stand_in_a_file() {
        let url = postgres("postgres://server@db/keys?password_file=/run/secrets/server");
        assert_eq!((url.password_file, url.config.get_password()), (Some(PathBuf::from("/run/secrets/server")), None));
        let twice = "postgres://server:hunter2@db/keys?password_file=/run/secrets/server".parse::<DatabaseUrl>();
        assert!(twice.expect_err("which one is it?").to_string().contains("not both"));
    }

    #[test]
    fn connections_and_patience_are_set_within_bounds() {
        let url = postgres("postgres://u@h/k");
        assert_eq!((url.connections, url.statement_timeout), (16, 60));
        let url = postgres("postgres://u@h/k?connections=4&statement_timeout=5&connect_timeout=2");
        assert_eq!((url.connections, url.statement_timeout), (4, 5));
        assert_eq!(url.config.get_connect_timeout(), Some(&std::time::Duration::from_secs(2)));
    }

    #[test]
    fn a_server_that_vanishes_is_noticed_within_seconds_unless_the_url_says_otherwise() {
        let seconds = |url: &str| {
            let config = postgres(url).config;
            let [unconfirmed, interval] = [config.get_tcp_user_timeout().copied(), config.get_keepalives_interval()]
                .map(|time| time.map(|time| time.as_secs()));
            (
                config.get_keepalives(),
                unconfirmed,
                config.get_keepalives_idle().as_secs(),
                interval,
                config.get_keepalives_retries(),
            )
        };
        assert_eq!(seconds("postgres://u@h/k"), (true, Some(10), 10, Some(5), Some(3)));
        assert_eq!(
            seconds(
                "postgres://u@h/k?tcp_user_timeout=120&keepalives_idle=60&keepalives_interval=7&keepalives_retries=9"
            ),
            (true, Some(120), 60, Some(7), Some(9))
        );
        // What is left to the system, and what is said of one alone.
        assert_eq!(
            seconds("postgres://u@h/k?tcp_user_timeout=0&keepalives_idle=0&connections=3"),
            (true, None, 7_200, Some(5), Some(3))
        );
        assert!(!seconds("postgres://u@h/k?keepalives=0").0);
    }

    #[test]
    fn a_mistyped_parameter_is_named_as_it_should_be() {
        for (parameter, said) in [
            ("sslmod=disable", "is sslmode meant?"),
            ("SslMode=disable", "is sslmode meant?"),
            ("ssl_rootcert=x", "is sslrootcert meant?"),
            ("connection=3", "is connections meant?"),
            ("passwordfile=x", "is password_file meant?"),
            ("aplication_name=x", "is application_name meant?"),
            ("hunter2", "%3F"),
            ("connections=0", "connections must be a number from 1 to 1000"),
            ("statement_timeout=1h", "statement_timeout must be a number from 1 to 3600"),
            ("connect_timeout=soon", "connect_timeout cannot be what it says"),
            ("sslmode=on", "sslmode must be"),
        ] {
            let why = format!("postgres://u@h/k?{parameter}").parse::<DatabaseUrl>().expect_err(parameter).to_string();
            assert!(why.starts_with("database-url: ") && why.contains(said), "{parameter}: {why}");
        }
    }

    #[test]
    fn any_other_url_is_refused_and_not_repeated() {
        for url in [
            "",
            "hunter2.db",
            "sqlite:",
            "sqlite://",
            "mysql://hunter2",
            "postgres://u:hunter2@h:x/",
            "postgres:///k",
            "postgres://u@h/k?sslmode=hunter2",
            "postgres://u@h/k?hunter2=1",
        ] {
            let why = url.parse::<DatabaseUrl>().expect_err(url);
            assert_eq!(why.field, "database-url");
            assert!(!why.to_string().contains("hunter2"), "{why}");
        }
    }
}
