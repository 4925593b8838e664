//! What a database does not promise, although revocation relies on it: `docs/revocation.md` says why.

use crate::{Store, StoreError, database_file::DatabaseFile, engine::Engine};

row! {
    /// PostgreSQL: its settings, and who copies from it. An ordinary role sees that there are standbys, but not of which kind.
    struct Promises {
        fsync: String,
        full_page_writes: String,
        /// Whether a commit waits for any standby.
        waits: bool,
        standbys: i64,
        asynchronous: i64,
        hidden: i64,
    }
}

/// What is amiss, in short words for an operator; asks the database.
pub async fn warnings(store: &Store) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes, \
        current_setting('synchronous_standby_names') <> '' AS waits, count(r.pid) AS standbys, \
        count(r.pid) FILTER (WHERE r.sync_state = 'async') AS asynchronous, \
        count(r.pid) FILTER (WHERE r.sync_state IS NULL) AS hidden FROM pg_stat_replication r";
    Ok(match &store.engine {
        Engine::Sqlite(sqlite) => of_file(&sqlite.file),
        Engine::Postgres(postgres) => of_server(&sqlx::query_as(SQL).fetch_one(&postgres.pool).await?),
    })
}

fn of_server(promises: &Promises) -> Vec<String> {
    let mut warnings = Vec::new();
    if promises.fsync == "off" {
        warnings.push("fsync is off: a crash of the database server's machine may undo revocations".to_owned());
    }
    if promises.full_page_writes == "off" {
        warnings.push("full_page_writes is off: a crash of the database server's machine may damage it".to_owned());
    }
    let Promises { standbys, asynchronous, hidden, .. } = promises;
    if *standbys > 0 && !promises.waits {
        warnings.push(format!(
            "replication is asynchronous ({standbys} standbys, synchronous_standby_names is empty): a failover may undo \
             revocations"
        ));
    } else if *asynchronous > 0 {
        warnings.push(format!("{asynchronous} standbys are asynchronous: promoting one of them may undo revocations"));
    } else if *hidden > 0 {
        warnings.push(format!(
            "can't tell whether {hidden} standbys are synchronous: grant pg_monitor to Latchkey's role in the database"
        ));
    }
    warnings
}

fn of_file(file: &DatabaseFile) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(kind) = network_of(file) {
        warnings.push(format!(
            "the database lies on {kind}, a network file system: SQLite's locks can't be relied on there"
        ));
    }
    if file.has_other_names() {
        warnings.push(
            "the file of the database has another name (a hard link): whoever opens it by that one damages it"
                .to_owned(),
        );
    }
    warnings
}

/// The name of the network file system that it lies on (magic numbers of `statfs(2)`).
#[cfg(target_os = "linux")]
#[allow(clippy::useless_conversion, reason = "the number has another size on other machines")]
fn network_of(file: &DatabaseFile) -> Option<&'static str> {
    const NETWORK: [(u32, &str); 8] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x0bd0_0bd0, "Lustre"),
        (0x5346_414f, "AFS"),
    ];
    let magic = rustix::fs::statfs(&file.path).ok()?.f_type;
    // Of 32 bits, though kept in a signed number of another size on most machines.
    NETWORK.into_iter().find(|(number, _)| i64::from(*number) == i64::from(magic) & 0xffff_ffff).map(|(_, name)| name)
}

#[cfg(not(target_os = "linux"))]
fn network_of(_: &DatabaseFile) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_keeps_all_has_no_warnings() {
        let promises = |fsync: &str, pages: &str, waits, standbys, asynchronous, hidden| Promises {
            fsync: fsync.to_owned(),
            full_page_writes: pages.to_owned(),
            waits,
            standbys,
            asynchronous,
            hidden,
        };
        for (promises, told) in [
            (promises("on", "on", false, 0, 0, 0), None),
            (promises("on", "on", true, 2, 0, 0), None),
            (promises("off", "on", true, 1, 0, 0), Some("fsync is off")),
            (promises("on", "off", true, 1, 0, 0), Some("full_page_writes is off")),
            (promises("on", "on", false, 1, 1, 0), Some("replication is asynchronous (1 standbys")),
            // Without the right to see more, this much is certain.
            (promises("on", "on", false, 1, 0, 1), Some("replication is asynchronous (1 standbys")),
            (promises("on", "on", true, 3, 2, 0), Some("2 standbys are asynchronous")),
            (promises("on", "on", true, 1, 0, 1), Some("can't tell")),
        ] {
            let warnings = of_server(&promises);
            assert_eq!(warnings.len(), usize::from(told.is_some()), "{warnings:?}");
            assert!(warnings.iter().all(|warning| warning.starts_with(told.unwrap_or_default())), "{warnings:?}");
        }
    }
}
