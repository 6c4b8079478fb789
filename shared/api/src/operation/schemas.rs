//! The schemas that operations name, each once, under the name that it has in the document. Refuses to know
//! which operations there are.

use schemars::SchemaGenerator;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

/// The schemas that operations refer to, in two sets: those of bodies that are read, and those of bodies
/// that are written.
pub(crate) struct Schemas {
    pub(crate) read: SchemaGenerator,
    pub(crate) written: SchemaGenerator,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let generator = |contract| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.contract = contract;
            settings.into_generator()
        };
        Self {
            read: generator(Contract::Deserialize),
            written: generator(Contract::Serialize),
        }
    }

    /// Keeps a schema of a body that is read under this name, and returns a reference to it.
    pub(crate) fn name(&mut self, name: &str, schema: Value) -> Value {
        let known = self.read.definitions_mut();
        known.insert(name.to_owned(), schema);
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    pub(crate) fn finish(mut self) -> Map<String, Value> {
        let mut schemas = self.read.take_definitions(true);
        schemas.extend(self.written.take_definitions(true));
        schemas.values_mut().for_each(forget_null_defaults);
        schemas
    }
}

/// Removes `"default": null` from fields: a field that is left out of a PATCH keeps its value, and does not
/// become null.
fn forget_null_defaults(schema: &mut Value) {
    let properties = schema["properties"].as_object_mut();
    for property in properties.into_iter().flat_map(Map::values_mut) {
        if let Some(property) = property.as_object_mut()
            && property.get("default") == Some(&Value::Null)
        {
            property.remove("default");
        }
    }
}
