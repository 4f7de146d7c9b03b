use super::*;
use crate::store::sqlite::settings::Settings;
use model::time::DAY;
use std::path::Path;
use tempfile::TempDir;

async fn open(dir: &Path) -> Catalog {
    let path = dir.join("catalog.db");
    Settings::open(&path).await.unwrap().close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    Catalog::open(SqlitePool::connect_with(options).await.unwrap()).await.unwrap()
}

fn figures(first: Nanos, last: Nanos, lines: u64) -> Figures {
    Figures { first, last, received: last + 1, lines, bytes: lines * 10 }
}

#[tokio::test]
async fn what_was_made_is_there_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let catalog = open(dir.path()).await;
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    catalog.create_group("b", &[tag("team", "x"), tag("a", "1")], 5).await.unwrap();
    assert_eq!(catalog.create_group("b", &[], 6).await, Err(LogProblem::Exists));
    catalog.create_stream("b", "s", 7).await.unwrap();
    assert_eq!(catalog.create_stream("b", "s", 8).await, Err(LogProblem::Exists));
    assert_eq!(catalog.create_stream("none", "s", 8).await, Err(LogProblem::NoGroup));
    catalog.set_retention("b", Some(14)).await.unwrap();
    catalog.tag("b", &[tag("team", "y")], &["a".to_owned()]).await.unwrap();
    assert_eq!(catalog.tag("none", &[], &[]).await, Err(LogProblem::NoGroup));
    assert_eq!(catalog.retention("b", "s"), Ok(Some(14)));
    assert_eq!((catalog.retention("b", "t"), catalog.retention("c", "s")), (Err(LogProblem::NoStream), Err(LogProblem::NoGroup)));

    // Of OTLP: nobody made it before the first line.
    catalog.note("a", "auto", figures(30, 40, 2));
    catalog.note("a", "auto", figures(10, 20, 1));
    catalog.note("b", "s", figures(1, 2, 5));
    catalog.flush().await.unwrap();
    let (groups, streams) = (catalog.groups(), catalog.streams("a"));
    assert_eq!(groups.iter().map(|group| (&*group.name, group.lines, group.bytes)).collect::<Vec<_>>(), [("a", 3, 30), ("b", 5, 50)]);
    let auto = Stream { name: "auto".into(), created: 41, first: Some(10), last: Some(40), last_received: Some(41) };
    assert_eq!(streams, Some(vec![auto]));
    assert_eq!(groups[1].tags, [tag("team", "y")]);

    let again = open(dir.path()).await;
    assert_eq!((again.groups(), again.streams("a"), again.streams("b")), (groups, streams, catalog.streams("b")));
    assert_eq!(again.hidden().floor("b", 20 * DAY), 6 * DAY);
}

#[tokio::test]
async fn what_was_deleted_hides_what_was_there_and_nothing_newer() {
    let dir = TempDir::new().unwrap();
    let catalog = open(dir.path()).await;
    assert!(catalog.hidden().is_empty());
    catalog.note("g", "s", figures(1, 2, 1));
    catalog.note("g", "t", figures(1, 2, 1));
    catalog.flush().await.unwrap();
    assert_eq!(catalog.delete_stream("g", "u", 9).await, Err(LogProblem::NoStream));
    catalog.delete_stream("g", "s", 10).await.unwrap();
    let before = catalog.hidden();
    catalog.set_retention("g", Some(1)).await.unwrap();
    catalog.delete_group("g", 20).await.unwrap();
    assert_eq!(catalog.delete_group("g", 21).await, Err(LogProblem::NoGroup));
    assert_eq!((catalog.groups(), catalog.streams("g")), (vec![], None));
    // A read that began before sees what it began with.
    assert!(before.hides("g", "s", 10) && !before.hides("g", "s", 11) && !before.hides("g", "t", 10));

    // A new group of that name has none of what the old one had.
    catalog.create_group("g", &[], 3).await.unwrap();
    for catalog in [&catalog, &open(dir.path()).await] {
        let hidden = catalog.hidden();
        assert!(hidden.hides("g", "t", 20) && hidden.hides("g", "s", 20) && !hidden.hides("g", "t", 21) && !hidden.hides("h", "t", 1));
        assert_eq!(hidden.floor("g", 5 * DAY), Nanos::MIN);
        assert_eq!(catalog.streams("g"), Some(vec![]));
    }
    catalog.forget_hidden(20).await.unwrap();
    assert!(catalog.hidden().hides("g", "t", 20) && !open(dir.path()).await.hidden().hides("g", "s", 21));
    catalog.forget_hidden(21).await.unwrap();
    assert!(catalog.hidden().is_empty() && open(dir.path()).await.hidden().is_empty());
}
