use thiserror::Error;

/// A database, SQLite or PostgreSQL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {}

/// A write transaction. Dropped without [`Tx::commit`], it leaves nothing behind.
pub struct Tx {}

/// Held while this replica sweeps; released when dropped or when the process dies.
pub struct SweepLock {}

/// What can go wrong below the use cases. Its text is for the log, never for a client.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A unique index refused the row; names the index.
    #[error("{0} exists already")]
    Conflict(&'static str),
    /// The database can't be reached, or is too busy to answer in time.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Anything else.
    #[error(transparent)]
    Database(sqlx::Error),
    /// A migration failed, or the database is newer than the program.
    #[error(transparent)]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl Store {
    /// Opens `sqlite://path` (created when missing, WAL, foreign keys, one writer and a pool of readers) or
    /// `postgres://…`.
    pub async fn connect(_url: &str) -> Result<Self, StoreError> { todo!() }
    /// Brings the schema up to date; safe to run from several replicas at once.
    pub async fn migrate(&self) -> Result<(), StoreError> { todo!() }
    /// Begins a write: `BEGIN IMMEDIATE` on SQLite's one writer.
    pub async fn begin(&self) -> Result<Tx, StoreError> { todo!() }
    /// Answers when the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> { todo!() }
    /// Takes the lock that lets one replica sweep at a time, or `None` when another holds it.
    pub async fn try_lock_sweep(&self) -> Result<Option<SweepLock>, StoreError> { todo!() }
    /// Closes every connection, after what runs has ended.
    pub async fn close(&self) { todo!() }
}

impl Tx {
    /// Makes the change last: once this has returned, a crash can't undo it.
    pub async fn commit(self) -> Result<(), StoreError> { todo!() }
}
