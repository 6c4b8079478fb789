//! The write of a record over the stored one.
//!
//! Owns: every attribute of the record's form is set, or is removed if the record has none now; attributes
//! that only a later form has are left alone. So while a new version goes live, code of the old version
//! does not delete what the new one has written. A put would delete it.

use std::collections::HashMap;

use aws::Fault;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Update};
use serde::de::value::Error as Captured;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};

use crate::Store;
use crate::items::{self, Item, SCHEMA, SCHEMA_NAME};

/// The write of a record over the stored one, without its condition.
pub(crate) struct Overwrite {
    key: Item,
    expression: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Overwrite {
    /// Builds the write of `form`; the attributes `keys` are the item's key.
    pub(crate) fn by<'de, Form, const KEYS: usize>(
        keys: [&str; KEYS],
        form: &Form,
    ) -> Result<Self, Fault>
    where
        Form: Serialize + Deserialize<'de>,
    {
        let mut item = items::write(form)?;
        let key = keys.map(|key| (key.to_owned(), item.remove(key)));
        let key = key.into_iter().map(|(key, value)| Some((key, value?)));
        let key = key.collect::<Option<Item>>();
        let key = key.ok_or_else(|| Fault::new("writing an item", "it has no key"))?;
        let (mut set, mut removed) = (Vec::new(), Vec::new());
        let (mut names, mut values) = (HashMap::new(), HashMap::new());
        for (n, field) in fields_of::<Form>().iter().enumerate() {
            if keys.contains(field) {
                continue;
            }
            names.insert(format!("#f{n}"), (*field).to_owned());
            match item.remove(*field) {
                Some(value) => {
                    set.push(format!("#f{n} = :f{n}"));
                    values.insert(format!(":f{n}"), value);
                }
                None => removed.push(format!("#f{n}")),
            }
        }
        // Also code that is older than the item says so: it has not kept the later attributes in step.
        set.push("#schema = :schema".to_owned());
        names.insert("#schema".to_owned(), SCHEMA_NAME.to_owned());
        values.insert(":schema".to_owned(), items::number(SCHEMA));
        let mut expression = format!("SET {}", set.join(", "));
        if !removed.is_empty() {
            expression = format!("{expression} REMOVE {}", removed.join(", "));
        }
        Ok(Self {
            key,
            expression,
            names,
            values,
        })
    }

    /// Makes the write a request of its own that is refused if an attribute that it sets or removes is not
    /// as it was in `item`.
    pub(crate) fn unless_changed(
        mut self,
        item: &Item,
        store: &Store,
        table: &str,
    ) -> UpdateItemFluentBuilder {
        let condition = self.is_as_in(item);
        self.alone(store, table).condition_expression(condition)
    }

    /// Builds the condition that the stored item exists, and is as `item` in each attribute of the form.
    fn is_as_in(&mut self, item: &Item) -> String {
        let keys = self.key.keys();
        let mut conditions: Vec<_> = keys.map(|key| format!("attribute_exists({key})")).collect();
        for (place, name) in &self.names {
            match item.get(name) {
                Some(value) => {
                    let was = format!(":was_{}", place.trim_start_matches('#'));
                    conditions.push(format!("{place} = {was}"));
                    self.values.insert(was, value.clone());
                }
                None => conditions.push(format!("attribute_not_exists({place})")),
            }
        }
        conditions.sort_unstable();
        conditions.join(" AND ")
    }

    /// Makes the write a part of a transaction.
    pub(crate) fn in_transaction(self, table: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(table)
            .set_key(Some(self.key))
            .update_expression(self.expression)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
    }

    /// Makes the write a request of its own.
    pub(crate) fn alone(self, store: &Store, table: &str) -> UpdateItemFluentBuilder {
        store
            .client
            .update_item()
            .table_name(table)
            .set_key(Some(self.key))
            .update_expression(self.expression)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
    }
}

/// Returns the names of the attributes that a form can have.
fn fields_of<'de, Form: Deserialize<'de>>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // The form asks for its fields' names first. The deserializer keeps them and stops, so nothing is read.
    let _ = Form::deserialize(FieldNames(&mut fields));
    fields
}

struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Captured;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Captured> {
        *self.0 = fields;
        Err(serde::de::Error::custom("the names are known"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Captured> {
        Err(serde::de::Error::custom("this is no struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Form {
        id: String,
        size: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_at: Option<i64>,
    }

    #[test]
    fn what_the_record_has_is_set_and_what_it_has_no_more_is_removed() {
        let form = |due_at| Form {
            id: "x".to_owned(),
            size: 1,
            due_at,
        };
        let due = Overwrite::by(["id"], &form(Some(5))).expect("a write");
        assert_eq!(
            due.expression,
            "SET #f1 = :f1, #f2 = :f2, #schema = :schema"
        );
        let done = Overwrite::by(["id"], &form(None)).expect("a write");
        assert_eq!(
            done.expression,
            "SET #f1 = :f1, #schema = :schema REMOVE #f2"
        );
        assert_eq!(done.names["#f2"], "due_at");
        assert_eq!(done.key.keys().collect::<Vec<_>>(), ["id"]);
    }

    #[test]
    fn a_record_that_may_not_have_changed_is_compared_attribute_by_attribute() {
        let old = Item::from([
            ("id".to_owned(), items::text("x")),
            ("size".to_owned(), items::number(1)),
            ("later".to_owned(), items::text("unknown to this code")),
        ]);
        let form = Form {
            id: "x".to_owned(),
            size: 1,
            due_at: Some(5),
        };
        let mut write = Overwrite::by(["id"], &form).expect("a write");
        assert_eq!(
            write.is_as_in(&old),
            "#f1 = :was_f1 AND attribute_exists(id) AND attribute_not_exists(#f2) AND \
             attribute_not_exists(#schema)"
        );
        assert_eq!(write.values[":was_f1"], items::number(1));
    }
}
