//! Examples of bodies. They are composed of the examples of their fields, so that none goes out of date.

use serde_json::{Map, Value, json};

/// The greatest depth of a body.
const DEPTH_MAX: usize = 16;

/// Gives an example to every body of an operation that has none.
pub(super) fn fill_in(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let paths = document["paths"].as_object_mut();
    let operations = paths.into_iter().flat_map(Map::values_mut);
    let operations = operations
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut);
    for operation in operations {
        let body = operation.pointer_mut("/requestBody/content");
        add(
            body,
            &Example {
                schemas: &schemas,
                least: true,
            },
        );
        let answers = operation["responses"].as_object_mut();
        for answer in answers.into_iter().flat_map(Map::values_mut) {
            add(
                answer.pointer_mut("/content"),
                &Example {
                    schemas: &schemas,
                    least: false,
                },
            );
        }
    }
}

fn add(content: Option<&mut Value>, example: &Example<'_>) {
    let media_types = content.and_then(Value::as_object_mut);
    for media_type in media_types.into_iter().flat_map(Map::values_mut) {
        if media_type["examples"].is_null() && media_type["schema"]["type"] != "string" {
            media_type["example"] = example.of(&media_type["schema"], DEPTH_MAX);
        }
        // The lookup by index has put a null there.
        if let Some(media_type) = media_type.as_object_mut() {
            media_type.retain(|_, value| !value.is_null());
        }
    }
}

struct Example<'a> {
    schemas: &'a Value,
    /// Whether the example has only required fields: optional ones cannot all be combined.
    least: bool,
}

impl Example<'_> {
    fn of(&self, schema: &Value, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else {
            return Value::Null;
        };
        if let Some(example) = schema["examples"].get(0) {
            return example.clone();
        }
        let given = [&schema["const"], &schema["default"], &schema["enum"][0]];
        if let Some(given) = given.into_iter().find(|given| !given.is_null()) {
            return given.clone();
        }
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap_or_default();
            return self.of(&self.schemas[name], depth);
        }
        let choices = [
            &schema["oneOf"][0],
            &schema["anyOf"][0],
            &schema["allOf"][0],
        ];
        if let Some(choice) = choices.into_iter().find(|choice| !choice.is_null()) {
            return self.of(choice, depth);
        }
        let kind = schema["type"]
            .as_str()
            .or_else(|| schema["type"][0].as_str());
        match kind {
            Some("object") => self.of_object(schema, depth),
            Some("array") => json!([self.of(&schema["items"], depth)]),
            Some("boolean") => json!(true),
            Some("integer" | "number") => schema["minimum"].clone(),
            Some("string") => json!("…"),
            _ => json!({}),
        }
    }

    fn of_object(&self, schema: &Value, depth: usize) -> Value {
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        let is_shown = |name: &str| {
            !self.least || required.is_empty() || required.iter().any(|known| known == name)
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let shown = properties.filter(|(name, _)| is_shown(name));
        let shown = shown.map(|(name, property)| (name.clone(), self.of(property, depth)));
        Value::Object(shown.collect())
    }
}
