//! Keys as values of SQL.
//!
//! Owns how a [`Key`] goes into a column and comes out of one, and which types a column of keys may
//! have. It must not know tables.

use crate::id::Key;
use bytes::BytesMut;
use std::error::Error;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A key on its way to or from the database.
#[derive(Clone, Debug)]
pub(super) struct SqlKey(pub(super) Key);

type Failure = Box<dyn Error + Sync + Send>;

/// A key and a type that do not fit.
#[derive(Debug, thiserror::Error)]
#[error("a key does not fit its column")]
struct Unfit;

/// Whether a column of this type can hold keys.
pub(super) fn is_key_type(of_type: &Type) -> bool {
    matches!(
        *of_type,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::UUID | Type::TEXT | Type::VARCHAR
    )
}

/// Whether a column of this type is ordered by a collation, unless told otherwise.
pub(super) fn is_text(of_type: &Type) -> bool {
    matches!(*of_type, Type::TEXT | Type::VARCHAR)
}

/// Whether a column of this type can hold this key.
pub(super) fn fits(key: &Key, of_type: &Type) -> bool {
    match (key, of_type) {
        (Key::Int(key), &Type::INT2) => i16::try_from(*key).is_ok(),
        (Key::Int(key), &Type::INT4) => i32::try_from(*key).is_ok(),
        (Key::Int(_), &Type::INT8)
        | (Key::Uuid(_), &Type::UUID)
        | (Key::Text(_), &(Type::TEXT | Type::VARCHAR)) => true,
        _ => false,
    }
}

/// The type of a new column for such keys, which any of them fits.
pub(super) const fn type_for(key: &Key) -> Type {
    match key {
        Key::Int(_) => Type::INT8,
        Key::Uuid(_) => Type::UUID,
        Key::Text(_) => Type::TEXT,
    }
}

/// That type as SQL says it.
pub(super) const fn type_name_for(key: &Key) -> &'static str {
    match key {
        Key::Int(_) => "bigint",
        Key::Uuid(_) => "uuid",
        Key::Text(_) => "text",
    }
}

impl ToSql for SqlKey {
    fn to_sql(&self, of_type: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match (&self.0, of_type) {
            (Key::Int(key), &Type::INT2) => i16::try_from(*key)?.to_sql(of_type, out),
            (Key::Int(key), &Type::INT4) => i32::try_from(*key)?.to_sql(of_type, out),
            (Key::Int(key), &Type::INT8) => key.to_sql(of_type, out),
            (Key::Uuid(bytes), &Type::UUID) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            (Key::Text(text), &(Type::TEXT | Type::VARCHAR)) => (&**text).to_sql(of_type, out),
            _ => Err(Unfit.into()),
        }
    }

    fn accepts(of_type: &Type) -> bool {
        is_key_type(of_type)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for SqlKey {
    fn from_sql(of_type: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(SqlKey(match *of_type {
            Type::INT2 => Key::Int(i16::from_sql(of_type, raw)?.into()),
            Type::INT4 => Key::Int(i32::from_sql(of_type, raw)?.into()),
            Type::INT8 => Key::Int(i64::from_sql(of_type, raw)?),
            Type::UUID => Key::Uuid(raw.try_into()?),
            Type::TEXT | Type::VARCHAR => Key::Text(<&str>::from_sql(of_type, raw)?.into()),
            _ => return Err(Unfit.into()),
        }))
    }

    fn accepts(of_type: &Type) -> bool {
        is_key_type(of_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_as_they_went_in_where_they_fit() {
        let keys = [
            Key::Int(-7),
            Key::Int(40_000),
            Key::Int(i64::MAX),
            Key::Uuid([9; 16]),
            Key::Text("é".into()),
        ];
        let types =
            [Type::INT2, Type::INT4, Type::INT8, Type::UUID, Type::TEXT, Type::VARCHAR, Type::BOOL];
        let mut fitting = 0;
        for key in &keys {
            assert!(fits(key, &type_for(key)));
            for of_type in &types {
                let mut out = BytesMut::new();
                let sent = SqlKey(key.clone()).to_sql(of_type, &mut out);
                assert_eq!(sent.is_ok(), fits(key, of_type), "{key:?} {of_type}");
                if sent.is_ok() {
                    fitting += 1;
                    assert_eq!(&SqlKey::from_sql(of_type, &out).unwrap().0, key);
                }
            }
        }
        assert_eq!(fitting, 3 + 2 + 1 + 1 + 2);
    }
}
