//! Connections that only read a SQLite file.
//!
//! sqlx gives each SQLite connection a thread, and each row of each statement crosses from it, value by value: a page of
//! the list cost some 700 µs that way, of which SQLite had a fifth. Here a read runs on one of tokio's blocking threads, and
//! [`SqliteReaders::on_one_thread`] has all reads of a page run on the same one, so that only two switches of threads are
//! left. Both drivers use the same SQLite.

use std::{
    borrow::Cow,
    cell::RefCell,
    error::Error as StdError,
    fmt,
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, types::Value};
use sqlx::error::{DatabaseError, ErrorKind};
use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking, time::timeout};
use uuid::Uuid;

use crate::{
    bind::{Hashes, Ids, Texts},
    database_file::DatabaseFile,
    error::is_connection_suspect,
    row::{Columns, ReadRow},
    write_queue::QUEUE_TIMEOUT,
};

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 500;
/// A read that takes so long is told in the log.
const SLOW: Duration = Duration::from_secs(1);

/// The value of a parameter on SQLite.
pub(crate) struct SqliteValue(Value);

/// The connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqliteReaders(Arc<Inner>);

struct Inner {
    file: Arc<DatabaseFile>,
    size: usize,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

thread_local! {
    /// The connection that this thread reads with until [`SqliteReaders::on_one_thread`] is over, and whose it is.
    static CURRENT: RefCell<Option<(SqliteReaders, Option<Connection>)>> = const { RefCell::new(None) };
}

impl SqliteReaders {
    /// `size` connections at most, and so many reads at once.
    pub(crate) fn new(file: Arc<DatabaseFile>, size: usize) -> Self {
        let permits = Arc::new(Semaphore::new(size));
        Self(Arc::new(Inner { file, size, permits, idle: Mutex::default() }))
    }

    /// How many reads there can be at once.
    pub(crate) fn size(&self) -> usize {
        self.0.size
    }

    /// The first `limit` rows of a statement.
    pub(crate) async fn fetch<T: ReadRow>(
        &self,
        sql: &'static str,
        values: Vec<SqliteValue>,
        limit: usize,
    ) -> Result<Vec<T>, sqlx::Error> {
        if self.is_current() {
            return self.fetch_here(sql, &values, limit);
        }
        let readers = self.clone();
        self.on_reading_thread(move || readers.fetch_here(sql, &values, limit)).await?
    }

    /// Runs a future on one thread, on which all its reads run without leaving it, one after the other.
    pub(crate) async fn on_one_thread<F>(&self, future: F) -> Result<F::Output, sqlx::Error>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if self.is_current() {
            return Ok(future.await);
        }
        let readers = self.clone();
        self.on_reading_thread(move || {
            let _current = Current::begin(readers);
            Handle::current().block_on(future)
        })
        .await
    }

    /// Runs a closure on a thread that may block, when there is a place among the readers.
    async fn on_reading_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, sqlx::Error> {
        let permits = &self.0.permits;
        let permit = match permits.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => match timeout(QUEUE_TIMEOUT, permits.clone().acquire_owned()).await {
                Ok(permit) => permit.map_err(|_| sqlx::Error::PoolClosed)?,
                Err(_) => return Err(sqlx::Error::PoolTimedOut),
            },
        };
        let done = spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => sqlx::Error::WorkerCrashed,
        })
    }

    /// Whether this thread has a connection of these.
    pub(crate) fn is_current(&self) -> bool {
        CURRENT.with_borrow(|current| current.as_ref().is_some_and(|(readers, _)| Arc::ptr_eq(&readers.0, &self.0)))
    }

    fn fetch_here<T: ReadRow>(
        &self,
        sql: &'static str,
        values: &[SqliteValue],
        limit: usize,
    ) -> Result<Vec<T>, sqlx::Error> {
        let started = Instant::now();
        let connection = match self.take() {
            Some(connection) => connection,
            None => self.idle()?,
        };
        let done = rows(&connection, sql, values, limit);
        if started.elapsed() > SLOW {
            tracing::warn!(elapsed = ?started.elapsed(), sql, "a read took long");
        }
        // A connection whose state is in doubt is closed.
        if !done.as_ref().err().is_some_and(is_connection_suspect) {
            self.put_back(connection);
        }
        done
    }

    /// The connection that this thread has read with before.
    fn take(&self) -> Option<Connection> {
        if !self.is_current() {
            return None;
        }
        CURRENT.with_borrow_mut(|current| current.as_mut()?.1.take())
    }

    /// An idle connection, or a new one, if the file is still the one that was opened.
    fn idle(&self) -> Result<Connection, sqlx::Error> {
        self.0.file.check_unchanged()?;
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.open(), Ok)
    }

    fn put_back(&self, connection: Connection) {
        if self.is_current() {
            CURRENT.with_borrow_mut(|current| {
                if let Some((_, place)) = current {
                    *place = Some(connection);
                }
            });
        } else if !self.0.permits.is_closed() {
            self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }

    fn open(&self) -> Result<Connection, sqlx::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.0.file.path, flags).map_err(error)?;
        connection.busy_timeout(QUEUE_TIMEOUT).map_err(error)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let settings = "PRAGMA temp_store = memory; PRAGMA mmap_size = 268435456; PRAGMA cache_size = -8192; \
            PRAGMA query_only = on;";
        connection.execute_batch(settings).map_err(error)?;
        // The file may have been replaced before it was opened.
        self.0.file.check_now()?;
        Ok(connection)
    }

    /// Closes all connections, after what is under way.
    pub(crate) async fn close(&self) {
        let most = u32::try_from(self.0.size).unwrap_or(u32::MAX);
        let all = self.0.permits.acquire_many(most).await;
        self.0.permits.close();
        drop(all);
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Gives the connection of a thread back, whatever happens.
struct Current;

impl Current {
    fn begin(readers: SqliteReaders) -> Self {
        CURRENT.set(Some((readers, None)));
        Self
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        if let Some((readers, Some(connection))) = CURRENT.take() {
            readers.put_back(connection);
        }
    }
}

fn rows<T: ReadRow>(
    connection: &Connection,
    sql: &'static str,
    values: &[SqliteValue],
    limit: usize,
) -> Result<Vec<T>, sqlx::Error> {
    let mut statement = connection.prepare_cached(sql).map_err(error)?;
    // SQLite numbers `$2` by where it stands, not by its name.
    for at in 1..=statement.parameter_count() {
        let number = statement.parameter_name(at).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let SqliteValue(value) = value.ok_or_else(|| sqlx::Error::Encode("a parameter has no value".into()))?;
        statement.raw_bind_parameter(at, value).map_err(error)?;
    }
    let mut read = Vec::new();
    let mut found = statement.raw_query();
    while read.len() < limit
        && let Some(row) = found.next().map_err(error)?
    {
        read.push(T::read(&mut Columns::of_reader(row))?);
    }
    Ok(read)
}

macro_rules! values {
    ($($type:ty, $value:ident => $expression:expr;)*) => {
        $(
            impl From<$type> for SqliteValue {
                fn from($value: $type) -> Self {
                    Self($expression)
                }
            }
        )*
    };
}

values! {
    bool, value => Value::Integer(value.into());
    i16, value => Value::Integer(value.into());
    i32, value => Value::Integer(value.into());
    i64, value => Value::Integer(value);
    &str, value => Value::Text(value.to_owned());
    String, value => Value::Text(value);
    &String, value => Value::Text(value.clone());
    Cow<'_, str>, value => Value::Text(value.into_owned());
    Uuid, value => Value::Blob(value.as_bytes().to_vec());
    &[u8], value => Value::Blob(value.to_vec());
    Vec<u8>, value => Value::Blob(value);
    &Ids, value => Value::Text(value.to_json());
    &Hashes, value => Value::Text(value.to_json());
    &Texts, value => Value::Text(value.to_json());
}

impl<T: Into<SqliteValue>> From<Option<T>> for SqliteValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self(Value::Null), T::into)
    }
}

/// As sqlx would tell it.
pub(crate) fn error(error: rusqlite::Error) -> sqlx::Error {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let message = message.unwrap_or_else(|| failure.to_string());
            sqlx::Error::Database(Box::new(Failure { code: failure.extended_code, message }))
        }
        error => sqlx::Error::Decode(error.into()),
    }
}

/// An error of SQLite, as sqlx has it.
#[derive(Debug)]
struct Failure {
    code: i32,
    message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl StdError for Failure {}

impl DatabaseError for Failure {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl fmt::Debug for SqliteReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteReaders")
    }
}
