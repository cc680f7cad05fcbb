//! Values of the schema's composite types, as parameters.

use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::batch::Value;

/// A row, its columns by their names; whatever is not named is NULL.
#[derive(Debug, Default)]
pub(crate) struct Composite {
    columns: Vec<(&'static str, Value)>,
}

impl Composite {
    pub(crate) fn put(&mut self, name: &'static str, value: impl ToSql + Sync + Send + 'static) {
        self.columns.push((name, Box::new(value)));
    }

    /// Nothing is put where there are no rows: an array that is NULL costs nothing.
    pub(crate) fn put_all<T>(&mut self, name: &'static str, rows: Vec<T>)
    where
        T: ToSql + Sync + Send + 'static,
    {
        if !rows.is_empty() {
            self.put(name, rows);
        }
    }
}

/// Names and values of a row.
macro_rules! composite {
    ($($name:ident: $value:expr),* $(,)?) => {{
        let mut row = $crate::composite::Composite::default();
        $(row.put(stringify!($name), $value);)*
        row
    }};
}
pub(crate) use composite;

/// \[PostgreSQL, `record_recv`\]: the number of columns, then of each its type, its length (-1 for
/// NULL) and its value.
impl ToSql for Composite {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Composite(fields) = ty.kind() else {
            return Err("the type is not composite".into());
        };
        let is_known = |name: &str| fields.iter().any(|field| field.name() == name);
        if let Some((name, _)) = self.columns.iter().find(|(name, _)| !is_known(name)) {
            return Err(format!("the type `{}` has no column `{name}`", ty.name()).into());
        }
        out.put_i32(i32::try_from(fields.len())?);
        for field in fields {
            out.put_u32(field.type_().oid());
            let length_at = out.len();
            out.put_i32(-1);
            let value_at = out.len();
            let mut columns = self.columns.iter();
            let Some((_, value)) = columns.find(|(name, _)| *name == field.name()) else {
                continue;
            };
            if let IsNull::No = value.to_sql_checked(field.type_(), out)? {
                let length = i32::try_from(out.len().saturating_sub(value_at))?;
                let place = out.get_mut(length_at..value_at);
                let place = place.ok_or("a value took back what was before it")?;
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Composite(_))
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use tokio_postgres::types::Field;

    use super::*;

    fn pair() -> Type {
        let fields = vec![
            Field::new("one".to_owned(), Type::INT4),
            Field::new("two".to_owned(), Type::TEXT),
        ];
        Type::new(
            "pair".to_owned(),
            70_000,
            Kind::Composite(fields),
            "s".to_owned(),
        )
    }

    #[test]
    fn columns_are_found_by_name_and_the_others_are_null() {
        let mut out = BytesMut::new();
        composite! { two: "ab" }.to_sql(&pair(), &mut out).unwrap();
        let mut wanted = vec![0, 0, 0, 2];
        wanted.extend([0, 0, 0, 23, 255, 255, 255, 255]);
        wanted.extend([0, 0, 0, 25, 0, 0, 0, 2, b'a', b'b']);
        assert_eq!(out.to_vec(), wanted);
    }

    #[test]
    fn a_column_that_is_not_there_is_an_error() {
        let row = composite! { three: 3_i32 };
        assert!(row.to_sql(&pair(), &mut BytesMut::new()).is_err());
    }

    #[test]
    fn a_value_of_another_type_is_an_error() {
        let row = composite! { one: "no number" };
        assert!(row.to_sql(&pair(), &mut BytesMut::new()).is_err());
    }
}
