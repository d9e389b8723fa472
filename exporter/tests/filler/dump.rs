//! Somebody has a full copy of the database, and not the secret.

use std::collections::{BTreeSet, HashMap};

use exporter::filler::{FillerSecret, Who, known_keys};
use proto::Feed;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::guess::{Row, Table};
use crate::world::{HOUR, World, norway, region};

/// The tables whose rows are about keys.
const TABLES: [&str; 4] = ["gaen_fresh", "gaen_waiting", "gaen_key", "gaen_publication"];
/// What identifies a key, or is drawn for each key: of these only how they begin is looked at.
const DRAWN: [&str; 2] = ["key", "proof"];

/// Whose keys these are: people who uploaded, by number, and filler.
struct Owners {
    people: HashMap<[u8; 16], usize>,
    filler: HashMap<[u8; 16], Who>,
}

pub(crate) async fn a_copy_of_the_database_does_not_tell_who_is_filler(mut world: World) {
    world.settings.minimum_keys = 1_500;
    world.register("health", &["NO", "SE"]).await;
    let feeds = [norway(), Feed { region: region("SE"), ..norway() }];
    // So that the exporter knows what people look like.
    for _ in 0..150 {
        world.upload("health", &feeds).await;
    }
    world.wait(15 * 60);
    world.pass().await;
    world.wait(20 * HOUR);
    world.pass().await;

    // Whoever was added for the keys of the day of those people is no matter here.
    let before = world.store.filler_marks().await.expect("read");
    let mut owners = Owners { people: HashMap::new(), filler: HashMap::new() };
    for person in 0..60 {
        // They come over an hour.
        world.wait(60);
        for key in world.upload("health", &feeds).await {
            owners.people.insert(*key.published.key.data(), person);
        }
    }
    // Norway is filled up; what was drawn waits in Sweden, which is not sealed yet.
    world.settings.feeds = vec![norway()];
    world.wait(4 * HOUR + 15 * 60);
    world.pass().await;
    let secret = FillerSecret::read(&world.settings.signing_key_dir).expect("read").expect("a secret");
    let mut marks = world.store.filler_marks().await.expect("read");
    marks.retain(|mark| !before.contains(mark));
    owners.filler = known_keys(&secret, &marks);
    ensure_nothing_tells(&world, &owners, &["gaen_fresh", "gaen_waiting", "gaen_key", "gaen_publication"]).await;

    // Then Sweden is sealed, and a day later everybody's keys of the day.
    world.settings.feeds = vec![];
    world.pass().await;
    ensure_nothing_tells(&world, &owners, &["gaen_fresh", "gaen_waiting", "gaen_key", "gaen_publication"]).await;
    world.settings.minimum_keys = 1;
    world.wait(15 * HOUR);
    world.pass().await;
    ensure_nothing_tells(&world, &owners, &["gaen_key", "gaen_publication"]).await;

    // The attack finds what there is to find.
    for mut table in tables(&world, &owners).await {
        table.columns.push("planted".to_owned());
        table.rows.iter_mut().for_each(|row| row.values.push(u8::from(row.filler).to_string()));
        assert_eq!(table.telling(), [format!("{}.planted", table.name)]);
        table.rows.sort_by_key(|row| row.filler);
        assert!(table.telling().contains(&format!("places of {}", table.name)));
    }
}

async fn ensure_nothing_tells(world: &World, owners: &Owners, expected: &[&str]) {
    let tables = tables(world, owners).await;
    // On a server, what was said of a sealed key stands with its publication.
    for name in expected.iter().filter(|name| world.database.is_none() || **name != "gaen_key") {
        let table = tables.iter().find(|table| table.name == *name).expect("the table has rows");
        let of_filler = table.rows.iter().filter(|row| row.filler).count();
        assert!(of_filler > 20 && of_filler + 20 < table.rows.len(), "{name}: {of_filler} of {}", table.rows.len());
    }
    for table in tables {
        let telling = table.telling();
        assert!(telling.is_empty(), "{telling:?}");
    }
}

/// The rows about these people and filler, and which rows there are of each key in which tables and feeds.
async fn tables(world: &World, owners: &Owners) -> Vec<Table> {
    let raw = match &world.database {
        Some(database) => on_server(database).await,
        None => in_file(world),
    };
    let mut numbers: HashMap<Who, usize> = HashMap::new();
    let mut tables = Vec::new();
    let mut everywhere: HashMap<[u8; 16], (usize, bool, BTreeSet<String>)> = HashMap::new();
    for (name, columns, rows) in raw {
        let mut table = Table { name, columns, rows: Vec::new() };
        let (key, feed) = (place(&table.columns, "key"), place(&table.columns, "feed"));
        for mut values in rows {
            let data: [u8; 16] = hex_bytes(&values[key.expect("each has one")]);
            let (person, filler) = match (owners.people.get(&data), owners.filler.get(&data)) {
                (Some(person), None) => (*person, false),
                (None, Some(who)) => {
                    let next = 1_000 + numbers.len();
                    (*numbers.entry(*who).or_insert(next), true)
                }
                _ => continue,
            };
            let stands = format!("{} {}", table.name, feed.map_or("", |feed| &values[feed]));
            everywhere.entry(data).or_insert_with(|| (person, filler, BTreeSet::new())).2.insert(stands);
            for (column, value) in table.columns.iter().zip(&mut values) {
                if DRAWN.contains(&column.as_str()) {
                    value.truncate(1);
                }
            }
            table.rows.push(Row { values, person, filler });
        }
        if !table.rows.is_empty() {
            tables.push(table);
        }
    }
    let mut keys: Vec<_> = everywhere.into_iter().collect();
    keys.sort();
    let rows = keys.into_iter().map(|(_, (person, filler, stands))| Row {
        values: vec![stands.into_iter().collect::<Vec<_>>().join(", ")],
        person,
        filler,
    });
    tables.push(Table { name: "all".to_owned(), columns: vec!["tables and feeds".to_owned()], rows: rows.collect() });
    tables
}

fn place(columns: &[String], name: &str) -> Option<usize> {
    columns.iter().position(|column| column == name)
}

fn hex_bytes(text: &str) -> [u8; 16] {
    let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hexadecimal");
    std::array::from_fn(byte)
}

/// Name, columns and rows of a table.
type Raw = (String, Vec<String>, Vec<Vec<String>>);

fn in_file(world: &World) -> Vec<Raw> {
    let path = world.directory.path().join("keys.db");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opened");
    let read = |name: &str| {
        let mut select = database.prepare(&format!("SELECT * FROM {name}")).expect("SQL");
        let columns: Vec<_> = select.column_names().map(str::to_owned).collect();
        let width = columns.len();
        let rows = select.query_map([], |row| (0..width).map(|at| row.get(at).map(text)).collect()).expect("rows");
        (name.to_owned(), columns, rows.collect::<Result<_, _>>().expect("rows"))
    };
    TABLES.into_iter().map(read).collect()
}

fn text(value: Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => real.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// What the database notes by itself is among the columns: who wrote a row, with which of their statements, and on which page it stands.
async fn on_server(database: &cluster::Database) -> Vec<Raw> {
    const COLUMNS: &str = "SELECT attname::text, atttypid = 'bytea'::regtype FROM pg_attribute
        WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    let client = database.connect().await.expect("connected");
    client.batch_execute("VACUUM").await.expect("vacuumed");
    let mut tables = Vec::new();
    for name in TABLES.map(|name| if name == "gaen_key" { "gaen_kept" } else { name }) {
        let mut columns: Vec<String> = ["xmin", "xmax", "cmin", "cmax", "page"].map(str::to_owned).into();
        let hidden = ["xmin::text", "xmax::text", "cmin::text", "cmax::text", "(ctid::text::point)[0]::text"];
        let mut selected: Vec<String> = hidden.map(str::to_owned).into();
        for column in client.query(COLUMNS, &[&name]).await.expect("listed") {
            let (column, is_bytes): (String, bool) = (column.get(0), column.get(1));
            selected.push(if is_bytes { format!("encode({column}, 'hex')") } else { format!("{column}::text") });
            columns.push(column);
        }
        let sql = format!("SELECT {} FROM {name} ORDER BY ctid", selected.join(", "));
        let rows = client.query(&sql, &[]).await.expect("read");
        let value = |row: &tokio_postgres::Row, at| row.get::<_, Option<String>>(at).unwrap_or_else(|| "null".into());
        let rows = rows.iter().map(|row| (0..row.len()).map(|at| value(row, at)).collect()).collect();
        tables.push((name.to_owned(), columns, rows));
    }
    tables
}
