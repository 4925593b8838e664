//! What rows are read into, from either engine, by the position of their columns.

use sqlx::{Row, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use crate::sqlite_readers;

/// The columns of a row, read from left to right.
pub(crate) struct Columns<'r> {
    row: AnyRow<'r>,
    next: usize,
}

enum AnyRow<'r> {
    Reader(&'r rusqlite::Row<'r>),
    Sqlite(&'r SqliteRow),
    Postgres(&'r PgRow),
}

/// A value of one column.
pub(crate) trait ReadColumn: Sized + Send + 'static {
    fn read_column(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error>;
}

/// What a row, or some columns of it, are read into.
pub(crate) trait ReadRow: Sized + Send + 'static {
    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error>;

    /// The same for a field of a struct.
    fn read_field(columns: &mut Columns<'_>, _name: &str) -> Result<Self, sqlx::Error> {
        Self::read(columns)
    }
}

impl<'r> Columns<'r> {
    /// Of a row of a connection that only reads.
    pub(crate) fn of_reader(row: &'r rusqlite::Row<'r>) -> Self {
        Self { row: AnyRow::Reader(row), next: 0 }
    }

    /// Of a row of the connection that writes.
    pub(crate) fn of_sqlite(row: &'r SqliteRow) -> Self {
        Self { row: AnyRow::Sqlite(row), next: 0 }
    }

    pub(crate) fn of_postgres(row: &'r PgRow) -> Self {
        Self { row: AnyRow::Postgres(row), next: 0 }
    }

    /// Sees in tests that a field is read from the column of its name.
    fn debug_expect(&self, field: &str) {
        if cfg!(debug_assertions) {
            let name = match self.row {
                AnyRow::Reader(row) => row.as_ref().column_name(self.next).map(str::to_owned).ok(),
                AnyRow::Sqlite(row) => {
                    row.try_column(self.next).map(|column| sqlx::Column::name(column).to_owned()).ok()
                }
                AnyRow::Postgres(row) => {
                    row.try_column(self.next).map(|column| sqlx::Column::name(column).to_owned()).ok()
                }
            };
            assert_eq!(name.as_deref(), Some(field), "the columns of a statement are not in the order of the fields");
        }
    }
}

macro_rules! read_columns {
    (one $type:ty) => {
        impl ReadColumn for $type {
            fn read_column(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
                let at = columns.next;
                columns.next += 1;
                match columns.row {
                    AnyRow::Reader(row) => row.get(at).map_err(sqlite_readers::error),
                    AnyRow::Sqlite(row) => row.try_get(at),
                    AnyRow::Postgres(row) => row.try_get(at),
                }
            }
        }
    };
    ($($type:ty)*) => {
        $(
            read_columns!(one $type);
            read_columns!(one Option<$type>);
        )*
    };
}

read_columns!(bool i16 i32 i64 String Uuid Vec<u8>);

impl<T: ReadColumn> ReadRow for T {
    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
        T::read_column(columns)
    }

    fn read_field(columns: &mut Columns<'_>, name: &str) -> Result<Self, sqlx::Error> {
        columns.debug_expect(name);
        T::read_column(columns)
    }
}

macro_rules! read_tuples {
    ($(($($part:ident)+))*) => {
        $(
            impl<$($part: ReadRow),+> ReadRow for ($($part,)+) {
                fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
                    Ok(($($part::read(columns)?,)+))
                }
            }
        )*
    };
}

read_tuples!((A B)(A B C)(A B C D)(A B C D E));

/// Declares a struct that rows are read into: a field a column, in the order of the columns, which have the names of the
/// fields. A field may be another such struct, for several columns.
macro_rules! row {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$inner:meta])* $field_visibility:vis $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $name {
            $($(#[$inner])* $field_visibility $field: $type,)*
        }

        impl $crate::row::ReadRow for $name {
            fn read(columns: &mut $crate::row::Columns<'_>) -> Result<Self, sqlx::Error> {
                Ok(Self { $($field: $crate::row::ReadRow::read_field(columns, stringify!($field))?,)* })
            }
        }

        impl sqlx::FromRow<'_, sqlx::sqlite::SqliteRow> for $name {
            fn from_row(row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
                $crate::row::ReadRow::read(&mut $crate::row::Columns::of_sqlite(row))
            }
        }

        impl sqlx::FromRow<'_, sqlx::postgres::PgRow> for $name {
            fn from_row(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
                $crate::row::ReadRow::read(&mut $crate::row::Columns::of_postgres(row))
            }
        }
    };
}
