//! Reading settings field by field. What is wrong is said by the name of its field: the value may be a secret.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use proto::Malformed;
use toml::{Table, Value};
use zeroize::Zeroizing;

/// The fields of a section that were not read yet. A field goes by its full name, `sender.token`.
pub(super) struct Fields {
    name: &'static str,
    table: Table,
}

/// A secret, or where it is.
pub(super) enum Secret {
    /// It stands in the settings.
    Here(Zeroizing<String>),
    /// It stands in a file of its own, relative to that of the settings.
    In(PathBuf),
}

impl Fields {
    /// Reads TOML.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            Malformed::new("settings", format!("line {} is not TOML", before.matches('\n').count() + 1))
        })?;
        Ok(Self { name: "settings", table })
    }

    /// A text, if it is there.
    pub(super) fn text(&mut self, field: &'static str) -> Result<Option<String>, Malformed> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(Malformed::new(field, "must be a text that is not empty")),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, field: &'static str) -> Result<String, Malformed> {
        self.text(field)?.ok_or_else(|| Malformed::new(field, "is missing"))
    }

    /// A number, if it is there.
    pub(super) fn number(
        &mut self,
        field: &'static str,
        bounds: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Malformed> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        let refused = || Malformed::new(field, format!("must be a number from {} to {}", bounds.start(), bounds.end()));
        number.filter(|number| bounds.contains(number)).map(Some).ok_or_else(refused)
    }

    /// Whether something is wanted; it is not if nothing is said.
    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, Malformed> {
        let value = self.take(field).unwrap_or(Value::Boolean(false));
        value.as_bool().ok_or_else(|| Malformed::new(field, "must be true or false"))
    }

    /// A list of texts; empty if nothing is said.
    pub(super) fn texts(&mut self, field: &'static str) -> Result<Vec<String>, Malformed> {
        let refused = || Malformed::new(field, "must be a list of texts");
        let Some(value) = self.take(field) else { return Ok(Vec::new()) };
        let Value::Array(items) = value else { return Err(refused()) };
        items.into_iter().map(|item| if let Value::String(text) = item { Ok(text) } else { Err(refused()) }).collect()
    }

    /// A section with texts under names that are the authority's own.
    pub(super) fn named_texts(&mut self, field: &'static str) -> Result<BTreeMap<String, String>, Malformed> {
        let Some(section) = self.section(field)? else { return Ok(BTreeMap::new()) };
        let named = section.table.into_iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(Malformed::new(field, "must hold texts alone")),
        });
        named.collect()
    }

    /// A section, if it is there.
    pub(super) fn section(&mut self, field: &'static str) -> Result<Option<Self>, Malformed> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Self { name: field, table })),
            Some(_) => Err(Malformed::new(field, "must be a section")),
        }
    }

    /// A secret: in its field, or in the file that another field names.
    pub(super) fn secret(&mut self, field: &'static str, file: &'static str) -> Result<Secret, Malformed> {
        match (self.text(field)?, self.text(file)?) {
            (Some(secret), None) => Ok(Secret::Here(Zeroizing::new(secret))),
            (None, Some(path)) => Ok(Secret::In(PathBuf::from(path))),
            _ => Err(Malformed::new(field, "must be there, or the field for a file that holds it, and not both")),
        }
    }

    /// Says so if there is more than was read: a field that is misspelt would be silently without effect.
    pub(super) fn finish(self) -> Result<(), Malformed> {
        if self.table.is_empty() { Ok(()) } else { Err(Malformed::new(self.name, "has a field that is not known")) }
    }

    fn take(&mut self, field: &'static str) -> Option<Value> {
        self.table.remove(field.rsplit('.').next().unwrap_or(field))
    }
}
