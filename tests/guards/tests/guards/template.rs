//! template.yaml as a tree of plain values, with short tags (`!Ref`) in their long form. Owns reading it; refuses to
//! judge. The local cloud has a reader of its own, which refuses what it cannot serve; this one takes everything.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use serde_yaml_ng::Value as Yaml;

use crate::workspace;

/// A function.
pub struct Function {
    /// Its name in the template.
    pub id: String,
    /// How it is built.
    pub metadata: Value,
    /// Its own properties.
    pub properties: Value,
}

/// What calls a function.
pub struct Event<'a> {
    /// Its name in the template.
    pub name: &'a str,
    /// `Api`, `ScheduleV2`, or `EventSourceMapping`, which stands beside its function.
    pub kind: &'a str,
    /// Its properties.
    pub properties: &'a Value,
}

/// A method of a path of the API.
pub struct Route<'a> {
    /// The function behind it.
    pub function: &'a Function,
    /// The method.
    pub method: &'a str,
    /// The path, parameters in braces.
    pub path: &'a str,
    /// Whether the gateway lets everybody through.
    pub is_public: bool,
    /// The properties of the event that it is.
    pub event: &'a Value,
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let yaml = serde_yaml_ng::from_str(&workspace::text("template.yaml")).unwrap();
    plain(yaml)
});

static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    resources_of("AWS::Serverless::Function")
        .map(|(id, resource)| Function {
            id: id.clone(),
            metadata: resource["Metadata"].clone(),
            properties: resource["Properties"].clone(),
        })
        .collect()
});

/// The whole template.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Every resource, by its name.
pub fn resources() -> &'static Map<String, Value> {
    DOCUMENT["Resources"].as_object().unwrap()
}

/// The resources of a type.
pub fn resources_of(kind: &str) -> impl Iterator<Item = (&'static String, &'static Value)> {
    let resources = resources().iter();
    resources.filter(move |(_, resource)| resource["Type"] == kind)
}

/// Every function.
pub fn functions() -> &'static [Function] {
    &FUNCTIONS
}

/// Every route of the API.
pub fn routes() -> Vec<Route<'static>> {
    let mut routes = Vec::new();
    for function in functions() {
        for event in function.events().filter(|event| event.kind == "Api") {
            let text = |name: &str| event.properties[name].as_str().unwrap();
            routes.push(Route {
                function,
                method: text("Method"),
                path: text("Path"),
                is_public: event.properties["Auth"]["Authorizer"] == "NONE",
                event: event.properties,
            });
        }
    }
    assert!(!routes.is_empty());
    routes
}

impl Function {
    /// The binary that it runs.
    pub fn binary(&self) -> &str {
        let binary = self.metadata["BuildProperties"]["Binary"].as_str();
        binary.unwrap_or_else(|| panic!("{} has no Binary", self.id))
    }

    /// How long it may run, in seconds.
    pub fn timeout_s(&self) -> u64 {
        let own = self.properties["Timeout"].as_u64();
        let global = DOCUMENT["Globals"]["Function"]["Timeout"].as_u64();
        own.or(global).unwrap()
    }

    /// What calls it.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let events = self.properties["Events"].as_object();
        let events = events.into_iter().flatten().map(|(name, event)| Event {
            name,
            kind: event["Type"].as_str().unwrap(),
            properties: &event["Properties"],
        });
        let mappings = resources_of("AWS::Lambda::EventSourceMapping");
        let own = mappings.filter(|(_, mapping)| {
            mapping["Properties"]["FunctionName"]["Ref"].as_str() == Some(&self.id)
        });
        events.chain(own.map(|(name, mapping)| Event {
            name,
            kind: "EventSourceMapping",
            properties: &mapping["Properties"],
        }))
    }
}

/// Calls `visit` with every key at any depth, and what it holds.
pub fn visit_keys(value: &Value, visit: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                visit(key, value);
                visit_keys(value, visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit_keys(item, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn plain(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(entries) => {
            let entry =
                |(key, value): (Yaml, Yaml)| (key.as_str().unwrap().to_owned(), plain(value));
            Value::Object(entries.into_iter().map(entry).collect())
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                "Ref" => "Ref".to_owned(),
                other => format!("Fn::{other}"),
            };
            Value::Object(Map::from_iter([(name, plain(tagged.value))]))
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_) => {
            serde_json::to_value(yaml).unwrap()
        }
    }
}
